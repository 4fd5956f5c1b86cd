"""What is new in a queue that is sent again whole each time.

A value of a queue is (msg_time, srv_time, value_type, value_text), and it is new when the queue
holds one more of it than it held in its last content. The last content is remembered across
reconnects, and travels as JSON text so that a recording can be continued by another process.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

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


class _Stamp(msgspec.Struct, gc=False):
    msg_time: str | None = None


_STAMPS: Final = msgspec.json.Decoder(list[_Stamp])
_HEAD: Final = 80  # bytes by which the begin of the last content is looked for
_COMMA: Final = ord(",")


class News(msgspec.Struct):
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
        JSON text by tracker, queue and field.
    """

    def __init__(self, contents: Iterable[list[Any]] = ()) -> None:
        self.contents: dict[tuple[int, str, str], bytes] = {
            (tracker, queue, field): text.encode() for tracker, queue, field, text in contents
        }

    def dump(self) -> list[list[Any]]:
        """Return the contents as JSON-able lists of tracker, queue, field and text."""
        return [[*place, content.decode()] for place, content in self.contents.items()]

    def news(self, tracker: int, queue: str, field: str, text: bytes) -> News:
        """Compare a queue with its last content, and remember it.

        Parameters
        ----------
        tracker, queue, field
            Which queue.
        text : bytes
            Its JSON text.

        Raises
        ------
        msgspec.ValidationError
            If it is no list; what is remembered stays.
        """
        place = (tracker, queue, field)
        last = self.contents.get(place)
        if last == text:
            return _NOTHING
        if len(text) > _LIMIT:
            raise msgspec.ValidationError(f"a queue of more than {_LIMIT:,} bytes")
        front = None if last is None else _front(text, last)
        if front is not None:
            self.contents[place] = text
            return News([(0, front[0])] if len(front) == 1 else _oldest_first(enumerate(front)))
        items = list(map(bytes, _ARRAY.decode(text)))
        self.contents[place] = text
        if last is None:
            return News(_oldest_first(enumerate(items)))
        return _difference(items, list(map(bytes, _ARRAY.decode(last))))


_NOTHING: Final = News([])


def _front(text: bytes, last: bytes) -> list[bytes] | None:
    """Return what came in front of the last content's first values, if that is all that happened.

    Of the rest nothing is looked at but its bytes. Both texts are valid JSON, so where the one goes
    on after a comma as the other began, what is before that comma is whole values: had it an open
    bracket or an open string, no begin of a list of whole values could close it.
    """
    begin = text.find(b"},{", 1) + 2
    if begin < 2 or not last.startswith(text[begin:-1], 1):  # noqa: PLR2004 - not found
        begin = text.find(last[1:_HEAD], 2)
        if begin < 0 or text[begin - 1] != _COMMA or not last.startswith(text[begin:-1], 1):
            return None
    front, gone = text[1 : begin - 1], last[len(text) - begin : -1]
    alone = front.find(b"}") == len(front) - 1
    items = [front] if alone else list(map(bytes, _ARRAY.decode(b"[%b]" % front)))
    if gone:
        if gone[0] != _COMMA:
            return None
        # One that fell off the end and comes again at the front is none more than before.
        try:
            times = [_moment(one.msg_time) for one in _STAMPS.decode(b"[%b%b]" % (front, gone))]
        except msgspec.MsgspecError:
            return None
        if not set(times[: len(items)]).isdisjoint(times[len(items) :]):
            return None
    return items


def _difference(items: list[bytes], last: list[bytes]) -> News:
    """Compare without any shortcut: more of a value than before is new."""
    keys, old = list(map(_key, items)), list(map(_key, last))
    known = Counter(old)
    new = []
    # Of equal values the oldest are those that were known, so that the order of the rest holds.
    for place, item in _oldest_first(enumerate(items)):
        if known[keys[place]] > 0:
            known[keys[place]] -= 1
        else:
            new.append((place, item))
    overrun = None
    if len(items) >= FULL and last and not set(keys) & set(old):
        overrun = (last[0], items[-1])
    return News(new, overrun)


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
