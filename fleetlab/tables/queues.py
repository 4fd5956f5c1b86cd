"""What is new in a queue that is sent again whole each time.

A value of a queue is (msg_time, srv_time, value_type, value_text), and it is new when the queue
holds one more of it than it held in its last content. The last content is remembered across
reconnects, and travels as JSON text so that a recording can be continued by another process.
"""

from __future__ import annotations

import math
from collections import Counter
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw

from fleetlab.limits import UNREADABLE
from fleetlab.tables.values import scalar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

__all__ = ["FULL", "News", "QueueMemory"]

FULL: Final = 12
"""Values that a full queue holds."""

_ARRAY: Final = msgspec.json.Decoder(list[Raw])
_NAME_LIMIT: Final = 255  # characters; each value of a queue has its name in its row
_LIMIT: Final = 1_000_000  # bytes of a queue, which is remembered; it has twelve values


class _Entry(msgspec.Struct, gc=False):
    value: Raw = Raw(b"null")
    msg_time: str | None = None
    srv_time: str | None = None


_ENTRY: Final = msgspec.json.Decoder(_Entry)


class _Stamp(msgspec.Struct, gc=False):
    msg_time: str | None = None


_STAMP: Final = msgspec.json.Decoder(_Stamp)
_STAMPS: Final = msgspec.json.Decoder(list[_Stamp])
_HEAD: Final = 80  # bytes by which the begin of the last content is looked for
_REMEMBERED: Final = 4_096  # texts of times
_NEVER: Final = (b"", math.inf)


class News(msgspec.Struct, gc=False):
    """What some queues of a device brought.

    Attributes
    ----------
    fields : list of str
        The attribute of each new value; those of one queue are oldest first.
    places : list of int
        Where in its queue it stands.
    raws : list of bytes
        Its JSON text.
    overruns : list of tuple of str, bytes and bytes
        Attributes whose full queue shares nothing with its last content, the newest value known
        before and the oldest one in it now; values between them may have been missed.
    faults : list of tuple of str, str and bytes
        Attributes whose queue is none, why, and what came; what is remembered stays.
    """

    fields: list[str] = []
    places: list[int] = []
    raws: list[bytes] = []
    overruns: list[tuple[str, bytes, bytes]] = []
    faults: list[tuple[str, str, bytes]] = []


class QueueMemory:
    """The last content of every queue.

    Parameters
    ----------
    contents : iterable of list, optional
        What :meth:`dump` gave, to go on from there.
    """

    def __init__(self, contents: Iterable[list[Any]] = ()) -> None:
        # By tracker and queue, then by field: JSON text, and the moment of the newest value in it,
        # which is infinite where it isn't known.
        self._known: dict[tuple[int, str], dict[str, tuple[bytes, float]]] = {}
        for tracker, queue, field, text in contents:
            self._known.setdefault((tracker, queue), {})[field] = (text.encode(), math.inf)

    def dump(self) -> list[list[Any]]:
        """Return the contents as JSON-able lists of tracker, queue, field and text."""
        return [
            [*place, field, text.decode()]
            for place, known in self._known.items()
            for field, (text, _) in known.items()
        ]

    def copy(self) -> QueueMemory:
        """Return another one that remembers the same."""
        other = QueueMemory()
        other._known = {place: known.copy() for place, known in self._known.items()}
        return other

    def news(self, tracker: int, queue: str, contents: Mapping[str, Raw]) -> News:
        """Compare queues of a device with their last content, and remember them.

        Parameters
        ----------
        tracker, queue
            Which queues.
        contents : mapping of str to msgspec.Raw
            Their JSON texts by attribute.
        """
        known = self._known.setdefault((tracker, queue), {})
        news = News()
        fields, places, raws = news.fields, news.places, news.raws
        moments, stamp = _MOMENTS, _STAMP.decode
        for field, raw in contents.items():
            text = bytes(raw)
            last, newest = known.get(field, _NEVER)
            # Mostly one value came in front, and is newer than all before, so it is none of them.
            # Of the rest nothing is looked at but its bytes: they are whole values where the front
            # is one, and in the last text as well, where all are objects as they have moments.
            begin = text.find(b"}") + 2
            if last.startswith(text[begin:-1], 1):
                front = text[1 : begin - 1]
                try:
                    moment = moments[stamp(front).msg_time]
                except UNREADABLE:
                    moment = math.nan
                if moment > newest and len(text) <= _LIMIT:
                    known[field] = (text, moment)
                    fields.append(field)
                    places.append(0)
                    raws.append(front)
                    continue
            if text == last:
                continue
            try:
                items, overrun = _compare(field, text, last)
            except UNREADABLE as error:
                news.faults.append((field, str(error).replace("`", ""), text))
                continue
            known[field] = (text, _newest(text))
            for place, item in items:
                fields.append(field)
                places.append(place)
                raws.append(item)
            if overrun is not None:
                news.overruns.append((field, *overrun))
        return news


