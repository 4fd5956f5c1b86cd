"""Distances on the sphere, from expressions that every backend has.

The distance of two places is that of the arc between them on a sphere of radius
6,371,008.8 m, the mean radius of the WGS 84 ellipsoid (IUGG 1980, R₁), and is taken from the
chord between their unit vectors: chord = |u - v|, arc = 2 R asin(chord / 2). Unlike the cosine
formula it keeps its precision for places side by side, and it knows no antimeridian and no poles.
"""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING, Final

import narwhals as nw

if TYPE_CHECKING:
    from fleetlab.analysis.backends import Frame

__all__ = ["RADIUS_M", "arc_m", "unit_vector", "with_distance"]

RADIUS_M: Final = 6_371_008.8
"""Radius of the sphere, in metres."""

_TERMS: Final = 24  # of the series; at 1/2 the next one is below 1e-17


def unit_vector(lat: str, lng: str, prefix: str) -> list[nw.Expr]:
    """Return ``<prefix>x``, ``<prefix>y`` and ``<prefix>z`` of a place in degrees."""
    phi, lam = nw.col(lat) * (pi / 180), nw.col(lng) * (pi / 180)
    return [
        (phi.cos() * lam.cos()).alias(f"{prefix}x"),
        (phi.cos() * lam.sin()).alias(f"{prefix}y"),
        phi.sin().alias(f"{prefix}z"),
    ]


def with_distance(frame: Frame, one: str, other: str, name: str) -> Frame:
    """Add the distance in metres between two places given as unit vectors.

    Parameters
    ----------
    frame : narwhals.LazyFrame
        Has ``<one>x``, ``<one>y``, ``<one>z`` and the same of the other.
    one, other : str
        Prefixes of the two places.
    name : str
        Name of the column to add; null where a place is.
    """
    deltas = [nw.col(f"{one}{axis}") - nw.col(f"{other}{axis}") for axis in "xyz"]
    half = (deltas[0] * deltas[0] + deltas[1] * deltas[1] + deltas[2] * deltas[2]).sqrt() * 0.5
    # One step after the other, for in SQL an expression that is used twice is written out twice.
    return arc_m(frame.with_columns(half.alias(name)), name)


def arc_m(frame: Frame, name: str) -> Frame:
    """Turn half a chord of the unit sphere, a column, into the arc's length in metres."""
    half = nw.col(name)
    # The series converges below 1/2; beyond, asin x = π/2 - 2 asin √((1 - x) / 2).
    far = half > 0.5  # noqa: PLR2004
    inner = nw.when(half < 1.0).then((1.0 - half) * 0.5).otherwise(nw.lit(0.0)).sqrt()
    frame = frame.with_columns(
        nw.when(far).then(inner).otherwise(half).alias("_asin"), far.alias("_far")
    )
    near = nw.col("_asin")
    frame = frame.with_columns((near * near).alias("_square"))
    frame = frame.with_columns((_series(nw.col("_square")) * near).alias("_asin"))
    arc = nw.when(nw.col("_far")).then(pi / 2 - near * 2.0).otherwise(near)
    return frame.with_columns((arc * (2 * RADIUS_M)).alias(name)).drop("_asin", "_square", "_far")


def _series(square: nw.Expr) -> nw.Expr:
    """Return asin(x) / x as a polynomial in x²."""
    factors = [1.0]
    for n in range(1, _TERMS):
        factors.append(factors[-1] * (2 * n - 1) / (2 * n))
    factors = [factor / (2 * n + 1) for n, factor in enumerate(factors)]
    total = nw.lit(factors[-1])
    for factor in reversed(factors[:-1]):
        total = total * square + factor
    return total
