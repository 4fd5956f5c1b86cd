"""How many trackers are in each state, over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from fleetlab.charts.bands import spans
from fleetlab.charts.buckets import Buckets
from fleetlab.charts.states import States
from fleetlab.charts.theme import UNKNOWN

if TYPE_CHECKING:
    from fleetlab.charts.source import Source

__all__ = ["STATUSES", "shares"]

STATUSES: Final = ("moving", "stopped", "parked", "blocked", "removed", UNKNOWN)
"""The states, from the bottom of the chart to its top."""


def shares(source: Source) -> pl.DataFrame:
    """Return how many trackers are in each state, looked at from bucket to bucket.

    The states are those of the bands of :func:`fleetlab.charts.status`; what is none of
    :data:`STATUSES` is unknown. Each tracker counts at all times.

    Returns
    -------
    polars.DataFrame
        ``began``, ``ended``, ``status``, ``count``, ``of`` (how many in all), and ``low`` and
        ``high``, the edges of the share when the states are stacked. No rows where there is no
        tracker.
    """
    told = States.of(source)
    bands = spans(told.events("movement"), source, told.lines)
    of = len(told.lines)
    statuses = pl.Enum(STATUSES)
    bands = bands.with_columns(status=pl.col("state").cast(statuses, strict=False))
    bands = bands.with_columns(pl.col("status").fill_null(UNKNOWN))
    buckets = Buckets.over(source)
    # A change counts from the first bucket on that begins with it or after it.
    moment = pl.col("moment").dt.offset_by("-1us")
    deltas = (
        pl.concat(
            bands.select("status", moment=column, count=sign)
            for column, sign in (("since", pl.lit(1)), ("until", pl.lit(-1)))
        )
        .filter(pl.col("moment") < source.end)
        .group_by("status", buckets.number(moment) + 1)
        .agg(pl.col("count").sum())
    )
    share = pl.col("count") / of
    return (
        buckets.frame()
        .join(pl.DataFrame({"status": STATUSES}, schema={"status": statuses}), how="cross")
        .join(deltas, on=["bucket", "status"], how="left")
        .sort("bucket", "status")
        .with_columns(of=of, count=pl.col("count").fill_null(0).cum_sum().over("status"))
        .with_columns(high=share.cum_sum().over("bucket"))
        .with_columns(low=pl.col("high") - share)
        .with_columns(pl.col("status").cast(pl.String))
        # Buckets in which nothing changes are one.
        .sort("status", "bucket")
        .group_by(pl.struct("status", "low", "high").rle_id().alias("_run"))
        .agg(
            pl.col("began").first(),
            pl.col("ended").last(),
            pl.col("status", "count", "of", "low", "high").first(),
        )
        .filter(pl.col("count") > 0)
        .drop("_run")
        .sort("began", "low")
    )
