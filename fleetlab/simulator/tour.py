"""A closed tour over the streets, as uniform pieces of motion and of standing.

A tour leaves the depot, calls at customers and at a filling station and comes back, so that it can
be driven again and again. All of it is known beforehand: where a vehicle is after so many seconds
is arithmetic, not history, which is what makes a simulated day the same on every machine.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

__all__ = ["Activity", "Piece", "Spot", "Tour", "make_tour"]

_ACCELERATION = 1.2  # m/s², a loaded van that pulls away
_BRAKING = 1.5  # m/s², what does not throw the load about
_SHORTEST_SEGMENT = 150.0  # m: room enough to reach any corner's speed and to brake again
_KMH = 1 / 3.6
_FASTEST_CORNER = 45 * _KMH
_SLOWEST_CORNER = 18 * _KMH


class Activity(Enum):
    """What a vehicle does in a piece of its tour."""

    DRIVE = "drive"
    LIGHT = "light"
    UNLOAD = "unload"
    IDLE = "idle"
    REFUEL = "refuel"
    DEPOT = "depot"


@dataclass(frozen=True, slots=True)
class Piece:
    """Motion with one acceleration on a straight segment, or standing.

    Times are seconds since the tour began, lengths metres, speeds m/s. `wave` is how much the speed
    swings about its value while cruising, in `waves` whole periods, so that it takes no distance.
    """

    start: float
    duration: float
    x: float
    y: float
    direction_x: float
    direction_y: float
    travelled: float
    engine_s: float
    speed: float
    acceleration: float
    wave: float
    waves: int
    activity: Activity
    ignition: bool
    status_since: float
    ignition_since: float


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a tour is at one moment: metres east and north of the depot, and how it moves."""

    x: float
    y: float
    speed: float
    heading: float
    travelled: float
    engine_s: float
    piece: Piece


class Tour:
    """One closed tour.

    Attributes
    ----------
    pieces : tuple of Piece
    duration : float
        Seconds from leaving the depot to leaving it again.
    length : float
        Metres driven.
    engine_s : float
        Seconds with the ignition on.
    refuel : Piece
        The halt at the filling station; there is exactly one.
    """

    def __init__(self, pieces: tuple[Piece, ...]) -> None:
        last = pieces[-1]
        self.pieces = pieces
        self.duration = last.start + last.duration
        self.length = last.travelled
        self.engine_s = last.engine_s + (last.duration if last.ignition else 0.0)
        self.refuel = next(piece for piece in pieces if piece.activity is Activity.REFUEL)
        self._starts = [piece.start for piece in pieces]

    def spot(self, seconds: float) -> Spot:
        """Return where the tour is so many seconds after it began (0 ≤ seconds < duration)."""
        piece = self.pieces[bisect_right(self._starts, seconds) - 1]
        t = seconds - piece.start
        speed = piece.speed + piece.acceleration * t
        way = (piece.speed + speed) / 2 * t
        if piece.waves:
            turn = 2 * math.pi * piece.waves / piece.duration
            speed += piece.wave * math.sin(turn * t)
            way += piece.wave / turn * (1 - math.cos(turn * t))
        return Spot(
            x=piece.x + piece.direction_x * way,
            y=piece.y + piece.direction_y * way,
            speed=speed,
            heading=math.degrees(math.atan2(piece.direction_x, piece.direction_y)) % 360,
            travelled=piece.travelled + way,
            engine_s=piece.engine_s + (t if piece.ignition else 0.0),
            piece=piece,
        )


