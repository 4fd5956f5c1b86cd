"""The fleet: who drives where, and what its sensors would show at any moment.

Everything here is a pure function of the seed and of the simulated seconds; no clock is read and
nothing is remembered, so any moment can be asked for, also one before the start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from fleetlab.simulator.tour import Activity, Spot, Tour, make_tour

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleetlab.simulator.tour import Piece

__all__ = ["Fleet", "Kind", "Moment", "Tracker", "Vehicle", "make_fleet"]

_METRES_PER_DEGREE = 111_195.0
_TOURS = 256  # distinct tours; more vehicles share them, from depots of their own
_FULL = 0.95  # of a tank, when the pump stops
_STANDING_REPORT_S = 10  # a device that stands with the ignition on reports less often,
_PARKED_REPORT_S = 60  # and one that sleeps less often still
_FOREIGN_TRACKERS = 1
_FEWEST_TOURS = 300  # behind a vehicle at the start, so that no counter was ever below zero


@dataclass(frozen=True, slots=True)
class Kind:
    """What sort of vehicle it is. Tanks in litres, consumption in l/km and l/h of idling."""

    name: str
    model: str
    tanks: tuple[float, ...]
    per_km: float
    per_hour: float
    chilled: bool = False


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
class Moment:
    """What a vehicle's device knew when it last reported.

    `at` is the simulated second in which the platform got the report and `fixed_at` the one in
    which the device made it; `status_since` and `ignition_since` are on the same clock.
    """

    at: float
    fixed_at: float
    lat: float
    lng: float
    alt: int
    heading: int
    speed: int
    activity: Activity
    ignition: bool
    status_since: float
    ignition_since: float
    odometer_km: float
    engine_hours: float
    levels: tuple[float, ...]
    rpm: int
    cargo_temperature: float | None
    satellites: int

    @property
    def movement(self) -> str:
        """Return moving, stopped (ignition on) or parked (ignition off)."""
        if self.activity is Activity.DRIVE:
            return "moving"
        return "stopped" if self.ignition else "parked"


@dataclass(frozen=True, slots=True)
class Tracker:
    """A tracker of the account: an id and a label for a vehicle; clones share the vehicle."""

    tracker_id: int
    label: str
    vehicle: int
    clone: bool


@dataclass(frozen=True, slots=True)
class Vehicle:
    """One vehicle and its device.

    Attributes
    ----------
    index : int
        Place in the fleet, from 0.
    source_id : int
        The device's id, which no tracker id equals.
    offset_s : float
        Seconds into the tour at simulated second 0.
    first_tour : int
        How many tours it had behind it then.
    refuel_every : int
        It fills up in each tour whose number this divides.
    lag_s : float
        How long a report travels from the device to the platform.
    silent_since : float or None
        The simulated second of its last report, for a device that fell silent.
    """

    index: int
    source_id: int
    kind: Kind
    tour: Tour
    depot: tuple[float, float]
    offset_s: float
    first_tour: int
    refuel_every: int
    lag_s: float
    silent_since: float | None = None

    def at(self, elapsed: float) -> Moment:
        """Return the last report that the platform has at a simulated second."""
        if self.silent_since is not None:
            elapsed = min(elapsed, self.silent_since)
        _, spot, began = self._where(elapsed)
        piece = spot.piece
        if piece.activity is not Activity.DRIVE:
            every = _STANDING_REPORT_S if piece.ignition else _PARKED_REPORT_S
            since = began + piece.start
            elapsed = min(elapsed, since + (elapsed - since) // every * every)
        return self._report(elapsed)

    def _where(self, elapsed: float) -> tuple[int, Spot, float]:
        """Return the tour's number, the spot in it, and the second in which that tour began."""
        total = elapsed + self.offset_s
        tours = math.floor(total / self.tour.duration)
        into = min(max(0.0, total - tours * self.tour.duration), self.tour.duration)
        return (
            self.first_tour + tours,
            self.tour.spot(into),
            tours * self.tour.duration - self.offset_s,
        )

    def _report(self, elapsed: float) -> Moment:
        tour, spot, began = self._where(elapsed)
        piece = spot.piece
        driving = piece.activity is Activity.DRIVE
        lat, lng = self.depot
        speed = max(1, round(spot.speed * 3.6)) if driving else 0
        metres = tour * self.tour.length + spot.travelled
        engine_s = tour * self.tour.engine_s + spot.engine_s
        return Moment(
            at=elapsed,
            fixed_at=elapsed - self.lag_s,
            lat=round(lat + spot.y / _METRES_PER_DEGREE, 7),
            lng=round(lng + spot.x / (_METRES_PER_DEGREE * math.cos(math.radians(lat))), 7),
            alt=round(655 + 40 * math.sin(spot.x / 3000) + 30 * math.cos(spot.y / 2300)),
            heading=round(spot.heading) % 360,
            speed=speed,
            activity=piece.activity,
            ignition=piece.ignition,
            status_since=began + piece.status_since,
            ignition_since=began + piece.ignition_since,
            odometer_km=metres / 1000,
            engine_hours=engine_s / 3600,
            levels=self._levels(tour, spot, began, elapsed),
            rpm=_rpm(spot.speed, ignition=piece.ignition),
            cargo_temperature=self._cargo(elapsed),
            satellites=9 + int(4 * (1 + math.sin(elapsed / 47 + self.index))),
        )

    def _burnt(self, tour: int, travelled: float, engine_s: float) -> float:
        metres = tour * self.tour.length + travelled
        hours = (tour * self.tour.engine_s + engine_s) / 3600
        return metres / 1000 * self.kind.per_km + hours * self.kind.per_hour

    def _levels(self, tour: int, spot: Spot, began: float, elapsed: float) -> tuple[float, ...]:
        """Return litres in each tank: full at the last refuelling, less what was burnt since."""
        capacity = sum(self.kind.tanks)
        if not capacity:
            return ()
        pump = self.tour.refuel
        pumped = (elapsed - began - pump.start) / pump.duration
        last = tour // self.refuel_every * self.refuel_every
        filling = last == tour and 0 <= pumped < 1
        if last == tour and pumped < 1:
            last -= self.refuel_every
        burnt = self._burnt(tour, spot.travelled, spot.engine_s)
        since = burnt - self._burnt(last, pump.travelled, pump.engine_s)
        share = _FULL - since / capacity
        if filling:
            share += (_FULL - share) * pumped
        if spot.piece.activity is Activity.DRIVE:  # fuel sloshes, a float sensor shows it
            share += 0.002 * math.sin(elapsed * 0.9 + self.index) * min(1.0, spot.speed / 14)
        return tuple(round(share * tank, 2) for tank in self.kind.tanks)

    def _cargo(self, elapsed: float) -> float | None:
        if not self.kind.chilled:
            return None
        swing = 1.3 * math.sin(elapsed / 540 + self.index) + 0.2 * math.sin(elapsed / 31)
        return round(-18 + swing, 1)


