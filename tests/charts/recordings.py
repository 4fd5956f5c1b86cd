"""Recordings in memory, made of what a test says happened in ten minutes from START on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from fleetlab.recording.manifest import Info
from fleetlab.recording.recording import Recording
from fleetlab.schemas import EVENTS, TABLES, empty, schema, table
from tests.charts.pictures import utc

START = utc("2026-07-01T09:00:00")
MINUTES = 10


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def micros(seconds: float) -> int:
    return int(START.timestamp() * 1_000_000) + round(seconds * 1_000_000)


def rows_of(event: str, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Rows of an event; a row that doesn't say so is news of tracker 1, the moment it happened."""
    full = [{"recording": "made", "snapshot": False, "tracker_id": 1, **row} for row in rows]
    full = [
        {"label": f"Truck {row['tracker_id']}", "received_at": row["event_time"], **row}
        for row in full
    ]
    wanted = schema(event)
    columns = {name: [row.get(name) for row in full] for name in wanted}
    return pl.DataFrame(columns, schema=dict(wanted))


def recording(
    *,
    gaps: Sequence[tuple[float, float, str]] = (),
    overruns: Sequence[tuple[float, int]] = (),
    notes: Sequence[tuple[float, str]] = (),
    rejects: Sequence[tuple[float, str]] = (),
    labels: dict[int, str] | None = None,
    minutes: float = MINUTES,
    name: str = "made",
    **events: Sequence[dict[str, Any]] | pl.DataFrame,
) -> Recording:
    """Make a recording; all times are seconds from START on."""
    tables = {one: empty(one) for one in TABLES}
    whole = [(micros(a), micros(b), float(b - a), why, None, None, None) for a, b, why in gaps]
    ones = [
        (micros(b - 5), micros(b), 5.0, "queue_overrun", "iot_monitor", who, "rpm")
        for b, who in overruns
    ]
    tables["gaps"] = table("gaps", whole + ones)
    tables["notes"] = table("notes", [(micros(when), text) for when, text in notes])
    tables["rejects"] = table(
        "rejects",
        [(1, micros(when), "state_batch", None, "$.x", why, "{}") for when, why in rejects],
    )
    if labels:
        known = pl.DataFrame({"tracker_id": list(labels), "label": list(labels.values())})
        tables["trackers"] = pl.concat([tables["trackers"], known], how="diagonal_relaxed")
    info = Info(
        name=name,
        started_at=START,
        ended_at=at(minutes * 60),
        server="demo",
        timezone="Europe/Madrid",
        requests=[{"type": event} for event in ("state_batch", "readings_batch")],
        stopped_because="time",
    )
    tails = {
        event: [rows if isinstance(rows, pl.DataFrame) else rows_of(event, rows)]
        for event, rows in events.items()
    }
    assert set(tails) <= set(EVENTS)
    return Recording(info, None, {}, tails, tables)


def charts_of(spec: Any, data: Any = None) -> list[dict[str, Any]]:
    """All single charts within a spec, from the top, each with its data."""
    data = spec.get("data", data)
    for key in ("vconcat", "hconcat", "layer"):
        if key in spec:
            return [one for part in spec[key] for one in charts_of(part, data)]
    return [{**spec, "data": data}]


def drawn(chart: Any, title: str) -> list[dict[str, Any]]:
    """Rows of the panel whose vertical axis, or own title, begins with these words."""
    spec = chart.to_dict()
    panels = [part for part in _panels(spec) if _title(part).startswith(title)]
    assert len(panels) == 1, f"{title!r} is not one of {list(map(_title, _panels(spec)))}"
    [*_, data] = [
        one["data"]["name"]
        for one in charts_of(panels[0])
        if "reason" not in str(one["encoding"].get("tooltip"))
    ]
    rows: list[dict[str, Any]] = spec["datasets"][data]
    return rows


def panel_titles(chart: Any) -> list[str]:
    return [title for part in _panels(chart.to_dict()) if (title := _title(part))]


def _panels(spec: dict[str, Any], data: Any = None) -> list[dict[str, Any]]:
    data = spec.get("data", data)
    for key in ("vconcat", "hconcat"):
        if key in spec:
            return [one for part in spec[key] for one in _panels(part, data)]
    return [{**spec, "data": data}]


def _title(panel: dict[str, Any]) -> str:
    title = panel.get("title")
    if title is not None:
        return str(title["text"] if isinstance(title, dict) else title)
    for one in charts_of(panel):
        axis = one["encoding"].get("y", {}).get("axis") or {}
        if axis.get("title"):
            words = axis["title"]
            return words if isinstance(words, str) else " ".join(words)
    return ""
