"""Ids of trackers as people pass them: whole numbers of any library, in any collection."""

from __future__ import annotations

import operator
from typing import Any, Final, Literal

from fleetlab.errors import InvalidArgument, Words

__all__ = ["Trackers", "tracker_ids", "whole"]

Trackers = Literal["all"] | tuple[int, ...]

_MAX_ID: Final = 2**63 - 1


_TRACKERS: Final = Words("trackers", "--trackers")


def tracker_ids(value: object, where: str = _TRACKERS) -> Trackers | None:
    """Check a ``trackers`` argument: ``"all"``, None, or ids, returned without repetitions."""
    if value is None:
        return None
    if isinstance(value, str) and value == "all":
        return "all"
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise InvalidArgument(
            f'{where}: trackers={value!r} is neither "all" nor a list of tracker ids. '
            "Write for example trackers=[101, 102]."
        )
    ids: dict[int, None] = {}
    for item in value:
        number = whole(item)
        if number is None or not 0 < number <= _MAX_ID:
            raise InvalidArgument(
                where, f": {item!r} is not a tracker id; ids are whole numbers above 0."
            )
        ids[number] = None
    if not ids:
        raise InvalidArgument(f'{where}: trackers is empty; give ids, or "all" for every tracker.')
    return tuple(ids)


def whole(value: Any) -> int | None:
    """Return a whole number of any library as Python's own; None for all else, bools included."""
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None
