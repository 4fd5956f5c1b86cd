"""Devices that went silent, by the platform's rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from fleetlab.charts.words import lasted

if TYPE_CHECKING:
    from fleetlab.charts.source import Source

__all__ = ["OFFLINE_S", "SILENT_S", "silent"]

SILENT_S: Final = 300
"""A position that was not updated for so long: the device is silent."""

OFFLINE_S: Final = 600
"""From then on the platform counts it as offline."""


def silent(source: Source) -> pl.DataFrame:
    """Return the longest silence of each tracker that had one; those still silent come first.

    A position holds until the next row of its tracker, which tells either a new one or that there
    is none. In a gap nothing is told; what was updated there is unknown.

    Returns
    -------
    polars.DataFrame
        ``line``; ``since`` and ``until``; ``silent_s``; ``offline``, whether it was long enough for
        that; ``kind``, what came then; ``words``, how long in words.
    """
    fixed = pl.col("gps_updated")
    told = (
        source.states()
        .filter(pl.col("tracker_id").is_not_null(), fixed.is_not_null())
        .filter(pl.col("received_at") <= source.end)
        .select("tracker_id", "line", "received_at", "gps_updated")
        .sort("received_at", maintain_order=True)
    )
    following = [
        pl.col("received_at").shift(-1).over("tracker_id").alias("_heard"),
        fixed.shift(-1).over("tracker_id").alias("_next"),
    ]
    lost = source.gaps.lazy().select(pl.col("started_at").alias("_lost")).sort("_lost")
    known = (
        told.with_columns(following)
        .with_columns(_heard=pl.col("_heard").fill_null(source.end))
        # Most rows tell of a position that is fresh and soon followed by another.
        .filter(pl.col("_next").fill_null(source.end) - fixed >= pl.duration(seconds=SILENT_S))
        .join_asof(lost, left_on="received_at", right_on="_lost", strategy="forward")
    )
    until = (
        pl.when(pl.col("_lost") < pl.col("_heard"))
        .then("_lost")
        .when(pl.col("_next") > fixed)
        .then(pl.min_horizontal("_next", "_heard"))
        .otherwise("_heard")
    )
    silence = (pl.col("until") - pl.col("since")).dt.total_milliseconds() / 1000
    longest = (
        known.select("line", fixed.alias("since"), until.alias("until"))
        .with_columns(silent_s=silence)
        .filter(pl.col("silent_s") >= SILENT_S, pl.col("until") > source.start)
        .with_columns(still=pl.col("until") == source.end)
        .sort("still", "silent_s", "line", descending=[True, True, False])
        .unique("line", keep="first", maintain_order=True)
        .collect()
    )
    return longest.with_columns(
        offline=pl.col("silent_s") >= OFFLINE_S,
        kind=pl.when("still")
        .then(pl.lit("still silent at the end"))
        .otherwise(pl.lit("heard again")),
        words=pl.col("silent_s").map_elements(lasted, return_dtype=pl.String),
    )
