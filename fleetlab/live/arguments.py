"""What views are asked for, checked before anything is looked at."""

from __future__ import annotations

from typing import Final

from fleetlab.errors import InvalidArgument
from fleetlab.ids import whole
from fleetlab.job import Job
from fleetlab.recording import Recording

__all__ = ["checked", "named", "number"]

SOONEST_S: Final = 0.1
LATEST_S: Final = 3600.0


def checked(view: str, source: object, every: object) -> tuple[Job | Recording, float]:
    """Return what a view is to follow and how often it looks, or refuse it in a sentence.

    Raises
    ------
    InvalidArgument
        If the source is something else, or ``every`` out of bounds.
    """
    if not isinstance(source, Job | Recording):
        raise InvalidArgument(
            f"{view} takes a job of fl.start or a recording, not a {type(source).__name__}; to "
            "watch a replay, capture from it: fl.start(server=replay.base_url, "
            "api_key=replay.api_key)."
        )
    return source, number("every", every, SOONEST_S, LATEST_S, "seconds")


def number(name: str, value: object, least: float, most: float, unit: str) -> float:
    """Return a number that is within its bounds.

    Raises
    ------
    InvalidArgument
        If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgument(f"{name}= is a number of {unit}, not {value!r}.")
    if not least <= value <= most:
        raise InvalidArgument(
            f"{name}= must be from {least:g} to {most:,.0f} {unit}, not {value!r}."
        )
    return float(value)


def named(trackers: object) -> tuple[int | str, ...] | None:
    """Return ids and labels of trackers, each once; None where none were named.

    Raises
    ------
    InvalidArgument
        If one is neither.
    """
    if trackers is None:
        return None
    single = isinstance(trackers, str) or not hasattr(trackers, "__iter__")
    found: dict[int | str, None] = {}
    for one in (trackers,) if single else trackers:  # type: ignore[attr-defined]
        name = one if isinstance(one, str) else whole(one)
        if name is None:
            raise InvalidArgument(f"{one!r} in trackers= is neither a tracker's id nor its label.")
        found[name] = None
    return tuple(found)
