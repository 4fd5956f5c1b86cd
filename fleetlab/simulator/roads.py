"""A made-up city: streets, avenues, a ring road and motorways that lead out to towns.

Metres east (x) and north (y) of the centre. The same seed makes the same city; nothing of it is
copied from a map, so that no drive in it tells about a real place.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from random import Random

__all__ = ["Road", "RoadNet", "Stretch"]

_KMH: Final = 1 / 3.6
_SIDE: Final = 25  # junctions along a side of the city
_BLOCK: Final = 640.0  # m between junctions
_AVENUE: Final = 4  # every fourth street is one
_RING: Final = (2, _SIDE - 3)  # the streets that the ring road replaces
_EXITS: Final = 10  # of each motorway
_EXIT_EVERY: Final = 3_600.0
_LIGHT_S: Final = 14.0  # what a traffic light costs a driver who looks for the quickest way


@dataclass(frozen=True, slots=True)
class Road:
    """A kind of road; the limit in m/s."""

    name: str
    limit: float


STREET: Final = Road("street", 30 * _KMH)
AVENUE: Final = Road("avenue", 50 * _KMH)
RING: Final = Road("ring", 90 * _KMH)
MOTORWAY: Final = Road("motorway", 120 * _KMH)
COUNTRY: Final = Road("country road", 70 * _KMH)


class Stretch(NamedTuple):
    """The road to the next junction on the way, whose signals may be red."""

    x: float
    y: float
    road: Road
    tunnel: bool
    signals: bool


class RoadNet:
    """A city.

    Parameters
    ----------
    rng : random.Random
        Seeded by the caller; nothing else decides what the city looks like.

    Attributes
    ----------
    addresses : list of int
        Junctions at streets, where customers and depots are.
    suburbs : list of int
        Junctions of the towns along the motorways.
    """

    def __init__(self, rng: Random) -> None:
        self.points: list[tuple[float, float]] = []
        self._ways: list[dict[int, tuple[Road, bool]]] = []
        self._trees: dict[int, list[int]] = {}
        self._lay_streets(rng)
        self.addresses = list(range(len(self.points)))
        self.suburbs: list[int] = []
        self._lay_motorways(rng)
        reached = self._tree(self._at(_SIDE // 2, _SIDE // 2))
        self.addresses = [
            n
            for n in self.addresses
            if reached[n] >= 0 and any(road is STREET for road, _ in self._ways[n].values())
        ]

    def route(self, start: int, end: int) -> list[Stretch]:
        """Return the quickest way from one junction to another; empty if they are the same."""
        before = self._tree(end)  # the ways are two-way, so the tree leads home from anywhere
        stretches = []
        here = start
        while here != end:
            after = before[here]
            road, tunnel = self._ways[here][after]
            stretches.append(Stretch(*self.points[after], road, tunnel, self._has_signals(after)))
            here = after
        return stretches

    def near(self, x: float, y: float, among: list[int]) -> int:
        """Return the junction that is nearest to a point."""
        return min(among, key=lambda n: math.dist(self.points[n], (x, y)))

    def _has_signals(self, node: int) -> bool:
        roads = [road for road, _ in self._ways[node].values()]
        return sum(road is AVENUE for road in roads) > 1 and len(roads) > 2  # noqa: PLR2004 - a crossing

    def _add(self, x: float, y: float) -> int:
        self.points.append((x, y))
        self._ways.append({})
        return len(self.points) - 1

    def _join(self, one: int, other: int, road: Road, *, tunnel: bool = False) -> None:
        self._ways[one][other] = self._ways[other][one] = (road, tunnel)

    @staticmethod
    def _at(column: int, row: int) -> int:
        return column * _SIDE + row

    def _lay_streets(self, rng: Random) -> None:
        """Lay a grid that is bent and uneven, as a city that grew, with some streets missing."""
        middle = (_SIDE - 1) / 2
        bends = [(rng.uniform(2600, 4200), rng.uniform(0, 6)) for _ in range(2)]
        for column in range(_SIDE):
            for row in range(_SIDE):
                x, y = (column - middle) * _BLOCK, (row - middle) * _BLOCK
                (length_x, phase_x), (length_y, phase_y) = bends
                self._add(
                    x + 420 * math.sin(y / length_x + phase_x) + rng.uniform(-110, 110),
                    y + 420 * math.sin(x / length_y + phase_y) + rng.uniform(-110, 110),
                )
        for column in range(_SIDE):
            for row in range(_SIDE):
                self._lay(rng, (column, row), (column + 1, row), along=row, across=column)
                self._lay(rng, (column, row), (column, row + 1), along=column, across=row)

    def _lay(
        self, rng: Random, one: tuple[int, int], other: tuple[int, int], *, along: int, across: int
    ) -> None:
        """Lay the street between two neighbours, the `across`-th block of the `along`-th street."""
        if max(other) >= _SIDE:
            return
        missing = rng.random() < 0.14  # noqa: PLR2004 - parks, rails, rivers
        if along in _RING and _RING[0] <= across < _RING[1]:
            road = RING
        elif along % _AVENUE == 0:
            road = AVENUE
        elif missing:
            return
        else:
            road = STREET
        under = road is AVENUE and along == _SIDE // 2 and abs(across - _SIDE // 2 + 0.5) < 2  # noqa: PLR2004 - the square and the block on either side
        self._join(self._at(*one), self._at(*other), road, tunnel=under)

    def _lay_motorways(self, rng: Random) -> None:
        """Lead a motorway out on each side, a town at every other exit."""
        low, high, half = _RING[0], _RING[1], _SIDE // 2
        for column, row in ((low, half), (high, half), (half, low), (half, high)):
            here = self._at(column, row)
            bearing = math.atan2(*self.points[here]) + rng.uniform(-0.15, 0.15)
            x, y = self.points[here]
            for exit_ in range(_EXITS):
                bearing += rng.uniform(-0.12, 0.12)
                x += _EXIT_EVERY * math.sin(bearing)
                y += _EXIT_EVERY * math.cos(bearing)
                there = self._add(x, y)
                self._join(here, there, MOTORWAY)
                if exit_ % 2:
                    self._build_town(rng, there, bearing)
                here = there

    def _build_town(self, rng: Random, exit_: int, bearing: float) -> None:
        x, y = self.points[exit_]
        aside = bearing + math.pi / 2 * rng.choice((-1, 1))
        town: list[int] = []
        for n in range(9):
            along, away = (n % 3 - 1) * 380, 1500 + n // 3 * 360
            town.append(
                self._add(
                    x + away * math.sin(aside) + along * math.sin(bearing) + rng.uniform(-60, 60),
                    y + away * math.cos(aside) + along * math.cos(bearing) + rng.uniform(-60, 60),
                )
            )
        self._join(exit_, town[1], COUNTRY)
        for n in range(9):
            if n % 3 < 2:  # noqa: PLR2004 - three in a row
                self._join(town[n], town[n + 1], STREET)
            if n < 6:  # noqa: PLR2004
                self._join(town[n], town[n + 3], AVENUE if n % 3 == 1 else STREET)
        self.suburbs += town

    def _tree(self, root: int) -> list[int]:
        """Return for each junction the next one on the quickest way to the root; -1 for none."""
        kept = self._trees.get(root)
        if kept is not None:
            return kept
        times = [math.inf] * len(self.points)
        after = [-1] * len(self.points)
        times[root], after[root] = 0.0, root
        heap = [(0.0, root)]
        while heap:
            time, node = heapq.heappop(heap)
            if time > times[node]:
                continue
            lights = _LIGHT_S if self._has_signals(node) else 0.0
            for other, (road, _) in self._ways[node].items():
                length = math.dist(self.points[node], self.points[other])
                total = time + lights + length / road.limit
                if total < times[other]:
                    times[other], after[other] = total, node
                    heapq.heappush(heap, (total, other))
        self._trees[root] = after
        return after
