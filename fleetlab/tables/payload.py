"""What a payload is, by its shape, and the items of it that can be decoded one by one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Raw

from fleetlab.limits import OBJECTS, UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "PIECE",
    "Item",
    "Piece",
    "TrackerIds",
    "join",
    "open_devices",
    "open_payload",
    "open_readings",
]

PIECE: Final = 500
"""Items decoded in one call; larger pieces fall out of the processor's cache."""

_REMEMBERED: Final = 100_000  # texts of ids; a server may invent more

PIECE_BYTES: Final = 200_000
"""A large payload is cut at the first item that begins after so many bytes."""

_ARRAY: Final = msgspec.json.Decoder(list[Raw])
_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
# Python refuses to make a number of thousands of digits, so their count is looked at first.
_ID: Final = re.compile("[0-9]{1,19}")
_BATCHES: Final = ("state", "state_batch", "readings_batch")
# How payloads begin whose items needn't be looked for one by one, and what is between two of them.
_STATES: Final = re.compile(rb'\[\s*\{\s*"source_id"\s*:')
_READINGS: Final = re.compile(rb'\[\s*\{\s*"[0-9]{1,19}"\s*:')
_NEXT_STATE: Final = re.compile(rb'\}\s*,\s*(?=\{\s*"source_id"\s*:)')
_NEXT_READINGS: Final = re.compile(rb'\}\s*,\s*(?=\{\s*"[0-9]{1,19}"\s*:)')


class Item(msgspec.Struct, gc=False):
    """One decodable part of a message: its JSON, and where in the message it stood.

    Attributes
    ----------
    raw : msgspec.Raw
        Its JSON.
    base, place, rest : str, int, str
        What its JSON path is made of; a place below 0 is no place in a list.
    tracker : int or None
        The tracker, where the payload names it around the item, as readings do.
    extra : str or None
        Unknown fields around the item, as JSON text.
    fault : str or None
        Why it can't be decoded.
    """

    raw: Raw
    base: str
    place: int = -1
    rest: str = ""
    tracker: int | None = None
    extra: str | None = None
    fault: str | None = None

    @property
    def path(self) -> str:
        """Its JSON path from the root of the message."""
        place = f"[{self.place}]" if self.place >= 0 else ""
        return f"{self.base}{place}{self.rest}"


_NOTHING: Final = memoryview(b"[")


class Piece(msgspec.Struct, gc=False):
    """Items of one message that are decoded together.

    Attributes
    ----------
    raw : msgspec.Raw or bytes
        A JSON array of them.
    base : str
        JSON path of the array that they stood in.
    before : memoryview
        The text of that array up to the first one.
    opened : list of Item or None
        The items, where they had to be taken out of something; else :meth:`items` makes them.
    message : int
        Position of the message in its batch.
    """

    raw: Raw | bytes
    base: str
    before: memoryview = _NOTHING
    opened: list[Item] | None = None
    message: int = 0
    _first: int | None = None

    @property
    def first(self) -> int:
        """Place of the first one in the array, which is counted only where it is asked for."""
        if self._first is None:
            self._first = len(_ARRAY.decode(self.before.tobytes().rstrip(b", \t\r\n") + b"]"))
        return self._first

    def items(self) -> list[Item]:
        """Return the items one by one."""
        if self.opened is None:
            raws = self.split()
            self.opened = [_unwrapped(Item(raw, self.base, place)) for place, raw in raws]
        return self.opened

    def split(self) -> Iterator[tuple[int, Raw]]:
        """Return place and JSON of each item.

        Raises
        ------
        msgspec.MsgspecError
            If it is no array, as it was cut at a wrong place; or if it has too many items.
        """
        found = _ARRAY.decode(self.raw)
        if len(found) > OBJECTS:
            raise msgspec.ValidationError(f"more than {OBJECTS:,} items")
        return enumerate(found, self.first)

    def raws(self) -> list[Raw]:
        """Return their JSON one by one."""
        return [item.raw for item in self.items()]

    def path(self, number: int) -> str:
        """Return the JSON path of an item by its number in the piece."""
        if self.opened is None:
            return f"{self.base}[{self.first + number}]"
        return self.opened[number].path