_Compared = tuple[list[tuple[int, bytes]], tuple[bytes, bytes] | None]


def _compare(field: str, text: bytes, last: bytes) -> _Compared:
    """Return the new values with their places, oldest first, and the values around an overrun."""
    if len(field) > _NAME_LIMIT:
        raise msgspec.ValidationError(f"a name of more than {_NAME_LIMIT} characters")
    if len(text) > _LIMIT:
        raise msgspec.ValidationError(f"a queue of more than {_LIMIT:,} bytes")
    front = _front(text, last) if last else None
    items = list(map(bytes, _ARRAY.decode(text))) if front is None else front
    if front is not None or not last:
        return list(enumerate(items))[::-1], None
    return _difference(items, list(map(bytes, _ARRAY.decode(last))))


def _front(text: bytes, last: bytes) -> list[bytes] | None:
    """Return what came in front of the last content's first values, if that is all that happened.

    Of the rest nothing is looked at but its bytes. Both texts are valid JSON, so it is whole values
    in this one where the front is, and in the last one where what is gone is, too.
    """
    begin = text.find(last[1:_HEAD], 2)
    if begin < 0 or not last.startswith(text[begin:-1], 1):
        return None
    front, gone = text[1 : begin - 1], last[len(text) - begin : -1]
    try:
        items = list(map(bytes, _ARRAY.decode(b"[%b]" % front)))
        # One that fell off the end and comes again at the front is none more than before.
        times = [_moment(one.msg_time) for one in _STAMPS.decode(b"[%b%b]" % (front, gone))]
    except UNREADABLE:
        return None
    if not set(times[: len(items)]).isdisjoint(times[len(items) :]):
        return None
    return items


def _difference(items: list[bytes], last: list[bytes]) -> _Compared:
    """Compare without any shortcut: more of a value than before is new."""
    keys, old = list(map(_key, items)), list(map(_key, last))
    known = Counter(old)
    new = []
    # Of equal values the oldest are those that were known, so that the order of the rest holds.
    for place in reversed(range(len(items))):
        if known[keys[place]] > 0:
            known[keys[place]] -= 1
        else:
            new.append((place, items[place]))
    overrun = None
    if len(items) >= FULL and last and not set(keys) & set(old):
        overrun = (last[0], items[-1])
    return new, overrun


def _key(item: bytes) -> Hashable:
    """Return what a value is, the same for all ways to write it."""
    try:
        entry = _ENTRY.decode(item)
    except UNREADABLE:
        return item
    kind, text = scalar(entry.value)
    return _moment(entry.msg_time), _moment(entry.srv_time), kind, text or bytes(entry.value)


class _Moments(dict[str | None, float]):
    """Moments by their texts, looked up as they are met; nan for a text that means none by itself.

    Nan is neither before nor after anything.
    """

    def __missing__(self, text: str | None) -> float:
        moment = math.nan
        with suppress(ValueError):
            read = datetime.fromisoformat(text or "")
            if read.tzinfo is not None:
                moment = read.timestamp()
        if len(self) >= _REMEMBERED:
            self.clear()
        self[text] = moment
        return moment


_MOMENTS: Final = _Moments()


def _moment(text: str | None) -> float | str | None:
    """Return the moment that a text with an offset means, else the text itself."""
    moment = _MOMENTS[text]
    return text if math.isnan(moment) else moment


def _newest(text: bytes) -> float:
    """Return the moment of the newest value of a queue, or infinity where one has none."""
    try:
        moments = [_MOMENTS[one.msg_time] for one in _STAMPS.decode(text)]
    except UNREADABLE:
        return math.inf
    return math.inf if any(map(math.isnan, moments)) else max(moments, default=math.inf)
