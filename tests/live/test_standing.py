"""What is known of a tracker is the last that was told, and a look takes only what is new."""

from __future__ import annotations

import polars as pl
import pytest

import fleetlab as fl
from fleetlab.live import news, standing
from fleetlab.live.standing import Standing
from fleetlab.recording import Recording
from fleetlab.schemas import EVENTS
from tests.charts.recordings import at, recording
from tests.conftest import eventually
from tests.live.fleets import fuel, grown, row_of, state


def test_a_row_is_the_last_that_was_told():
    rec = recording(
        labels={2: "Van", 3: "Silent"},
        state_batch=[
            state(100, speed_kmh=40.4, ignition=True, last_update=at(130)),
            state(50, speed_kmh=99.0),
            state(20, 2, movement_status="parked", snapshot=True, received_at=at(300)),
        ],
        readings_batch=[fuel(10, 50.0), fuel(140, 49.26)],
    )
    frame = fl.live.fleet(rec).frame
    assert frame.columns == [
        *("tracker_id", "label", "status", "speed_kmh", "ignition"),
        *("heard_at", "age_s", "fuel", "fuel_units"),
    ]
    assert {row[0]: row[1:] for row in frame.rows()} == {
        1: ("Truck 1", "moving", 40.4, True, at(140), 460.0, 49.26, "litre"),
        2: ("Van", "parked", None, None, None, None, None, None),
        3: ("Silent", "unknown", None, None, None, None, None, None),
    }


def test_a_value_holds_where_a_later_row_does_not_tell_it():
    rec = recording(state=[state(10, speed_kmh=30.0, ignition=True), state(20)])
    assert row_of(rec)["speed_kmh"] == 30.0
    assert row_of(rec)["ignition"] is True


def test_of_rows_of_one_moment_the_one_that_came_last_counts():
    parked = [
        state(10, movement_status="parked", connection_status=one) for one in ("active", "offline")
    ]
    assert row_of(recording(state_batch=parked))["status"] == "offline"
    assert row_of(recording(state_batch=parked[::-1]))["status"] == "parked"


@pytest.mark.parametrize(
    ("movement", "connection", "status"),
    [
        ("stopped", None, "stopped"),
        ("stopped", "idle", "stopped"),
        ("moving", "signal_lost", "offline"),
        ("parked", "just_registered", "unknown"),
        (None, "active", "unknown"),
        ("flying", "active", "unknown"),
        ("offline", "active", "unknown"),
    ],
)
def test_the_status_is_one_of_five_words(movement, connection, status):
    rows = [state(10, movement_status=movement, connection_status=connection)]
    assert row_of(recording(state_batch=rows))["status"] == status


def test_a_clock_that_is_ahead_does_not_hide_what_comes_later():
    ahead = state(9000, received_at=at(10), last_update=at(9000), speed_kmh=1.0)
    rec = recording(state_batch=[ahead, state(20, last_update=at(20), speed_kmh=2.0)])
    assert row_of(rec)["speed_kmh"] == 2.0
    assert row_of(rec)["heard_at"] == at(20)


def test_what_a_subscription_brought_is_not_a_sign_of_life():
    quiet = state(5, snapshot=True, received_at=at(5))
    assert row_of(recording(state_batch=[quiet]))["heard_at"] is None
    told = quiet | {"last_update": at(-900)}
    assert row_of(recording(state_batch=[told]))["heard_at"] == at(-900)


def test_the_fuel_is_of_the_least_sensor_that_is_not_made_of_others():
    total = fuel(30, 90.0, 1, composite_sensor_ids=[7, 8])
    rec = recording(
        readings_batch=[
            fuel(10, 61.0, 8, units="%"),
            fuel(10, 30.0, 7),
            total,
            fuel(40, 60.0, 8, units="%"),
            fuel(50, None, 7),
            fuel(60, 5.0, 2, type="temperature"),
            total | {"tracker_id": 2},
        ]
    )
    assert (row_of(rec)["fuel"], row_of(rec)["fuel_units"]) == (30.0, "litre")
    assert row_of(rec, 2)["fuel"] == 90.0


