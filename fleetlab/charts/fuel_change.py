"""How much the level of each tank changed: first against last, no detection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from fleetlab.charts.source import Source

__all__ = ["fuel_changes"]


def fuel_changes(source: Source) -> pl.DataFrame:
    """Return each tank's first and last level within the bounds, largest change first.

    The level that held before the beginning counts as the first. A sensor that is made of others
    is left out where the others were heard of.

    Returns
    -------
    polars.DataFrame
        ``line``, tracker and tank; ``units``; ``first``, ``last``, ``change``; ``first_at`` and
        ``last_at``.
    """
    levels = (
        source.readings()
        .filter(pl.col("type") == "fuel", pl.col("value").is_not_null())
        .select(
            "tracker_id",
            "reading",
            "sensor_id",
            pl.col("line").cast(pl.String),
            pl.coalesce("sensor_label", "name", "reading").alias("tank"),
            pl.col("units").fill_null("units not told"),
            "value",
            "composite_sensor_ids",
            # What held before the beginning is the level at it.
            pl.col("event_time").clip(lower_bound=source.start),
        )
        .sort("event_time", maintain_order=True)
        .group_by("tracker_id", "reading", "units")
        .agg(
            pl.col("line", "tank", "sensor_id", "composite_sensor_ids").last(),
            pl.col("value").first().alias("first"),
            pl.col("value").last().alias("last"),
            pl.col("event_time").first().alias("first_at"),
            pl.col("event_time").last().alias("last_at"),
        )
        .collect()
    )
    made_of = levels.select(
        "tracker_id", "reading", sensor_id=pl.col("composite_sensor_ids")
    ).explode("sensor_id")
    sums = made_of.drop_nulls("sensor_id").join(
        levels.select("tracker_id", "sensor_id"), on=["tracker_id", "sensor_id"], how="semi"
    )
    return (
        levels.join(sums, on=["tracker_id", "reading"], how="anti")
        .with_columns(
            # Where there are several, the tank's name first: a tracker's may be too long for both.
            line=pl.when(pl.len().over("tracker_id") > 1)
            .then(pl.format("{} · {}", "tank", "line"))
            .otherwise("line"),
            change=pl.col("last") - pl.col("first"),
        )
        .select("line", "units", "first", "last", "change", "first_at", "last_at")
        .sort(pl.col("change").abs(), "line", descending=[True, False])
    )
