"""Ids of trackers as people pass them: whole numbers of any library, in any collection."""

from __future__ import annotations

import operator
from typing import Any, Final, Literal

from fleetlab.errors import InvalidArgument, Words

__all__ = ["Trackers", "tracker_ids", "whole"]

Trackers = Literal["all"] | tuple[int, ...]

_MAX_ID: Final = 2**63 - 1


def tracker_ids(value: object, where: str = "") -> Trackers | None:
    """Check a ``trackers`` argument: ``"all"``, None, or ids, returned without repetitions."""
    name = f"{where}: trackers" if where else Words("trackers", "--trackers")
    if value is None:
        return None
    if isinstance(value, str) and value == "all":
        return "all"
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise InvalidArgument(
            name,
            f'={value!r} is neither "all" nor a list of tracker ids. '
            "Write for example trackers=[101, 102].",
        )
    ids: dict[int, None] = {}
    for item in value:
        number = whole(item)
        if number is None or not 0 < number <= _MAX_ID:
            raise InvalidArgument(
                name, f": {item!r} is not a tracker id; ids are whole numbers above 0."
            )
        ids[number] = None
    if not ids:
        raise InvalidArgument(name, ' is empty; give ids, or "all" for every tracker.')
    return tuple(ids)


def whole(value: Any) -> int | None:
    """Return a whole number of any library as Python's own; None for all else, bools included."""
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None