def test_of_trackers_that_were_asked_for_the_others_have_no_row():
    rec = grown(
        ("state_batch", [state(1, 2)]), labels=dict.fromkeys(range(1, 9), "x"), asked=[2, 3]
    )
    assert Standing().look(rec)["tracker_id"].to_list() == [2, 3]


def test_a_row_of_an_unknown_source_is_nobodys():
    rec = recording(state_batch=[state(1, None), state(2, 5, label=None)])
    assert Standing().look(rec).select("tracker_id", "label").rows() == [(5, "tracker 5")]


# -- the cursor -----------------------------------------------------------------------------------


def test_each_look_takes_only_rows_that_are_new(monkeypatch):
    asked = []
    after = Recording._after

    def watched(self, event, rows):
        found = after(self, event, rows)
        asked.append((event, rows, found.select(pl.len()).collect().item()))
        return found

    monkeypatch.setattr(Recording, "_after", watched)
    first, second = [state(n, n) for n in range(1, 6)], [state(9, 2, speed_kmh=8.0), state(9, 9)]
    kept = Standing()
    kept.look(grown(("state_batch", first)))
    rec = grown(("state_batch", first), ("state_batch", second))
    table = kept.look(rec)
    assert table["tracker_id"].to_list() == [1, 2, 3, 4, 5, 9]
    assert table.equals(Standing().look(rec))
    assert kept.look(rec).equals(table)
    assert asked[:2] == [("state_batch", 0, 5), ("state_batch", 5, 2)]
    assert len(asked) == 3  # the other one's, and nothing where nothing is new


def test_it_goes_on_where_it_was_when_rows_have_become_a_part(simulator, tmp_path):
    options = {"save_to": tmp_path / "rec", "view": False, "events": ["state_batch"]}
    job = fl.start(server=simulator.base_url, api_key=simulator.api_key, **options)
    eventually(lambda: len(job.recording.state_batch) >= 12, "the first states came")
    kept = Standing()
    kept.look(job.recording)
    taken = kept._taken["state_batch"]
    simulator.step(60)
    rec = job.stop()
    assert rec._parts["state_batch"]
    whole = rec.scan("state_batch").collect()
    assert taken < len(whole)
    assert rec._after("state_batch", taken).collect().equals(whole[taken:])
    assert kept.look(rec).equals(Standing().look(rec))
    more = {"state_batch": [whole.head(2), whole.tail(3)]}
    rec = Recording(rec.info, rec._folder, rec._parts, more, rec._tables)
    whole = rec.state_batch
    for cut in (0, 2, taken, len(whole) - 5, len(whole) - 3, len(whole)):
        assert rec._after("state_batch", cut).collect().equals(whole[cut:])


@pytest.mark.parametrize("cut", range(8))
def test_rows_after_any_number_are_those_of_the_whole(cut):
    pieces = [[state(n)] * n for n in (3, 1, 2)]
    rec = grown(*(("state_batch", rows) for rows in pieces))
    joined = Recording(rec.info, None, {}, {}, rec._tables, (rec, rec))
    for one in (rec, joined):
        whole = one.state_batch
        assert one._after("state_batch", cut).collect().equals(whole[cut:])


def test_a_long_recording_is_looked_at_piece_by_piece(monkeypatch):
    rows = [state(n % 7, n % 5 + 1, speed_kmh=float(n)) for n in range(50)]
    whole = Standing().look(recording(state_batch=rows))
    monkeypatch.setattr(news, "PIECE", 8)
    assert Standing().look(recording(state_batch=rows)).equals(whole)


def test_a_look_that_fails_takes_no_rows(monkeypatch):
    rec = grown(("state_batch", [state(1, speed_kmh=4.0)]), ("readings_batch", [fuel(2, 9.0)]))
    kept = Standing()
    with monkeypatch.context() as patch:
        patch.setattr(pl, "collect_all", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            kept.look(rec)
    assert kept.look(rec).equals(Standing().look(rec))


def test_every_event_that_tells_of_a_device_is_looked_at():
    assert set(standing._HEARD) == set(EVENTS) - {"lifecycle", "logout"}
    rec = recording(iot_monitor=[{"event_time": at(3), "srv_time": at(3), "field": "rpm"}])
    assert row_of(rec)["heard_at"] == at(3)
