"""What a chart shows once it is drawn: its labels, and the moments that they stand at."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import altair as alt
import polars as pl
import vl_convert

from fleetlab.schemas import schema

_LABEL = re.compile(
    r'<text[^>]*transform="translate\(([-\d.]+),[-\d.]+\)"[^>]*>(?:<tspan[^>]*>)?([^<]*)'
)


def svg_of(chart: Any) -> str:
    """Draw a chart as SVG."""
    return vl_convert.vegalite_to_svg(chart.to_dict(), vl_version="6.4")


def png_of(chart: Any) -> bytes:
    """Draw a chart as PNG."""
    picture = vl_convert.vegalite_to_png(chart.to_dict(), vl_version="6.4")
    assert picture.startswith(b"\x89PNG")
    return picture


def labels_of(chart: Any) -> list[tuple[float, str]]:
    """Return place in pixels and text of the time axis's labels."""
    axis = svg_of(chart).partition('aria-label="X-axis')[2]
    axis = axis.partition('role-axis-label"')[2].partition("role-axis-title")[0]
    return [(float(x), text) for x, text in _LABEL.findall(axis)]


def moments_of(
    chart: Any, start: datetime, end: datetime, width: int
) -> list[tuple[datetime, str]]:
    """Return the true moment and the text of each label of the time axis."""
    span = (end - start).total_seconds()
    return [
        (start + timedelta(seconds=round(x / width * span)), text) for x, text in labels_of(chart)
    ]


def data_of(chart: Any) -> list[dict[str, Any]]:
    """Return all rows of data that a chart holds."""
    return [row for rows in chart.to_dict().get("datasets", {}).values() for row in rows]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def states(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Return a frame of states; what a row doesn't tell is null."""
    wanted = schema("state_batch")
    full = [{"snapshot": False, "tracker_id": 1, "label": "one", **row} for row in rows]
    full = [{"received_at": row["event_time"], **row} for row in full]
    return pl.DataFrame(
        {name: [row.get(name) for row in full] for name in wanted}, schema=dict(wanted)
    )


def is_valid(chart: Any) -> alt.TopLevelMixin:
    """Check a chart against Vega-Lite's schema, and that it is no larger than it may be."""
    assert len(chart.to_json(indent=None)) < 2_000_000
    return chart