class _Builder:
    """Strings pieces together and keeps the running sums."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.x = self.y = 0.0
        self.direction = (0.0, 1.0)
        self.now = self.travelled = self.engine_s = 0.0
        self.status: tuple[bool, bool] | None = None
        self.status_since = self.ignition_since = 0.0
        self.ignition: bool | None = None

    def stand(self, duration: float, activity: Activity, *, ignition: bool) -> None:
        self._add(duration, activity, ignition=ignition)

    def segment(self, to: tuple[float, float], entry: float, exit_: float, cruise: float) -> None:
        """Drive straight on to a point: speed up, cruise as the length allows, slow down."""
        x0, y0 = self.x, self.y
        length = math.hypot(to[0] - x0, to[1] - y0)
        self.direction = ((to[0] - x0) / length, (to[1] - y0) / length)
        a, b = _ACCELERATION, _BRAKING
        reachable = (2 * a * b * length + b * entry**2 + a * exit_**2) / (a + b)
        top = min(cruise, math.sqrt(reachable))
        self._drive((top - entry) / a, entry, a)
        gone = (top**2 - entry**2) / (2 * a)
        needed = (top**2 - exit_**2) / (2 * b)
        self._drive(max(0.0, length - gone - needed) / top, top, 0.0)
        self._drive((top - exit_) / b, top, -b)
        self.x, self.y = to

    def _drive(self, duration: float, speed: float, acceleration: float) -> None:
        shortest = 1e-6
        if duration > shortest:
            self._add(duration, Activity.DRIVE, ignition=True, speed=speed, change=acceleration)

    def _add(
        self,
        duration: float,
        activity: Activity,
        *,
        ignition: bool,
        speed: float = 0.0,
        change: float = 0.0,
    ) -> None:
        status = (activity is Activity.DRIVE, ignition)
        if status != self.status:
            self.status, self.status_since = status, self.now
        if ignition is not self.ignition:
            self.ignition, self.ignition_since = ignition, self.now
        cruising = activity is Activity.DRIVE and change == 0
        waves = max(1, round(duration / 17)) if cruising else 0
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
                wave=0.06 * speed,
                waves=waves,
                activity=activity,
                ignition=ignition,
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


def _street_points(
    rng: Random, here: tuple[float, float], there: tuple[float, float]
) -> list[tuple[float, float]]:
    """Return the corners on the way, the destination last, none too near its neighbours."""
    dx, dy = there[0] - here[0], there[1] - here[1]
    length = math.hypot(dx, dy)
    corners = max(1, int(length / 900))
    points: list[tuple[float, float]] = []
    last = here
    for n in range(1, corners + 1):
        along = (n + rng.uniform(-0.3, 0.3)) / (corners + 1)
        aside = rng.uniform(-0.16, 0.16) * math.sqrt(length * 1500) / length
        point = (here[0] + dx * along - dy * aside, here[1] + dy * along + dx * aside)
        if min(math.dist(point, last), math.dist(point, there)) >= _SHORTEST_SEGMENT:
            points.append(point)
            last = point
    return [*points, there]


def _corner_speed(
    before: tuple[float, float], corner: tuple[float, float], after: tuple[float, float]
) -> float:
    """Return how fast the bend can be taken: the straighter, the faster."""
    ax, ay = corner[0] - before[0], corner[1] - before[1]
    bx, by = after[0] - corner[0], after[1] - corner[1]
    cosine = (ax * bx + ay * by) / (math.hypot(ax, ay) * math.hypot(bx, by))
    return _SLOWEST_CORNER + (_FASTEST_CORNER - _SLOWEST_CORNER) * max(0.0, cosine) ** 2


def _drive_to(
    builder: _Builder, rng: Random, destination: tuple[float, float], factor: float
) -> None:
    here = (builder.x, builder.y)
    points = _street_points(rng, here, destination)
    entry, before = 0.0, here
    for point, after in zip(points, [*points[1:], None], strict=True):
        length = math.dist(before, point)
        limit = (50 if length < 700 else rng.choice((50, 80, 80, 100))) * _KMH  # noqa: PLR2004
        red = after is None or rng.random() < 0.3  # noqa: PLR2004 - three lights in ten
        exit_ = 0.0 if red or after is None else _corner_speed(before, point, after)
        builder.segment(point, entry, exit_, limit * factor)
        if red and after is not None:
            builder.stand(rng.uniform(8, 40), Activity.LIGHT, ignition=True)
        entry, before = exit_, point


def make_tour(rng: Random) -> Tour:
    """Make one tour: three to five customers around the depot, a filling station, home.

    Parameters
    ----------
    rng : random.Random
        Seeded by the caller; nothing else decides what the tour looks like.
    """
    builder = _Builder()
    factor = rng.uniform(0.9, 1.12)  # how the driver reads a speed limit
    builder.stand(rng.uniform(40, 120), Activity.IDLE, ignition=True)
    customers = 3 + int(rng.random() * 3)
    bearing = rng.uniform(0, 2 * math.pi)
    for _ in range(customers):
        radius = rng.uniform(2500, 9000)
        target = (radius * math.sin(bearing), radius * math.cos(bearing))
        _drive_to(builder, rng, target, factor)
        builder.stand(rng.uniform(60, 240), Activity.IDLE, ignition=True)
        builder.stand(rng.uniform(180, 720), Activity.UNLOAD, ignition=False)
        bearing += rng.uniform(0.7, 1.3) * 2 * math.pi / (customers + 2)
    station = (1800 * math.sin(bearing), 1800 * math.cos(bearing))
    _drive_to(builder, rng, station, factor)
    builder.stand(rng.uniform(150, 240), Activity.REFUEL, ignition=False)
    _drive_to(builder, rng, (0.0, 0.0), factor)
    builder.stand(rng.uniform(1500, 3000), Activity.DEPOT, ignition=False)
    return Tour(tuple(builder.pieces))
