"""How a driver takes a vehicle round: over the roads, to customers, by limits and signals."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fleetlab.simulator.tour import Activity, Piece, Tour

if TYPE_CHECKING:
    from random import Random

    from fleetlab.simulator.roads import RoadNet, Stretch

__all__ = ["Round", "make_tour"]

_ACCELERATION: Final = 1.2  # m/s², a loaded van that pulls away
_BRAKING: Final = 1.5  # m/s², what does not throw the load about
_KMH: Final = 1 / 3.6
_FASTEST_CORNER: Final = 200 * _KMH
_SLOWEST_CORNER: Final = 16 * _KMH
_SHORTEST_LIMITED: Final = 250.0  # m: speeding is for a road that invites to it


class _Builder:
    """Strings pieces together and keeps the running sums."""

    def __init__(self, x: float, y: float) -> None:
        self.pieces: list[Piece] = []
        self.x, self.y = x, y
        self.direction = (0.0, 1.0)
        self.now = self.travelled = self.engine_s = 0.0
        self.status: tuple[bool, bool] | None = None
        self.status_since = self.ignition_since = 0.0
        self.ignition: bool | None = None
        self.sky_lost: float | None = None

    def stand(self, duration: float, activity: Activity, *, ignition: bool) -> None:
        self._add(duration, activity, ignition=ignition)

    def drive(
        self, stretch: Stretch, entry: float, exit_: float, cruise: float, *, steady: bool = False
    ) -> None:
        """Drive straight on to a point: speed up, cruise as the length allows, slow down."""
        x0, y0 = self.x, self.y
        length = math.hypot(stretch.x - x0, stretch.y - y0)
        self.direction = ((stretch.x - x0) / length, (stretch.y - y0) / length)
        if not stretch.tunnel:
            self.sky_lost = None
        elif self.sky_lost is None:
            self.sky_lost = self.now
        a, b = _ACCELERATION, _BRAKING
        reachable = (2 * a * b * length + b * entry**2 + a * exit_**2) / (a + b)
        top = max(entry, exit_, min(cruise, math.sqrt(reachable)))
        limit = stretch.road.limit
        self._drive((top - entry) / a, entry, a, limit)
        gone = (top**2 - entry**2) / (2 * a)
        needed = (top**2 - exit_**2) / (2 * b)
        rest = max(0.0, length - gone - needed) / top
        self._drive(rest, top, 0.0, limit, wave=0.0 if steady else 0.05 * top)
        self._drive((top - exit_) / b, top, -b, limit)
        self.x, self.y = stretch.x, stretch.y

    def _drive(
        self, duration: float, speed: float, change: float, limit: float, wave: float = 0.0
    ) -> None:
        shortest = 1e-6
        if duration > shortest:
            self._add(
                duration,
                Activity.DRIVE,
                ignition=True,
                speed=speed,
                change=change,
                limit=limit,
                wave=wave,
            )

    def _add(
        self,
        duration: float,
        activity: Activity,
        *,
        ignition: bool,
        speed: float = 0.0,
        change: float = 0.0,
        limit: float = math.inf,
        wave: float = 0.0,
    ) -> None:
        status = (activity is Activity.DRIVE, ignition)
        if status != self.status:
            self.status, self.status_since = status, self.now
        if ignition is not self.ignition:
            self.ignition, self.ignition_since = ignition, self.now
        self.pieces.append(
            Piece(
                start=self.now,
                duration=duration,
                x=self.x,
                y=self.y,
                direction_x=self.direction[0],
                direction_y=self.direction[1],
                travelled=self.travelled,
                engine_s=self.engine_s,
                speed=speed,
                acceleration=change,
                wave=wave,
                waves=max(1, round(duration / 17)) if wave else 0,
                activity=activity,
                ignition=ignition,
                limit=limit,
                sky_lost=self.sky_lost,
                status_since=self.status_since,
                ignition_since=self.ignition_since,
            )
        )
        way = (speed + change * duration / 2) * duration
        self.x += self.direction[0] * way
        self.y += self.direction[1] * way
        self.travelled += way
        self.now += duration
        if ignition:
            self.engine_s += duration


@dataclass(frozen=True, slots=True)
class Round:
    """What sort of tour to make.

    Attributes
    ----------
    customers : int
    regional : bool
        Whether half of the customers are in the towns along the motorways.
    refuels : bool
        Whether it calls at a filling station on the way home; the level decides if it fills up.
    rush : bool
        Whether it is driven in the rush hour: slower, and more lights are red.
    """

    customers: int
    regional: bool
    refuels: bool
    rush: bool


class _Driver:
    """Drives a builder's vehicle over the roads."""

    def __init__(self, rng: Random, net: RoadNet, depot: int, what: Round) -> None:
        self._rng = rng
        self._net = net
        self._here = depot
        self._rush = what.rush
        self._factor = rng.uniform(0.86, 0.95)  # how the driver reads a speed limit
        self._hasty = rng.random() < 0.35  # noqa: PLR2004 - one driver in three
        self._heaviest = (85 if what.regional else 130) * _KMH  # trucks may go 90
        self.builder = _Builder(*net.points[depot])

    def go(self, to: int) -> None:
        """Drive to a junction and stop there."""
        way = self._net.route(self._here, to)
        points = [self._net.points[self._here], *((s.x, s.y) for s in way)]
        cruise = [self._cruise(s, math.dist(points[n], points[n + 1])) for n, s in enumerate(way)]
        passing, reds = self._junctions(way, points, cruise)
        for n, stretch in enumerate(way):
            steady = cruise[n] > stretch.road.limit
            self.builder.drive(stretch, passing[n], passing[n + 1], cruise[n], steady=steady)
            if reds[n]:
                wait = self._rng.uniform(6, 70 if self._rush else 45)
                self.builder.stand(wait, Activity.LIGHT, ignition=True)
        self._here = to

    def call(self) -> None:
        """Stand at a customer's: some with the engine on, some with it off first or later."""
        rng = self._rng
        # Never near five minutes in all, so that it is plain whether a stop ends the trip.
        if rng.random() < 0.3:  # noqa: PLR2004 - a quick delivery, the engine runs on
            self.builder.stand(rng.uniform(80, 250), Activity.IDLE, ignition=True)
            return
        idle = rng.uniform(20, 150)
        if rng.random() < 0.15:  # noqa: PLR2004 - a break in the warm cab
            idle = rng.uniform(400, 900)
        self.builder.stand(idle, Activity.IDLE, ignition=True)
        self.builder.stand(rng.uniform(360, 1300), Activity.UNLOAD, ignition=False)

    def _cruise(self, stretch: Stretch, length: float) -> float:
        rng, limit = self._rng, stretch.road.limit
        speed = limit * self._factor * rng.uniform(0.88, 1.0)
        if self._rush:
            speed *= rng.uniform(0.45, 0.95)
        elif self._hasty and length > _SHORTEST_LIMITED and rng.random() < 0.07:  # noqa: PLR2004 - now and then
            speed = limit + rng.uniform(8, 28) * _KMH
        return min(speed, self._heaviest)

    def _junctions(
        self, way: list[Stretch], points: list[tuple[float, float]], cruise: list[float]
    ) -> tuple[list[float], list[bool]]:
        """Return the speed at each point of the way, and after which stretches a light is red."""
        reds = []
        speeds = [0.0]
        for n, stretch in enumerate(way[:-1]):
            share = 0.5 if self._rush else 0.32
            red = stretch.signals and self._rng.random() < share
            corner = _corner_speed(points[n], points[n + 1], points[n + 2])
            reds.append(red)
            speeds.append(0.0 if red else min(corner, cruise[n], cruise[n + 1]))
        speeds.append(0.0)
        reds.append(False)
        lengths = [math.dist(a, b) for a, b in itertools.pairwise(points)]
        for n in range(len(way) - 1, -1, -1):  # no faster than brakes allow
            speeds[n] = min(speeds[n], math.sqrt(speeds[n + 1] ** 2 + 2 * _BRAKING * lengths[n]))
        for n in range(len(way)):  # and no faster than the engine
            gained = math.sqrt(speeds[n] ** 2 + 2 * _ACCELERATION * lengths[n])
            speeds[n + 1] = min(speeds[n + 1], gained)
        return speeds, reds


