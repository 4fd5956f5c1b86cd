"""Figures in words."""

from __future__ import annotations

from typing import Final

__all__ = ["MINUS", "lasted"]

MINUS: Final = "\N{MINUS SIGN}"

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def lasted(seconds: float) -> str:
    """Return a time that something lasted, in its two largest units."""
    rest = round(seconds)
    parts: list[str] = []
    for size, unit in _UNITS:
        number, left = divmod(rest, size)
        if number or parts:
            parts.append(f"{number:,} {unit}" if number else "")
            rest = left
    return " ".join(part for part in parts[:2] if part) or f"{seconds:.1f} s"
