"""The fleet that a seed makes: vehicles of several kinds, in the middle of their day.

The same seed makes the same fleet on every machine: the city, each tour and each day of a vehicle
have a generator of their own, seeded with text, so that more vehicles change nothing about the
first ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fleetlab.simulator.duty import Duty, Kind
from fleetlab.simulator.report import Quirk
from fleetlab.simulator.roads import RoadNet
from fleetlab.simulator.tour import Activity
from fleetlab.simulator.tours import Tours, generator
from fleetlab.simulator.vehicle import Vehicle

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from random import Random
    from zoneinfo import ZoneInfo

    from fleetlab.simulator.tour import Piece, Tour

__all__ = ["Fleet", "Tracker", "make_fleet"]

_DEPOTS: Final = 16
_FOREIGN_TRACKERS: Final = 1
_FORGOTTEN_S: Final = -9 * 86_400.0
_GROUP: Final = 167  # the id of the first depot's group of trackers

_VAN = Kind("van", "telfmb920", (80.0,), 0.082, 0.9)
_TRUCK = Kind("truck", "galileosky7", (480.0, 300.0), 0.25, 2.2, report_s=2.0, regional=True)
_CAR = Kind("car", "queclink_gv300", (), 0.058, 0.8, cells=True, sleeps=True)
_REEFER = Kind("reefer", "ruptela_pro5", (120.0,), 0.12, 1.6, report_s=5.0, chilled=True)
_SERVICE = Kind("service van", "telfmc130", (70.0,), 0.07, 0.8, percent=True)
_KINDS: Final = (_VAN, _TRUCK, _CAR, _REEFER, _VAN, _SERVICE)

_SHIFTS: Final = (7.0, 6.0, 8.0, 5.0, 9.0, 7.5, 14.0, 6.5, 8.5, 22.0)  # h of the local clock

_LABELS: Final = (
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
    group_id: int


@dataclass(frozen=True, slots=True)
class Fleet:
    """All vehicles, the trackers of the account, and ids that exist but belong to others."""

    vehicles: tuple[Vehicle, ...]
    trackers: tuple[Tracker, ...]
    foreign_ids: tuple[int, ...]


def make_fleet(
    count: int,
    *,
    seed: int,
    city: tuple[float, float],
    start: datetime,
    zone: ZoneInfo,
    busy: bool = False,
    stores: bool = False,
) -> Fleet:
    """Make a fleet around a city.

    Parameters
    ----------
    count : int
        Vehicles. From eight on some have a second tracker, a clone, which comes on top.
    seed : int
        The same seed gives the same fleet on any machine.
    city : (float, float)
        Latitude and longitude in degrees.
    start : datetime
        The moment of simulated second 0, in UTC.
    zone : zoneinfo.ZoneInfo
        Where the working day begins in the morning.
    busy, stores : bool
        See `Vehicle`.
    """
    tours = Tours(RoadNet(generator(f"{seed}/city")), seed, _DEPOTS)
    vehicles, trackers = [], []
    clones = 1 + count // 100 if count >= 8 else 0  # noqa: PLR2004 - small fleets stay plain
    first_tracker = 1_701_001 + 100_000 * (seed % 7)
    first_source = 10_284 + 50_000 * (seed % 5)
    for index in range(count):
        forgotten = index == _FORGOTTEN and count > _FORGOTTEN
        duty = _duty(index, seed, tours, start, zone, works=not forgotten)
        vehicles.append(
            Vehicle(
                index=index,
                source_id=first_source + 3 * index,
                kind=duty.kind,
                duty=duty,
                city=city,
                lag_s=(0.2, 0.7, 1.3)[index % 3],
                silent_since=_FORGOTTEN_S if forgotten else None,
                quirk=_quirk(index),
                busy=busy and not forgotten,
                stores=stores,
            )
        )
        label = _LABELS[index % len(_LABELS)].format(n=index + 1)
        group = _GROUP + duty.depot
        trackers.append(Tracker(first_tracker + 2 * index, label, index, False, group))
    for n in range(clones):
        original = trackers[(n * 97) % count]
        clone_id = first_tracker + 2 * n + 1
        label = f"{original.label} (2)"
        trackers.append(Tracker(clone_id, label, original.vehicle, True, original.group_id))
    beyond = first_tracker + 2 * count + 1
    foreign = tuple(beyond + n for n in range(_FOREIGN_TRACKERS))
    return Fleet(tuple(vehicles), tuple(trackers), foreign)


# The first dozen have a character each, so that whoever looks for ten minutes sees everything.

_FORGOTTEN: Final = 9
_LEAKING: Final = 4
_ROBBED: Final = 10
_THEFT_S: Final = 240.0
_OUT_OF_REACH: Final = 8
_DEAD_ZONES_S: Final = tuple(150.0 + 2820.0 * n for n in range(6))
_QUIRKS: Final = {0: Quirk.DRIFTS, 7: Quirk.ZERO_AT_IGNITION, 11: Quirk.STICKS}


def _quirk(index: int) -> str | None:
    if index < len(_LABELS):
        return _QUIRKS.get(index)
    return {2: Quirk.DRIFTS, 16: Quirk.COLD_START}.get(index % 30)


def _duty(
    index: int, seed: int, tours: Tours, start: datetime, zone: ZoneInfo, *, works: bool
) -> Duty:
    rng = generator(f"{seed}/{index}")
    kind = _KINDS[index % len(_KINDS)]
    depot = index // 4 % _DEPOTS
    shift: float | None = _SHIFTS[index // 12 % len(_SHIFTS)] + rng.uniform(-0.4, 0.4)
    first, share = None, rng.uniform(0.45, 0.95)
    if index < len(_LABELS):
        place = _PLACES[index % len(_PLACES)]
        if place is _before_refuelling:
            share = 0.42
        tour = tours.get(
            depot,
            regional=kind.regional,
            which=0 if place is _before_refuelling else 1 + index % 3,
        )
        first, shift = (-place(tour, rng), tour), None
    robbed = index == _ROBBED
    return Duty(
        seed=f"{seed}/{index}/day",
        kind=kind,
        tours=tours,
        depot=depot,
        start=start,
        zone=zone,
        shift=shift,
        first=first,
        works=works,
        share=0.8 if robbed else share,
        metres=rng.uniform(9e6, 2.4e8),
        engine_s=rng.uniform(1e6, 2e7),
        leak=0.6 if index == _LEAKING else 0.0,
        thefts=(_THEFT_S,) if robbed else (),
        dead_zones=_DEAD_ZONES_S if index == _OUT_OF_REACH else (),
        fails=index % 25 == 20,  # noqa: PLR2004 - one device in 25
    )


def _some(tour: Tour, rng: Random, fits: Callable[[Piece], bool]) -> Piece:
    pieces = [piece for piece in tour.pieces if fits(piece)]
    return pieces[int(rng.random() * len(pieces))]


def _driving(tour: Tour, rng: Random) -> float:
    long = 15.0
    piece = _some(tour, rng, lambda p: bool(p.waves) and p.duration > long)
    return piece.start + rng.uniform(0, piece.duration / 2)


def _parked(tour: Tour, rng: Random) -> float:
    del tour
    return -rng.uniform(1200, 2400)


def _stopped(tour: Tour, rng: Random) -> float:
    long = 40.0
    piece = _some(
        tour, rng, lambda p: p.activity is Activity.IDLE and p.start > 0 and p.duration > long
    )
    return piece.start + rng.uniform(5, 25)


def _arriving(tour: Tour, rng: Random) -> float:
    piece = _some(tour, rng, lambda p: p.activity is Activity.IDLE and p.start > 0)
    return piece.start - rng.uniform(10, 20)


def _before_refuelling(tour: Tour, rng: Random) -> float:
    assert tour.refuel is not None
    return tour.refuel.start - rng.uniform(5, 10)


# Where the first vehicles are when a run starts: half a minute shows every status.
_PLACES: Final = (
    _driving,
    _driving,
    _parked,
    _driving,
    _stopped,
    _driving,
    _before_refuelling,
    _arriving,
)
