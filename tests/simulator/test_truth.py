"""The simulator's truth, held against what its devices sent and what its sums must be."""

from datetime import UTC, datetime

import polars as pl
import pytest

from fleetlab.simulator import Simulator

START = datetime(2026, 7, 1, 9, tzinfo=UTC)
HOURS = 26


@pytest.fixture(scope="module")
def day():
    """Return a simulator that has run for a day, and a sample of its vehicles each 5 s."""
    with Simulator(24, tick=None, start_at=START) as sim:
        sim.step(HOURS * 3600)
        fleet = sim._platform.world.fleet
        samples = {
            tracker.tracker_id: [
                fleet.vehicles[tracker.vehicle].where(5.0 * n) for n in range(HOURS * 720)
            ]
            for tracker in fleet.trackers
            if not tracker.clone
        }
        yield sim, samples


def seconds(column):
    return (pl.col(column) - START).dt.total_microseconds() / 1e6


def inside(frame, tracker):
    """Return the spans of a tracker in seconds, what still goes on until the end."""
    return (
        frame.filter(pl.col("tracker_id") == tracker)
        .select(seconds("started_at"), seconds("ended_at").fill_null(HOURS * 3600.0))
        .rows()
    )


def holds(spans, moment):
    return any(start <= moment < end for start, end in spans)


def test_every_frame_names_the_tracker_and_when_in_utc(day):
    truth = day[0].truth
    for frame in (
        truth.trips,
        truth.stops,
        truth.idling,
        truth.speeding,
        truth.fuel_events,
        truth.silences,
    ):
        assert frame.height
        names = ["tracker_id", "source_id", "started_at", "ended_at", "duration_s"]
        assert frame.columns[:5] == names
        assert frame.schema["started_at"] == pl.Datetime("us", "UTC")
        assert frame["started_at"].max() <= datetime(2026, 7, 2, 9 + HOURS - 24, tzinfo=UTC)
        assert set(frame["tracker_id"]) <= set(day[0].tracker_ids[:24])
        over = frame.drop_nulls("ended_at")
        lasted = (over["ended_at"] - over["started_at"]).dt.total_microseconds() / 1e6
        assert (lasted - over["duration_s"]).abs().max() < 1e-5
        assert frame.equals(frame.sort("tracker_id", "started_at", maintain_order=True))


def test_at_each_moment_a_vehicle_is_on_a_trip_or_stops_and_never_both(day):
    sim, samples = day
    trips, stops = sim.truth.trips, sim.truth.stops
    for tracker, moments in samples.items():
        driving, standing = inside(trips, tracker), inside(stops, tracker)
        for n, here in enumerate(moments):
            on_trip, stopped = holds(driving, 5.0 * n), holds(standing, 5.0 * n)
            assert not (on_trip and stopped)
            assert on_trip or stopped
            if here.speed > 1:
                assert on_trip


def test_trips_have_the_length_that_the_odometer_shows(day):
    sim, samples = day
    trips = sim.truth.trips.drop_nulls("ended_at").filter(pl.col("started_at") >= START)
    totals = dict(trips.group_by("tracker_id").agg(pl.col("distance_m").sum()).rows())
    compared = 0
    for tracker, moments in samples.items():
        if moments[0].speed == 0 and moments[-1].speed == 0 and tracker in totals:
            driven = moments[-1].metres - moments[0].metres
            cut = (pl.col("started_at") < START) | pl.col("ended_at").is_null()
            if sim.truth.trips.filter((pl.col("tracker_id") == tracker) & cut).is_empty():
                compared += 1
                assert totals[tracker] == pytest.approx(driven, rel=0.001)
    assert compared >= 3
    assert trips.filter(pl.col("max_speed_kmh") < 3).is_empty()


