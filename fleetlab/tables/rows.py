"""What all event tables have in common: messages, their rows, and columns made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl
from msgspec import Raw

from fleetlab.schemas import schema
from fleetlab.tables.rejects import Origin, Rejects
from fleetlab.tables.times import to_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Sequence

    from fleetlab.tables.trackers import Directory

__all__ = ["Batch", "Item", "Message", "Rows", "column", "lists"]


@dataclass(frozen=True, slots=True)
class Message:
    """One event message, opened but not decoded.

    Attributes
    ----------
    seq, at : int
        Number and moment of arrival (microseconds since 1970 in UTC) of its frame.
    event : str
        The event that its payload is, whatever its label says.
    data : msgspec.Raw
        The payload.
    server_time : int or None
        ``user_time`` in microseconds since 1970 in UTC.
    offset : int or None
        Where the zone isn't known: the offset from UTC inferred for it, in microseconds.
    """

    seq: int
    at: int
    event: str
    data: Raw
    server_time: int | None
    offset: int | None


class Item(msgspec.Struct, gc=False):
    """One decodable part of a message: its JSON, and where in which message it stood.

    Attributes
    ----------
    raw : msgspec.Raw
        Its JSON.
    message : int
        Position of its message in the batch.
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
    message: int
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
    zone : str or None
        Zone of times without an offset, where it is known.
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
    zone: str | None
    directory: Directory
    seen: set[Hashable]
    asked: Collection[int] | None
    filtered: bool
    rejects: Rejects = field(default_factory=Rejects)

    def reject(
        self, message: int, path: str, reason: str, raw: str | bytes, tracker: int | None = None
    ) -> None:
        """Note a part of a message that could not be read."""
        origin = self.messages[message]
        self.rejects.add(Origin(origin.seq, origin.at, self.event, tracker), path, reason, raw)

    def is_snapshot(self, keys: Sequence[Hashable]) -> pl.Series:
        """Tell for each key whether it comes for the first time since the last subscribing."""
        first = [key not in self.seen for key in keys]
        if any(first):
            for row, key in enumerate(keys):
                if first[row]:
                    first[row] = key not in self.seen  # a second one in the same batch is news
                    self.seen.add(key)
        return pl.Series("snapshot", first, dtype=pl.Boolean)


class Rows:
    """The rows of a frame under construction.

    Parameters
    ----------
    batch : Batch
        The messages.
    messages : sequence of int
        For each row the position of its message in the batch.
    """

    def __init__(self, batch: Batch, messages: Sequence[int]) -> None:
        self._batch = batch
        self._message = pl.Series(messages, dtype=pl.Int64)
        self._received = self._of_message("at")
        self._offset = self._of_message("offset") if batch.zone is None else None

    def _of_message(self, name: str) -> pl.Series:
        per_message = list(map(attrgetter(name), self._batch.messages))
        return pl.Series(name, per_message, dtype=pl.Int64).gather(self._message)

    def times(
        self, name: str, text: pl.Series, fault: Callable[[int, str, str], None]
    ) -> pl.Series:
        """Turn texts of times into a column of moments.

        Parameters
        ----------
        name : str
            Name of the column.
        text : polars.Series of String
            As on the wire, one for each row.
        fault : callable
            Called with row, reason and text for each that can't be understood.
        """
        times = to_utc(text, self._received, self._batch.zone, self._offset)
        for row, reason in times.faults.items():
            fault(row, reason, f'"{text[row]}"')
        return times.utc.alias(name)

    def frame(
        self, columns: list[pl.Series], tracker: Sequence[int | None], moments: Sequence[str]
    ) -> pl.DataFrame:
        """Put a frame together in the schema of the event.

        Parameters
        ----------
        columns : list of polars.Series
            The event's own columns; those not given are null.
        tracker : sequence of int or None
            The tracker of each row.
        moments : sequence of str
            Columns that tell the moment of a row, best first; else it is the time of arrival.
        """
        batch = self._batch
        received = self._received.alias("received_at")
        frame = pl.DataFrame(
            [
                self._of_message("seq"),
                received,
                self._of_message("server_time"),
                pl.Series("tracker_id", tracker, dtype=pl.Int64),
                batch.directory.labels(tracker),
                *columns,
            ]
        )
        moment = pl.Datetime("us", "UTC")
        frame = frame.with_columns(
            pl.lit(batch.recording).alias("recording"),
            pl.col("received_at", "server_time").cast(moment),
        ).with_columns(pl.coalesce(*moments, "received_at").alias("event_time"))
        if batch.filtered and batch.asked is not None:
            known = pl.Series(list(batch.asked), dtype=pl.Int64).implode()
            # A source that nobody knows may be one asked for, unless all of those are known.
            strangers = not batch.directory.covers(batch.asked)
            frame = frame.filter(pl.col("tracker_id").is_in(known).fill_null(value=strangers))
        wanted = schema(batch.event)
        return frame.select(
            pl.col(name) if name in frame.columns else pl.lit(None, dtype).alias(name)
            for name, dtype in wanted.items()
        )


def column(name: str, objects: Sequence[Any], attribute: str, dtype: Any) -> pl.Series:
    """Make a column of one attribute of each object; the types were checked at the gate."""
    return pl.Series(name, list(map(attrgetter(attribute), objects)), dtype=dtype, strict=True)


def lists(name: str, values: Sequence[list[Any] | None], dtype: Any) -> pl.Series:
    """Make a column of lists.

    Few different lists occur (most devices have the same inputs, mostly off), and Polars takes its
    time to build one from Python: so each different one is built once.
    """
    places: dict[Any, int] = {}
    rows = [
        places.setdefault(None if value is None else tuple(value), len(places)) for value in values
    ]
    distinct = [None if value is None else list(value) for value in places]
    return pl.Series(name, distinct, dtype=pl.List(dtype), strict=True).gather(
        pl.Series(rows, dtype=pl.UInt32)
    )
