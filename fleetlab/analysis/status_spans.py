"""Spans of status: movement, ignition, connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from fleetlab.analysis.batches import by_tracker
from fleetlab.analysis.islands import held, islands
from fleetlab.analysis.sources import Source
from fleetlab.analysis.timeline import told, within

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["status_spans"]

_WHAT: Final = {
    "movement": "movement_status",
    "ignition": "ignition",
    "connection": "connection_status",
}
_COLUMNS: Final = {
    "what": nw.String,
    "value": nw.String,
    "n_points": nw.Int64,
    "censored_start": nw.Boolean,
    "censored_end": nw.Boolean,
}


def status_spans(
    data: Any,
    *,
    gaps: Any = None,
    observed: tuple[datetime | str, datetime | str] | None = None,
    states: Any = None,
    explain: bool = False,
) -> Any:
    """Return how long trackers moved or stood, had their ignition on, and were connected.

    The words are the platform's own: of ``movement``, moving, stopped or parked; of ``connection``,
    active, idle (no position for 5 minutes), offline (for 10) and others; of ``ignition``, on or
    off. What is told holds from the moment that the row speaks of, or, where an earlier row spoke
    of it already, from when the server sent it, until the next row. A null tells nothing, so that
    what was told before holds. Unknown, and in no span, is what was so in a gap and before the
    first row, and movement and ignition while ``connection`` says that the device isn't heard.

    Parameters
    ----------
    data : Recording, path, iterable of paths, or a frame of Polars, DuckDB or PySpark
        States: ``tracker_id``, ``label``, ``event_time``, ``server_time``, ``received_at`` (UTC),
        ``snapshot``, ``movement_status``, ``ignition``, ``connection_status``. What a frame lacks
        counts as null.
    gaps, observed, states
        As of :func:`fleetlab.trips`.
    explain : bool
        Has no effect: there are no thresholds.

    Returns
    -------
    frame
        Of the input's kind, sorted by tracker, start and ``what``: ``tracker_id``, ``label``,
        ``started_at`` and ``ended_at`` (UTC), ``duration_s``; ``what`` (``movement``, ``ignition``,
        ``connection``); ``value``; ``n_points``, its rows; ``censored_start`` and ``censored_end``,
        true where it was not seen to begin, or to end.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    """
    del explain
    source = Source.of(data, gaps=gaps, observed=observed, rows=states)

    def detect(source: Source) -> Any:
        names = tuple(_WHAT.values())
        rows = within(told(source.rows("server_time", *names), names), source)
        on = nw.col("ignition")
        told_of = nw.col("connection_status").fill_null(strategy="forward")
        rows = rows.with_columns(
            ignition=nw.when(on).then(nw.lit("on")).otherwise(nw.when(~on).then(nw.lit("off"))),
            connection_status=told_of.over("tracker_id", "segment", order_by="t"),
        )
        rows = held(rows, ("movement_status", "ignition"))
        found = [
            islands(rows, name).select(
                "tracker_id",
                "started_us",
                "ended_us",
                nw.lit(what).alias("what"),
                nw.col(name).alias("value"),
                "n_points",
                "censored_start",
                "censored_end",
            )
            for what, name in _WHAT.items()
        ]
        return source.findings(nw.concat(found), _COLUMNS, by=("what",))

    return by_tracker(detect, source)
