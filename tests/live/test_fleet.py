"""The fleet's table shows what is known, and only rows that look different travel."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import fleetlab as fl
from fleetlab.errors import RecordingError
from fleetlab.live.fleet import Fleet
from tests.charts.recordings import at, recording
from tests.conftest import eventually
from tests.live.fleets import LABELS, add, end, grown, job_of, row_of, state

HOSTILE = '</td><script>alert("1")</script>\u202e'


class Sent(Fleet):
    """A table that keeps what it sends."""

    def __init__(self, *arguments) -> None:
        self.sent: list[dict] = []
        super().__init__(*arguments)

    def send(self, content, *_) -> None:
        self.sent.append(content)


def watching(job, every: float = 0.1) -> Sent:
    return Sent(job, every)


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


def test_what_comes_while_it_looks_for_the_last_time_but_one_is_seen():
    job = job_of()
    view = watching(job)
    look = view._standing.look

    def late(rec):
        table = look(rec)
        if job.running:
            add(job, state(599, 1, speed_kmh=5.0))
            end(job)
        return table

    view._standing.look = late
    view._thread.join(5)
    assert row_of(view)["speed_kmh"] == 5.0


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
