"""What the simulator's arguments may be, each refused with a sentence that says what would do."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from fleetlab.errors import InvalidArgument
from fleetlab.simulator.oddities import Oddity

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

__all__ = ["check_seconds", "check_start", "check_vehicles", "read_oddities", "read_zone"]

_MOST_VEHICLES = 100_000


def check_vehicles(count: int) -> None:
    """Refuse a fleet of none, or of more than would fit into memory."""
    if not 1 <= count <= _MOST_VEHICLES:
        raise InvalidArgument(f"vehicles must be 1 to {_MOST_VEHICLES}, not {count}.")


def check_start(start_at: datetime | None) -> None:
    """Refuse a moment that could be any of many."""
    if start_at is not None and start_at.utcoffset() is None:
        raise InvalidArgument(f"start_at needs an offset, which {start_at.isoformat()} lacks.")


def check_seconds(**seconds: float | None) -> None:
    """Refuse lengths of time that are not positive; None is what it means for each."""
    for name, value in seconds.items():
        if value is not None and not value > 0:
            raise InvalidArgument(f"{name} must be more than 0 seconds, not {value}.")


def read_zone(name: str) -> ZoneInfo:
    """Return a time zone."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as problem:
        raise InvalidArgument(
            f"There is no time zone {name!r}; an IANA name such as 'Europe/Madrid' is needed."
        ) from problem


def read_oddities(names: Iterable[Oddity | str]) -> frozenset[Oddity]:
    """Return oddities, of which one may be given alone."""
    asked = [names] if isinstance(names, str) else list(names)
    known = set(Oddity)
    for name in asked:
        if name not in known:
            raise InvalidArgument(f"No oddity is called {name!r}; there are {', '.join(Oddity)}.")
    return frozenset(Oddity(name) for name in asked)
