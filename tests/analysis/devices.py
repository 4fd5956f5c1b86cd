"""What the simulated devices tell of whole days, without the hours that a wire would take."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from fleetlab.simulator.fleet import make_fleet
from fleetlab.simulator.tour import Activity
from fleetlab.simulator.truth import Truth

START = datetime(2026, 7, 1, tzinfo=UTC)
_START_US = int(START.timestamp()) * 1_000_000
_TIME = pl.Datetime("us", "UTC")
_HEAD = {"tracker_id": pl.Int64, "label": pl.String, "event_time": pl.Int64,
         "server_time": pl.Int64, "snapshot": pl.Boolean}  # fmt: skip
_STATE = {"lat": pl.Float64, "lng": pl.Float64, "speed_kmh": pl.Float64,
          "movement_status": pl.String, "ignition": pl.Boolean}  # fmt: skip
_READING = {"reading": pl.String, "sensor_id": pl.Int64, "name": pl.String, "type": pl.String,
            "units": pl.String, "value": pl.Float64, "max_value": pl.Float64}  # fmt: skip


def days(vehicles: int, *, seed: int, days: float, every: float = 10.0) -> SimpleNamespace:
    """States and levels of fuel of a fleet from START on, each `every` seconds; and its truth."""
    fleet = make_fleet(
        vehicles, seed=seed, city=(40.4168, -3.7038), start=START, zone=ZoneInfo("Europe/Madrid")
    )
    until = days * 86_400
    states: list[tuple[Any, ...]] = []
    levels: list[tuple[Any, ...]] = []
    tanks = []
    for tracker in fleet.trackers:
        vehicle = fleet.vehicles[tracker.vehicle]
        kind = vehicle.kind
        if tracker.clone or not kind.tanks:
            continue
        for n, tank in enumerate(kind.tanks):
            tanks.append((tracker.tracker_id, n + 1, tank, tank / 100 if kind.percent else 1.0))
        now, seen, last = 0.0, None, {}
        while now <= until:
            moment = vehicle.at(now)
            if moment.made != seen:
                seen = moment.made
                who = (tracker.tracker_id, tracker.label)
                told = (micros(moment.fixed_at), micros(now), not states or states[-1][0] != who[0])
                moves = moment.activity is Activity.DRIVE
                stands = "stopped" if moment.ignition else "parked"
                states.append(
                    (*who, *told, moment.lat, moment.lng, float(moment.speed),
                     "moving" if moves else stands, moment.ignition)
                )  # fmt: skip
                for n, value in enumerate(moment.levels):
                    if last.get(n) != value:
                        last[n] = value
                        unit, full = ("%", 100.0) if kind.percent else ("litre", kind.tanks[n])
                        names = (f"input:{n + 1}", n + 1, f"lls_level_{n + 1}", "fuel")
                        levels.append((*who, *told, *names, unit, float(value), full))
            coming = vehicle.following(vehicle.latest(now))
            now = max(now + every, coming if vehicle.outage(now) is None else now)
    clock = SimpleNamespace(update_us=int(until * 1e6), moment_us=micros)
    return SimpleNamespace(
        states=_frame(states, _STATE),
        readings=_frame(levels, _READING),
        truth=Truth(fleet, clock),  # type: ignore[arg-type]
        tanks=pl.DataFrame(
            tanks, schema=["tracker_id", "tank", "volume_l", "litres_per_unit"], orient="row"
        ),
    )


def micros(seconds: float) -> int:
    return _START_US + int(seconds * 1_000_000)


def _frame(rows: list[tuple[Any, ...]], columns: dict[str, Any]) -> pl.DataFrame:
    made = pl.DataFrame(rows, schema={**_HEAD, **columns}, orient="row")
    return made.cast({"event_time": _TIME, "server_time": _TIME})
