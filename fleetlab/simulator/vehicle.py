"""A vehicle and its device: where it is, and what the device makes of it.

Everything here is a function of the simulated seconds; no clock is read and nothing is remembered
but plans, so any moment can be asked for, also one before the start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fleetlab.simulator.duty import Outage
from fleetlab.simulator.report import Moment, Quirk, Where
from fleetlab.simulator.tour import Activity

if TYPE_CHECKING:
    from fleetlab.simulator.duty import Day, Duty, Kind

__all__ = ["Vehicle"]

_METRES_PER_DEGREE: Final = 111_195.0
_STANDING_REPORT_S: Final = 10.0  # a device that stands with the ignition on reports less often,
_PARKED_REPORT_S: Final = 60.0  # and one that sleeps less often still
_INSIDE_S: Final = 1e-6  # past a border, so that no rounding puts a report before it
_AWAKE_S: Final = 120.0  # how long the GPS stays on when a vehicle has been parked
_ZERO_S: Final = 8.0  # how long a sensor without power of its own shows nothing
_CELL_M: Final = 700.0  # between cell towers
_STICKS_S: Final = (2_400.0, 7_200.0)  # how long a sensor sticks, and how often
_STORING: Final = (120.0, 20.0)  # every so often out of reach, for so long, where that is asked for


@dataclass(frozen=True, slots=True)
class Vehicle:
    """One vehicle and its device.

    Attributes
    ----------
    index : int
        Place in the fleet, from 0.
    source_id : int
        The device's id, which no tracker id equals.
    city : (float, float)
        Latitude and longitude of the centre, in degrees.
    lag_s : float
        How long a report travels from the device to the platform.
    silent_since : float or None
        The simulated second of its last report, for a device that fell silent for good.
    busy : bool
        It reports at every update, whatever it does.
    stores : bool
        It is out of reach for 20 s every two minutes, and sends afterwards what it stored.
    """

    index: int
    source_id: int
    kind: Kind
    duty: Duty
    city: tuple[float, float]
    lag_s: float
    silent_since: float | None = None
    quirk: str | None = None
    busy: bool = False
    stores: bool = False

    # What is true

    def where(self, moment: float) -> Where:
        """Return where the vehicle is at a simulated second."""
        day = self.duty.day(moment)
        moment = max(moment, day.start)
        leg = day.leg_at(moment)
        if leg is not None and moment < leg.end:
            spot = leg.tour.spot(moment - leg.start)
            piece, start = spot.piece, leg.start
            return Where(
                spot.x,
                spot.y,
                spot.speed,
                spot.heading,
                leg.metres + spot.travelled,
                leg.engine_s + spot.engine_s,
                piece.activity,
                piece.ignition,
                start + piece.status_since,
                start + piece.ignition_since,
                None if piece.sky_lost is None else start + piece.sky_lost,
            )
        x, y = self.duty.tours.net.points[self.duty.tours.depots[self.duty.depot]]
        since = day.parked_since if leg is None else leg.end
        metres = day.metres if leg is None else leg.metres + leg.tour.length
        engine_s = day.engine_s if leg is None else leg.engine_s + leg.tour.engine_s
        heading = self.index * 37 % 360
        return Where(
            x, y, 0.0, heading, metres, engine_s, Activity.DEPOT, False, since, since, None
        )

    def litres(self, moment: float) -> tuple[float, ...]:
        """Return what is in each tank at a simulated second."""
        here = self.where(moment)
        return self.duty.litres(self.duty.day(moment), moment, here.metres, here.engine_s)

    def degrees(self, x: float, y: float) -> tuple[float, float]:
        """Return latitude and longitude of metres east and north of the centre of the city."""
        lat, lng = self.city
        lat += y / _METRES_PER_DEGREE
        lng += x / (_METRES_PER_DEGREE * math.cos(math.radians(self.city[0])))
        return round(lat, 7), round(lng, 7)

    def outages(self, until: float) -> list[Outage]:
        """Return the outages between second 0 and a moment, in order."""
        found = [one for day in self.duty.days(until) for one in day.outages]
        if self.stores:
            every, lasts = _STORING
            end = (7 * self.index // every + 1) * every - 7 * self.index
            while end - lasts < until:
                found.append(Outage("dead_zone", end - lasts, end, stores=True))
                end += every
        return sorted(found, key=lambda one: one.start)

    def outage(self, moment: float) -> Outage | None:
        """Return the outage that a simulated second is in."""
        for one in self.duty.day(moment).outages:
            if one.start <= moment < one.end:
                return one
        if self.stores:
            every, lasts = _STORING
            end = ((moment + 7 * self.index) // every + 1) * every - 7 * self.index
            if moment >= end - lasts:
                return Outage("dead_zone", end - lasts, end, stores=True)
        return None

    # What the device says

    def latest(self, moment: float) -> float:
        """Return when the device made the last report that the platform has at a moment."""
        if self.silent_since is not None:
            moment = min(moment, self.silent_since)
        outage = self.outage(moment)
        if outage is not None:
            moment = outage.start - _INSIDE_S
        made = self._made(moment)
        lost = self.outage(made)
        if lost is not None and not lost.stores:
            made = self._made(lost.start - _INSIDE_S)
        return made

    def previous(self, made: float) -> float:
        """Return when the device made the report before one; what was never sent is left out."""
        earlier = self._made(
            made - (1.0 if self._interval(self.where(made)) == 0 else 2 * _INSIDE_S)
        )
        lost = self.outage(earlier)
        if lost is not None and not lost.stores:
            earlier = self._made(lost.start - _INSIDE_S)
        return earlier

    def following(self, made: float) -> float:
        """Return before when there is no report after one: a bound that is cheap to know."""
        here = self.where(made)
        every = self._interval(here)
        if every == 0:
            return made
        day = self.duty.day(made)
        leg = day.leg_at(made)
        if leg is not None and made < leg.end:
            end = leg.start + leg.tour.phase_end(made - leg.start)
        else:
            end = day.next_start(made)
        return min(made + every, end)

    def _interval(self, here: Where) -> float:
        if self.busy:
            return 0.0
        if here.activity is Activity.DRIVE:
            return self.kind.report_s
        return _STANDING_REPORT_S if here.ignition else _PARKED_REPORT_S

    def _made(self, moment: float) -> float:
        """Return when the last report was made, were there no outages."""
        here = self.where(moment)
        every = self._interval(here)
        if every == 0:
            return moment
        since = here.moves_since + _INSIDE_S
        return min(moment, since + max(0.0, moment - since) // every * every)

    def at(self, moment: float) -> Moment:
        """Return the last report that the platform has at a simulated second."""
        return self.report(self.latest(moment))

    def report(self, made: float) -> Moment:
        """Return the report that the device made at a simulated second."""
        outage = self.outage(made)
        here = self.where(made)
        day = self.duty.day(made)
        fixed, seen, satellites = made, here, 9 + int(4 * (1 + math.sin(made / 47 + self.index)))
        if here.sky_lost is not None:
            fixed, satellites = here.sky_lost, 0
            seen = self.where(fixed)
        elif self.kind.sleeps and not here.ignition:
            fixed = min(made, here.moves_since + _AWAKE_S)
        from_cells = satellites == 0 and self.kind.cells
        if from_cells:
            fixed, seen = made, here
        lat, lng = self._position(seen, fixed, from_cells=from_cells)
        if self.quirk == Quirk.COLD_START and here.ignition and made < here.ignition_since + 3:
            lat, lng, satellites = 0.0, 0.0, 2
        arrived = made if outage is None else outage.end
        return Moment(
            made,
            arrived,
            fixed - self.lag_s,
            lat,
            lng,
            round(655 + 40 * math.sin(seen.x / 3000) + 30 * math.cos(seen.y / 2300)),
            round(seen.heading) % 360,
            0 if from_cells else self._speed(seen, made),
            here.activity,
            here.ignition,
            here.moves_since,
            here.ignition_since,
            round(here.metres / 1000, 9),
            round(here.engine_s / 3600, 9),
            self._levels(here, day, made),
            _rpm(here.speed, ignition=here.ignition),
            self._cargo(made),
            satellites,
            from_cells,
            day.driver,
        )

    def _speed(self, seen: Where, made: float) -> int:
        if seen.activity is Activity.DRIVE:
            return max(1, round(seen.speed * 3.6))
        if self.quirk == Quirk.DRIFTS and not seen.ignition:
            return max(0, round(2.4 * math.sin(made * 12.9898)))
        return 0

    def _position(self, seen: Where, made: float, *, from_cells: bool) -> tuple[float, float]:
        x, y = seen.x, seen.y
        if from_cells:
            x, y = round(x / _CELL_M) * _CELL_M, round(y / _CELL_M) * _CELL_M
        elif self.quirk == Quirk.DRIFTS and not seen.ignition:
            # Reflections wander with the satellites, slowly and in no direction for long.
            x += 9 * math.sin(made / 311) + 5 * math.sin(made / 73 + 1)
            y += 9 * math.sin(made / 283 + 2) + 5 * math.sin(made / 61)
        return self.degrees(x, y)

    def _levels(self, here: Where, day: Day, made: float) -> tuple[float, ...]:
        """Return what the level sensors show."""
        tanks = self.kind.tanks
        if not tanks:
            return ()
        if self.quirk == Quirk.STICKS:
            lasts, every = _STICKS_S
            since = made // every * every
            if made < since + lasts:
                here, made = self.where(since), since
                day = self.duty.day(since)
        levels = self.duty.litres(day, made, here.metres, here.engine_s)
        if (
            self.quirk == Quirk.ZERO_AT_IGNITION
            and here.ignition
            and made < here.ignition_since + _ZERO_S
        ):
            return (0.0,) * len(tanks)
        slosh = 0.0
        if here.activity is Activity.DRIVE:  # fuel sloshes, a float sensor shows it
            swing = math.sin(made * 0.9 + self.index) + 0.6 * math.sin(made * 0.23)
            slosh = 0.004 * swing * min(1.0, here.speed / 14)
        shown = []
        for level, tank in zip(levels, tanks, strict=True):
            share = min(1.0, max(0.0, level / tank + slosh))
            shown.append(round(share * 250) / 2.5 if self.kind.percent else round(share * tank, 2))
        return tuple(shown)

    def _cargo(self, made: float) -> float | None:
        if not self.kind.chilled:
            return None
        swing = 1.3 * math.sin(made / 540 + self.index) + 0.2 * math.sin(made / 31)
        return round(-18 + swing, 1)


def _rpm(speed: float, *, ignition: bool) -> int:
    if not ignition:
        return 0
    gear = min(5, int(speed / 6))
    return round(820 + (speed - 6 * gear) * 190 + gear * 140)
