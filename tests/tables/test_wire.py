"""What becomes of the words of the wire: what may be missing, what may be new, what is meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fleetlab.protocol import ErrorMessage, Response, read
from fleetlab.records import RestRecord
from tests.tables.test_decoder import (
    AT,
    TRACKERS,
    decoder,
    frames_of,
    message,
    rejects_of,
    rows_of,
    sample,
    utc,
)

EVENTS = ("state", "state_batch", "readings_batch", "iot_monitor", "lifecycle", "logout")
SAMPLES = {path.stem for path in (Path(__file__).parents[1] / "data").glob("*.json")}
METERED = (
    *("fuel", "temperature", "rpm", "custom", "fuel_consumption", "instant_consumption"),
    *("power", "speed", "flow_meter", "acceleration", "of tomorrow"),
)


# -- what may be missing, and what may be new --------------------------------------------------


def without_nulls(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: without_nulls(value) for key, value in item.items() if value is not None}
    return [without_nulls(value) for value in item] if isinstance(item, list) else item


@pytest.mark.parametrize("name", EVENTS)
def test_a_null_that_is_left_out_makes_the_same_rows(name):
    told = json.loads(sample(name))
    if name == "state":
        told["data"]["gps"] |= {"signal_level": None, "precision": None, "gsm_lbs": None}
    found = [frames_of(decoder(), json.dumps(each)) for each in (told, without_nulls(told))]
    assert found[0].keys() == found[1].keys()
    assert found[0][name].to_dicts() == found[1][name].to_dicts()
    assert "rejects" not in found[0]


def test_what_is_null_in_a_list_of_trackers_or_an_answer_may_be_left_out():
    told = {"id": 7, "label": None, "group_id": None, "clone": None, "source": {"id": 9}}
    told["source"] |= dict.fromkeys(("device_id", "model", "blocked", "phone"))
    found = [decoder(trackers=[each]).directory.frame for each in (told, without_nulls(told))]
    assert found[0].to_dicts() == found[1].to_dicts()
    assert found[0]["source_id"].to_list() == [9]
    assert read(b'{"type":"response","data":{"state":{"success":true,"value":null}}}') == Response()
    assert read(b'{"type":"response","data":{"state":{"success":true}}}') == Response()
    assert read(b'{"type":"error","status":{"code":4}}') == ErrorMessage(4, "no reason given")


MAPS = ("nonnull_fields", "all_fields", "additional")


def with_news(item: Any, *, field: bool = True) -> Any:
    """Put a field that nobody knows into every object; keys of maps are no fields."""
    if isinstance(item, list):
        return [with_news(value) for value in item]
    if not isinstance(item, dict):
        return item
    by_id = all(key.isdigit() for key in item)
    grown = {key: with_news(value, field=key not in MAPS) for key, value in item.items()}
    return grown if by_id or not field else grown | {"novelty": {"a": [1, None]}}


@pytest.mark.parametrize("name", EVENTS)
def test_a_new_field_in_any_object_changes_no_value(name):
    told = json.loads(sample(name))
    found = [frames_of(decoder(), json.dumps(each)) for each in (told, with_news(told))]
    assert found[0].keys() == found[1].keys()
    rows = [frame[name].drop("extra", strict=False).to_dicts() for frame in found]
    assert rows[0] == rows[1]
    assert "rejects" not in found[1]


def test_every_field_of_the_list_of_trackers_that_is_kept_has_its_column():
    source = {"id": 9, "device_id": "35", "model": "navtelecom", "blocked": True, "phone": "34600"}
    tracker = {"id": 7, "label": "Van", "group_id": 3, "clone": True, "source": source}
    made = decoder(trackers=[tracker | {"novelty": 1, "source": source | {"novelty": {}}}])
    [row] = made.directory.frame.to_dicts()
    assert {name: value for name, value in row.items() if value is not None} == {
        "tracker_id": 7,
        "label": "Van",
        "group_id": 3,
        "clone": True,
        "source_id": 9,
        "device_id": "35",
        "model": "navtelecom",
        "blocked": True,
    }


@pytest.mark.parametrize("status", ["normal", "blocked", "unknown", "disallowed", "of tomorrow"])
def test_whatever_is_said_of_a_tracker_is_kept_and_its_events_are_read(status):
    made = decoder()
    answer = {"state_batch": {"success": True, "value": {"103": status}}}
    text = json.dumps({"type": "response", "data": answer})
    frames = frames_of(made, text, message("state_batch", [{"source_id": 9003}]))
    assert made.directory.frame.filter(tracker_id=103)["state_batch"].to_list() == [status]
    assert frames["state_batch"]["tracker_id"].to_list() == [103]


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("connection_status", "signal_lost just_registered just_replaced offline idle active new"),
        ("movement_status", "moving stopped parked new"),
    ],
)
def test_every_word_of_a_status_is_kept_and_new_ones_too(field, words):
    states = [{"source_id": 1, field: word} for word in words.split()]
    frames = frames_of(decoder(), message("state_batch", states))
    assert frames["state_batch"][field].to_list() == words.split()
    assert "rejects" not in frames


def test_what_sensors_and_counters_measure_is_kept_and_what_is_new_too():
    inputs = [{"sensor_id": n, "type": what, "value": n} for n, what in enumerate(METERED, 1)]
    counters = [{"type": what, "value": 1} for what in ("odometer", "engine_hours", "of tomorrow")]
    parts = {"inputs": inputs, "counters": counters}
    rows = rows_of(decoder(), "readings_batch", message("readings_batch", [{"101": parts}]))
    assert [row["type"] for row in rows[: len(METERED)]] == list(METERED)
    told = [row["reading"] for row in rows[len(METERED) :]]
    assert told == ["counter:odometer", "counter:engine_hours", "counter:of tomorrow"]


def test_each_kind_of_lifecycle_is_kept_and_what_is_new_too():
    kinds = ["block", "unblock", "corrupt", "of tomorrow"]
    texts = [message("lifecycle", {"source_id": 9003, "lifecycle_event": kind}) for kind in kinds]
    rows = rows_of(decoder(), "lifecycle", *texts)
    assert [row["lifecycle_event"] for row in rows] == kinds
    assert {row["tracker_id"] for row in rows} == {103}


def test_12000_trackers_in_one_frame_are_all_read():
    state = json.loads(sample("state_batch"))["data"][0]
    state["additional"] = {f"key {n}": {"value": "1", "updated": None} for n in range(20)}
    states = [state | {"source_id": number} for number in range(1, 12_001)]
    parts = {
        "inputs": [{"sensor_id": n, "value": n} for n in range(1, 21)],
        "states": [{"field": f"state {n}", "value": n} for n in range(8)],
        "counters": [{"type": what, "value": 1} for what in ("odometer", "engine_hours")],
    }
    readings = [{str(number): parts} for number in range(1, 12_001)]
    texts = message("state_batch", states), message("readings_batch", readings)
    assert min(map(len, texts)) > 2**20
    frames = frames_of(decoder(), *texts)
    assert frames["state_batch"]["source_id"].n_unique() == 12_000
    assert len(frames["readings_batch"]) == 12_000 * 30
    assert "rejects" not in frames


# -- values ------------------------------------------------------------------------------------


def test_a_reading_that_is_absent_has_no_row_and_one_that_is_null_has():
    made = decoder()
    both = [{"field": "gear", "value": "D"}, {"field": "mil", "value": False}]
    first = message("readings_batch", [{"101": {"states": both}, "103": {"states": both}}])
    then = message("readings_batch", [{"101": {"states": [{"field": "gear", "value": None}]}}])
    rows = rows_of(made, "readings_batch", first, then)
    assert len(rows) == 5
    last = rows[-1]
    assert (last["seq"], last["tracker_id"], last["reading"]) == (2, 101, "state:gear")
    assert (last["value"], last["value_text"], last["value_type"]) == (None, None, "null")


def test_a_time_that_never_was_is_a_reject_of_its_cell_alone():
    state = {"source_id": 9003, "last_update": "2026-03-29 02:30:00", "gps": {"speed": 5}}
    state["gps"] |= {"updated": "2026-03-29 03:30:00"}
    frames = frames_of(decoder(), message("state", state))
    [row] = frames["state"].to_dicts()
    assert (row["last_update"], row["speed_kmh"]) == (None, 5.0)
    assert row["gps_updated"] == utc("2026-03-29 01:30:00")
    assert rejects_of(frames) == [("$.data.last_update", '"2026-03-29 02:30:00"')]


def test_an_offset_in_a_value_comes_before_the_zone_whoever_named_it():
    made = decoder(timezone=None)
    made.feed(RestRecord(AT, "user/get_info", {"user_info": {"time_zone": "Asia/Kathmandu"}}))
    for clock in (decoder("Asia/Kathmandu"), made):
        times = ["2026-06-30T10:00:00+02:00", "2026-06-30 13:45:00"]
        states = [{"source_id": 1, "last_update": text} for text in times]
        rows = rows_of(clock, "state_batch", message("state_batch", states))
        assert {row["last_update"] for row in rows} == {utc("2026-06-30 08:00:00")}


def test_an_inferred_offset_knows_no_change_of_the_clocks():
    times = ["2026-07-01 13:00:00", "2026-01-01 13:00:00"]  # summer, and before it
    states = [{"source_id": 1, "last_update": text} for text in times]
    text = message("state_batch", states, user_time="2026-07-01 14:00:00")
    told = [utc("2026-07-01 11:00:00"), utc("2026-01-01 11:00:00")]  # it was 12:00 in Madrid
    for zone in (None, "Europe/Madrid"):
        rows = rows_of(decoder(timezone=zone), "state_batch", text)
        assert [row["last_update"] for row in rows] == told
        told[1] = utc("2026-01-01 12:00:00")


def test_there_is_a_sample_of_every_event():
    assert set(EVENTS) <= SAMPLES
    for name in EVENTS:
        assert rows_of(decoder(trackers=TRACKERS), name, sample(name)), name
