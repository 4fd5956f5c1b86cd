"""What all event tables have in common: messages, their rows, and columns made of them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

import polars as pl
from msgspec.structs import astuple

from fleetlab.schemas import TIME, schema
from fleetlab.tables.rejects import Origin, Rejects

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence

    from fleetlab.tables.trackers import Directory
    from fleetlab.tables.user_clock import UserClock

    Reject = Callable[[int, str, str, str | bytes], None]
    """Called with row, path inside its item, reason and raw part."""

__all__ = ["Batch", "Lists", "Message", "Rows", "fields_of"]


@dataclass(frozen=True, slots=True)
class Message:
    """One event message, opened but not decoded.

    Attributes
    ----------
    seq, at : int
        Number and moment of arrival (microseconds since 1970 in UTC) of its frame.
    server_time : int or None
        ``user_time`` in microseconds since 1970 in UTC.
    offset : int or None
        Where the zone isn't known: the offset from UTC inferred for it, in microseconds.
    """

    seq: int
    at: int
    server_time: int | None
    offset: int | None


@dataclass
class Batch:
    """Messages of one event that are decoded together.

    Attributes
    ----------
    recording : str
        Name of the recording.
    event : str
        The event that the messages are.
    messages : list of Message
        In the order of arrival.
    clock : UserClock
        What times without an offset mean.
    directory : Directory
        Sources, trackers and labels at that time.
    seen : set
        What has already come since the last subscribing; the rest is ``snapshot``.
    asked : collection of int or None
        The trackers asked for; None for all.
    filtered : bool
        Whether all trackers came because more were asked for than one request may name, so that
        the others are left out here.
    rejects : Rejects
        Takes what can't be read.
    """

    recording: str
    event: str
    messages: list[Message]
    clock: UserClock
    directory: Directory
    seen: set[Hashable]
    asked: Collection[int] | None
    filtered: bool
    rejects: Rejects = field(default_factory=Rejects)

    @property
    def keeps_strangers(self) -> bool:
        """Whether rows of sources that nobody knows stay.

        They may be of a tracker asked for, unless the sources of all of those are known.
        """
        return not self.filtered or self.asked is None or not self.directory.covers(self.asked)

    def reject(
        self, message: int, path: str, reason: str, raw: str | bytes, tracker: int | None = None
    ) -> None:
        """Note a part of a message that could not be read."""
        origin = self.messages[message]
        self.rejects.add(Origin(origin.seq, origin.at, self.event, tracker), path, reason, raw)

    def times(
        self, message: int, path: str, texts: Sequence[str | None], reject: Reject
    ) -> list[int | None]:
        """Turn texts of times into microseconds since 1970 in UTC.

        Parameters
        ----------
        message : int
            Position of their message.
        path : str
            Where they stood inside their items.
        texts : sequence of str or None
            As on the wire.
        reject : callable
            Called for each that can't be understood.
        """
        origin = self.messages[message]
        moments, faults = self.clock.read(texts, origin.at, origin.offset)
        for row, reason in faults:
            reject(row, path, reason, f'"{texts[row]}"')
        return moments

    def is_snapshot(self, keys: Sequence[Hashable]) -> list[bool]:
        """Tell for each key whether it comes for the first time since the last subscribing."""
        if self.seen.issuperset(keys):
            return [False] * len(keys)
        first = []
        for key in keys:
            first.append(key not in self.seen)  # a second one in the same batch is news
            self.seen.add(key)
        return first


class Rows:
    """The rows of a frame under construction: lists of plain values, column by column.

    Parameters
    ----------
    batch : Batch
        The messages.
    names : iterable of str
        The columns that are added; a time's is in microseconds since 1970 in UTC.
    """

    def __init__(self, batch: Batch, names: Iterable[str]) -> None:
        self._batch = batch
        self._messages: list[int] = []
        self._rejects: list[tuple[int, Reject]] = []
        self.columns: dict[str, list[Any]] = {name: [] for name in names}

    def __len__(self) -> int:
        return len(self._messages)

    def add(
        self,
        message: int,
        count: int,
        columns: Mapping[str, Iterable[Any]],
        reject: Reject | None = None,
    ) -> None:
        """Add rows of one message.

        Parameters
        ----------
        message : int
            Its position in the batch.
        count : int
            How many rows there are.
        columns : mapping of str to iterable
            Their values.
        reject : callable, optional
            Called by :meth:`reject` with the row's number among these.
        """
        if reject is not None:
            self._rejects.append((len(self), reject))
        self._messages += [message] * count
        for name, values in self.columns.items():
            values.extend(columns[name])

    def reject(self, row: int, where: str, reason: str, raw: str | bytes) -> None:
        """Note a part of a row that could not be read; ``where`` is its path in the row's item."""
        place = bisect_right(self._rejects, row, key=itemgetter(0)) - 1
        start, reject = self._rejects[place]
        reject(row - start, where, reason, raw)

    def frame(self, columns: Iterable[pl.Series], moments: Sequence[str]) -> pl.DataFrame:
        """Put the frame together in the schema of the event.

        Parameters
        ----------
        columns : iterable of polars.Series
            Columns that are made of the added ones, and take their place.
        moments : sequence of str
            Columns that tell the moment of a row, best first; else it is the time of arrival.
        """
        batch = self._batch
        wanted = schema(batch.event)
        given = {series.name: series for series in columns}
        for name, values in self.columns.items():
            if name in wanted and name not in given:
                given[name] = _series(name, values, wanted[name])
        made = {name: self._of_message(name) for name in ("seq", "server_time")}
        made["received_at"] = self._of_message("at").cast(TIME)
        made["server_time"] = made["server_time"].cast(TIME)
        made["event_time"] = pl.coalesce(*moments, made["received_at"])
        made["recording"] = pl.lit(batch.recording)
        frame = pl.DataFrame(
            [pl.Series("message", self._messages, dtype=pl.UInt32), *given.values()]
        ).select(
            pl.col(name) if name in given else made.get(name, pl.lit(None, dtype)).alias(name)
            for name, dtype in wanted.items()
        )
        if batch.filtered and batch.asked is not None:
            known = pl.Series(list(batch.asked), dtype=pl.Int64).implode()
            strangers = batch.keeps_strangers
            frame = frame.filter(pl.col("tracker_id").is_in(known).fill_null(value=strangers))
        return frame

    def _of_message(self, name: str) -> pl.Expr:
        per_message = list(map(attrgetter(name), self._batch.messages))
        return pl.lit(pl.Series(name, per_message, dtype=pl.Int64)).gather("message")


