"""Thresholds that are checked before anything is computed."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from fleetlab.errors import InvalidArgument, argument

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["number", "one_of"]


def number(name: str, value: float, low: float, high: float, unit: str) -> float:
    """Return a threshold as a float.

    Parameters
    ----------
    name : str
        The argument's.
    value : float
        What the caller gave.
    low, high : float
        The least and the greatest that make sense.
    unit : str
        Of all three; empty where they have none.

    Raises
    ------
    InvalidArgument
        If it is no number, or outside.
    """
    fits = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    if not fits or not low <= value <= high:
        words = f" {unit}" if unit else ""
        raise InvalidArgument(
            argument(name, value),
            f" doesn't fit; give a number from {low:,g} to {high:,g}{words}.",
        )
    return float(value)


def one_of(name: str, value: str, choices: Sequence[str]) -> str:
    """Return a choice, or say which there are."""
    if value not in choices:
        raise InvalidArgument(f"{name}={value!r} is unknown; choose from {', '.join(choices)}.")
    return value
