"""What a payload is, by its shape, and the parts of it that can be decoded one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec import Raw

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Part", "Payload", "open_payload"]

_ARRAY: Final = msgspec.json.Decoder(list[Raw])
_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
_BATCHES: Final = ("state", "state_batch", "readings_batch")


class Part(NamedTuple):
    """One decodable part of a payload.

    Attributes
    ----------
    path : str
        JSON path from the root of the message.
    raw : msgspec.Raw
        Its JSON.
    tracker : int or None
        The tracker, where the payload names it around the part, as readings do.
    fault : str or None
        Why the part can't be decoded.
    """

    path: str
    raw: Raw
    tracker: int | None = None
    fault: str | None = None


class Payload(NamedTuple):
    """What a message carries: the event that it really is, and its parts."""

    event: str
    parts: list[Part]


def open_payload(event: str, data: Raw) -> Payload:
    """Split a payload into parts.

    Parameters
    ----------
    event : str
        The message's label. Documented readings are labelled ``state_batch``, so between the
        batches it is the shape that decides.
    data : msgspec.Raw
        The payload.
    """
    if event == "iot_monitor":
        return Payload(event, _devices(data))
    parts = _items("$.data", data)
    if event in _BATCHES:
        if _are_readings([part.raw for part in parts], event):
            return Payload("readings_batch", [inner for part in parts for inner in _trackers(part)])
        event = "state" if event == "state" else "state_batch"
    return Payload(event, parts)


def _items(path: str, data: Raw) -> list[Part]:
    """The items of a list, or the one thing that isn't a list."""
    if not bytes(data).startswith(b"["):
        return [Part(path, data)]
    return [Part(f"{path}[{place}]", raw) for place, raw in enumerate(_ARRAY.decode(data))]


def _are_readings(items: Sequence[Raw], event: str) -> bool:
    for item in items:
        try:
            names = _OBJECT.decode(item)
        except msgspec.MsgspecError:
            continue
        if "source_id" in names or "state" in names:
            return False
        if names and all(name.isdecimal() for name in names):
            return True
    return event == "readings_batch"


def _trackers(part: Part) -> Iterator[Part]:
    """Take a map tracker → readings apart."""
    try:
        objects = _OBJECT.decode(part.raw)
    except msgspec.MsgspecError as error:
        yield part._replace(fault=str(error).replace("`", ""))
        return
    for name, raw in objects.items():
        path = f"{part.path}.{name}"
        if name.isascii() and name.isdecimal() and int(name) < 2**63:
            yield Part(path, raw, int(name))
        else:
            yield Part(path, raw, fault="Expected a tracker id as the name")


def _devices(data: Raw) -> list[Part]:
    path = "$.data"
    try:
        if bytes(data).startswith(b"{"):
            path, data = "$.data.iot_last_values", _OBJECT.decode(data)["iot_last_values"]
    except KeyError:
        return [Part("$.data", data, fault="iot_last_values is missing")]
    return _items(path, data)