def open_payload(
    event: str, data: Raw, *, guess: bool = True
) -> tuple[str, list[Piece], list[Item]]:
    """Split a payload into pieces.

    Parameters
    ----------
    event : str
        The message's label. Documented readings are labelled ``state_batch``, so between the
        batches it is the shape that decides.
    data : msgspec.Raw
        The payload.
    guess : bool
        Whether a large one may be cut where an item seems to begin. That was right if every piece
        is an array, for JSON can be read in one way only; else it has to be opened again without.

    Returns
    -------
    event : str
        The event that it really is.
    pieces : list of Piece
    faulty : list of Item
        What can't be decoded.
    """
    if event == "iot_monitor":
        return event, [Piece(data, "$.data")], []  # one pass over it is enough
    view = memoryview(data)
    if guess and event in _BATCHES:
        if _READINGS.match(view):
            return "readings_batch", _cut_text(view, _NEXT_READINGS), []
        if _STATES.match(view):
            return "state" if event == "state" else "state_batch", _cut_text(view, _NEXT_STATE), []
    try:
        items = _items("$.data", data)
    except RecursionError as error:
        if guess:
            raise
        return event, [], [Item(data, "$.data", fault=str(error))]
    if event in _BATCHES and _are_readings(items, event):
        event, items = "readings_batch", [inner for item in items for inner in _trackers(item)]
    elif event in _BATCHES:
        event = "state" if event == "state" else "state_batch"
        items = [_unwrapped(item) for item in items]
    return event, *_cut(items)


def join(parts: Iterable[Raw | bytes]) -> bytes:
    """Return a JSON array."""
    return b"[" + b",".join(parts) + b"]"


def _cut_text(text: memoryview, between: re.Pattern[bytes]) -> list[Piece]:
    """Cut an array where an item seems to begin; its items are not looked for one by one."""
    pieces = []
    start, end = 1, len(text) - 1
    while found := between.search(text, start + PIECE_BYTES, end):
        raw = b"".join((b"[", text[start : found.start() + 1], b"]"))
        pieces.append(Piece(raw, "$.data", text[:start]))
        start = found.end()
    last = b"".join((b"[", text[start:])) if pieces else text
    return [*pieces, Piece(Raw(last), "$.data", text[:start])]


def _cut(items: Sequence[Item]) -> tuple[list[Piece], list[Item]]:
    """Return pieces of the good items, and the others."""
    good = [item for item in items if item.fault is None]
    parts = [good[first : first + PIECE] for first in range(0, len(good), PIECE)]
    return [Piece(join([item.raw for item in part]), "", opened=part) for part in parts], [
        item for item in items if item.fault is not None
    ]


def _items(path: str, data: Raw | bytes) -> list[Item]:
    """Return the items of a list, or the one thing that isn't a list."""
    if memoryview(data)[0] != ord("["):
        return [Item(Raw(data), path)]
    found = _ARRAY.decode(data)
    if len(found) > OBJECTS:
        return [Item(Raw(data), path, fault=f"more than {OBJECTS:,} items")]
    return [Item(raw, path, place) for place, raw in enumerate(found)]


def _are_readings(items: Sequence[Item], event: str) -> bool:
    for item in items:
        try:
            names = _OBJECT.decode(item.raw)
        except UNREADABLE:
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
    except UNREADABLE:
        return item
    if "source_id" in parts or "state" not in parts:
        return item
    state = parts.pop("state")
    parts.pop("type", None)
    extra = msgspec.json.encode(parts).decode() if parts else None
    return Item(state, item.base, item.place, ".state", extra=extra)


def _trackers(item: Item) -> Iterator[Item]:
    """Take a map tracker → readings apart."""
    try:
        objects = _OBJECT.decode(item.raw)
    except UNREADABLE as error:
        item.fault = str(error).replace("`", "")
        yield item
        return
    for name, raw in objects.items():
        tracker = _tracker_id(name)
        fault = "Expected a tracker id as the name" if tracker is None else None
        yield Item(raw, item.base, item.place, f".{name}", tracker, fault=fault)


def _tracker_id(name: str) -> int | None:
    return int(name) if _ID.fullmatch(name) and int(name) < 2**63 else None


class TrackerIds(dict[str, int | None]):
    """Ids by their texts, looked up as they are met; None where one is no id."""

    def __missing__(self, name: str) -> int | None:
        tracker = _tracker_id(name)
        if len(self) < _REMEMBERED:
            self[name] = tracker
        return tracker


def open_readings(piece: Piece) -> list[Item]:
    """Return the trackers' readings of a piece one by one."""
    if piece.opened is not None:
        return piece.opened
    items = [Item(raw, piece.base, place) for place, raw in piece.split()]
    return [inner for item in items for inner in _trackers(item)]


def open_devices(data: Raw | bytes) -> list[Item]:
    """Return the devices of a payload of ``iot_monitor``, in whatever it holds them."""
    path = "$.data"
    try:
        if memoryview(data)[0] == ord("{"):
            parts = _OBJECT.decode(data)
            if "iot_last_values" not in parts:
                return [Item(Raw(data), path, fault="iot_last_values is missing")]
            path, data = "$.data.iot_last_values", parts["iot_last_values"]
        return _items(path, data)
    except RecursionError as error:
        return [Item(Raw(data), path, fault=str(error))]
