"""What is new in a queue that is sent again whole each time.

A value of a queue is (msg_time, srv_time, value_type, value_text), and it is new when the queue
holds one more of it than it held in its last content. The last content is remembered across
reconnects, and travels as JSON text so that a recording can be continued by another process.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from msgspec import Raw

from fleetlab.tables.values import scalar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

__all__ = ["FULL", "News", "QueueMemory"]

FULL: Final = 12
"""Values that a full queue holds."""

_ARRAY: Final = msgspec.json.Decoder(list[Raw])
_LIMIT: Final = 1_000_000  # bytes of a queue, which is remembered; it has twelve values


class _Entry(msgspec.Struct, gc=False):
    value: Raw = Raw(b"null")
    msg_time: str | None = None
    srv_time: str | None = None


_ENTRY: Final = msgspec.json.Decoder(_Entry)


class _Content(NamedTuple):
    """A queue as it was last: its text, its items, newest first, and what each of them is."""

    raw: bytes
    items: list[bytes]
    keys: list[Hashable]


class News(NamedTuple):
    """What a queue brought.

    Attributes
    ----------
    items : list of tuple of int and bytes
        Place in the queue and JSON text of each new value, oldest first.
    overrun : tuple of bytes or None
        Where a full queue shares nothing with its last content: the newest value known before and
        the oldest one in it now; values between them may have been missed.
    """

    items: list[tuple[int, bytes]]
    overrun: tuple[bytes, bytes] | None = None


class QueueMemory:
    """The last content of every queue.

    Parameters
    ----------
    contents : iterable of list, optional
        What :meth:`dump` gave, to go on from there.

    Attributes
    ----------
    contents : dict
        By tracker, queue and field.
    """

    def __init__(self, contents: Iterable[list[Any]] = ()) -> None:
        self.contents: dict[tuple[int, str, str], _Content] = {}
        for tracker, queue, field, text in contents:
            raw = text.encode()
            items = list(map(bytes, _ARRAY.decode(raw)))
            self.contents[tracker, queue, field] = _Content(raw, items, list(map(_key, items)))

    def dump(self) -> list[list[Any]]:
        """Return the contents as JSON-able lists of tracker, queue, field and text."""
        return [[*place, content.raw.decode()] for place, content in self.contents.items()]

    def news(self, tracker: int, queue: str, field: str, raw: Raw) -> News:
        """Compare a queue with its last content, and remember it.

        Parameters
        ----------
        tracker, queue, field
            Which queue.
        raw : msgspec.Raw
            Its JSON text.

        Raises
        ------
        msgspec.ValidationError
            If it is no list; what is remembered stays.
        """
        place = (tracker, queue, field)
        text = bytes(raw)
        last = self.contents.get(place)
        if last is not None and last.raw == text:
            return News([])
        if len(text) > _LIMIT:
            raise msgspec.ValidationError(f"a queue of more than {_LIMIT:,} bytes")
        items = list(map(bytes, _ARRAY.decode(text)))
        if last is None:
            self.contents[place] = _Content(text, items, list(map(_key, items)))
            return News(_oldest_first(enumerate(items)))
        shift = _shift(items, last.items)
        if shift is not None:
            keys = list(map(_key, items[:shift]))
            kept = len(items) - shift
            self.contents[place] = _Content(text, items, keys + last.keys[:kept])
            # One that fell off the end and comes again at the front is none more than before.
            if not set(keys) & set(last.keys[kept:]):
                return News(_oldest_first(enumerate(items[:shift])))
        else:
            self.contents[place] = _Content(text, items, list(map(_key, items)))
        return _difference(items, self.contents[place].keys, last)


def _difference(items: list[bytes], keys: list[Hashable], last: _Content) -> News:
    """Compare without any shortcut: more of a value than before is new."""
    known = Counter(last.keys)
    new = []
    # Of equal values the oldest are those that were known, so that the order of the rest holds.
    for place, item in _oldest_first(enumerate(items)):
        if known[keys[place]] > 0:
            known[keys[place]] -= 1
        else:
            new.append((place, item))
    overrun = None
    if len(items) >= FULL and last.items and not set(keys) & set(last.keys):
        overrun = (last.items[0], items[-1])
    return News(new, overrun)


def _shift(items: list[bytes], last: list[bytes]) -> int | None:
    """Return how many items came in front of the last content's first ones, if that is all."""
    for shift in range(1, len(items)):
        if items[shift] == last[0] if last else False:
            kept = len(items) - shift
            if kept <= len(last) and items[shift:] == last[:kept]:
                return shift
    return None


def _oldest_first(items: Iterable[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    return list(items)[::-1]


def _key(item: bytes) -> Hashable:
    """Return what a value is, the same for all ways to write it."""
    try:
        entry = _ENTRY.decode(item)
    except msgspec.MsgspecError:
        return item
    kind, text = scalar(entry.value)
    return _moment(entry.msg_time), _moment(entry.srv_time), kind, text or bytes(entry.value)


@lru_cache(maxsize=4096)
def _moment(text: str | None) -> float | str | None:
    """Return the moment that a text with an offset means, else the text itself."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return text
    return text if moment.tzinfo is None else moment.timestamp()
