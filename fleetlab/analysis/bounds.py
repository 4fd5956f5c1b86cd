"""When rows could come: from when to when it was watched, and the gaps in between."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw
import polars as pl

from fleetlab.analysis.backends import backend_of
from fleetlab.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetlab.recording import Recording

__all__ = ["bounds_of", "gaps_of", "named_bounds"]

_EVER: Final = 2**62  # µs; the end of a gap that is open, and past every moment
_HEARD: Final = ("state_batch", "state", "readings_batch", "iot_monitor")


def bounds_of(recording: Recording) -> tuple[int, int]:
    """Return from when to when a recording watched; one that runs did so until the last row."""
    info = recording.info
    start = _micros(info.started_at)
    if info.ended_at is not None:
        return start, _micros(info.ended_at)
    latest = [
        recording.scan(event).select(pl.col("received_at").max().dt.epoch("us")) for event in _HEARD
    ]
    heard = [frame.item() for frame in pl.collect_all(latest) if frame.item() is not None]
    return start, max(heard, default=start)


def _micros(moment: datetime) -> int:
    seconds = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (seconds.days * 86_400 + seconds.seconds) * 1_000_000 + seconds.microseconds


def named_bounds(value: Any) -> tuple[int, int]:
    """Return the bounds that a caller named."""
    try:
        start, end = (datetime.fromisoformat(one) if isinstance(one, str) else one for one in value)
        fits = start.tzinfo is not None and end.tzinfo is not None and start <= end
    except (TypeError, ValueError, AttributeError):
        fits = False
    if not fits:
        raise InvalidArgument(
            f"observed={value!r} is not from when to when; give two moments with their zone, the "
            "earlier one first."
        )
    return _micros(start), _micros(end)


def gaps_of(gaps: Any, events: Sequence[str]) -> list[tuple[int | None, int, int]]:
    """Return gaps that concern all of an event, or all of a tracker in it."""
    frame, backend = backend_of(gaps)
    found = frame.collect_schema()
    for name in ("started_at", "ended_at"):
        if not isinstance(found.get(name), nw.Datetime):
            raise InvalidArgument(
                f"gaps= needs moments in started_at and ended_at; it has {', '.join(found)}."
            )
    if "field" in found:
        frame = frame.filter(nw.col("field").is_null())
    if "event" in found:
        event = nw.col("event")
        frame = frame.filter(event.is_null() | event.is_in(list(events)))
    who = nw.col("tracker_id") if "tracker_id" in found else nw.lit(None, nw.Int64)
    frame = backend.micros(frame, ["started_at", "ended_at"]).select(
        who.cast(nw.Int64).alias("gap_tracker"), "started_at", "ended_at"
    )
    rows = [row for row in backend.fetch(frame) if row[1] is not None]
    return sorted(
        ((who, start, _EVER if end is None else end) for who, start, end in rows),
        key=lambda gap: (gap[1], gap[2], gap[0] or 0),
    )
