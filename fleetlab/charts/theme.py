"""One visual language: colours of states and lines, and a light and a dark theme.

Most colours are of M. Okabe and K. Ito's palette (2008) or near it; those of states are in
:mod:`fleetlab.colours`.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import altair as alt

from fleetlab.colours import STATES, UNKNOWN

__all__ = [
    "HEIGHT",
    "LINES",
    "STATES",
    "UNKNOWN",
    "WIDTH",
    "register",
]

WIDTH: Final = 720
HEIGHT: Final = 260

LINES: Final = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#7F5F00",
    "#7CCC5C",
)
"""Colours of lines; more of them can't be told apart in one panel."""

_FONT: Final = "system-ui, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif"


def _theme(*, ink: str, faint: str, grid: str, paper: str) -> dict[str, Any]:
    return {
        "config": {
            "background": paper,
            "font": _FONT,
            "view": {"stroke": None, "continuousWidth": WIDTH, "continuousHeight": HEIGHT},
            "axis": {
                "labelColor": ink,
                "titleColor": ink,
                "domainColor": faint,
                "tickColor": faint,
                "gridColor": grid,
                "labelFontSize": 11,
                "titleFontSize": 11,
                "titleFontWeight": "normal",
            },
            "legend": {"labelColor": ink, "titleColor": ink, "labelLimit": 220},
            "title": {
                "color": ink,
                "subtitleColor": ink,
                "anchor": "start",
                "fontSize": 14,
                "subtitleFontSize": 11,
                "offset": 10,
            },
            "header": {"labelColor": ink, "titleColor": ink},
            "text": {"color": ink},
            "rule": {"color": ink},
            "range": {"category": list(LINES)},
        },
    }


LIGHT: Final = _theme(ink="#1F2328", faint="#8C959F", grid="#E7EAEE", paper="#FFFFFF")
DARK: Final = _theme(ink="#E6E6E6", faint="#7D8590", grid="#32363B", paper="#111111")
# A page's own colours, which follow its reader's theme and print; alone, as an SVG, light ones.
PAGE: Final = _theme(
    ink="var(--ink, #1F2328)",
    faint="var(--faint, #8C959F)",
    grid="var(--grid, #E7EAEE)",
    paper="transparent",
)


def register() -> None:
    """Make the themes known to Altair as ``fleetlab`` and ``fleetlab-dark``; enables neither."""
    for name, theme in (("fleetlab", LIGHT), ("fleetlab-dark", DARK)):
        alt.theme.register(name, enable=False)(partial(dict, theme))  # type: ignore[arg-type]
