"""The fleet that a seed makes: vehicles of several kinds, in the middle of their day.

The same seed makes the same fleet on every machine: each vehicle and each tour has a generator of
its own, seeded with text, so that more vehicles change nothing about the first ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from fleetlab.simulator.tour import Activity, make_tour
from fleetlab.simulator.vehicle import Kind, Vehicle

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleetlab.simulator.tour import Piece, Tour

__all__ = ["Fleet", "Tracker", "make_fleet"]

_TOURS = 256  # distinct tours; more vehicles share them, from depots of their own
_FOREIGN_TRACKERS = 1
_FEWEST_TOURS = 300  # behind a vehicle at the start, so that no counter was ever below zero

_VAN = Kind("van", "telfmb920", (80.0,), 0.095, 0.9)
_TRUCK = Kind("truck", "galileosky7", (480.0, 300.0), 0.31, 2.2)
_CAR = Kind("car", "queclink_gv300", (), 0.065, 0.8)
_REEFER = Kind("reefer", "ruptela_pro5", (120.0,), 0.14, 1.6, chilled=True)
_KINDS = (_VAN, _TRUCK, _CAR, _REEFER, _VAN, _VAN)

_LABELS = (
    "Furgón {n} · Lavapiés",
    "Camión {n} (dos depósitos)",
    "Grüner Kombi {n}",
    "Холодильник {n}",
    "货车 {n} 号",
    "شاحنة {n}",
    'Tom & Jerry\'s "Van" <{n}>',
    "Φορτηγό {n}",
    "ट्रक {n}",
    "配送車 {n}",
    "משאית {n}",
    "🚚 Express {n}",
)


@dataclass(frozen=True, slots=True)
class Tracker:
    """A tracker of the account: an id and a label for a vehicle; clones share the vehicle."""

    tracker_id: int
    label: str
    vehicle: int
    clone: bool


@dataclass(frozen=True, slots=True)
class Fleet:
    """All vehicles, the trackers of the account, and ids that exist but belong to others."""

    vehicles: tuple[Vehicle, ...]
    trackers: tuple[Tracker, ...]
    foreign_ids: tuple[int, ...]


def make_fleet(count: int, *, seed: int, city: tuple[float, float]) -> Fleet:
    """Make a fleet around a city.

    Parameters
    ----------
    count : int
        Vehicles. From eight on some have a second tracker, a clone, which comes on top.
    seed : int
        The same seed gives the same fleet on any machine.
    city : (float, float)
        Latitude and longitude in degrees.
    """
    tours: dict[int, Tour] = {}
    vehicles, trackers = [], []
    clones = 1 + count // 100 if count >= 8 else 0  # noqa: PLR2004 - small fleets stay plain
    first_tracker = 1_701_001 + 100_000 * (seed % 7)
    first_source = 10_284 + 50_000 * (seed % 5)
    for index in range(count):
        which = index % _TOURS
        if which not in tours:
            tours[which] = make_tour(_generator(f"{seed}/tour/{which}"))
        rng = _generator(f"{seed}/{index}")
        silent = index == 9 and count >= 10  # noqa: PLR2004 - one device that was forgotten
        source_id = first_source + 3 * index
        vehicles.append(
            _make_vehicle(index, rng, tours[which], city, source_id=source_id, silent=silent)
        )
        label = _LABELS[index % len(_LABELS)].format(n=index + 1)
        trackers.append(Tracker(first_tracker + 2 * index, label, index, clone=False))
    for n in range(clones):
        original = trackers[(n * 97) % count]
        clone_id = first_tracker + 2 * n + 1
        trackers.append(Tracker(clone_id, f"{original.label} (2)", original.vehicle, clone=True))
    beyond = first_tracker + 2 * count + 1
    foreign = tuple(beyond + n for n in range(_FOREIGN_TRACKERS))
    return Fleet(tuple(vehicles), tuple(trackers), foreign)


def _generator(seed: str) -> Random:
    return Random(seed)  # noqa: S311 - a fleet is no secret


def _make_vehicle(
    index: int,
    rng: Random,
    tour: Tour,
    city: tuple[float, float],
    *,
    source_id: int,
    silent: bool,
) -> Vehicle:
    kind = _KINDS[index % len(_KINDS)]
    per_tour = tour.length / 1000 * kind.per_km + tour.engine_s / 3600 * kind.per_hour
    refuel_every = max(1, int(0.7 * sum(kind.tanks) / per_tour))
    place = _PLACES[index % len(_PLACES)]
    first_tour = refuel_every * (_FEWEST_TOURS // refuel_every + int(rng.random() * 30))
    if place is not _before_refuelling:
        first_tour += 1 + int(rng.random() * refuel_every)
    return Vehicle(
        index=index,
        source_id=source_id,
        kind=kind,
        tour=tour,
        depot=(
            city[0] + rng.uniform(-0.06, 0.06),
            city[1] + rng.uniform(-0.09, 0.09),
        ),
        offset_s=(_asleep if silent else place)(tour, rng),
        first_tour=first_tour,
        refuel_every=refuel_every,
        lag_s=(0.2, 0.7, 1.3)[index % 3],
        silent_since=-9 * 86_400.0 if silent else None,
    )


def _some(tour: Tour, rng: Random, fits: Callable[[Piece], bool]) -> Piece:
    pieces = [piece for piece in tour.pieces if fits(piece)]
    return pieces[int(rng.random() * len(pieces))]


def _driving(tour: Tour, rng: Random) -> float:
    long = 20.0
    piece = _some(tour, rng, lambda p: bool(p.waves) and p.duration > long)
    return piece.start + rng.uniform(0, piece.duration / 2)


def _parked(tour: Tour, rng: Random) -> float:
    piece = _some(tour, rng, lambda p: p.activity is Activity.DEPOT)
    return piece.start + rng.uniform(60, 600)


def _stopped(tour: Tour, rng: Random) -> float:
    piece = _some(tour, rng, lambda p: p.activity is Activity.IDLE and p.start > 0)
    return piece.start + rng.uniform(5, 25)


def _arriving(tour: Tour, rng: Random) -> float:
    piece = _some(tour, rng, lambda p: p.activity is Activity.IDLE and p.start > 0)
    return piece.start - rng.uniform(10, 20)


def _before_refuelling(tour: Tour, rng: Random) -> float:
    return tour.refuel.start - rng.uniform(10, 20)


def _asleep(tour: Tour, rng: Random) -> float:
    """Return the offset that has the vehicle parked at the depot nine days before the start."""
    return (_parked(tour, rng) + 9 * 86_400) % tour.duration


# Where vehicles are when a run starts: whoever looks for half a minute sees every status.
_PLACES = (
    _driving,
    _driving,
    _parked,
    _driving,
    _stopped,
    _driving,
    _before_refuelling,
    _arriving,
)
