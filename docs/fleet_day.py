"""Print what a simulated fleet does on a weekday, beside what real fleets were found to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from fleetlab.simulator import Simulator

VEHICLES = 600
MIDNIGHT = datetime(2026, 6, 30, 22, tzinfo=UTC)  # in Madrid: Wednesday, 1 July
FIRST_DOZEN = 12  # they are busy around the clock, so that a demonstration shows something


@dataclass(frozen=True)
class Figure:
    """A figure of the simulated day, and between what real ones lie."""

    name: str
    value: float
    low: float
    high: float
    source: str


VANS_2003 = "company vans, UK Department for Transport, Survey of Van Activity 2003"
VANS_2019 = "vans, UK Department for Transport, van statistics 2019 to 2020"
IDLING = "25 % of a shift, Bestrane 2021; 41 to 48 % of buses and refuse trucks, NREL Fleet DNA"


def figures() -> list[Figure]:
    """Simulate a weekday and a Sunday, and return what can be compared."""
    with Simulator(VEHICLES, tick=None, start_at=MIDNIGHT) as sim:
        sim.step(86_400)
        wednesday = sim.truth
        ids = list(sim.tracker_ids[FIRST_DOZEN:VEHICLES])
    with Simulator(VEHICLES, tick=None, start_at=MIDNIGHT.replace(month=7, day=4)) as sim:
        sim.step(86_400)
        sunday = sim.truth.trips.filter(pl.col("tracker_id").is_in(ids))
    trips = wednesday.trips.filter(pl.col("tracker_id").is_in(ids))
    used = wednesday.totals.filter(pl.col("tracker_id").is_in(ids), pl.col("distance_m") > 0)
    idle = wednesday.idling.filter(pl.col("tracker_id").is_in(ids))["duration_s"].sum()
    vans = used.filter(pl.col("kind").is_in(["van", "service van"]))
    trucks = used.filter(pl.col("kind") == "truck")
    engine = used["engine_s"].sum()
    hours = [on_the_way(trips, 1, hour, len(ids)) for hour in range(24)]
    sundays = [on_the_way(sunday, 5, hour, len(ids)) for hour in range(24)]

    def kilometres(frame: pl.DataFrame) -> float:
        return frame["distance_m"].sum() / 1000 / len(frame)

    def litres(frame: pl.DataFrame) -> float:
        return frame["burnt_l"].sum() / frame["distance_m"].sum() * 1e5

    return [
        Figure("on the way, 8:00 to 9:00, %", hours[8], 20, 40, f"25 to 30, {VANS_2003}"),
        Figure("on the way, 2:00 to 3:00, %", hours[2], 0, 10, f"under 10 before 7, {VANS_2003}"),
        Figure("on the way on Sunday, most, %", max(sundays), 0, 6, f"4 to 5, {VANS_2003}"),
        Figure("km a day, van in use", kilometres(vans), 80, 150, f"about 90, {VANS_2019}"),
        Figure("km a trip, van", van_trip(trips, vans), 5, 20, f"13 to 20, {VANS_2003}"),
        Figure("idling, % of the engine's time", idle / engine * 100, 15, 40, IDLING),
        Figure("idling, minutes a day", idle / 60 / len(used), 45, 100, "96, Fleetmatics 2012"),
        Figure("l/100 km, van", litres(vans), 8, 14, "8 to 12, in cities 14, Transpoco 2024"),
        Figure("l/100 km, truck", litres(trucks), 25, 40, "25 to 38 by load, Webfleet"),
    ]


def on_the_way(trips: pl.DataFrame, day: int, hour: int, vehicles: int) -> float:
    """Return the share of vehicles that are on a trip in the middle of a local hour, in percent."""
    middle = datetime(2026, 7, day, hour, 30)  # noqa: DTZ001 - local, as the column it is held against
    local = [
        pl.col(name).dt.convert_time_zone("Europe/Madrid").dt.replace_time_zone(None)
        for name in ("started_at", "ended_at")
    ]
    return trips.filter(local[0] <= middle, local[1] > middle).height / vehicles * 100


def van_trip(trips: pl.DataFrame, vans: pl.DataFrame) -> float:
    """Return the length of a van's trip in km."""
    return trips.join(vans, on="tracker_id", how="semi")["distance_m"].mean() / 1000


if __name__ == "__main__":
    for one in figures():
        print(f"{one.name:34}{one.value:7.1f}   real: {one.source}")
