"""Colours of states, the same in charts and live views; apart, because charts take long to import.

They are apart for every kind of colour-blindness and in grey print: parked is the darkest, then
moving and stopped, and what is unknown is a light grey.
"""

from __future__ import annotations

from typing import Final

__all__ = ["STATES", "UNKNOWN"]

UNKNOWN: Final = "unknown"

STATES: Final = {
    "moving": "#009E73",
    "stopped": "#E69F00",
    "parked": "#0A4F80",
    "ignition on": "#D55E00",
    "ignition off": "#AFBAC4",
    "active": "#1B6CA8",
    "idle": "#74B9E6",
    "signal_lost": "#C9A0B8",
    "offline": "#8F8A86",
    "just_registered": "#B8B8B8",
    "just_replaced": "#B8B8B8",
    "blocked": "#A3195B",
    "removed": "#3C3C3C",
    UNKNOWN: "#D9D9D9",
}
"""Colour by state, the same in all charts and live views."""
