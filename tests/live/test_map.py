"""The live map sends only news, is of chosen trackers, and becomes a frame and a chart."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import polars as pl
import pytest

import fleetlab as fl
from fleetlab.colours import STATES
from fleetlab.live import whereabouts
from fleetlab.live.map import Map
from tests.charts.recordings import at, recording, rows_of
from tests.conftest import eventually
from tests.live.fleets import add, end, grown, job_of
from tests.live.maps import Page, Sent, fix

HOSTILE = '</script><img src=x onerror="alert(1)">\u202e'


# -- what travels ---------------------------------------------------------------------------------


def test_only_news_travel(watching):
    first = [fix(1, n, speed_kmh=10.0 * n, last_update=at(1)) for n in (1, 2, 3)]
    job = job_of(("state_batch", first))
    view = watching(job)
    add(job, fix(5, 2, 20.0, speed_kmh=33.3, last_update=at(5)), fix(5, 9, label="new"))
    view._look()
    [told] = view.sent
    second = int(at(5).timestamp())
    assert told["rows"] == [
        [1, 0, 33, 90, 600, second],
        [3, 0, None, 90, 600, second, 9, "new"],
    ]
    assert told["points"] == {
        "n": [1, 3],
        "kind": [0, 1],
        "lat": [round(40 + 20 / 111_195, 6), 40.0],
        "lng": [-3.7, -3.7],
        "t": [second, second],
    }
    assert told["of"] == 1
    assert told["since"] == int(at(5 - 600).timestamp())
    view._look()
    assert len(view.sent) == 1


def test_a_page_that_asks_gets_the_whole_and_labels_are_only_text(watching):
    job = job_of(("state_batch", [fix(1), fix(2, north=10)]))
    view = watching(job)
    add(job, fix(2, 4, label=HOSTILE))
    view._look()
    view._handle_custom_msg({"ask": "whole"}, [])
    view._handle_custom_msg({"ask": "other"}, [])
    assert len(view.sent) == 2
    whole = view.sent[-1]
    assert whole["of"] == view.sent[0]["of"]
    assert whole["columns"]["label"] == ["a", "b", "c", HOSTILE]
    assert whole["points"]["n"] == [0, 0, 3]
    state_of = view.get_state(["whole"])["whole"]
    assert state_of["points"] == whole["points"]
    json.dumps(state_of, allow_nan=False)
    code = str(Map._esm)
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser"):
        assert word not in code


def test_nothing_is_asked_of_the_network():
    for text in (str(Map._esm), str(Map._css)):
        assert "//" not in text.replace("// ", "").replace("//\n", "")
        assert "import" not in text.replace("!important", "")
        assert "url(" not in text
        assert "fetch(" not in text


def test_a_look_that_fails_loses_nothing(watching, monkeypatch):
    job = job_of(("state_batch", [fix(1)]))
    view = watching(job)
    page = Page(view)
    add(job, *(fix(n, north=n * 5) for n in range(2, 12)))
    monkeypatch.setattr("fleetlab.live.news.PIECE", 4)
    calls = []
    last = whereabouts._last

    def fails(rows):
        calls.append(1)
        return 1 / 0 if len(calls) == 2 else last(rows)

    monkeypatch.setattr(whereabouts, "_last", fails)
    with pytest.raises(ZeroDivisionError):
        view._look()
    view._look()
    assert [len(piece) for piece in page.catch_up().lines()[1]] == [11]


def test_it_keeps_up_by_itself_and_ends_with_the_job():
    job = job_of()
    view = Sent(job, 0.1, None, 10.0)
    add(job, fix(5))
    eventually(lambda: view.sent, "it is sent")
    add(job, fix(599, north=8))
    end(job)
    view._thread.join(5)
    assert view.frame["fixed_at"].to_list()[0] == at(599)
    assert view.words == "ended, as of 2026-07-01 09:10:00 UTC"
    assert view.errors == ()


# -- chosen trackers ------------------------------------------------------------------------------


def test_chosen_trackers_are_found_by_id_and_label(watching):
    rows = [fix(n, who, n * 5) for n in (1, 2) for who in (1, 2, 3)]
    for chosen, found in (((2,), [2]), (("Truck 3", 1), [1, 3]), (("nobody",), [])):
        view = watching(job_of(("state_batch", rows)), chosen)
        # The list of trackers has other names.
        listed = recording(state_batch=rows)
        assert fl.live.map(listed, trackers=chosen).frame["tracker_id"].to_list() == found
        assert len(view._whereabouts.places) == len(found)
    one = fl.live.map(recording(state_batch=rows), trackers="Truck 2")
    assert one.frame["tracker_id"].to_list() == [2]


def test_one_that_gets_a_label_that_was_asked_for_takes_no_others_place(watching):
    job = job_of(("state_batch", [fix(1, 1), fix(1, 2, label="b")]))
    view = watching(job, ("b", "late"))
    page = Page(view)
    add(job, fix(2, 1, label="late"), labels={1: "late", 2: "b"})
    view._look()
    assert view.frame["tracker_id"].to_list() == [2, 1]
    assert page.catch_up().places == Page(view).places
    add(job, fix(3, 2, label="other"), labels={1: "late", 2: "other"})
    view._look()
    assert view.frame["label"].to_list() == ["other", "late"]


# -- the chart ------------------------------------------------------------------------------------


def test_the_chart_is_of_the_same_stretch_and_moment(watching):
    rows = [fix(n * 60.0, who, n * 300) for n in range(10) for who in (1, 2)]
    job = job_of(("state_batch", rows))
    view = watching(job, (1,), 3.0)
    shown = Page(view).lines()[1]
    add(job, fix(660, 1, 9_000), fix(530, 1, 2_650, received_at=at(700)))
    spec = view.chart().to_dict()
    drawn = [row for data in spec["datasets"].values() for row in data if "lat2" in row]
    ends = [round(drawn[0]["lat"], 6), *(round(row["lat2"], 6) for row in drawn)]
    assert ends == [lat for _, lat, _ in shown[0]]
    assert {row["line"] for row in drawn} == {"Truck 1"}
    colours = json.dumps(spec)
    assert STATES["moving"] in colours
    assert fl.live.map(recording()).chart().to_dict()
    still = fl.live.map(recording(state_batch=rows), minutes=0)
    assert still.chart().to_dict()


# -- what does not fit ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"minutes": -1}, "minutes"),
        ({"minutes": 1441}, "1,440 minutes"),
        ({"minutes": "10"}, "minutes"),
        ({"minutes": float("nan")}, "minutes"),
        ({"every": 0}, "every"),
        ({"trackers": []}, "names no tracker"),
        ({"trackers": [1.5]}, "1.5"),
        ({"trackers": 2.5}, "2.5"),
        ({"trackers": [True]}, "True"),
        ({"trackers": [None]}, "None"),
    ],
)
def test_a_wrong_argument_is_a_sentence(wrong, words):
    with pytest.raises(fl.InvalidArgument, match=words):
        fl.live.map(recording(), **wrong)


def test_what_is_no_source_is_a_sentence(simulator):
    with pytest.raises(fl.InvalidArgument, match=r"map takes a job of fl\.start or a recording"):
        fl.live.map(simulator)


def test_of_a_recording_that_is_still_written_it_is_as_of_what_was_heard_last():
    rec = grown(("state_batch", [fix(100, last_update=at(100))]))
    rec.info = replace(rec.info, ended_at=None)
    view = fl.live.map(rec)
    assert view.words == "still written, as of 2026-07-01 09:01:40 UTC"
    assert fl.live.map(recording()).frame.is_empty()
    assert isinstance(view.until, float)


def test_rows_of_an_unknown_source_are_nobodys():
    rec = recording(state_batch=[fix(1, None), fix(2, 5, label=None)])
    assert fl.live.map(rec).frame.select("tracker_id", "label").rows() == [(5, "tracker 5")]


def test_fleets_across_looks_keep_the_dtypes():
    empty = fl.live.map(recording()).frame
    full = fl.live.map(recording(state_batch=[fix(1)])).frame
    assert empty.schema == full.schema
    assert isinstance(full["fixed_at"][0], datetime)
    assert full.schema["fixed_at"] == pl.Datetime("us", "UTC")
    assert rows_of("state_batch", [fix(1)]).schema["lat"] == full.schema["lat"]
