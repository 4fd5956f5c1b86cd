"""Since when what was told holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from fleetlab.recording.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetlab.charts.source import Source

__all__ = ["changes"]

_KEY: Final = "_line"


def changes(
    rows: pl.LazyFrame,
    source: Source,
    values: Sequence[str],
    renewed: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Return the rows that change something, each with the moment from which on it holds.

    That is the moment that the row speaks of, unless an earlier row spoke of it already: a device
    that is not heard any more keeps its last position, and what the platform says of it anew
    holds since it says so. A snapshot holds from the beginning, or from the end of the gap that
    it came after; no row holds before one that came before it.

    Parameters
    ----------
    rows : polars.LazyFrame
        ``line``, ``event_time``, ``server_time``, ``received_at``, ``snapshot``, the values, and
        whatever else is to be kept.
    source : Source
        What they are of.
    values : sequence of str
        The columns of which one has to change.
    renewed : polars.DataFrame, optional
        ``line`` and ``event_time``: moments after which all has to be told anew.
    """
    gaps = source.gaps.select("started_at", "ended_at").drop_nulls().sort("started_at")
    again = gaps["started_at"]
    if renewed is not None:
        again = pl.concat([again, renewed["event_time"]]).sort()
    number = pl.lit(again).search_sorted(pl.col("received_at"), side="left")
    moment = pl.col("event_time")
    found = rows.collect_schema()
    texts = [name for name in ("line", *values) if found[name] == pl.String]
    same = pl.col(_KEY) == pl.col(_KEY).shift(1)
    news = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(name).shift(1)) for name in (*values, "_again")
    )
    if source.since is not None:
        # What came before a gap that was over by the start says nothing of what is drawn.
        known = pl.when(pl.col("received_at") >= source.since)
        rows = rows.with_columns(known.then(name).alias(name) for name in values)
    # Numbers are compared and sorted in a fraction of the time that texts take.
    numbered = (
        rows.filter(moment.is_not_null())
        .with_columns(pl.col(texts).cast(pl.Categorical), _again=number)
        .with_columns(pl.col("line").to_physical().alias(_KEY))
        .collect()
    )
    changed = (
        _in_order(numbered)
        .lazy()
        .with_columns(
            event_time=pl.when(pl.col("snapshot") | ~same | (moment > moment.shift(1)))
            .then(moment)
            .otherwise(pl.max_horizontal(moment, "server_time")),
            _news=(~same | news).fill_null(value=True),
        )
        .filter(pl.col("_news") | pl.col("snapshot"))
        .with_columns(pl.col("line", *texts).cast(pl.String))
        .collect()
    )
    if isinstance(source.data, Recording):
        changed = _bounded(changed, gaps, renewed)
    return changed.with_columns(moment.cum_max().over(_KEY)).drop(_KEY, "_news", "_again")


def _in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows line by line as they came; mostly they are so already within each line."""
    rows = rows.sort(_KEY, maintain_order=True)
    received, moment, key = pl.col("received_at"), pl.col("event_time"), pl.col(_KEY)
    earlier = (received < received.shift(1)).fill_null(value=False) | (
        received.eq_missing(received.shift(1)) & (moment < moment.shift(1))
    )
    if not rows.select(((key == key.shift(1)) & earlier).any()).item():
        return rows
    return rows.sort(_KEY, "received_at", "event_time", maintain_order=True)


def _bounded(rows: pl.DataFrame, gaps: pl.DataFrame, renewed: pl.DataFrame | None) -> pl.DataFrame:
    """Let no row hold after it came, nor before the end of a gap, or a renewal, before that."""
    # What came in a gap, as we were not yet told that we are subscribed again, holds since then.
    rows = rows.sort("received_at", maintain_order=True).join_asof(
        gaps.select("started_at", _since=pl.col("ended_at").cum_max()),
        left_on="received_at",
        right_on="started_at",
        allow_exact_matches=False,
    )
    lowest = ["_since"]
    if renewed is not None:
        rows = rows.join_asof(
            renewed.select("line", _renewed="event_time").sort("_renewed"),
            left_on="received_at",
            right_on="_renewed",
            by="line",
            check_sortedness=False,
        )
        lowest.append("_renewed")
    came = pl.min_horizontal("event_time", "received_at")
    return (
        rows.with_columns(event_time=pl.max_horizontal(came, *lowest))
        .drop("started_at", *lowest)
        .sort(_KEY, "received_at", maintain_order=True)
    )
