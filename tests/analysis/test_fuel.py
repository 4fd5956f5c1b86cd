"""What counts as a fill, a drain and a loss, and what is noise."""

from __future__ import annotations

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import fleetlab as fl
from fleetlab.errors import InvalidArgument
from fleetlab.schemas import schema
from tests.analysis import fuel_reference
from tests.analysis.fuel_reference import State
from tests.charts.recordings import at, recording

TIME = pl.Datetime("us", "UTC")
HOUR = 3600
# A smaller example would be nice to have, and takes longer to find than a test may last.
quick = settings(
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


def level(t: float, value: float | None, **more):
    """A reading of a tank of 100 litres, `t` seconds after the start."""
    return {
        "event_time": at(t),
        "kind": "input",
        "reading": f"input:{more.get('sensor_id', 7)}",
        "sensor_id": 7,
        "name": "lls_level_1",
        "sensor_label": "Tank 1",
        "type": "fuel",
        "units": "litre",
        "value": value,
        "max_value": 100.0,
        **more,
    }


def levels(*told: tuple[float, float | None], **more):
    return [level(t, value, **more) for t, value in told]


def alive(*seconds: float, **more):
    """Rows that tell nothing but that the device was heard."""
    return [
        {"event_time": at(t), "speed_kmh": 0.0, "lat": 40.0, "lng": -3.0, **more} for t in seconds
    ]


def frame(rows, event: str = "readings_batch") -> pl.DataFrame:
    full = [{"snapshot": False, "tracker_id": 1, "label": "Truck 1", **row} for row in rows]
    wanted = schema(event)
    return pl.DataFrame({name: [row.get(name) for row in full] for name in wanted}, dict(wanted))


def events(rows, states=None, **arguments) -> list[tuple[str, float, float, float]]:
    """Kind, from when to when in seconds after the start, and volume."""
    found = fl.fuel_events(
        frame(rows), states=None if states is None else frame(states, "state_batch"), **arguments
    )
    return [
        (kind, (a - at(0)).total_seconds(), (b - at(0)).total_seconds(), round(volume, 6))
        for kind, a, b, volume in found.select(
            "kind", "started_at", "ended_at", "volume"
        ).iter_rows()
    ]


STANDING = alive(*range(0, 8 * HOUR, 60))


def test_rises_that_follow_one_another_are_one_fill_with_its_levels_and_place():
    rows = levels((0, 40.0), *((600 + 30 * n, 40.0 + 4 * n) for n in range(1, 11)))
    found = fl.fuel_events(frame(rows), states=frame(STANDING, "state_batch"))
    assert found.drop("started_at", "ended_at", "duration_s").to_dicts() == [
        {
            "tracker_id": 1, "label": "Truck 1", "kind": "fill", "sensor_id": 7, "sensor": "Tank 1",
            "units": "litre", "volume": 40.0, "level_before": 40.0, "level_after": 80.0,
            "lat": 40.0, "lng": -3.0, "n_points": 10,
        }
    ]  # fmt: skip
    assert events(rows, STANDING) == [("fill", 600.0, 900.0, 40.0)]


@pytest.mark.parametrize(("after", "found"), [(50.0, 0), (50.5, 1)])
def test_a_rise_counts_if_it_is_more_than_the_accuracy_of_the_tank(after, found):
    rows = levels((0, 40.0), (600, after))
    assert len(events(rows, STANDING)) == found
    assert len(events(rows, STANDING, accuracy_percent=5)) == 1
    assert not events(rows, STANDING, tank_volume=200)


def test_a_fall_counts_as_a_drain_if_it_is_fast():
    fast = levels((0, 80.0), *((600 + 60 * n, 80.0 - 4 * n) for n in range(1, 6)))
    slow = levels((0, 80.0), *((600 + 60 * n, 80.0 - 1.5 * n) for n in range(1, 21)))
    assert events(fast, STANDING) == [("drain", 600.0, 900.0, 20.0)]
    assert events(slow, STANDING) == []
    assert [kind for kind, *_ in events(slow, STANDING, min_drain_per_h=60)] == ["drain"]


def test_a_theft_in_the_night_is_a_drain_though_the_level_was_told_hours_before():
    rows = levels((0, 80.0), (7 * HOUR, 60.0))
    assert events(rows, STANDING) == [("drain", 7 * HOUR - 60.0, 7 * HOUR, 20.0)]


def test_a_fall_across_a_silence_is_a_loss_of_its_own_kind():
    heard = alive(*range(0, HOUR, 60), *range(5 * HOUR, 6 * HOUR, 60))
    rows = levels((0, 80.0), (5 * HOUR, 60.0), (5 * HOUR + 600, 60.1))
    assert events(rows, heard) == [("unexplained_loss", HOUR - 60.0, 5 * HOUR, 20.0)]
    assert events(rows, heard, max_silence_s=5 * HOUR) == []
    rise = levels((0, 40.0), (5 * HOUR, 60.0))
    assert events(rise, heard) == [("fill", HOUR - 60.0, 5 * HOUR, 20.0)]


@pytest.mark.parametrize(("lng", "hours", "found"), [(-2.0, 4, 0), (-3.001, 4, 1), (-2.0, 0.2, 1)])
def test_a_vehicle_that_drove_in_a_silence_may_have_burnt_what_it_lost(lng, hours, found):
    back = HOUR + hours * HOUR
    heard = [*alive(*range(0, HOUR + 1, 60)), *alive(back, back + 60, lng=lng)]
    rows = levels((0, 80.0), (back, 50.0), (back + 300, 50.1))
    assert [kind for kind, *_ in events(rows, heard, max_silence_s=700)] == [
        "unexplained_loss"
    ] * found


def test_a_sensor_without_power_makes_no_theft():
    """It shows nothing for some seconds as the ignition is switched on, and jitters about it."""
    rows = levels((0, 80.0), (3600, 0.0), (3603, 0.4), (3608, 79.9), (7000, 79.5), (7200, 0.0))
    assert events(rows, alive(*range(0, 7260, 10))) == []
    emptied = levels((0, 80.0), (3600, 0.0), (9000, 79.9))
    assert [kind for kind, *_ in events(emptied, STANDING)] == ["drain", "fill"]


def test_a_spike_is_no_change_and_a_level_that_holds_is():
    spike = levels((0, 80.0), (3600, 30.0), (3660, 80.2), (4000, 80.1))
    assert events(spike, STANDING) == []
    holds = levels((0, 80.0), (3600, 30.0), (3800, 80.2), (4000, 80.1))
    assert [kind for kind, *_ in events(holds, STANDING)] == ["drain", "fill"]
    # What only the last reading tells may be a spike, until it has held.
    last = levels((0, 80.0), (3600, 30.0))
    assert events(last, alive(*range(0, 3661, 60))) == []
    assert [kind for kind, *_ in events(last, alive(*range(0, 3800, 60)))] == ["drain"]


@settings(quick, max_examples=30)
@given(
    st.lists(st.floats(-2.0, 2.0), min_size=120, max_size=240),
    st.floats(0.1, 2.0),
)
def test_sloshing_is_no_change_and_hides_no_fill(waves, every):
    drive = [(n * every, 60.0 + wave) for n, wave in enumerate(waves)]
    end = drive[-1][0]
    pump = [(end + 300 + 15 * n, 60.0 + 2 * n) for n in range(1, 16)]
    on = [(end + 1000 + n * every, 90.0 + wave) for n, wave in enumerate(waves)]
    heard = alive(*(t for t in range(0, int(on[-1][0]) + 300, 10)))
    assert events(levels(*drive), heard) == []
    (found,) = events(levels(*drive, *pump, *on), heard)
    assert found[0] == "fill"
    assert found[3] == pytest.approx(30, abs=4)
    assert abs(found[1] - (end + 300)) < 120


def test_noise_while_fuel_comes_in_doesn_t_end_a_fill():
    noise = (3.4, -3.5, 2.3, -2.2, 3.0, -3.0)
    rows = levels((0, 30.0), *((600 + t, 30 + t / 6 + noise[t % 6]) for t in range(1, 301)))
    rows += levels((901, 80.0), (1500, 79.9))
    (found,) = events(rows, STANDING)
    assert (found[0], found[3]) == ("fill", pytest.approx(50, abs=3))


def test_a_sensor_that_sticks_while_driving_makes_no_theft():
    drive = alive(*range(0, HOUR, 30), ignition=True, movement_status="moving", speed_kmh=60.0)
    rows = levels((0, 60.0), (2400, 48.0), (2430, 47.9), (3000, 47.5))
    assert events(rows, drive) == []
    assert [kind for kind, *_ in events(rows, alive(*range(0, HOUR, 30)))] == ["drain"]


def test_consumption_before_a_theft_is_no_part_of_it():
    drive = alive(*range(0, 3480, 60), ignition=True, movement_status="moving", speed_kmh=60.0)
    stand = alive(3485, *range(HOUR, 3 * HOUR, 60), ignition=False, movement_status="parked")
    burnt = levels(*((n * 120, 80.0 - n * 0.5) for n in range(30)))
    theft = levels(*((2 * HOUR + 30 * n, 65.5 - 3 * n) for n in range(1, 9)))
    assert events(burnt + theft, drive + stand) == [("drain", 7200.0, 7440.0, 24.0)]


def test_pauses_of_five_minutes_end_an_event():
    twice = levels((0, 20.0), (600, 40.0), (1200, 60.0))
    assert [(kind, volume) for kind, *_, volume in events(twice, STANDING)] == [("fill", 20.0)] * 2
    once = levels((0, 20.0), (600, 40.0), (840, 60.0))
    assert [(kind, volume) for kind, *_, volume in events(once, STANDING)] == [("fill", 40.0)]


def test_a_pause_of_noise_ends_nothing():
    """Each rise is less than half of what counts; all together are more."""
    told, value = [(0, 30.0)], 30.0
    for n in range(1, 12):
        value += 4.0 if n % 2 else -1.0
        told.append((600 + 130 * n, value))
    assert [(kind, volume) for kind, *_, volume in events(levels(*told), STANDING)] == [
        ("fill", 19.0)
    ]


def test_each_silence_has_a_loss_of_its_own():
    rows = levels((0, 90.0), (1000, 70.0), (2000, 50.0), (2300, 49.0))
    heard = alive(0, 2300, 2400)
    assert [kind for kind, *_ in events(rows, heard)] == ["unexplained_loss"] * 2


def test_falls_beside_movement_are_left_out_where_asked_for():
    states = [
        *alive(*range(0, 600, 60), movement_status="parked"),
        *alive(600, 660, movement_status="moving", speed_kmh=20.0),
        *alive(*range(720, 3600, 60), movement_status="parked"),
    ]
    near, far = levels((0, 80.0), (840, 60.0)), levels((0, 80.0), (1800, 60.0))
    for rows, left in ((near, 0), (far, 1)):
        assert len(events(rows, states)) == 1
        assert len(events(rows, states, ignore_moving=True)) == left
    assert len(events(near, states, ignore_moving=True, moving_margin_s=60)) == 1


def test_more_than_so_much_for_100_km_is_a_drain_where_asked_for():
    def where(t):
        return alive(
            t, ignition=True, movement_status="moving", speed_kmh=60.0, lng=-3 + t * 0.0001
        )

    drive = [row for t in range(0, HOUR, 60) for row in where(t)]
    rows = levels((0, 80.0), *((600 * n, 80.0 - 12 * n) for n in range(1, 6)))
    assert events(rows, drive) == []
    assert [kind for kind, *_ in events(rows, drive, max_per_100_km=200)] == ["drain"] * 5
    assert events(rows, drive, max_per_100_km=300) == []


def test_each_tank_has_its_own_events_and_sums_of_them_none():
    one = levels((0, 40.0), (600, 90.0))
    two = levels((0, 10.0), (600, 70.0), sensor_id=8, sensor_label="Tank 2")
    total = levels(
        (0, 50.0), (600, 160.0), sensor_id=9, composite_sensor_ids=[7, 8], max_value=200.0
    )
    found = fl.fuel_events(frame(one + two + total), states=frame(STANDING, "state_batch"))
    assert found["sensor"].to_list() == ["Tank 1", "Tank 2"]
    alone = fl.fuel_events(frame(total), states=frame(STANDING, "state_batch"))
    assert alone["sensor_id"].to_list() == [9]
    assert fl.fuel_events(frame(one + total), 9, states=frame(STANDING, "state_batch"))[
        "sensor_id"
    ].to_list() == [9]


def test_where_there_is_no_sensor_of_fuel_attributes_count():
    by_name = levels((0, 40.0), (600, 90.0), type="custom", sensor_label="")
    other = levels((0, 40.0), (600, 90.0), type="custom", name="oil_level", sensor_id=3)
    found = fl.fuel_events(frame(by_name + other), states=frame(STANDING, "state_batch"))
    assert found["sensor"].to_list() == ["lls_level_1"]
    of_type = levels((0, 40.0), (600, 90.0), sensor_id=4, name="x", sensor_label="Diesel")
    found = fl.fuel_events(frame(by_name + other + of_type), states=frame(STANDING, "state_batch"))
    assert found["sensor"].to_list() == ["Diesel"]


def queue(*told: tuple[float, float], field: str = "can_fuel_level", **more):
    return [
        {
            "event_time": at(t),
            "msg_time": at(t),
            "queue": "nonnull",
            "field": field,
            "value": v,
            **more,
        }
        for t, v in told
    ]


def test_queues_of_attributes_count_where_readings_tell_nothing():
    rows = queue((0, 40.0), (600, 90.0)) + queue((0, 1.0), (600, 9.0), field="rpm")
    found = fl.fuel_events(frame(rows, "iot_monitor"), states=frame(STANDING, "state_batch"))
    assert found.select("sensor", "units", "sensor_id", "volume").rows() == [
        ("can_fuel_level", None, None, 50.0)
    ]
    rows = frame(rows, "iot_monitor")
    found = fl.fuel_events(rows, "rpm", tank_volume=20, states=frame(STANDING, "state_batch"))
    assert found["volume"].to_list() == [8.0]
    both = queue((0, 20.0), (600, 90.0)) + queue((0, 30.0), (600, 90.0), tracker_id=2)
    rec = recording(
        iot_monitor=both,
        readings_batch=levels((0, 40.0), (600, 80.0)),
        state_batch=alive(*range(0, HOUR, 60)) + alive(*range(0, HOUR, 60), tracker_id=2),
        minutes=60,
    )
    found = fl.fuel_events(rec)
    assert found.select("label", "sensor", "volume").rows() == [
        ("Truck 1", "Tank 1", 40.0),
        ("Truck 2", "can_fuel_level", 60.0),
    ]
    assert fl.fuel_events(rec, sensor=["can_fuel_level"])["tracker_id"].to_list() == [1, 2]


@pytest.mark.parametrize("sensor", [7, "Tank 1", "lls_level_1", "input:7", ["Tank 1", 99]])
def test_a_sensor_is_chosen_by_id_label_name_or_reading(sensor):
    rows = frame(
        levels((0, 40.0), (600, 90.0))
        + levels((0, 4.0), (600, 90.0), sensor_id=8, name="x", sensor_label="y")
    )
    found = fl.fuel_events(rows, sensor, states=frame(STANDING, "state_batch"))
    assert found["sensor_id"].to_list() == [7]


def test_what_holds_the_tank_is_told_by_the_sensor_its_unit_or_what_was_in_it():
    def found(**more):
        return len(events(levels((0, 30.0), (600, 38.0), **more), STANDING))

    assert found(max_value=70.0) == 1
    assert found(max_value=None) == 1  # of 38 litres
    assert found(max_value=0.0) == 1
    assert found(max_value=0.0, units="%") == 0
    assert found(max_value=None, units="%") == 0


def test_a_level_that_came_because_we_subscribed_holds_since_then():
    old = level(-9 * HOUR, 80.0, snapshot=True, received_at=at(30))
    rows = [old, level(300, 60.0)]
    assert events(rows, alive(*range(0, HOUR, 60))) == [("drain", 240.0, 300.0, 20.0)]


def test_what_changed_while_we_were_away_has_no_rate():
    """The same readings are told again after a gap; the changed one with its own moment."""
    rows = [
        level(0, 80.0),
        level(2000, 50.0, snapshot=True, received_at=at(3000)),
        level(3300, 49.9),
    ]
    heard = alive(*range(0, 900, 60), *range(3060, 4000, 60))
    assert events(rows, heard) == [("unexplained_loss", 840.0, 2000.0, 30.0)]
    again = [level(0, 80.0), level(0, 80.0, snapshot=True, received_at=at(3000)), level(3300, 79.0)]
    assert events(again, heard) == []
    # What was told of long ago is no news, though it comes last.
    stale = [level(0, 80.0), level(700, 60.0), level(0, 80.0, snapshot=True, received_at=at(3000))]
    assert [kind for kind, *_ in events(stale, alive(*range(0, 4000, 60)))] == ["drain"]


def test_a_drain_begins_between_two_readings():
    """Less than half of the time before its first reading was of the drain, likewise its last."""
    rows = levels((0, 80.0), (600, 79.0), (660, 74.0), (720, 69.0), (780, 68.2), (1800, 67.9))
    assert [volume for *_, volume in events(rows, STANDING)] == [11.8]
    assert events(rows, [{**row, "ignition": True} for row in STANDING]) == []


@pytest.mark.parametrize(("after", "volume"), [(300, 21.0), (301, 20.0)])
def test_a_slow_fall_is_the_end_of_a_drain_if_it_began_within_five_minutes_of_it(after, volume):
    rows = levels((0, 80.0), (600, 60.0), (660 + after, 59.0), (2000, 58.9))
    heard = alive(*range(0, 660, 60), 600 + after, *range(960, 2400, 60))
    assert [(kind, fell) for kind, *_, fell in events(rows, heard)] == [("drain", volume)]


def test_a_device_that_sleeps_dates_all_it_reads_by_its_last_fix():
    rows = [
        level(0, 80.0, server_time=at(1)),
        level(0, 70.0, server_time=at(3600)),
        level(0, 55.0, server_time=at(3660)),
    ]
    assert events(rows, alive(*range(0, 2 * HOUR, 60))) == [("drain", 3540.0, 3660.0, 25.0)]


@settings(quick, max_examples=25)
@given(st.data())
def test_neither_order_nor_repetition_changes_what_is_found(data):
    rows = levels((0, 40.0), (600, 60.0), (660, 90.0), (4000, 70.0), (4060, 50.0))
    rows += levels((100, 40.0), (900, 20.0), sensor_id=8)
    expected = fl.fuel_events(frame(rows), states=frame(STANDING, "state_batch"))
    again = data.draw(st.lists(st.sampled_from(rows)))
    mixed = data.draw(st.permutations(rows + again))
    found = fl.fuel_events(frame(mixed), states=frame(STANDING[::-1], "state_batch"))
    assert found.equals(expected)
    assert expected.height == 3


# Consumption


def consumed(rows, states, **arguments):
    found = fl.fuel_consumption(frame(rows), states=frame(states, "state_batch"), **arguments)
    return found.select(
        "level_start", "level_end", "filled", "drained", "consumed", "distance_m", "per_100_km"
    ).rows()


def test_consumption_is_first_level_plus_fills_minus_drains_minus_last_level():
    moves = {"ignition": True, "movement_status": "moving", "speed_kmh": 60.0}
    drive = [row for t in range(0, HOUR, 60) for row in alive(t, lng=-3 + t * 2e-4, **moves)]
    there = -3 + (HOUR - 60) * 2e-4
    parked = {"ignition": False, "movement_status": "parked", "lng": there}
    stand = alive(*range(HOUR, 4 * HOUR, 60), **parked)
    burnt = levels(*((n * 120, 80.0 - n * 0.5) for n in range(30)))
    fill = levels((HOUR + 600, 95.5))
    theft = levels(*((2 * HOUR + 30 * n, 95.5 - 3 * n) for n in range(1, 9)))
    (found,) = consumed(burnt + fill + theft, drive + stand)
    start, end, filled, drained, used, way, per = found
    assert (start, end, filled, drained) == (80.0, 71.5, 30.0, 24.0)
    assert used == pytest.approx(14.5)
    assert way == pytest.approx(60_290, rel=0.01)
    assert per == pytest.approx(14.5 / way * 1e5)


def test_what_was_driven_in_a_gap_is_in_no_distance():
    moves = {"movement_status": "moving", "speed_kmh": 60.0}
    drive = [row for t in (0, 60, 120, 1200, 1260) for row in alive(t, lng=-3 + t * 1e-4, **moves)]
    rec = recording(
        state_batch=drive,
        readings_batch=levels((0, 80.0), (1260, 79.0)),
        gaps=[(121, 1199, "disconnected")],
        minutes=30,
    )
    (way,) = fl.fuel_consumption(rec)["distance_m"]
    assert way == pytest.approx(180 * 1e-4 * 85_180, rel=0.01)


def test_a_silence_breaks_the_line_and_no_consumption_is_negative():
    rows = levels((0, 50.0), (600, 49.0), (3 * HOUR, 90.0), (3 * HOUR + 900, 88.0))
    heard = alive(*range(0, HOUR, 60), *range(3 * HOUR, 4 * HOUR, 60))
    found = consumed(rows, heard)
    assert [row[:5] for row in found] == [(50.0, 49.0, 0.0, 0.0, 1.0), (90.0, 88.0, 0.0, 0.0, 2.0)]
    spans = fl.fuel_consumption(frame(rows), states=frame(heard, "state_batch"))
    assert spans["ended_at"].to_list() == [at(HOUR - 60), at(4 * HOUR - 60)]
    risen = levels((0, 50.0), (600, 55.0), (1200, 55.1))
    assert consumed(risen, heard)[0][4] == 0.0


def test_a_loss_that_nothing_explains_was_not_burnt():
    rows = levels((0, 80.0), (2000, 60.0), (3000, 59.0))
    heard = alive(*range(0, 900, 60), *range(2000, 4000, 60))
    assert consumed(rows, heard)[0][3:5] == (20.0, 1.0)
    broken = consumed(rows, heard, max_silence_s=600)
    assert [row[3:5] for row in broken] == [(0.0, 0.0), (0.0, 1.0)]


# What goes in


def test_without_states_readings_are_the_signs_of_life_and_the_place_is_unknown():
    rows = levels((0, 80.0), (7 * HOUR, 60.0))
    rpm = [level(t, 0.0, sensor_id=1, type="rpm", name="rpm") for t in range(0, 8 * HOUR, 60)]
    found = fl.fuel_events(frame(rows + rpm))
    assert found.select("kind", "lat").rows() == [("drain", None)]
    assert fl.fuel_events(frame([*rows, level(8 * HOUR, 59.9)]))["kind"].to_list() == [
        "unexplained_loss"
    ]
    assert fl.fuel_consumption(frame(rows + rpm))["distance_m"].to_list() == [None]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"accuracy_percent": 0}, "accuracy_percent=0 .* 0.1 to 100 %"),
        ({"sensor": []}, r"sensor=\[\] doesn't fit"),
        ({"sensor": [1.5]}, "ids, labels or names"),
        ({"tank_volume": -1}, "tank_volume=-1"),
    ],
)
def test_a_wrong_argument_is_named(arguments, words):
    for detector in (fl.fuel_events, fl.fuel_consumption):
        with pytest.raises(InvalidArgument, match=words):
            detector(frame(levels((0, 1.0))), **arguments)


