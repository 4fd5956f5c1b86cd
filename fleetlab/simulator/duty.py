"""What a vehicle does, day by day: its tours, its fuel, and when its device is out of reach.

A day is planned when it is first asked for, from the evening before; everything in it is then known
and any moment of it is arithmetic. Times are simulated seconds; before the first planned day, which
is the one before the start, a vehicle stands where that day finds it.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from fleetlab.simulator.tours import generator

if TYPE_CHECKING:
    from random import Random
    from zoneinfo import ZoneInfo

    from fleetlab.simulator.tour import Tour
    from fleetlab.simulator.tours import Tours

__all__ = ["Day", "Duty", "FuelChange", "Kind", "Leg", "Outage"]

_DAY_S: Final = 86_400.0
_WEEKDAYS_AT_WORK: Final = (0.92, 0.92, 0.92, 0.92, 0.92, 0.35, 0.1)  # Monday first
_BREAK_S: Final = (1500.0, 3600.0)  # at the depot, between two tours
_FULL: Final = 0.95  # of a tank, when the pump stops
_LOW: Final = 0.3  # of a tank, when a driver looks for a filling station
_WORTH_FILLING: Final = 0.6


@dataclass(frozen=True, slots=True)
class Kind:
    """What sort of vehicle and device it is.

    Tanks in litres, consumption in l/km and l/h of engine time. `report_s` is how often the device
    reports while driving, 0 at every update. `percent`: the level is known as raw percent only.
    `regional`: it also serves the towns along the motorways. `cells`: without satellites the device
    takes its position from cell towers. `sleeps`: parked, the device switches its GPS off.
    """

    name: str
    model: str
    tanks: tuple[float, ...]
    per_km: float
    per_hour: float
    report_s: float = 0.0
    chilled: bool = False
    percent: bool = False
    regional: bool = False
    cells: bool = False
    sleeps: bool = False


class Leg(NamedTuple):
    """A tour that is driven: from when on, and what counters and tanks showed then."""

    start: float
    tour: Tour
    metres: float
    engine_s: float

    @property
    def end(self) -> float:
        """When the engine is switched off at the depot."""
        return self.start + self.tour.duration


class FuelChange(NamedTuple):
    """Fuel that is filled in or taken out steadily; litres for each tank."""

    kind: str
    start: float
    end: float
    litres: tuple[float, ...]


class Outage(NamedTuple):
    """A time in which nothing comes from the device; what it stores comes after the end."""

    reason: str
    start: float
    end: float
    stores: bool


@dataclass(slots=True)
class Day:
    """One planned day; `metres`, `engine_s` and `litres` are those at its start."""

    start: float
    end: float
    parked_since: float
    driver: int
    metres: float
    engine_s: float
    litres: tuple[float, ...]
    legs: list[Leg] = field(default_factory=list)
    changes: list[FuelChange] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)

    def leg_at(self, moment: float) -> Leg | None:
        """Return the latest leg that has begun."""
        latest = None
        for leg in self.legs:
            if leg.start > moment:
                break
            latest = leg
        return latest

    def next_start(self, moment: float) -> float:
        """Return when the vehicle leaves the depot next, or the end of the day."""
        return next((leg.start for leg in self.legs if leg.start > moment), self.end)


@dataclass(slots=True)
class Duty:
    """The days of one vehicle.

    Attributes
    ----------
    start : datetime
        The moment of simulated second 0.
    shift : float or None
        Hour of the local clock at which its working day begins. None: `first` decides when, and it
        works every day at that time.
    first : (float, Tour) or None
        A leg that is given, for a vehicle that is to be somewhere at the start.
    works : bool
        False for a vehicle that stands in the yard for good.
    thefts, dead_zones : tuple
        Of simulated seconds: when fuel is stolen, when the device begins to be out of reach.
    leak : float
        Litres that leave the first tank each hour.
    fails : bool
        Whether the device's battery runs flat now and then, for hours.
    """

    seed: str
    kind: Kind
    tours: Tours
    depot: int
    start: datetime
    zone: ZoneInfo
    shift: float | None
    first: tuple[float, Tour] | None = None
    works: bool = True
    share: float = 0.8
    metres: float = 0.0
    engine_s: float = 0.0
    leak: float = 0.0
    thefts: tuple[float, ...] = ()
    dead_zones: tuple[float, ...] = ()
    fails: bool = False
    _days: list[Day] = field(default_factory=list)
    _starts: list[float] = field(default_factory=list)

    def day(self, moment: float) -> Day:
        """Return the day that a moment is in."""
        while not self._days or moment >= self._days[-1].end:
            self._plan()
        return self._days[max(0, bisect_right(self._starts, moment) - 1)]

    def days(self, until: float) -> list[Day]:
        """Return the days that began before a moment."""
        self.day(until)
        return [day for day in self._days if day.start <= until]

    def litres(self, day: Day, moment: float, metres: float, engine_s: float) -> tuple[float, ...]:
        """Return what is in each tank, given the counters of that moment."""
        tanks = self.kind.tanks
        if not tanks:
            return ()
        burnt = self.burnt(metres - day.metres, engine_s - day.engine_s) / sum(tanks)
        levels = [had - burnt * tank for had, tank in zip(day.litres, tanks, strict=True)]
        for change in day.changes:
            done = (moment - change.start) / (change.end - change.start)
            if done > 0:
                for n, litres in enumerate(change.litres):
                    levels[n] += litres * min(1.0, done)
        return tuple(levels)

    def burnt(self, metres: float, engine_s: float) -> float:
        """Return the litres that a way and the engine's time take."""
        return metres / 1000 * self.kind.per_km + engine_s / 3600 * self.kind.per_hour

    def _plan(self) -> None:
        number = len(self._days)
        rng = generator(f"{self.seed}/{number}")
        start, end, weekday = self._bounds(number)
        if self._days:
            before = self._days[-1]
            last = before.legs[-1] if before.legs else None
            metres = last.metres + last.tour.length if last else before.metres
            engine_s = last.engine_s + last.tour.engine_s if last else before.engine_s
            litres = self.litres(before, before.end, metres, engine_s)
            parked = last.end if last else before.parked_since
        else:
            metres, engine_s, parked = (
                self.metres,
                self.engine_s,
                start - (0.5 if self.works else 20) * _DAY_S,
            )
            litres = tuple(self.share * tank for tank in self.kind.tanks)
        day = Day(start, end, parked, rng.randrange(1_000), metres, engine_s, litres)
        # Idle before `first` begins, so that the tanks hold then what `share` says.
        chance = _WEEKDAYS_AT_WORK[weekday] if self.shift is not None else float(number > 0)
        at_work = rng.random() < chance
        if self.works and at_work:
            self._plan_legs(day, rng, number)
        self._plan_losses(day)
        self._plan_outages(day, rng)
        self._days.append(day)
        self._starts.append(start)

    def _bounds(self, number: int) -> tuple[float, float, int]:
        """Return when a day begins and ends, two hours before the shift, and its weekday."""
        if self.shift is None:
            begin = 0.0 if self.first is None else self.first[0] - 7200.0
            begin = min(begin, -3600.0) + (number - 1) * _DAY_S
            return begin, begin + _DAY_S, 0
        hour = timedelta(hours=self.shift - 2)
        local = self.start.astimezone(self.zone).replace(tzinfo=None)
        today = datetime.combine((local - hour).date(), datetime.min.time()) + hour
        bounds = [
            (today + timedelta(days=number - 1 + n)).replace(tzinfo=self.zone) - self.start
            for n in (0, 1)
        ]
        weekday = (today + timedelta(days=number - 1)).weekday()
        return bounds[0].total_seconds(), bounds[1].total_seconds(), weekday

    def _plan_legs(self, day: Day, rng: Random, number: int) -> None:
        begins = day.start + 7200.0 + rng.uniform(-1500, 1500)
        ends = begins + rng.uniform(7.5, 9.5) * 3600
        now, metres, engine_s = begins, day.metres, day.engine_s
        tour: Tour | None = None
        if self.first is not None and number == 1:
            now, tour = self.first
        while True:
            litres = self.litres(day, now, metres, engine_s)
            share = sum(litres) / sum(self.kind.tanks) if litres else 1.0
            if tour is None:
                tour = self.tours.choose(
                    rng,
                    self.depot,
                    regional=self.kind.regional,
                    refuels=share < _LOW + 0.1,
                    rush=self._is_rush_hour(now),
                )
            if day.legs and now + tour.duration > min(ends + 3600, day.end - 1800):
                return
            day.legs.append(Leg(now, tour, metres, engine_s))
            self._fill_up(day, day.legs[-1], rng)
            metres += tour.length
            engine_s += tour.engine_s
            now += tour.duration + rng.uniform(*_BREAK_S)
            tour = None

    def _is_rush_hour(self, moment: float) -> bool:
        if self.shift is None:
            return False
        local = (self.start + timedelta(seconds=moment)).astimezone(self.zone)
        hour = local.hour + local.minute / 60
        return local.weekday() < 5 and (6.75 <= hour < 8.5 or 16.5 <= hour < 18.5)  # noqa: PLR2004

    def _fill_up(self, day: Day, leg: Leg, rng: Random) -> None:
        pump = leg.tour.refuel
        if pump is None or not self.kind.tanks:
            return
        start = leg.start + pump.start
        levels = self.litres(day, start, leg.metres + pump.travelled, leg.engine_s + pump.engine_s)
        share = sum(levels) / sum(self.kind.tanks)
        if share > _WORTH_FILLING:
            return
        target = _FULL if rng.random() < 0.75 else share + 0.3  # noqa: PLR2004 - or for a round sum
        litres = tuple(
            target * tank - level for tank, level in zip(self.kind.tanks, levels, strict=True)
        )
        pumping = (start + 0.02 * pump.duration, start + 0.8 * pump.duration)
        day.changes.append(FuelChange("fill", *pumping, litres))

    def _plan_losses(self, day: Day) -> None:
        others = (0.0,) * (len(self.kind.tanks) - 1)
        if self.leak:
            litres = -self.leak * (day.end - day.start) / 3600
            day.changes.append(FuelChange("leak", day.start, day.end, (litres, *others)))
        for theft in self.thefts:
            if day.start <= theft < day.end:
                stolen = -0.35 * self.kind.tanks[0]
                day.changes.append(FuelChange("drain", theft, theft + 300, (stolen, *others)))

    def _plan_outages(self, day: Day, rng: Random) -> None:
        for start in self.dead_zones:
            if day.start <= start < day.end:
                day.outages.append(Outage("dead_zone", start, start + 80, stores=True))
        if self.fails and rng.random() < 0.2:  # noqa: PLR2004 - one day in five
            start = day.start + rng.uniform(0.1, 0.6) * _DAY_S
            end = start + rng.uniform(0.5, 7) * 3600
            day.outages.append(Outage("no_power", start, end, stores=False))
        if rng.random() < 0.04:  # noqa: PLR2004 - a cellar, a valley, a provider's bad hour
            start = day.start + rng.uniform(0.1, 0.9) * (_DAY_S - 7200)
            end = start + rng.uniform(120, 2400)
            day.outages.append(Outage("dead_zone", start, end, stores=True))