def _series(name: str, values: Sequence[Any], dtype: Any) -> pl.Series:
    """Make a column of values whose types were checked at the gate."""
    if dtype == TIME:
        return pl.Series(name, values, dtype=pl.Int64, strict=True).cast(TIME)
    return pl.Series(name, values, dtype=dtype, strict=True)


def fields_of(objects: Sequence[Any], names: Sequence[str]) -> dict[str, Sequence[Any]]:
    """Return the fields of typed objects, each for all of them; null where there is no object.

    Parameters
    ----------
    objects : sequence of msgspec.Struct or None
        Decoded at the gate.
    names : sequence of str
        The fields that were declared, in the order of the shape.
    """
    if not objects:
        return dict.fromkeys(names, ())
    if all(objects):
        rows = list(map(astuple, objects))
    else:
        nothing = (None,) * len(names)
        rows = [astuple(one) if one else nothing for one in objects]
    # Learned fields come last, and not all objects have the same.
    return dict(zip(names, zip(*rows, strict=False), strict=False))


class Lists:
    """A column of lists under construction.

    Few different lists occur (most devices have the same inputs, mostly off), and Polars takes its
    time to build one from Python: so each different one is built once.
    """

    def __init__(self) -> None:
        self._numbers = _Numbers()
        self._rows: list[int] = []

    def add(self, values: Iterable[tuple[Any, ...] | None]) -> None:
        """Add the lists of some rows."""
        self._rows += map(self._numbers.__getitem__, values)

    def series(self, name: str, dtype: Any) -> pl.Series:
        """Return the column; ``dtype`` is that of the lists' items."""
        distinct = [None if value is None else list(value) for value in self._numbers]
        column = pl.Series(name, distinct, dtype=pl.List(dtype), strict=True)
        return column.gather(pl.Series(self._rows, dtype=pl.UInt32))


class _Numbers(dict[Any, int]):
    """Gives each different key the next number."""

    def __missing__(self, key: Any) -> int:
        number = self[key] = len(self)
        return number
