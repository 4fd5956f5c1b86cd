"""Readings of many trackers in one line, and where each of them stood."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain, compress, repeat
from typing import TYPE_CHECKING, Any, Final

from fleetlab.tables.rows import fields_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["PARTS", "Places", "line_up"]

PARTS: Final = ("inputs", "states", "virtual_sensors", "counters")
"""A tracker's lists of readings, one of each kind."""


@dataclass
class Places:
    """Where readings in a line stood.

    Attributes
    ----------
    lists, lengths : list of int
        Of each list its number, of which every tracker has four, and how many readings it gave.
    spots : list of int or None
        Of each reading its place in its list; None where they all follow one another.
    """

    lists: list[int]
    lengths: list[int]
    spots: list[int] | None = None

    @cached_property
    def _starts(self) -> list[int]:
        return list(accumulate(self.lengths, initial=0))

    def kinds(self) -> Iterator[int]:
        """Return the kind of each reading."""
        kinds = [number % len(PARTS) for number in self.lists]
        return chain.from_iterable(map(repeat, kinds, self.lengths))

    def of(self, row: int) -> tuple[int, str, int]:
        """Return the number of a reading's tracker, the list it stood in, and its place there."""
        place = bisect_right(self._starts, row) - 1
        tracker, kind = divmod(self.lists[place], len(PARTS))
        spot = row - self._starts[place] if self.spots is None else self.spots[row]
        return tracker, PARTS[kind], spot

    def first_row(self, tracker: int) -> int | None:
        """Return the first reading of a tracker, by its number."""
        first = len(PARTS) * tracker
        place = bisect_left(self.lists, first)
        is_there = place < len(self.lists) and self.lists[place] < first + len(PARTS)
        return self._starts[place] if is_there else None


def line_up(decoded: Sequence[Any]) -> tuple[list[Any], Places]:
    """Line up the readings of several trackers.

    Parameters
    ----------
    decoded : sequence of msgspec.Struct or None
        Objects with the fields ``PARTS``.

    Returns
    -------
    entries : list of msgspec.Struct
        The readings, less those that could not be read.
    places : Places
        Where they stood.
    """
    fields = fields_of(decoded, PARTS)
    # For each tracker its four lists, one after another; what isn't there is as good as empty.
    lists = list(chain.from_iterable(zip(*(fields[part] for part in PARTS), strict=True)))
    spots = None
    if not all(chain.from_iterable(filter(None, lists))):
        spots = [spot for one in lists for spot, entry in enumerate(one or ()) if entry]
        lists = [list(filter(None, one or ())) for one in lists]
    filled = list(filter(None, lists))
    entries = list(chain.from_iterable(filled))
    numbers = list(compress(range(len(lists)), lists))
    return entries, Places(numbers, list(map(len, filled)), spots)