def test_frames_of_states_tell_nothing_of_fuel():
    with pytest.raises(InvalidArgument, match="readings_batch or iot_monitor"):
        fl.fuel_events(frame(alive(0), "state_batch"))
    with pytest.raises(InvalidArgument, match="the frame has none"):
        fl.fuel_events(pl.DataFrame())


@pytest.mark.parametrize("name", ["fuel_events", "fuel_consumption"])
def test_duckdb_finds_the_same(name, tmp_path):
    rows = levels((0, 40.0), (600, 60.0), (660, 90.0), (4000, 70.0), (4060, 50.0))
    rows += levels((100, 40.0), (900, 20.0), sensor_id=8)
    frame(rows).write_parquet(tmp_path / "readings.parquet")
    frame(STANDING, "state_batch").write_parquet(tmp_path / "states.parquet")
    detector = getattr(fl, name)
    expected = detector(frame(rows), states=frame(STANDING, "state_batch"))
    connection = duckdb.connect()
    readings, states = (
        connection.read_parquet(str(tmp_path / f"{one}.parquet")) for one in ("readings", "states")
    )
    found = detector(readings, states=states)
    assert found.columns == expected.columns
    same = pl.DataFrame(found.fetchall(), expected.schema, orient="row")
    assert expected.height == (3 if name == "fuel_events" else 2)
    assert same.equals(expected)