def _corner_speed(
    before: tuple[float, float], corner: tuple[float, float], after: tuple[float, float]
) -> float:
    """Return how fast the bend can be taken: the straighter, the faster."""
    ax, ay = corner[0] - before[0], corner[1] - before[1]
    bx, by = after[0] - corner[0], after[1] - corner[1]
    cosine = (ax * bx + ay * by) / (math.hypot(ax, ay) * math.hypot(bx, by))
    return _SLOWEST_CORNER + (_FASTEST_CORNER - _SLOWEST_CORNER) * max(0.0, cosine) ** 6


def make_tour(rng: Random, net: RoadNet, depot: int, what: Round) -> Tour:
    """Make one tour: out of the depot, to customers, perhaps to a filling station, home.

    Parameters
    ----------
    rng : random.Random
        Seeded by the caller; nothing else decides what the tour looks like.
    net : RoadNet
    depot : int
        The junction where it begins and ends.
    what : Round
    """
    driver = _Driver(rng, net, depot, what)
    driver.builder.stand(rng.uniform(40, 120), Activity.IDLE, ignition=True)
    customers = _customers(rng, net, depot, what)
    for customer in customers:
        driver.go(customer)
        driver.call()
    if what.refuels:
        x, y = net.points[depot]
        station = net.near(x + 900, y + 900, [n for n in net.addresses if n != depot])
        if station != customers[-1]:
            driver.go(station)
        driver.builder.stand(rng.uniform(330, 480), Activity.REFUEL, ignition=False)
    driver.go(depot)
    driver.builder.stand(rng.uniform(15, 60), Activity.IDLE, ignition=True)
    return Tour(tuple(driver.builder.pieces))


def _customers(rng: Random, net: RoadNet, depot: int, what: Round) -> list[int]:
    """Choose customers, in an order that goes round instead of to and fro."""
    x, y = net.points[depot]
    far = what.customers // 2 if what.regional else 0
    near = sorted(net.addresses, key=lambda n: math.dist(net.points[n], (x, y)))
    reachable = [n for n in near[: len(near) * 2 // 3] if n != depot]
    chosen = rng.sample(reachable, what.customers - far) + rng.sample(net.suburbs, far)
    turn = rng.uniform(0, 2 * math.pi)
    return sorted(
        chosen,
        key=lambda n: (math.atan2(net.points[n][0] - x, net.points[n][1] - y) - turn) % math.tau,
    )
