"""Latency: how long data takes from the device to the platform, and from there to here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from fleetlab.analysis.batches import by_tracker
from fleetlab.analysis.sources import STATES, Source

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["latency"]

_US: Final = 1_000_000
_WAYS: Final = ("device_to_platform", "platform_to_here")
_COLUMNS: Final = {
    "n": nw.Int64,
    **{f"{way}_{what}": nw.Float64 for way in _WAYS for what in ("median", "p95", "max")},
}


def latency(
    data: Any,
    *,
    gaps: Any = None,
    observed: tuple[datetime | str, datetime | str] | None = None,
    states: Any = None,
    explain: bool = False,
) -> Any:
    """Return each tracker's delays from the device to the platform, and from there to here.

    The first goes from ``event_time``, by the device's clock, to ``srv_time``, when the platform
    received it, where a frame tells it (``iot_monitor``), else to ``server_time``, the server's
    clock as it sent the event: that includes how long it waited for the next batch. The second goes
    from there to ``received_at``, by this computer's clock. A clock that is ahead makes them
    negative. Snapshots, which tell of the past, don't count.

    Parameters
    ----------
    data : Recording, path, iterable of paths, or a frame of Polars, DuckDB or PySpark
        Rows of any event: ``tracker_id``, ``label``, ``event_time``, ``server_time`` or
        ``srv_time``, ``received_at`` (UTC), ``snapshot``. Of a recording its states, or, where
        there are none, its readings.
    gaps, observed, states
        As of :func:`fleetlab.trips`; gaps and bounds make no difference here.
    explain : bool
        Has no effect: there are no thresholds.

    Returns
    -------
    frame
        Of the input's kind, a row a tracker, sorted by it: ``tracker_id``, ``label``,
        ``started_at`` and ``ended_at``, its first and last row (UTC), ``duration_s`` between them;
        ``n``, rows counted; ``device_to_platform_median``, ``…_p95``, ``…_max`` and
        ``platform_to_here_median``, ``…_p95``, ``…_max``, in seconds; null where a time is missing.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    """
    del explain
    events = (*STATES, "readings_batch", "iot_monitor")
    source = Source.of(data, events=events, gaps=gaps, observed=observed, rows=states)

    def detect(source: Source) -> Any:
        rows = source.rows("server_time", "srv_time").filter(~nw.col("snapshot"))
        platform = nw.coalesce("srv_us", "server_us")
        rows = rows.select(
            "tracker_id",
            "event_us",
            (platform - nw.col("event_us")).cast(nw.Float64).alias(_WAYS[0]),
            (nw.col("received_us") - platform).cast(nw.Float64).alias(_WAYS[1]),
        )
        found = rows.group_by("tracker_id").agg(
            nw.col("event_us").min().alias("started_us"),
            nw.col("event_us").max().alias("ended_us"),
            nw.len().alias("n"),
            *(
                made.alias(f"{way}_{what}")
                for way in _WAYS
                for what, made in (
                    ("median", nw.col(way).median()),
                    ("p95", nw.col(way).quantile(0.95, "linear")),
                    ("max", nw.col(way).max()),
                )
            ),
        )
        delays = [name for name in _COLUMNS if name != "n"]
        return source.findings(found.with_columns(nw.col(*delays) / _US), _COLUMNS)

    return by_tracker(detect, source)
