"""A vehicle and its device: where it is and what it reports at any moment.

Everything here is a pure function of the simulated seconds; no clock is read and nothing is
remembered, so any moment can be asked for, also one before the start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetlab.simulator.tour import Activity

if TYPE_CHECKING:
    from fleetlab.simulator.tour import Spot, Tour

__all__ = ["Kind", "Moment", "Vehicle"]

_METRES_PER_DEGREE = 111_195.0
_FULL = 0.95  # of a tank, when the pump stops
_STANDING_REPORT_S = 10  # a device that stands with the ignition on reports less often,
_PARKED_REPORT_S = 60  # and one that sleeps less often still
_INSIDE_S = 1e-6  # past the border of a piece, so that no rounding puts a report before it


@dataclass(frozen=True, slots=True)
class Kind:
    """What sort of vehicle it is. Tanks in litres, consumption in l/km and l/h of idling."""

    name: str
    model: str
    tanks: tuple[float, ...]
    per_km: float
    per_hour: float
    chilled: bool = False


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
            since = began + piece.start + _INSIDE_S
            elapsed = min(elapsed, since + max(0.0, elapsed - since) // every * every)
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
            odometer_km=round(metres / 1000, 9),
            engine_hours=round(engine_s / 3600, 9),
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


def _rpm(speed: float, *, ignition: bool) -> int:
    if not ignition:
        return 0
    gear = min(5, int(speed / 6))
    return round(820 + (speed - 6 * gear) * 190 + gear * 140)
