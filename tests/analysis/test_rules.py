"""The rules of each detector, by example."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from math import pi

import narwhals as nw
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import fleetlab as fl
from fleetlab.analysis.geometry import RADIUS_M, unit_vector, with_distance
from fleetlab.recording.load import _joined as joined
from tests.analysis.made import START, TIME, frame, moment, row
from tests.charts import recordings
from tests.charts.recordings import recording

STEP = 0.0016  # ° of longitude at 51.5° north: 110.8 m


def drive(start: int, minutes: float, *, lng: float = 10.0, every: int = 10, **more):
    """Rows of some 40 km/h from `start` seconds on."""
    count = int(minutes * 60 / every)
    step = STEP * every / 10
    return [row(start + every * n, 40.0, lng=lng + n * step, **more) for n in range(count)]


def stand(start: int, seconds: int, *, lng: float = 10.0, every: int = 20, **more):
    return [row(start + s, 0.0, lng=lng, **more) for s in range(0, seconds, every)]


def metres(one: tuple[float, float], other: tuple[float, float]) -> float:
    rows = pl.LazyFrame({"a": [one[0]], "b": [one[1]], "c": [other[0]], "d": [other[1]]})
    places = nw.from_native(rows).with_columns(
        *unit_vector("a", "b", "p"), *unit_vector("c", "d", "q")
    )
    return with_distance(places, "p", "q", "m").to_native().collect()["m"].item()


def test_distances_are_arcs_of_great_circles_on_the_sphere():
    degree = RADIUS_M * pi / 180
    assert RADIUS_M == 6_371_008.8
    assert metres((0, 0), (0, 1)) == pytest.approx(degree, rel=1e-12)
    assert metres((0.0, 179.9), (0.0, -179.9)) == pytest.approx(0.2 * degree, rel=1e-9)
    assert metres((89.9, 0), (89.9, 180)) == pytest.approx(0.2 * degree, rel=1e-9)
    assert metres((90, 0), (90, 77)) == pytest.approx(0, abs=1e-6)
    assert metres((-90, 5), (90, 5)) == pytest.approx(180 * degree, rel=1e-12)
    assert metres((0, 0), (0, 179.999)) == pytest.approx(179.999 * degree, rel=1e-9)
    assert metres((0, 0), (0, 60)) == pytest.approx(60 * degree, rel=1e-12)
    assert metres((51.5, 10), (51.500001, 10)) == pytest.approx(1e-6 * degree, rel=1e-6)


def test_a_trip_ends_with_the_first_row_that_stands_for_300_s():
    rows = stand(0, 300) + drive(300, 5) + stand(600, 400, lng=10.048)
    [trip] = fl.trips(frame(rows)).to_dicts()
    assert trip["started_at"] == moment(START + 300)
    assert trip["ended_at"] == moment(START + 600)
    assert trip["n_points"] == 31
    assert trip["distance_m"] == pytest.approx(30 * 110.75, rel=1e-3)
    assert trip["avg_speed_kmh"] == pytest.approx(trip["distance_m"] / 300 * 3.6)
    assert not trip["censored_start"]
    assert not trip["censored_end"]


def test_a_red_light_of_less_than_300_s_is_part_of_the_trip():
    for waits, trips in ((299, 1), (300, 2)):
        rows = drive(0, 5) + [row(300, 0.0, lng=10.048)]
        rows += drive(300 + waits, 5, lng=10.05)
        assert fl.trips(frame(rows)).height == trips


def test_a_silence_of_more_than_1200_s_splits_a_trip():
    for silent, trips in ((1200, 1), (1201, 2)):
        rows = drive(0, 5) + drive(290 + silent, 5, lng=10.05)
        found = fl.trips(frame(rows))
        assert found.height == trips
    assert found["censored_end"].to_list() == [True, True]
    assert found["ended_at"][0] == moment(START + 290)


def test_a_silence_splits_a_trip_also_where_the_vehicle_stands_for_a_moment_after_it():
    for silent, trips in ((1200, 1), (1201, 2)):
        after = 290 + silent
        rows = drive(0, 5) + [row(after, 0.0, lng=10.048)] + drive(after + 10, 5, lng=10.05)
        assert fl.trips(frame(rows)).height == trips


def test_short_trips_and_single_points_are_none():
    assert fl.trips(frame([row(0, 50.0)])).is_empty()
    assert fl.trips(frame([row(0, 50.0), row(5, 50.0, lng=10.001)])).is_empty()
    assert fl.trips(frame([row(0, 50.0), row(5, 50.0, lng=10.002)])).height == 1
    assert fl.trips(frame(stand(0, 3000))).is_empty()


@pytest.mark.parametrize(("speed", "trips"), [(3.0, 1), (2.9, 0)])
def test_a_vehicle_moves_from_the_least_speed_on(speed, trips):
    rows = [{**one, "speed_kmh": speed} for one in drive(0, 5)]
    assert fl.trips(frame(rows)).height == trips
    assert fl.trips(frame(rows).drop("movement_status")).height == trips


def test_noise_of_a_parked_vehicle_is_no_trip():
    rows = [
        row(10 * n, 4.0, lng=10.0 + (n % 2) * 0.0005, movement_status="parked") for n in range(200)
    ]
    assert fl.trips(frame(rows)).is_empty()
    for one in rows:
        one["movement_status"] = None
    assert fl.trips(frame(rows)).height == 1


def test_a_drive_that_the_platform_has_not_noticed_yet_counts_from_50_m_on():
    rows = stand(0, 400, movement_status="parked")
    rows += [row(400 + n, 20.0, lng=10.0 + n * 8e-5, movement_status="parked") for n in range(120)]
    rows += stand(520, 400, lng=10.0 + 120 * 8e-5, movement_status="parked")
    [trip] = fl.trips(frame(rows)).to_dicts()
    assert 8 <= (trip["started_at"] - moment(START + 400)).total_seconds() <= 11
    assert trip["ended_at"] == moment(START + 520)


def test_a_snapshot_is_never_a_movement():
    old = row(0, 80.0, snapshot=True)
    rows = [old] + drive(10, 2, lng=10.002)
    [trip] = fl.trips(frame(rows)).to_dicts()
    assert trip["started_at"] == moment(START + 10)
    assert trip["n_points"] == 12
    assert fl.speeding(frame([old, row(60, 20.0)]), 50).is_empty()


def test_the_same_moment_sent_twice_counts_once_and_the_last_word_counts():
    rows = drive(0, 5)
    again = [{**one, "received_at": one["received_at"] + 1} for one in rows]
    once = fl.trips(frame(rows))
    assert_frame_equal(fl.trips(frame(rows + again)), once)
    assert_frame_equal(fl.trips(frame(rows + rows)), once)
    wrong = [{**one, "speed_kmh": 299.0, "received_at": one["received_at"] - 1} for one in rows]
    assert_frame_equal(fl.trips(frame(wrong + rows)), once)


def test_ten_minutes_of_a_longer_trip_are_never_a_whole_one():
    longer = frame(stand(0, 600) + drive(600, 60) + stand(4200, 600, lng=10.576))
    assert fl.trips(longer)["censored_start"].to_list() == [False]
    for begin in range(0, 4800, 150):
        cut = longer.filter(
            pl.col("event_time").is_between(moment(START + begin), moment(START + begin + 600))
        )
        for trip in fl.trips(cut).to_dicts():
            assert trip["censored_start"] or trip["censored_end"]
    states = longer.filter(pl.col("event_time") < moment(START + 1200)).rename(lambda name: name)
    rec = recording(state_batch=in_a_recording(states.to_dicts()[30:60]))
    [trip] = fl.trips(rec).to_dicts()
    assert trip["censored_start"]
    assert trip["censored_end"]


def in_a_recording(rows):
    """The same rows, from the start of a made recording on."""
    shift = recordings.START - rows[0]["event_time"]
    made = [{name: one[name] for name in ("lat", "lng", "speed_kmh", "snapshot")} for one in rows]
    for one, old in zip(made, rows, strict=True):
        one["event_time"] = old["event_time"] + shift
    return made


def test_a_gap_in_which_a_stop_fits_cuts_a_trip_and_a_shorter_one_does_not():
    drives = [{"event_time": recordings.at(10 * n), "speed_kmh": 40.0, "lat": 51.5,
               "lng": 10.0 + n * STEP} for n in range(121)]  # fmt: skip
    for length, trips in ((200, 1), (320, 2)):
        start, end = 605, 605 + length
        heard = [
            one for one in drives
            if not recordings.at(start) <= one["event_time"] <= recordings.at(end)
        ]  # fmt: skip
        rec = recording(state_batch=heard, gaps=[(start, end, "disconnected")], minutes=20)
        found = fl.trips(rec)
        assert found.height == trips
        assert found["censored_start"].all()
        assert found["censored_end"].all()
    assert found["ended_at"][0] == recordings.at(605)


def test_recordings_rotated_by_the_hour_are_one():
    whole = frame(stand(0, 400) + drive(400, 10) + stand(1000, 400, lng=10.096))
    middle = moment(START + 700)
    first = whole.filter(pl.col("event_time") < middle)
    # The next one begins with what held, and goes on while the first one still writes.
    held = first.tail(1).with_columns(snapshot=pl.lit(value=True), received_at=pl.lit(middle))
    second = pl.concat([held.cast(whole.schema), whole.filter(pl.col("event_time") >= middle)])
    both = pl.concat([first.with_columns(recording=pl.lit("a")), second, first.tail(3)])
    for name in ("trips", "stops", "speeding", "mileage"):
        assert_frame_equal(getattr(fl, name)(both), getattr(fl, name)(whole))


def test_a_trip_across_two_recordings_that_are_loaded_as_one_is_one():
    drives = [{"event_time": recordings.at(10 * n), "speed_kmh": 40.0, "lat": 51.5,
               "lng": 10.0 + n * STEP} for n in range(121)]  # fmt: skip
    first = recording(state_batch=drives[:60], minutes=10, name="a")
    second = recording(state_batch=drives[61:], minutes=20, name="b")
    second.info = replace(second.info, started_at=recordings.at(602))
    both = joined([first, second])
    assert both.gaps["reason"].to_list() == ["between_recordings"]
    [trip] = fl.trips(both).to_dicts()
    assert trip["started_at"] == recordings.at(0)
    assert trip["ended_at"] == recordings.at(1200)
    assert trip["n_points"] == 120


def test_halves_agree_with_the_whole_but_for_what_is_cut():
    whole = frame(
        stand(0, 400) + drive(400, 10) + stand(1000, 400, lng=10.096) + drive(1400, 5, lng=10.096)
        + stand(1700, 400, lng=10.144)
    )  # fmt: skip
    trips = fl.trips(whole)
    for second in range(50, 2100, 130):
        when = moment(START + second)
        halves = [
            whole.filter(pl.col("event_time") < when),
            whole.filter(pl.col("event_time") >= when),
        ]
        found = pl.concat([fl.trips(half) for half in halves])
        untouched = trips.filter((pl.col("ended_at") < when) | (pl.col("started_at") > when))
        again = found.filter(pl.col("started_at").is_in(untouched["started_at"].implode()))
        plain = [name for name in trips.columns if not name.startswith("censored")]
        assert_frame_equal(again.select(plain), untouched.select(plain))
        cut = found.filter(~pl.col("started_at").is_in(untouched["started_at"].implode()))
        assert (cut["censored_start"] | cut["censored_end"]).all()


def test_a_stop_lasts_until_the_next_movement_however_long_nothing_comes():
    rows = drive(0, 2) + [row(120, 0.0, lng=10.02, ignition=True), row(240, 0.0, lng=10.02)]
    rows += drive(9000, 2, lng=10.02)
    [stop] = fl.stops(frame(rows)).to_dicts()
    assert stop["started_at"] == moment(START + 120)
    assert stop["ended_at"] == moment(START + 9000)
    assert stop["duration_s"] == 8880.0
    assert stop["ignition_on_s"] == 120.0
    assert stop["n_points"] == 2
    assert not stop["censored_start"]
    assert not stop["censored_end"]


def test_a_stop_by_ignition_or_motion_sensor():
    rows = [row(0, 0.0, ignition=True, movement_status="moving")]
    rows += [
        row(60 + s, 0.0, ignition=s < 600, movement_status="parked") for s in range(0, 1200, 60)
    ]
    seconds = {
        by: fl.stops(frame(rows), by=by)["duration_s"].to_list() for by in ("ignition", "motion")
    }
    assert seconds == {"ignition": [540.0], "motion": [1140.0]}


def test_a_vehicle_that_stood_all_the_time_stops_from_bound_to_bound():
    old = {"event_time": recordings.at(-5000), "received_at": recordings.at(2), "snapshot": True}
    rec = recording(state_batch=[{**old, "speed_kmh": 0.0, "lat": 51.5, "lng": 10.0}])
    [stop] = fl.stops(rec).to_dicts()
    assert stop["started_at"] == recordings.START
    assert stop["ended_at"] == recordings.at(600)
    assert stop["censored_start"]
    assert stop["censored_end"]


def test_nothing_is_known_in_a_gap():
    rows = [{"event_time": recordings.at(s), "speed_kmh": 0.0, "ignition": True} for s in (0, 500)]
    rec = recording(state_batch=rows, gaps=[(310, 480, "disconnected")])
    spans = fl.idling(rec).select("started_at", "ended_at", "censored_start", "censored_end").rows()
    assert spans == [
        (recordings.at(0), recordings.at(310), True, True),
        (recordings.at(500), recordings.at(600), True, True),
    ]


def test_idling_ends_with_the_ignition_or_with_movement():
    rows = [row(0, 0.0, ignition=False), row(10, 0.0, ignition=True), row(70, 0.0),
            row(130, 30.0, ignition=True), row(190, 0.0),
            row(250, 0.0, ignition=False)]  # fmt: skip
    found = fl.idling(frame(rows))
    assert found["duration_s"].to_list() == [120.0, 60.0]
    assert not found["censored_start"].any()
    assert not found["censored_end"].any()
    assert fl.idling(frame(rows), min_duration_s=61).height == 1


def test_ignition_off_in_a_garage_counts_from_when_it_was_told():
    parked = {"gps_updated": START, "movement_status": "parked"}
    rows = [row(0, 0.0, ignition=True, movement_status="stopped"),
            {**row(0, 0.0, ignition=False, **parked), "received_at": START + 400,
             "server_time": START + 399},
            row(900, 0.0, ignition=False)]  # fmt: skip
    [idle] = fl.idling(frame(rows)).to_dicts()
    assert idle["duration_s"] == 399.0


def test_speeding_has_to_last_longer_than_the_minimum():
    rows = [row(0, 80.0), row(10, 91.0), row(20, 95.0), row(40, 90.0), row(50, 80.0)]
    [found] = fl.speeding(frame(rows), limit_kmh=90, min_duration_s=29).to_dicts()
    assert (found["duration_s"], found["max_speed_kmh"], found["n_points"]) == (30.0, 95.0, 2)
    assert fl.speeding(frame(rows), limit_kmh=90, min_duration_s=30).is_empty()


def test_speeding_ends_where_nothing_comes_for_over_30_minutes():
    rows = [row(0, 50.0), row(10, 120.0), row(20, 120.0), row(20 + 1801, 120.0), row(1831, 50.0)]
    found = fl.speeding(frame(rows))
    assert found["duration_s"].to_list() == [10.0, 10.0]
    assert found["censored_end"].to_list() == [True, False]
    assert found["censored_start"].to_list() == [False, True]


def test_each_tracker_may_have_a_limit_of_its_own():
    rows = [row(s, 60.0, tracker_id=who) for who in (1, 2, 3) for s in (0, 30)]
    found = fl.speeding(frame(rows), {1: 50, 2: 70})
    assert found.select("tracker_id", "limit_kmh").rows() == [(1, 50.0)]


def test_status_is_unknown_while_the_device_is_not_heard():
    rows = [row(0, ignition=True, connection_status="active"),
            row(100, ignition=True, connection_status="offline"),
            row(300, ignition=True, connection_status="active"),
            row(400, ignition=False)]  # fmt: skip
    found = fl.status_spans(frame(rows))
    ignition = found.filter(what="ignition").select("value", "duration_s", "censored_end").rows()
    assert ignition == [("on", 100.0, True), ("on", 100.0, False), ("off", 0.0, True)]
    assert found.filter(what="connection")["value"].to_list() == ["active", "offline", "active"]


def test_a_gap_that_begins_at_the_last_moment_leaves_open_how_what_was_before_it_ended():
    gaps = frame([row(100)]).select(
        pl.col("event_time").alias("started_at"),
        pl.lit(None, pl.Datetime("us", "UTC")).alias("ended_at"),
        pl.lit(None, pl.Int64).alias("tracker_id"),
    )
    rows = frame([row(0, ignition=True), row(100, ignition=False)])
    found = fl.status_spans(rows, gaps=gaps).filter(what="ignition")
    assert found.select("value", "duration_s", "censored_start", "censored_end").rows() == [
        ("on", 100.0, True, True),
        ("off", 0.0, True, True),
    ]


def test_a_silence_lasts_from_the_last_fix_to_the_next():
    rows = [row(0), {**row(250), "gps_updated": START, "connection_status": "idle"},
            row(400, lat=52.0), row(699, lat=52.1), row(1000)]  # fmt: skip
    found = fl.silences(frame(rows))
    assert found.select("duration_s", "last_lat", "last_status", "censored_end").rows() == [
        (400.0, 51.5, "idle", False),
        (301.0, 52.1, None, False),
    ]


def test_a_device_that_stays_silent_is_so_to_the_end():
    rows = [{"event_time": recordings.at(60), "gps_updated": recordings.at(60)}]
    [found] = fl.silences(recording(state_batch=rows)).to_dicts()
    assert found["ended_at"] == recordings.at(600)
    assert found["censored_end"]


def test_mileage_is_by_day_of_the_zone_asked_for():
    rows = frame(stand(0, 400) + drive(400, 30, lng=10.0) + stand(2200, 400, lng=10.288))
    utc = fl.mileage(rows)
    assert utc["date"].to_list() == [date(2026, 7, 1), date(2026, 7, 2)]
    assert utc["n_trips"].to_list() == [1, 0]
    [trip] = fl.trips(rows).to_dicts()
    assert utc["distance_m"].sum() == pytest.approx(trip["distance_m"])
    assert utc["moving_s"].sum() == 1800.0
    madrid = fl.mileage(rows, timezone="Europe/Madrid")
    assert madrid["date"].to_list() == [date(2026, 7, 2)]
    assert fl.mileage(rows, timezone="-01:00")["date"].to_list() == [date(2026, 7, 1)]


def test_mileage_has_the_odometer_where_it_is_sent():
    readings = pl.DataFrame(
        {"tracker_id": 1, "reading": ["counter:odometer"] * 3 + ["counter:engine_hours"],
         "value": [100.0, 104.5, 106.0, 7.0],
         "event_time": [moment(START + s) for s in (0, 600, 2000, 600)]},
        schema_overrides={"event_time": TIME},
    )  # fmt: skip
    found = fl.mileage(frame(drive(0, 40)), readings=readings)
    assert found["odometer_km"].to_list() == [4.5, 1.5]


def test_latency_is_told_for_both_ways():
    rows = [
        {**row(s), "server_time": START + s + 2, "received_at": START + s + 3} for s in range(9)
    ]
    rows += [{**row(0, snapshot=True), "server_time": START + 9999}]
    rows += [{**row(100), "server_time": START + 112, "received_at": START + 113}]
    [found] = fl.latency(frame(rows)).to_dicts()
    assert found["n"] == 10
    assert found["device_to_platform_median"] == 2.0
    assert found["device_to_platform_p95"] == pytest.approx(7.5)
    assert found["device_to_platform_max"] == 12.0
    assert found["platform_to_here_max"] == 1.0


def test_positions_that_can_not_be_are_dropped():
    good = [row(0, lng=10.0), row(60, lng=10.01), row(120, lng=10.02)]
    bad = [row(5, lat=0.0), row(6, lng=0.0), row(7, lat=91.0), row(8, lng=181.0), row(9, lat=None),
           row(11, satellites=2.0), row(12, 201.0, gsm_lbs=True), row(65, lat=53.0)]  # fmt: skip
    found = fl.clean_positions(frame(good + bad))
    assert found.equals(frame(good))
    assert found.columns == frame(good).columns
