"""Which positions count on a map, and where a track breaks: the same in charts and live views.

Apart, because charts take long to import.
"""

from __future__ import annotations

import math
from typing import Final

import polars as pl

from fleetlab.analysis.islands import UNHEARD

__all__ = ["METRES", "breaks", "changes", "is_placed", "is_silent", "is_towers"]

METRES: Final = 6_371_008.8 * math.pi / 180
"""Metres in a degree of a great circle."""

_SILENCE_S: Final = 1_200  # without a position that long, nobody knows the way
_FASTEST_KMH: Final = 300.0
_HALF_WORLD: Final = 180  # degrees


def is_placed() -> pl.Expr:
    """Whether a state has a position on the globe; 0, 0 is none."""
    lat, lng = pl.col("lat"), pl.col("lng")
    placed = lat.is_between(-90, 90) & lng.is_between(-180, 180) & ((lat != 0) | (lng != 0))
    return placed.fill_null(value=False)


def is_silent() -> pl.Expr:
    """Whether a state is of a device that the platform does not hear."""
    return pl.col("connection_status").is_in(UNHEARD).fill_null(value=False)


def is_towers() -> pl.Expr:
    """Whether a state's position is that of cell towers."""
    return pl.col("gsm_lbs").fill_null(value=False)


def breaks(who: str, *counts: str) -> pl.Expr:
    """Whether a track breaks before a point: of points tracker by tracker, each in time.

    It does at another tracker's, where one of ``counts`` has changed, after twenty minutes without
    a position, and at a jump that no vehicle makes. Needs ``event_time``, ``lat``, ``lng``.
    """
    lat, lng = pl.col("lat"), pl.col("lng")
    north = lat.diff() * METRES
    east = ((lng.diff() + _HALF_WORLD) % 360 - _HALF_WORLD) * METRES * lat.radians().cos()
    seconds = pl.col("event_time").diff().dt.total_microseconds() / 1e6
    return (
        pl.any_horizontal(changes(name) for name in (who, *counts))
        | (seconds > _SILENCE_S)
        | ((north**2 + east**2).sqrt() > _FASTEST_KMH / 3.6 * seconds)
    )


def changes(column: str, step: int = 1) -> pl.Expr:
    """Whether a column differs from the row before, or from the one that many steps back."""
    return pl.col(column).ne_missing(pl.col(column).shift(step))
