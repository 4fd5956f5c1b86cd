"""What the detectors find is what happened to the simulated fleet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import fleetlab as fl
from fleetlab.simulator import Simulator
from tests.analysis import devices
from tests.conftest import eventually

START = datetime(2026, 7, 1, 6, tzinfo=UTC)
END = START + timedelta(hours=2)


@pytest.fixture(scope="module")
def fleet():
    """Return what was sent of 24 vehicles in two hours, and what happened to them.

    The simulated clock is not this computer's, so when rows arrived here is left out.
    """
    with Simulator(24, tick=None, seed=3, start_at=START) as sim:
        job = fl.start(
            minutes=30,
            server=sim.base_url,
            api_key=sim.api_key,
            events=["state_batch", "readings_batch"],
            rate_limit="1s",
            view=False,
            save_to=False,
        )
        rows = lambda: job.recording.scan("state_batch").select(pl.len()).collect().item()  # noqa: E731
        eventually(lambda: rows() >= 24, "the first states")
        for _ in range(1440):
            sim.step(5.0)
        last = pl.col("event_time").max() > END - timedelta(seconds=5)
        eventually(lambda: job.recording.scan("state_batch").select(last).collect().item(), "all")
        rec = job.stop()
        frame = rec.state_batch.drop("received_at")
        levels = rec.readings_batch.drop("received_at")
        truth = sim.truth
        events = {
            "trips": truth.trips,
            "stops": truth.stops,
            "idling": truth.idling,
            "speeding": truth.above(70),
            "silences": truth.silences,
            "fuel": truth.fuel_events,
            "levels": levels,
        }
    return frame, events


def seen_whole(truth: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """What began and ended while the vehicle was heard, and while we listened."""
    bounds = (
        frame.filter(~pl.col("snapshot"))
        .group_by("tracker_id")
        .agg(pl.col("event_time").min().alias("first"), pl.col("event_time").max().alias("last"))
    )
    return truth.join(bounds, on="tracker_id").filter(
        pl.col("started_at") > pl.col("first") + timedelta(seconds=300),
        pl.col("ended_at") < pl.col("last") - timedelta(seconds=300),
    )


def beside(truth: pl.DataFrame, found: pl.DataFrame, seconds: float) -> pl.DataFrame:
    """Lay what was found beside what happened; null where nothing began near it."""
    return truth.sort("started_at").join_asof(
        found.rename(lambda name: f"found_{name}").sort("found_started_at"),
        left_on="started_at",
        right_on="found_started_at",
        by_left="tracker_id",
        by_right="found_tracker_id",
        strategy="nearest",
        tolerance=timedelta(seconds=seconds),
        coalesce=False,
        check_sortedness=False,
    )


def seconds_off(name: str) -> pl.Expr:
    return (pl.col(f"found_{name}") - pl.col(name)).dt.total_microseconds().abs() / 1e6


def test_each_trip_that_was_seen_whole_is_found_with_its_start_end_and_length(fleet):
    frame, events = fleet
    truth = seen_whole(events["trips"].filter(pl.col("distance_m") > 200), frame)
    found = beside(truth, fl.trips(frame), 30)
    assert len(found) > 30
    assert found["found_distance_m"].null_count() == 0
    assert found.select(seconds_off("started_at").max()).item() <= 15
    assert found.select(seconds_off("ended_at").max()).item() <= 30
    assert not found["found_censored_start"].any()
    off = (found["found_distance_m"] / found["distance_m"] - 1).abs()
    assert off.median() < 0.01
    # In a tunnel the way is a straight line.
    assert off.quantile(0.9) < 0.06


def test_no_trip_is_found_where_none_was(fleet):
    frame, events = fleet
    for tracker, start, end in (
        fl.trips(frame).select("tracker_id", "started_at", "ended_at").rows()
    ):
        then = events["trips"].filter(
            pl.col("tracker_id") == tracker,
            pl.col("started_at") <= start + timedelta(seconds=5),
            pl.col("ended_at").fill_null(END) >= end - timedelta(seconds=30),
        )
        assert then.height == 1, (tracker, start, end)


def test_each_stop_that_was_seen_whole_is_found(fleet):
    frame, events = fleet
    truth = seen_whole(events["stops"], frame)
    found = beside(truth, fl.stops(frame), 60)
    assert len(found) > 30
    assert found["found_lat"].null_count() <= 1
    assert found.select(seconds_off("started_at").quantile(0.95)).item() <= 15
    assert found.select(seconds_off("ended_at").quantile(0.95)).item() <= 15
    metres = (found["found_lat"] - found["lat"]).abs() * 111_195
    assert metres.quantile(0.95) < 30


def test_standing_with_the_ignition_on_is_found(fleet):
    frame, events = fleet
    truth = seen_whole(events["idling"].filter(pl.col("duration_s") >= 60), frame)
    found = beside(truth, fl.idling(frame, min_duration_s=30), 30)
    assert len(found) > 40
    assert found["found_duration_s"].null_count() <= len(found) * 0.05
    sums = found.drop_nulls("found_duration_s").select("duration_s", "found_duration_s").sum()
    assert sums["found_duration_s"].item() == pytest.approx(sums["duration_s"].item(), rel=0.05)


def test_speeding_of_half_a_minute_is_found(fleet):
    frame, events = fleet
    truth = seen_whole(events["speeding"].filter(pl.col("duration_s") >= 40), frame)
    found = beside(truth, fl.speeding(frame, 70), 30)
    assert len(found) > 40
    assert found["found_duration_s"].null_count() <= len(found) * 0.05
    driven = found.drop_nulls("found_distance_m").select("distance_m", "found_distance_m").sum()
    assert driven["found_distance_m"].item() == pytest.approx(driven["distance_m"].item(), rel=0.06)
    off = (found["found_max_speed_kmh"] - found["max_speed_kmh"]).abs()
    assert off.median() < 3


def test_a_silent_device_is_named(fleet):
    frame, _ = fleet
    found = fl.silences(frame)
    assert found.height > 3
    assert found["duration_s"].min() >= 300


# Fuel


def found_of(truth: pl.DataFrame, found: pl.DataFrame, tank: pl.Expr) -> pl.DataFrame:
    """Lay what was found of each tank beside what happened to it."""
    named = found.with_columns(tank=tank).rename(lambda name: f"found_{name}")
    return truth.sort("started_at").join_asof(
        named.sort("found_started_at"),
        left_on="started_at",
        right_on="found_started_at",
        by_left=["tracker_id", "tank"],
        by_right=["found_tracker_id", "found_tank"],
        strategy="nearest",
        tolerance=timedelta(seconds=120),
        coalesce=False,
        check_sortedness=False,
    )


def test_what_is_filled_and_stolen_on_the_wire_is_found(fleet):
    frame, events = fleet
    truth = events["fuel"].filter(pl.col("kind") != "leak", pl.col("ended_at").is_not_null())
    found = fl.fuel_events(events["levels"], states=frame)
    tank = pl.col("sensor").str.extract(r"Tank (\d)").cast(pl.Int64).fill_null(1)
    both = found_of(truth, found, tank)
    assert both.height == found.height >= 4
    assert both["found_kind"].equals(both["kind"].rename("found_kind"))
    # One device tells percent.
    litres = pl.when(pl.col("found_units") == "litre").then("found_volume")
    off = both.select((litres / pl.col("litres") - 1).abs().max()).item()
    assert off < 0.05


@pytest.fixture(scope="module")
def two_days():
    return devices.days(48, seed=5, days=2)


def test_all_that_is_filled_and_stolen_in_two_days_is_found_and_nothing_else(two_days):
    """What happened while a device was silent is known only by what was left of it."""
    silences = two_days.truth.silences.select(
        "tracker_id", silent_from="started_at", silent_to="ended_at"
    )
    truth = two_days.truth.fuel_events.filter(pl.col("kind") != "leak")
    hidden = truth.join(silences, on="tracker_id").filter(
        pl.col("silent_from") < pl.col("ended_at"), pl.col("silent_to") > pl.col("started_at")
    )
    truth = truth.join(hidden, on=["tracker_id", "started_at"], how="anti")
    found = fl.fuel_events(two_days.readings, states=two_days.states)
    both = found_of(truth, found, pl.col("sensor_id")).join(
        two_days.tanks, on=["tracker_id", "tank"]
    )
    assert both["found_kind"].equals(both["kind"].rename("found_kind"))
    assert found.height == both.height >= 20
    assert set(both["kind"]) == {"fill", "drain"}
    litres = pl.col("found_volume") * pl.col("litres_per_unit")
    assert both.select(((litres - pl.col("litres")) / pl.col("volume_l")).abs().max()).item() < 0.01
    for name in ("started_at", "ended_at"):
        assert both.select(seconds_off(name).max()).item() <= 60


def test_what_is_burnt_in_two_days_is_what_the_engine_took(two_days):
    leaks = two_days.truth.fuel_events.filter(pl.col("kind") == "leak")["tracker_id"].to_list()
    found = fl.fuel_consumption(two_days.readings, states=two_days.states)
    found = found.join(
        two_days.tanks.rename({"tank": "sensor_id"}), on=["tracker_id", "sensor_id"]
    ).with_columns(litres=pl.col("consumed") * pl.col("litres_per_unit"))
    sums = found.group_by("tracker_id").agg(pl.col("litres").sum(), n=pl.len())
    both = sums.join(two_days.truth.totals, on="tracker_id").filter(
        pl.col("burnt_l") > 5, ~pl.col("tracker_id").is_in(leaks)
    )
    assert both.height > 25
    off = (both["litres"] / both["burnt_l"] - 1).abs()
    assert off.median() < 0.01
    assert off.quantile(0.9) < 0.05