@dataclass(frozen=True, slots=True)
class Fleet:
    """All vehicles, the trackers of the account, and ids that exist but belong to others."""

    vehicles: tuple[Vehicle, ...]
    trackers: tuple[Tracker, ...]
    foreign_ids: tuple[int, ...]


def _rpm(speed: float, *, ignition: bool) -> int:
    if not ignition:
        return 0
    gear = min(5, int(speed / 6))
    return round(820 + (speed - 6 * gear) * 190 + gear * 140)


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
            tours[which] = make_tour(Random(f"{seed}/tour/{which}"))
        source_id = first_source + 3 * index
        vehicles.append(_make_vehicle(index, count, seed, city, tours[which], source_id))
        label = _LABELS[index % len(_LABELS)].format(n=index + 1)
        trackers.append(Tracker(first_tracker + 2 * index, label, index, clone=False))
    for n in range(clones):
        original = trackers[(n * 97) % count]
        clone_id = first_tracker + 2 * n + 1
        trackers.append(Tracker(clone_id, f"{original.label} (2)", original.vehicle, clone=True))
    beyond = first_tracker + 2 * count + 1
    foreign = tuple(beyond + n for n in range(_FOREIGN_TRACKERS))
    return Fleet(tuple(vehicles), tuple(trackers), foreign)


def _make_vehicle(
    index: int, count: int, seed: int, city: tuple[float, float], tour: Tour, source_id: int
) -> Vehicle:
    rng = Random(f"{seed}/{index}")
    kind = _KINDS[index % len(_KINDS)]
    per_tour = tour.length / 1000 * kind.per_km + tour.engine_s / 3600 * kind.per_hour
    refuel_every = max(1, int(0.7 * sum(kind.tanks) / per_tour))
    place = _PLACES[index % len(_PLACES)]
    first_tour = refuel_every * (_FEWEST_TOURS // refuel_every + int(rng.random() * 30))
    if place is not _before_refuelling:
        first_tour += 1 + int(rng.random() * refuel_every)
    silent = index == 9 and count >= 10  # noqa: PLR2004 - one device that was forgotten
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