def test_idling_is_standing_with_the_ignition_on(day):
    sim, samples = day
    idling = sim.truth.idling
    for tracker, moments in samples.items():
        spans = inside(idling, tracker)
        for n, here in enumerate(moments):
            stands = here.ignition and here.activity.value != "drive"
            assert holds(spans, 5.0 * n) is stands


def test_speeding_is_above_the_roads_limit_or_any_other(day):
    sim, samples = day
    assert (sim.truth.speeding["max_speed_kmh"] > sim.truth.speeding["limit_kmh"]).all()
    fast = sim.truth.above(80)
    for tracker, moments in samples.items():
        spans = inside(fast, tracker)
        for n, here in enumerate(moments):
            if here.speed * 3.6 > 80.5:
                assert any(start - 1 <= 5.0 * n <= end + 1 for start, end in spans)
            elif holds(spans, 5.0 * n):
                assert here.speed * 3.6 > 75


def test_levels_fall_by_what_is_burnt_and_change_by_what_is_told(day):
    sim, _ = day
    fleet = sim._platform.world.fleet
    events = sim.truth.fuel_events
    assert set(events["kind"]) == {"fill", "drain", "leak"}
    assert events.filter(pl.col("kind") == "drain").height == 1
    for tracker in fleet.trackers[:24]:
        vehicle = fleet.vehicles[tracker.vehicle]
        own = events.filter(
            (pl.col("tracker_id") == tracker.tracker_id) & (pl.col("kind") != "leak")
        )
        if own["ended_at"].null_count() or vehicle.duty.leak or not vehicle.kind.tanks:
            continue
        came = sum(
            litres if kind == "fill" else -litres
            for kind, litres in own.select("kind", "litres").rows()
        )
        first, last = vehicle.where(0.0), vehicle.where(HOURS * 3600.0)
        burnt = (last.metres - first.metres) / 1000 * vehicle.kind.per_km
        burnt += (last.engine_s - first.engine_s) / 3600 * vehicle.kind.per_hour
        fell = sum(vehicle.litres(0.0)) - sum(vehicle.litres(HOURS * 3600.0))
        assert fell == pytest.approx(burnt - came, abs=0.01)


def test_nothing_is_received_in_a_silence(day):
    sim, _ = day
    fleet = sim._platform.world.fleet
    silences = sim.truth.silences
    assert set(silences["reason"]) >= {"dead_zone", "forgotten"}
    for tracker in fleet.trackers[:24]:
        vehicle = fleet.vehicles[tracker.vehicle]
        for start, end in inside(silences, tracker.tracker_id):
            for share in (0.1, 0.5, 0.99):
                moment = start + share * (end - start)
                assert vehicle.latest(moment) <= start + 1e-3


def test_what_goes_on_has_no_end_yet_and_what_comes_is_not_told():
    with Simulator(12, tick=None, start_at=START) as sim:
        sim.step(10)
        now = datetime(2026, 7, 1, 9, 0, 10, tzinfo=UTC)
        trips = sim.truth.trips
        assert trips.filter(pl.col("ended_at").is_null()).height >= 5
        assert trips["started_at"].max() <= now
        running = trips.filter(pl.col("ended_at").is_null())
        for name in ("duration_s", "distance_m", "max_speed_kmh", "end_lat"):
            assert running[name].null_count() == running.height
        assert sim.truth.fuel_events.filter(pl.col("kind") == "drain").is_empty()


def test_totals_are_what_the_counters_and_tanks_show(day):
    sim, samples = day
    totals = sim.truth.totals
    assert totals.height == 24
    fleet = sim._platform.world.fleet
    for tracker, _, kind, metres, engine_s, litres in totals.rows():
        first, last = samples[tracker][0], samples[tracker][-1]
        assert metres == pytest.approx(last.metres - first.metres, abs=200)
        assert engine_s == pytest.approx(last.engine_s - first.engine_s, abs=6)
        assert (litres > 0) is (metres > 0)
        index = sim.tracker_ids.index(tracker)
        assert kind == fleet.vehicles[index].kind.name
