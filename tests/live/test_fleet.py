"""The fleet's table is the last that was told of each tracker, and only what changed travels."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import fleetlab as fl
from fleetlab.errors import RecordingError
from fleetlab.live import standing
from fleetlab.live.fleet import Fleet
from fleetlab.live.standing import Standing
from fleetlab.recording import Recording
from fleetlab.schemas import EVENTS
from tests.charts.recordings import at, recording, rows_of
from tests.conftest import eventually

HOSTILE = '</td><script>alert("1")</script>\u202e'


def state(second: float, who: int = 1, **more):
    more = {"movement_status": "moving", "connection_status": "active"} | more
    return {"tracker_id": who, "event_time": at(second), **more}


def fuel(second: float, value: float | None, sensor: int = 7, who: int = 1, **more):
    more = {"units": "litre", "kind": "input", "type": "fuel"} | more
    told = {"tracker_id": who, "event_time": at(second), "updated_at": at(second)}
    return {**told, "reading": f"input:{sensor}", "sensor_id": sensor, "value": value, **more}


def row_of(source, who: int = 1) -> dict:
    table = source.frame if isinstance(source, Fleet) else Standing().look(source)
    return table.row(by_predicate=pl.col("tracker_id") == who, named=True)


def grown(*batches, labels=None, asked: object = "all", **more) -> Recording:
    """A recording with its rows in pieces, as one that goes on has them."""
    rec = recording(labels=labels, **more)
    rec.info = replace(rec.info, requests=[{"type": "state_batch", "trackers": asked}])
    for event, rows in batches:
        rec._tail.setdefault(event, []).append(rows_of(event, rows))
    return rec


class Sent(Fleet):
    """A table that keeps what it sends."""

    def __init__(self, *arguments) -> None:
        self.sent: list[dict] = []
        super().__init__(*arguments)

    def send(self, content, *_) -> None:
        self.sent.append(content)


def watching(job, every: float = 0.1) -> Sent:
    return Sent(job, every)


# -- what is known --------------------------------------------------------------------------------


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
    monkeypatch.setattr(standing, "PIECE", 8)
    assert Standing().look(recording(state_batch=rows)).equals(whole)


# -- the view -------------------------------------------------------------------------------------


class Job(fl.Job):
    """A job that goes on as the test says."""

    def __init__(self, rec: Recording) -> None:
        self.rec, self.runs, self.error = rec, threading.Event(), None
        self.runs.set()

    running = property(lambda self: self.runs.is_set())
    recording = property(lambda self: self.rec)

    def result(self):
        if self.error:
            raise self.error
        return self.rec


LABELS = {1: "a", 2: "b", 3: "c"}


def job_of(*batches) -> Job:
    rec = grown(*batches, labels=LABELS)
    return Job(Recording(replace(rec.info, ended_at=None), None, {}, rec._tail, rec._tables))


def add(job: Job, *rows, event: str = "state_batch", labels=LABELS) -> None:
    tail = {name: list(frames) for name, frames in job.rec._tail.items()}
    tail.setdefault(event, []).append(rows_of(event, rows))
    tables = grown(labels=labels)._tables
    job.rec = Recording(job.rec.info, None, {}, tail, tables)


def end(job: Job) -> None:
    info = replace(job.rec.info, ended_at=at(600), stopped_because="stop")
    job.rec = Recording(info, None, {}, job.rec._tail, job.rec._tables)
    job.runs.clear()


def test_only_rows_that_look_different_travel():
    first = [state(1, n, speed_kmh=10.0 * n, ignition=True) for n in (1, 2, 3)]
    job = job_of(("state_batch", first))
    view = watching(job)
    add(job, state(5, 2, speed_kmh=33.3), state(1, 1, speed_kmh=10.2), state(5, 9, label="new"))
    eventually(lambda: view.sent, "it is sent")
    heard = int(at(5).timestamp())
    assert view.sent[0]["rows"] == [
        (1, 0, 33, True, heard, None, None),
        (3, 0, None, None, heard, None, None, 9, "new"),
    ]
    add(job, state(6, 3, speed_kmh=30.0), labels=LABELS | {1: "renamed"})
    eventually(lambda: len(view.sent) == 2, "it is sent")
    assert [(row[0], row[7:]) for row in view.sent[1]["rows"]] == [(2, ()), (0, (1, "renamed"))]
    assert [one["of"] for one in view.sent] == [1, 2]
    view.stop()


def test_a_page_that_asks_gets_the_whole_table_as_it_is_now():
    job = job_of(("state_batch", [state(1, 1)]))
    view = watching(job)
    add(job, state(2, 2, speed_kmh=7.0), state(2, 4, label=HOSTILE))
    eventually(lambda: view.sent, "it is sent")
    view._handle_custom_msg({"ask": "whole"}, [])
    view._handle_custom_msg({"ask": "other"}, [])
    whole = view.sent[-1]
    assert whole["of"] == view.sent[0]["of"]
    assert whole["columns"]["label"] == ["a", "b", "c", HOSTILE]
    assert whole["columns"]["speed"] == [None, 7, None, None]
    state_of = view.get_state(["whole"])["whole"]
    assert state_of["columns"] == whole["columns"]
    json.dumps(state_of, allow_nan=False)
    view.stop()


def test_nothing_travels_where_nothing_changed():
    job = job_of(("state_batch", [state(1, 1)]))
    looks = []
    view = watching(job)
    look = view._standing.look
    view._standing.look = lambda rec: looks.append(1) or look(rec)
    eventually(lambda: len(looks) > 3, "it has looked")
    view.stop()
    assert view.sent == []


def test_it_ends_with_the_job_after_a_last_look():
    job = job_of()
    view = watching(job, 3600.0)
    add(job, state(599, 1, speed_kmh=5.0))
    end(job)
    view._thread.join(5)
    assert not view._thread.is_alive()
    assert row_of(view)["speed_kmh"] == 5.0
    assert row_of(view)["age_s"] == 1.0
    assert view.words == "ended, as of 2026-07-01 09:10:00 UTC"
    assert view.until == at(600).timestamp()


def test_stop_ends_the_updates_and_the_ages():
    job = job_of()
    view = watching(job)
    view.stop()
    assert not view._thread.is_alive()
    assert view.words.startswith("stopped, as of 20")
    add(job, state(5, 1, speed_kmh=5.0))
    assert row_of(view)["speed_kmh"] is None
    assert abs(datetime.fromtimestamp(view.until, UTC) - datetime.now(UTC)) < timedelta(minutes=1)


def test_what_fails_is_shown_and_kept_and_it_goes_on(capfd):
    job = job_of()
    view = watching(job)
    look = view._standing.look
    view._standing.look = lambda _: 1 / 0
    eventually(lambda: "ZeroDivisionError" in view.trouble, "it is shown")
    view._standing.look = look
    add(job, state(5, 1))
    eventually(lambda: view.sent, "it goes on")
    view.stop()
    assert "ZeroDivisionError" in view.errors[0]
    assert len(view.errors) <= 20
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_in_its_thread_changes_nothing(capfd):
    job = job_of()
    view = watching(job)
    look, calls = view._standing.look, []

    def interrupted(rec):
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return look(rec)

    view._standing.look = interrupted
    add(job, state(5, 1))
    eventually(lambda: view.sent, "it goes on")
    view.stop()
    assert view.errors == ()
    assert capfd.readouterr() == ("", "")


def test_a_look_that_fails_takes_no_rows(monkeypatch):
    rec = grown(("state_batch", [state(1, speed_kmh=4.0)]), ("readings_batch", [fuel(2, 9.0)]))
    kept = Standing()
    with monkeypatch.context() as patch:
        patch.setattr(pl, "collect_all", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            kept.look(rec)
    assert kept.look(rec).equals(Standing().look(rec))


def test_an_error_that_ended_the_job_is_told():
    job = job_of()
    job.error = fl.AuthenticationError("The key is not valid.")
    view = watching(job)
    end(job)
    view._thread.join(5)
    assert "The key is not valid." in view.trouble


def test_a_job_that_had_ended_already_is_shown_as_it_ended(simulator):
    at_sim = {"server": simulator.base_url, "api_key": simulator.api_key, "save_to": False}
    job = fl.start(**at_sim, seconds=0.3, view=False)
    rec = job.result()
    view = fl.live.fleet(job)
    assert view._thread is None
    assert len(view.frame) == len(rec.trackers)
    assert view.until == rec.info.ended_at.timestamp()


def test_of_a_recording_that_is_still_written_the_ages_are_as_of_what_was_heard_last():
    rec = grown(("state_batch", [state(100, 1), state(40, 2)]))
    rec.info = replace(rec.info, ended_at=None)
    view = fl.live.fleet(rec)
    assert row_of(view, 2)["age_s"] == 60.0
    assert "still written" in view.words
    assert fl.live.fleet(recording()).frame.is_empty()


def test_labels_are_never_markup():
    view = fl.live.fleet(recording(state_batch=[state(1, label=HOSTILE)]))
    assert view.frame["label"].to_list() == [HOSTILE]
    code = Fleet._esm
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser"):
        assert word not in str(code)


def test_nothing_is_asked_of_the_network():
    for text in (str(Fleet._esm), str(Fleet._css)):
        assert "//" not in text.replace("// ", "").replace("//\n", "")
        assert "import" not in text
        assert "url(" not in text


@pytest.mark.parametrize("every", [0, -1, 4000, float("nan"), "1", True, None])
def test_a_wrong_pace_is_a_sentence(every):
    with pytest.raises(fl.InvalidArgument, match="every"):
        fl.live.fleet(recording(), every=every)


def test_what_is_no_source_is_a_sentence(simulator):
    with pytest.raises(fl.InvalidArgument, match="a job of"):
        fl.live.fleet(simulator)
    with pytest.raises(fl.InvalidArgument, match="DataFrame"):
        fl.live.fleet(pl.DataFrame())


def test_files_that_are_gone_are_told_where_it_was_called(tmp_path, simulator):
    at_sim = {"server": simulator.base_url, "api_key": simulator.api_key}
    rec = fl.capture(**at_sim, seconds=0.3, save_to=tmp_path / "rec", view=False)
    for file in (tmp_path / "rec" / "state_batch").iterdir():
        file.unlink()
    with pytest.raises(RecordingError):
        fl.live.fleet(rec)


def test_every_event_that_tells_of_a_device_is_looked_at():
    assert set(standing._HEARD) == set(EVENTS) - {"lifecycle", "logout"}
    rec = recording(iot_monitor=[{"event_time": at(3), "srv_time": at(3), "field": "rpm"}])
    assert row_of(rec)["heard_at"] == at(3)
