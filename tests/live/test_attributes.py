"""Attributes of devices: their last values in order, held at a moment, and only news travel."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

import fleetlab as fl
from fleetlab.errors import RecordingError
from fleetlab.live.attributes import Attributes
from fleetlab.simulator import Simulator
from tests.charts.recordings import at, recording
from tests.conftest import eventually
from tests.live.devices import Page, Sent, in_frame, in_page, job_with, shown, tell, told
from tests.live.fleets import end

HOSTILE = '</td><script>alert("1")</script>\u202e'
PAST_DOUBLES = "9007199254740993"


# -- news -----------------------------------------------------------------------------------------


def test_only_news_travel_and_nothing_where_nothing_is_new():
    job = job_with(*(told(n, str(n)) for n in range(20)))
    view = Sent(job)
    view._look()
    assert view.sent == []
    tell(job, told(30, PAST_DOUBLES), told(1, "1"), told(31, None, 2, "x"))
    view._look()
    [sent] = view.sent
    assert sent["of"] == 1
    texts = [text for *_, texts in sent["rows"]["messages"] for text in texts]
    assert texts == [PAST_DOUBLES, None]  # what is older than all that is kept stays here
    assert sent["rows"]["messages"][0][0] == "1"  # ids are texts, too
    view.stop()


def test_a_page_that_asks_gets_all_as_it_is_now():
    job = job_with(told(1, "1"))
    view = Sent(job)
    tell(job, told(2, "2"), told(2, HOSTILE, 2, HOSTILE, value_type="string"))
    view._look()
    view._handle_custom_msg({"ask": "whole"}, [])
    view._handle_custom_msg({"ask": "other"}, [])
    view._handle_custom_msg(["whole"], [])
    assert len(view.sent) == 2
    page = Page(view)
    page.take(view.sent[-1])
    assert view.sent[-1]["of"] == view.sent[0]["of"] == 1
    assert in_page(page) == in_frame(view)
    state = view.get_state(["whole"])["whole"]
    assert state["columns"] == view.sent[-1]["columns"]
    json.dumps(state, allow_nan=False)
    view.stop()


def test_it_keeps_up_with_a_job_and_ends_with_it():
    job = job_with(told(1, "1"))
    view = Sent(job, every=0.05)
    tell(job, told(2, "2"))
    eventually(lambda: shown(view) == ["2", "1"], "it is shown")
    tell(job, told(3, "3"))
    end(job)
    view._thread.join(5)
    assert shown(view) == ["3", "2", "1"]
    assert view.words == "ended, as of 2026-07-01 09:10:00 UTC"
    assert repr(view) == f"Attributes(2 devices, 1 attributes, {view.words})"


# -- pause ----------------------------------------------------------------------------------------


def test_a_pause_holds_the_picture_while_the_recording_goes_on():
    job = job_with(told(1, "1"))
    view = Sent(job, every=0.05)
    before = datetime.now(UTC)
    view.pause()
    held, text, at_first = view.frame, view.to_json(), view.paused_at
    looks, look = [], view._queues.look
    view._queues.look = lambda rec: looks.append(1) or look(rec)
    tell(job, told(2, "2"))
    eventually(lambda: len(looks) > 3, "it looks on")
    view.pause()
    assert view.paused
    assert view.paused_at == at_first
    assert before.timestamp() <= view.paused_at <= datetime.now(UTC).timestamp()
    assert view.frame.equals(held)
    assert view.to_json() == text
    assert in_page(Page(view)) == in_frame(view)
    assert view.sent == []
    assert f"paused at {datetime.fromtimestamp(view.paused_at, UTC):%H:%M:%S} UTC" in repr(view)
    view.play()
    assert not view.paused
    assert shown(view) == ["2", "1"]
    assert [one["of"] for one in view.sent] == [1]
    view.stop()


def test_playing_catches_up_at_once_whatever_the_pace():
    job = job_with(told(1, "1"))
    view = Sent(job)
    page = Page(view)
    view.pause()
    tell(job, told(2, "2"))
    view.play()
    page.take(view.sent[-1])
    assert shown(view) == ["2", "1"]
    assert in_page(page) == in_frame(view)
    view.stop()


def test_what_came_until_the_end_is_shown_after_a_pause_that_outlived_the_job():
    job = job_with(told(1, "1"))
    view = Sent(job)
    view.pause()
    tell(job, told(2, "2"))
    end(job)
    view._thread.join(5)
    assert shown(view) == ["1"]
    view.play()
    assert shown(view) == ["2", "1"]


def test_a_stop_in_a_pause_leaves_the_picture_as_it_is():
    job = job_with(told(1, "1"))
    view = Sent(job)
    view.pause()
    view.stop()
    tell(job, told(2, "2"))
    assert shown(view) == ["1"]
    view.play()
    assert shown(view) == ["1"]  # it ended before
    assert not view.paused


def test_a_page_pauses_and_plays_and_asks_for_json():
    view = Sent(job_with(told(1, "1")))
    view._handle_custom_msg({"ask": "pause"}, [])
    assert view.paused
    view._handle_custom_msg({"ask": "json", "by": "me"}, [])
    [sent] = view.sent
    moment = datetime.fromtimestamp(view.paused_at, UTC)
    assert sent == {
        "json": view.to_json(),
        "name": f"attributes-{moment:%Y-%m-%dT%H%M%SZ}.json",
        "by": "me",
    }
    view._handle_custom_msg({"ask": "play"}, [])
    assert not view.paused
    view.stop()


def test_what_fails_is_shown_and_it_goes_on(capfd):
    job = job_with(told(1, "1"))
    view = Sent(job, every=0.05)
    look = view._queues.look
    view._queues.look = lambda _: 1 / 0
    eventually(lambda: "ZeroDivisionError" in view.trouble, "it is shown")
    view.pause()
    view.play()
    view._queues.look = look
    tell(job, told(2, "2"))
    eventually(lambda: view.sent, "it goes on")
    view.stop()
    assert capfd.readouterr() == ("", "")


# -- JSON -----------------------------------------------------------------------------------------


def test_json_and_frame_agree_and_no_digit_is_lost(tmp_path):
    rows = [
        told(1, PAST_DOUBLES),
        told(2.5, "1.10", value_type="float"),
        told(3, "262.9138", value_type="string", value=262.9138),
        told(4, HOSTILE + '"\\\n', field='"\n', value_type="string"),
        told(5, "true", field="flag", value_type="bool"),
        told(6, None, field="flag"),
        told(7, "18446744073709551615", field="unsigned", srv_time=None),
    ]
    view = fl.live.attributes(job_with(*rows).rec)
    text = view.to_json()
    found = json.loads(text)
    assert f'"value":{PAST_DOUBLES},' in text
    assert '"value":1.10,' in text
    assert '"msg_time":"2026-07-01T09:00:02.500000Z"' in text
    for one, row in zip(found, view.frame.iter_rows(named=True), strict=True):
        assert list(one) == list(row)
        for name in ("msg_time", "srv_time"):
            one[name] = one[name] and datetime.fromisoformat(one[name])
        assert one == row | {"value": one["value"]}
        assert row["value"] == (one["value"] if one["value"] is None else float(one["value"]))
    assert view.to_json(tmp_path / "now.json") is None
    assert (tmp_path / "now.json").read_text("utf-8") == text
    with pytest.raises(RecordingError, match="can't be written"):
        view.to_json(tmp_path / "no" / "now.json")
    with pytest.raises(fl.InvalidArgument, match="path="):
        view.to_json(5)
    assert json.loads(fl.live.attributes(recording()).to_json()) == []


# -- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "asked", "trackers", "sentence"),
    [
        ([], (), None, "capture with events=[fl.IotMonitor(trackers=[…])]"),
        ([], (1,), None, "No attributes have come yet."),
        ([told(1, "1", 3)], (1,), 1, "No attributes have come of these devices."),
        ([told(1, "1")], (1,), None, ""),
    ],
)
def test_what_is_not_there_is_told(rows, asked, trackers, sentence):
    view = fl.live.attributes(job_with(*rows, asked=asked).rec, trackers=trackers)
    notice = view._whole()["notice"]
    assert sentence in notice
    assert bool(sentence) == bool(notice)


def test_a_recording_is_shown_as_of_its_end_or_of_what_was_heard_last():
    rec = job_with(told(100, "1")).rec
    assert "still written, as of 2026-07-01 09:01:40 UTC" in fl.live.attributes(rec).words
    rec.info = replace(rec.info, ended_at=at(600))
    assert fl.live.attributes(rec).until == at(600).timestamp()


def test_what_comes_from_outside_is_never_markup_and_nothing_is_asked_of_the_network():
    code = str(Attributes._esm)
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser"):
        assert word not in code
    for text in (code, str(Attributes._css)):
        assert "//" not in text.replace("// ", "").replace("//\n", "")
        assert "import" not in text
        assert "url(" not in text


def test_what_the_simulator_sends_is_shown():
    with Simulator(vehicles=4, seed=3, tick=None) as sim:
        request = fl.IotMonitor(trackers=sim.tracker_ids[:2])
        at_sim = {"server": sim.base_url, "api_key": sim.api_key, "events": [request]}
        job = fl.start(**at_sim, save_to=False, view=False)
        view = fl.live.attributes(job, every=0.1)
        eventually(lambda: view.frame["tracker_id"].n_unique() == 2, "both are shown")
        sim.step(60)
        rec = job.stop()
        view._thread.join(5)
    last = rec.iot_monitor.filter(
        queue="nonnull", field="ble_beacon_id", tracker_id=view.frame[0, 0]
    )
    texts = last.sort("msg_time", maintain_order=True)["value_text"].reverse().head(13).to_list()
    assert shown(view, view.frame[0, 0], "ble_beacon_id") == texts
    assert len(texts) > 11
    assert view.frame.equals(fl.live.attributes(rec).frame)