# Against the definition


@st.composite
def tanks(draw: st.DrawFn):
    """Levels two minutes apart and more, and states a minute apart and more."""
    gap = st.sampled_from((120, 130, 180, 290, 300, 301, 420, 600, 601, 700, 2000, 9000))
    value = st.sampled_from((10.0, 12.0, 15.0, 20.0, 21.0, 31.0, 50.0, 52.0, 60.0, 90.0, 95.0))
    t, told = 0, []
    for _ in range(draw(st.integers(1, 14))):
        told.append((t, draw(value)))
        t += draw(gap)
    states, moment = [], draw(st.integers(0, 100))
    while moment < t:
        states.append(
            State(
                moment,
                draw(st.sampled_from((True, False, None))),
                draw(st.sampled_from((-3.0, -2.985))),
            )
        )
        moment += draw(st.sampled_from((60, 60, 120, 300, 599, 600, 700, 4000)))
    states.append(State(max(t, moment), None, -3.0))
    return told, states


def beside(states: list[State]) -> pl.DataFrame:
    rows = [
        {"event_time": at(s.t), "speed_kmh": 0.0, "lat": 40.0, "lng": s.lng, "ignition": s.ignition}
        for s in states
    ]
    return frame(rows, "state_batch")


@settings(quick, max_examples=60)
@given(tanks())
def test_events_agree_with_their_definition(world):
    told, states = world
    found = fl.fuel_events(frame(levels(*told)), states=beside(states))
    shown = [
        (kind, (a - at(0)).total_seconds(), (b - at(0)).total_seconds(), before, after)
        for kind, a, b, before, after in found.select(
            "kind", "started_at", "ended_at", "level_before", "level_after"
        ).iter_rows()
    ]
    assert shown == fuel_reference.events(told, states, 100.0)


@settings(quick, max_examples=40)
@given(tanks())
def test_consumption_agrees_with_its_definition(world):
    told, states = world
    found = fl.fuel_consumption(frame(levels(*told)), states=beside(states))
    shown = [
        ((a - at(0)).total_seconds(), *figures)
        for a, *figures in found.select(
            "started_at", "level_start", "level_end", "filled", "drained", "consumed"
        ).iter_rows()
    ]
    assert shown == [pytest.approx(row) for row in fuel_reference.consumption(told, states, 100.0)]
