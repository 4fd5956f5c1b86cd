"""The tours that are driven from the depots of a city."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from fleetlab.simulator.driving import Round, make_tour

if TYPE_CHECKING:
    from fleetlab.simulator.roads import RoadNet
    from fleetlab.simulator.tour import Tour

__all__ = ["Tours", "generator"]

_TOURS: Final = 12  # for each depot, of which the last third are driven in the rush hour


def generator(seed: str) -> Random:
    """Return what makes the same choices for the same text on every machine."""
    return Random(seed)  # noqa: S311 - a fleet is no secret


class Tours:
    """All tours, each made when it is first needed."""

    def __init__(self, net: RoadNet, seed: int, depots: int) -> None:
        self.net = net
        self._seed = seed
        rng = generator(f"{seed}/depots")
        self.depots = rng.sample(net.addresses, depots)
        self._made: dict[tuple[int, bool, int], Tour] = {}

    def get(self, depot: int, *, regional: bool, which: int) -> Tour:
        """Return one of the tours of a depot; every fourth passes a filling station."""
        key = (depot, regional, which)
        if key not in self._made:
            rng = generator(f"{self._seed}/tour/{depot}/{regional}/{which}")
            customers = rng.randint(3, 5) if regional else rng.randint(4, 8)
            what = Round(customers, regional, refuels=which % 4 == 0, rush=which >= _TOURS * 2 // 3)
            self._made[key] = make_tour(rng, self.net, self.depots[depot], what)
        return self._made[key]

    def choose(self, rng: Random, depot: int, *, regional: bool, refuels: bool, rush: bool) -> Tour:
        """Choose a tour of a depot."""
        first, count = (_TOURS * 2 // 3, _TOURS // 3) if rush else (0, _TOURS * 2 // 3)
        which = first + (rng.randrange(count // 4) * 4 if refuels else rng.randrange(count))
        return self.get(depot, regional=regional, which=which)
