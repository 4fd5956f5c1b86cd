"""What a payload is, by its shape, and the items of it that can be decoded one by one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Raw

from fleetlab.limits import OBJECTS
from fleetlab.tables.rows import Item

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["open_payload"]

_ARRAY: Final = msgspec.json.Decoder(list[Raw])
_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
# Python refuses to make a number of thousands of digits, so their count is looked at first.
_ID: Final = re.compile("[0-9]{1,19}")
_BATCHES: Final = ("state", "state_batch", "readings_batch")


def open_payload(event: str, data: Raw) -> tuple[str, list[Item]]:
    """Split a payload into items.

    Parameters
    ----------
    event : str
        The message's label. Documented readings are labelled ``state_batch``, so between the
        batches it is the shape that decides.
    data : msgspec.Raw
        The payload.

    Returns
    -------
    event : str
        The event that it really is.
    items : list of Item
        With 0 as the position of their message.
    """
    if event == "iot_monitor":
        return event, _devices(data)
    items = _items("$.data", data)
    if event not in _BATCHES:
        return event, items
    if _are_readings(items, event):
        return "readings_batch", [inner for item in items for inner in _trackers(item)]
    if b'"state"' in bytes(data):
        items = [_unwrapped(item) for item in items]
    return "state" if event == "state" else "state_batch", items


def _items(path: str, data: Raw) -> list[Item]:
    """Return the items of a list, or the one thing that isn't a list."""
    if not bytes(data).startswith(b"["):
        return [Item(data, 0, path)]
    found = _ARRAY.decode(data)
    if len(found) > OBJECTS:
        return [Item(data, 0, path, fault=f"more than {OBJECTS:,} items")]
    return [Item(raw, 0, path, place) for place, raw in enumerate(found)]


def _are_readings(items: Sequence[Item], event: str) -> bool:
    for item in items:
        try:
            names = _OBJECT.decode(item.raw)
        except msgspec.MsgspecError:
            continue
        if "source_id" in names or "state" in names:
            return False
        if names and all(name.isdecimal() for name in names):
            return True
    return event == "readings_batch"


def _unwrapped(item: Item) -> Item:
    """Take a state out of ``{"type": "source_state_event", "state": {…}}``."""
    try:
        parts = _OBJECT.decode(item.raw)
    except msgspec.MsgspecError:
        return item
    if "source_id" in parts or "state" not in parts:
        return item
    state = parts.pop("state")
    parts.pop("type", None)
    extra = msgspec.json.encode(parts).decode() if parts else None
    return Item(state, item.message, item.base, item.place, ".state", extra=extra)


def _trackers(item: Item) -> Iterator[Item]:
    """Take a map tracker → readings apart."""
    try:
        objects = _OBJECT.decode(item.raw)
    except msgspec.MsgspecError as error:
        item.fault = str(error).replace("`", "")
        yield item
        return
    for name, raw in objects.items():
        inner = Item(raw, item.message, item.base, item.place, f".{name}")
        if _ID.fullmatch(name) and int(name) < 2**63:
            inner.tracker = int(name)
        else:
            inner.fault = "Expected a tracker id as the name"
        yield inner


def _devices(data: Raw) -> list[Item]:
    path = "$.data"
    if bytes(data).startswith(b"{"):
        parts = _OBJECT.decode(data)
        if "iot_last_values" not in parts:
            return [Item(data, 0, path, fault="iot_last_values is missing")]
        path, data = "$.data.iot_last_values", parts["iot_last_values"]
    return _items(path, data)
