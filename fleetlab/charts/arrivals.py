"""What arrived when: every row of every event, counted by the time of its arrival here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import polars as pl

from fleetlab.charts.buckets import Buckets
from fleetlab.charts.source import Source
from fleetlab.charts.time_axis import Zone
from fleetlab.recording.recording import Recording
from fleetlab.schemas import EVENTS, schema

__all__ = ["Arrivals", "by_arrival", "delays"]

_NEEDED: Final = ("recording", "seq", "received_at", "event_time", "snapshot", "tracker_id")
_MICROS: Final = 1_000_000


def by_arrival(source: Source, *, start: object, end: object) -> Source:
    """Return a source whose time is that of arrival.

    Parameters
    ----------
    source : Source
        What is drawn. A bare frame's bounds become its first and last arrivals.
    start, end : object
        What the caller named; a bound that was named stays.
    """
    if isinstance(source.data, Recording) or source.start is None or source.end is None:
        return source
    arrived = source.data.lazy()
    if "received_at" not in arrived.collect_schema().names():
        return source
    moment = pl.col("received_at")
    extent = arrived.select(moment.min().alias("first"), moment.max().alias("last")).collect()
    [(first, last)] = extent.rows()
    begin = source.start if start is not None or first is None else first
    finish = source.end if end is not None or last is None else last
    finish = max(finish, begin + timedelta(seconds=1))
    zone = Zone.over(source.zone.name, begin, finish)
    return Source(**source.__dict__ | {"start": begin, "end": finish, "zone": zone})


@dataclass(frozen=True)
class Arrivals:
    """Arrivals counted.

    Attributes
    ----------
    buckets : Buckets
        The time that is drawn, in parts.
    counts : polars.DataFrame
        ``event``, ``bucket``, ``messages`` (each counted once) and ``rows``.
    trackers : int
        How many trackers were heard of, snapshots included.
    """

    buckets: Buckets
    counts: pl.DataFrame
    trackers: int

    @classmethod
    def of(cls, source: Source) -> Arrivals:
        """Count what arrived within the bounds of a source."""
        buckets = Buckets.over(source)
        rows = _rows(source)
        bucket = buckets.number(pl.col("received_at"))
        # Each recording numbers its messages from 1.
        counts = (
            rows.group_by("event", "recording", bucket)
            .agg(pl.col("seq").n_unique().alias("messages"), pl.len().alias("rows"))
            .group_by("event", "bucket")
            .agg(pl.col("messages", "rows").sum())
        )
        heard = rows.select(pl.col("tracker_id").drop_nulls().n_unique())
        found = pl.collect_all([counts.sort("event", "bucket"), heard])
        return cls(buckets, found[0], found[1].item())

    @property
    def events(self) -> list[str]:
        """The events that brought rows, most rows first."""
        by_event = self.counts.group_by("event").agg(pl.col("rows").sum())
        return by_event.sort("rows", "event", descending=[True, False])["event"].to_list()


def delays(source: Source, buckets: Buckets) -> pl.DataFrame:
    """Return how long it took from the moments that rows speak of to their arrival here.

    Returns
    -------
    polars.DataFrame
        ``bucket``, of the arrival; ``median_s``, ``p95_s``; and of how many ``rows``. Snapshots
        speak of the past and don't count.
    """
    waited = (pl.col("received_at") - pl.col("event_time")).dt.total_microseconds() / _MICROS
    return (
        _rows(source)
        .filter(
            ~pl.col("snapshot"),
            # A row that names no moment has that of its arrival.
            pl.col("received_at") != pl.col("event_time"),
        )
        .group_by(buckets.number(pl.col("received_at")))
        .agg(
            waited.median().alias("median_s"),
            waited.quantile(0.95, "linear").alias("p95_s"),
            pl.len().alias("rows"),
        )
        .sort("bucket")
        .collect()
    )


def _rows(source: Source) -> pl.LazyFrame:
    assert source.start is not None
    assert source.end is not None
    data = source.data
    frames = (
        {event: data.scan(event) for event in EVENTS}
        if isinstance(data, Recording)
        else {"frame": data.lazy()}
    )
    dtypes = schema("state")
    parts = []
    for event, lazy in frames.items():
        has = lazy.collect_schema().names()
        columns = [
            pl.col(name) if name in has else pl.lit(None, dtypes[name]).alias(name)
            for name in _NEEDED
        ]
        parts.append(
            source.chosen(lazy)
            .select(pl.lit(event).alias("event"), *columns)
            .with_columns(pl.col("snapshot").fill_null(value=False))
            .filter(pl.col("received_at").is_between(source.start, source.end))
        )
    return pl.concat(parts)
