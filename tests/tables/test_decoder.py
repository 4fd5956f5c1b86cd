"""From messages to frames: every event and oddity of the wire, against a plain second decoder."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from fleetlab.records import ConnectionRecord, MessageRecord, RestRecord
from fleetlab.schemas import EVENTS, schema
from fleetlab.tables.decoder import Decoder
from fleetlab.tables.values import NOT_A_SCALAR
from tests.reference import Reference

SAMPLES = Path(__file__).parent.parent / "data"
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
AT = int(NOW.timestamp()) * 1_000_000
TRACKERS = [
    {"id": 101, "label": "Ünal 1", "group_id": 5, "clone": False, "source": {"id": 9001}},
    {"id": 102, "label": "clone of 101", "clone": True, "source": {"id": 9001}},
    {"id": 103, "label": "3号車", "source": {"id": 9003, "device_id": "35", "blocked": False}},
]


def decoder(timezone: str | None = "Europe/Madrid", trackers: Any = TRACKERS, **facts: Any):
    made = Decoder()
    facts = {"recording": "rec", "timezone": timezone, "requests": [], **facts}
    made.feed(ConnectionRecord(AT, "started", facts=facts))
    if trackers is not None:
        made.feed(RestRecord(AT, "tracker/list", {"success": True, "list": trackers}))
    else:
        made.feed(ConnectionRecord(AT, "trackers_unavailable", detail="down"))
    if timezone is None:
        made.feed(ConnectionRecord(AT, "zone_unavailable", detail="down"))
    return made


def message(event: str, data: Any, **more: Any) -> str:
    return json.dumps({"type": "event", "event": event, "data": data, **more})


def frames_of(made: Decoder, *texts: str | bytes, seq: int = 1) -> dict[str, pl.DataFrame]:
    for number, text in enumerate(texts, seq):
        data = text if isinstance(text, bytes) else text.encode()
        made.feed(MessageRecord(number, AT + number, data))
    frames = made.decode()
    for name, frame in frames.items():
        assert frame.schema == schema(name), name
    return frames


def rows_of(made: Decoder, event: str, *texts: str | bytes) -> list[dict[str, Any]]:
    frames = frames_of(made, *texts)
    return frames[event].to_dicts() if event in frames else []


def sample(name: str) -> str:
    return (SAMPLES / f"{name}.json").read_text("utf-8")


# -- the documented samples, value by value ----------------------------------------------------


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


STATE = {
    "recording": "rec",
    "seq": 1,
    "received_at": NOW + timedelta(microseconds=1),
    "server_time": utc("2018-10-17 10:51:55"),
    "event_time": utc("2018-10-17 10:51:43"),
    "snapshot": True,
    "tracker_id": None,
    "label": None,
    "source_id": 10284,
    "gps_updated": utc("2018-10-17 10:51:43"),
    "lat": 14.330065796228606,
    "lng": -90.99037259141691,
    "speed_kmh": 0.0,
    "heading_deg": 248.0,
    "alt_m": 431.0,
    "gps_signal_level": 100.0,
    "precision_m": None,
    "gsm_lbs": None,
    "connection_status": "active",
    "movement_status": "parked",
    "movement_status_update": utc("2018-10-04 20:47:07"),
    "ignition": False,
    "ignition_update": utc("2018-10-04 20:47:07"),
    "last_update": utc("2018-10-17 10:51:46"),
    "gsm_updated": None,
    "gsm_signal_level": None,
    "gsm_network_name": None,
    "gsm_roaming": None,
    "battery_level": None,
    "battery_update": None,
    "inputs": [False] * 8,
    "inputs_update": utc("2018-10-17 10:51:43"),
    "outputs": [False] * 8,
    "outputs_update": utc("2018-10-17 10:51:43"),
    "actual_track_update": utc("2018-10-04 20:47:07"),
    "additional": None,
    "extra": None,
}


@pytest.mark.parametrize("event", ["state", "state_batch"])
def test_the_sample_of_a_state(event):
    assert rows_of(decoder(), event, sample(event)) == [STATE]


def test_the_sample_of_a_compact_state():
    compact = json.loads(sample("compact_source_state"))
    [row] = rows_of(decoder(), "state", message("state", compact))
    full_only = ("inputs", "inputs_update", "outputs", "outputs_update", "actual_track_update")
    assert row == STATE | dict.fromkeys((*full_only, "server_time"))


def test_the_sample_of_readings_is_read_as_readings_whatever_its_label():
    rows = rows_of(decoder(), "readings_batch", sample("readings_batch"))
    common = {
        "recording": "rec",
        "seq": 1,
        "received_at": NOW + timedelta(microseconds=1),
        "server_time": utc("2018-10-17 10:51:55"),
        "snapshot": True,
        "tracker_id": 10181215,
        "label": None,
    }
    assert all(row.items() >= common.items() for row in rows)
    shown = [
        (row["reading"], row["name"], row["sensor_label"], row["type"], row["units"])
        + (row["value"], row["value_text"], row["value_type"], row["min_value"], row["max_value"])
        + (row["composite_sensor_ids"], row["updated_at"], row["event_time"])
        for row in rows
    ]
    t1, t2, t3 = (
        utc("2023-06-28 04:13:09"),
        utc("2023-05-10 22:35:16"),
        utc("2023-06-28 04:05:59"),
    )
    assert shown == [
        ("input:37641", "lls_level_1", "Tank 1", "fuel", "litre", 225.71, "225.71", "float")
        + (0.0, 480.0, [37651, 37652], t1, t1),
        ("input:37642", "lls_level_6", "Tank 2", "fuel", "litre", 113.52, "113.52", "float")
        + (0.0, 300.0, None, t2, t2),
        ("state:input_status", "input_status", None, None, None, 0.0, "0", "int")
        + (None, None, None, t1, t1),
        ("state:obd_mil_status", "obd_mil_status", None, None, None, 12345.23, "12345.23", "float")
        + (None, None, None, t3, t3),
        ("virtual_sensor:37645", None, "Hood state", "state", None, None, "Closed", "string")
        + (None, None, None, t3, t3),
        ("counter:odometer", "odometer", None, None, None, 3232.9923342688653)
        + ("3232.9923342688653", "float", None, None, None, t3, t3),
    ]


def test_the_sample_of_iot_monitor_is_exploded_oldest_first():
    rows = rows_of(decoder(), "iot_monitor", sample("iot_monitor"))
    assert len(rows) == 24
    assert all(row["snapshot"] and row["tracker_id"] == 21080 for row in rows)
    assert [row["event_time"] for row in rows] == sorted(row["event_time"] for row in rows)
    fuel = [
        (row["msg_time"], row["srv_time"], row["value"], row["value_text"], row["value_type"])
        for row in rows
        if row["field"] == "lls_level_1" and row["queue"] == "all"
    ]
    assert fuel == [
        (utc("2025-02-11 15:12:52"), utc("2025-02-11 15:12:53"), 262.9945, "262.9945", "string"),
        (utc("2025-02-11 15:12:59"), utc("2025-02-11 15:12:59"), None, None, "null"),
    ]


def test_the_samples_of_lifecycle_and_logout():
    frames = frames_of(decoder(), sample("lifecycle"), sample("logout"))
    [lifecycle] = frames["lifecycle"].to_dicts()
    assert (lifecycle["source_id"], lifecycle["lifecycle_event"]) == (123456, "block")
    assert lifecycle["event_time"] == lifecycle["received_at"]
    [logout] = frames["logout"].to_dicts()
    assert logout["reason"] == "session closed"


# -- oddities of the wire ----------------------------------------------------------------------


def test_wrapped_states_are_read_in_both_events():
    wrapped = {"type": "source_state_event", "state": {"source_id": 9003, "ignition": True}}
    made = decoder()
    frames = frames_of(
        made, message("state", wrapped), message("state_batch", [wrapped, {"source_id": 9001}])
    )
    assert frames["state"]["source_id"].to_list() == [9003]
    assert frames["state_batch"]["source_id"].to_list() == [9003, 9001]
    assert frames["state_batch"]["ignition"].to_list() == [True, None]


def test_wrapped_states_between_plain_ones_are_read():
    wrapped = {"type": "source_state_event", "state": {"source_id": 2}}
    text = message("state_batch", [{"source_id": 1}, wrapped, {"source_id": 3, "ignition": 5}])
    frames = frames_of(decoder(), text)
    assert frames["state_batch"]["source_id"].to_list() == [1, 2, 3]
    assert rejects_of(frames) == [("$.data[2].ignition", "5")]


@pytest.mark.parametrize("limit", [10, 500_000])
def test_a_large_message_is_read_in_pieces_and_every_part_is_named_by_its_place(monkeypatch, limit):
    monkeypatch.setattr("fleetlab.tables.payload.PIECE_BYTES", limit)
    monkeypatch.setattr("fleetlab.tables.payload.PIECE", 3)
    states = [{"source_id": n} for n in range(1, 11)]
    states[4]["gps"] = {"speed": "fast"}
    states[8]["last_update"] = "x"
    counters = {"counters": [{"type": "odometer", "value": 1, "update_time": "x"}]}
    readings = [{str(n): counters if n == 8 else {}} for n in range(1, 11)]
    frames = frames_of(
        decoder(), message("state_batch", states), message("readings_batch", readings)
    )
    assert frames["state_batch"]["source_id"].to_list() == list(range(1, 11))
    assert frames["readings_batch"]["tracker_id"].to_list() == [8]
    assert rejects_of(frames) == [
        ("$.data[4].gps.speed", '"fast"'),
        ("$.data[8].last_update", '"x"'),
        ("$.data[7].8.counters[0].update_time", '"x"'),
    ]
    assert frames["rejects"]["tracker_id"].to_list() == [None, None, 8]


@settings(max_examples=60)
@given(
    st.lists(st.booleans(), min_size=1, max_size=12),
    st.sampled_from([(",", ":"), (" , ", " : ")]),
    st.sampled_from([5, 100]),
)
def test_a_large_message_is_never_cut_inside_an_item(nested, separators, size):
    def more(first: str) -> dict[str, Any]:
        return {"more": [{"a": 1}, {first: 1, "a": [{"a": 1}, {first: 2}]}]}

    states = [
        {"source_id": n, **(more("source_id") if deep else {})} for n, deep in enumerate(nested, 1)
    ]
    readings = [
        {str(n): {"counters": [{"type": "odometer", "value": n, **(more("7") if deep else {})}]}}
        for n, deep in enumerate(nested, 1)
    ]
    texts = [
        json.dumps(json.loads(message(event, data)), separators=separators).encode()
        for event, data in (("state_batch", states), ("readings_batch", readings))
    ]
    made = decoder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fleetlab.tables.payload.PIECE_BYTES", size)
        patch.setattr("fleetlab.protocol._LARGE", 10)
        frames = frames_of(made, *texts)
    ids = list(range(1, len(nested) + 1))
    assert frames["state_batch"]["source_id"].to_list() == ids
    assert frames["readings_batch"]["tracker_id"].to_list() == ids
    for event, first in (("state_batch", "source_id"), ("readings_batch", "7")):
        extra = [text and json.loads(text) for text in frames[event]["extra"]]
        assert extra == [more(first) if deep else None for deep in nested]
    assert "rejects" not in frames


def test_items_without_end_are_one_reject():
    text = message("state_batch", [{"source_id": 1}]).replace("]", ",{}" * 600_000 + "]")
    frames = frames_of(decoder(), text, message("state_batch", [{"source_id": 9003}]))
    [(path, raw)] = rejects_of(frames)
    assert path == "$.data"
    assert raw.startswith('[{"source_id": 1},{},{}')
    assert frames["state_batch"]["source_id"].to_list() == [9003]


HEAD = '{"type":"event","event":"state_batch","user_time":"2026-07-01 14:00:00","data":'


@pytest.mark.parametrize(
    ("text", "rows", "rejects"),
    [
        (HEAD + '[{"source_id":1}]}', 1, 0),
        (HEAD + '[{"source_id":1}],"more":[]}', 1, 0),
        (HEAD + '[{"source_id":1}],"data":[{"source_id":1},{"source_id":2}]}', 2, 0),
        (HEAD + '[{"source_id":1},]}', 0, 1),
        (HEAD + '[{"source_id":1}]]}', 0, 1),
        (HEAD + '[{"source_id":1,"x":{"y":[nul]}}]}', 0, 1),
        (HEAD + '[{"source_id":1,"x":"\\ud800"}]}', 1, 0),
        (HEAD + '[{"source_id":1,"movement_status":"é"}]}', 1, 0),
        (HEAD + '[{"source_id":"1"},{"source_id":2}]}', 1, 1),
        (HEAD.replace("state_batch", "iot_monitor") + '{"iot_last_values":[}}', 0, 1),
        (HEAD.replace("state_batch", "readings_batch") + '[{"7":{"counters":[}}]}', 0, 1),
        (HEAD.replace("state_batch", "readings_batch") + '{"7":{"counters":[}}}', 0, 1),
        (HEAD + '{"7":{"counters":[{"type":}]}}', 0, 1),
        (HEAD + '{"source_id":1,"gps":{"speed"}}}', 0, 1),
        (HEAD + '{"source_id":1,"gps":{}}}', 1, 0),
    ],
)
def test_a_large_message_that_only_begins_as_events_do_is_read_as_any_other(
    monkeypatch, text, rows, rejects
):
    monkeypatch.setattr("fleetlab.protocol._LARGE", 10)
    between = HEAD + '[{"source_id":9003}]}'
    frames = frames_of(decoder(), between, text, between)
    monkeypatch.setattr("fleetlab.protocol._LARGE", 1_000_000)
    for name, frame in frames_of(decoder(), between, text, between).items():
        assert_frame_equal(frames[name], frame)
    assert frames["state_batch"].filter(source_id=9003)["seq"].to_list() == [1, 3]
    assert frames["state_batch"].filter(source_id=9003)["snapshot"].to_list() == [True, False]
    assert len(frames["state_batch"]) == 2 + rows
    assert len(rejects_of(frames)) == rejects


def test_what_was_remembered_of_queues_is_undone_where_messages_are_read_again(monkeypatch):
    monkeypatch.setattr("fleetlab.protocol._LARGE", 10)
    head = HEAD.replace("state_batch", "iot_monitor")
    devices = [{"tracker_id": 101, "nonnull_fields": {"a": [{"value": n}]}} for n in range(2)]
    first, second = (head + json.dumps({"iot_last_values": [one]}) + "}" for one in devices)
    made = decoder()
    frames = [frames_of(made, first)]
    frames.append(frames_of(made, second, head + '{"iot_last_values":[}}'))
    assert [frame["iot_monitor"]["value"].to_list() for frame in frames] == [[0.0], [1.0]]


def test_a_position_may_stand_beside_its_location():
    rows = rows_of(
        decoder(),
        "state",
        message("state", {"source_id": 1, "gps": {"lat": 1, "lng": 2.5}}),
        message("state", {"source_id": 1, "gps": {"lat": 9, "location": {"lat": 3, "lng": None}}}),
    )
    assert [(row["lat"], row["lng"]) for row in rows] == [(1.0, 2.5), (3.0, None)]


def test_readings_come_as_one_map_or_many_under_either_label():
    parts = {"counters": [{"type": "odometer", "value": 5}]}
    one, many = {"101": parts, "103": parts}, [{"101": parts}, {"103": parts}]
    for data in (one, many):
        for event in ("readings_batch", "state_batch"):
            rows = rows_of(decoder(), "readings_batch", message(event, data))
            assert [row["tracker_id"] for row in rows] == [101, 103]
            assert [row["label"] for row in rows] == ["Ünal 1", "3号車"]


def test_fields_of_iot_monitor_come_as_a_map_or_as_a_list_of_maps():
    queue = [{"value": 1, "msg_time": "2026-07-01T11:59:00Z", "srv_time": "2026-07-01T11:59:01Z"}]
    for fields in ({"a": queue, "b": queue}, [{"a": queue}, {"b": queue}]):
        device = {"tracker_id": 101, "nonnull_fields": fields}
        rows = rows_of(
            decoder(), "iot_monitor", message("iot_monitor", {"iot_last_values": [device]})
        )
        assert [(row["field"], row["queue"]) for row in rows] == [
            ("a", "nonnull"),
            ("b", "nonnull"),
        ]


def test_additional_values_keep_their_text():
    additional = {
        "hardware_key": {"value": "12345678901234567890", "updated": "2026-07-01 13:00:00"},
        "n": {"value": 1.10},
        "none": {"value": None},
    }
    rows = rows_of(
        decoder(),
        "state",
        message("state", {"source_id": 1, "additional": additional}),
        message("state", {"source_id": 1, "additional": {}}),
        message("state", {"source_id": 1}),
    )
    assert [row["additional"] for row in rows] == [
        [
            {
                "key": "hardware_key",
                "value": "12345678901234567890",
                "updated": utc("2026-07-01 11:00:00"),
            },
            {"key": "n", "value": "1.1", "updated": None},
            {"key": "none", "value": None, "updated": None},
        ],
        [],
        None,
    ]


def test_a_source_with_clones_gives_one_row_of_the_one_that_was_asked_for():
    text = message("state_batch", [{"source_id": 9001}])
    expected = {"all": 101, (101, 102): 101, (102,): 102, (103,): 101}
    for asked, tracker in expected.items():
        trackers = asked if asked == "all" else list(asked)
        made = decoder(requests=[{"type": "state_batch", "trackers": trackers}])
        assert [row["tracker_id"] for row in rows_of(made, "state_batch", text)] == [tracker]


def test_the_tracker_that_is_no_clone_comes_first_whatever_its_id():
    source = {"id": 1}
    trackers = [{"id": 5, "clone": True, "source": source}, {"id": 9, "source": source}]
    text = message("state_batch", [{"source_id": 1}])
    assert rows_of(decoder(trackers=trackers), "state_batch", text)[0]["tracker_id"] == 9


def test_of_more_than_500_trackers_asked_for_only_those_are_in_the_frames():
    asked = [103, *range(100_000, 100_500)]
    known = [*TRACKERS, *({"id": id_, "source": {"id": id_}} for id_ in asked[1:])]
    text = message("state_batch", [{"source_id": s} for s in (9001, 9003, 100_000, 77)])
    requests = [{"type": "state_batch", "trackers": asked, "filtered": True}]
    rows = rows_of(decoder(requests=requests, trackers=known), "state_batch", text)
    assert [row["tracker_id"] for row in rows] == [103, 100_000]
    # Where not all of them are known, a source that nobody knows may be one of them.
    rows = rows_of(decoder(requests=requests), "state_batch", text)
    assert [row["source_id"] for row in rows] == [9003, 100_000, 77]


def test_without_the_tracker_list_ids_and_labels_are_null_and_the_log_says_so():
    made = decoder(trackers=None)
    frames = frames_of(made, message("state_batch", [{"source_id": 9001}]))
    assert frames["state_batch"].select("tracker_id", "label").row(0) == (None, None)
    assert "trackers_unavailable" in frames["connection"]["what"].to_list()


def test_a_list_that_comes_later_names_what_comes_after_it():
    made = decoder(trackers=[])
    text = message("state_batch", [{"source_id": 9003}])
    assert rows_of(made, "state_batch", text)[0]["label"] is None
    assert made.strangers == {9003}
    made.feed(RestRecord(AT, "tracker/list", {"list": TRACKERS}))
    assert rows_of(made, "state_batch", text)[0]["label"] == "3号車"
    assert made.strangers == set()


def test_a_source_that_stays_unknown_is_a_stranger_once():
    made = decoder()
    text = message("state_batch", [{"source_id": 5}])
    frames_of(made, text)
    assert made.strangers == {5}
    made.feed(RestRecord(AT, "tracker/list", {"list": TRACKERS}))
    frames_of(made, text, message("state_batch", [{"source_id": 6}]))
    assert made.strangers == {6}


def test_snapshot_is_the_first_of_a_tracker_after_each_subscribing():
    made = decoder()
    text = message("state_batch", [{"source_id": 1}, {"source_id": 2}, {"source_id": 1}])
    assert [r["snapshot"] for r in rows_of(made, "state_batch", text)] == [True, True, False]
    assert [r["snapshot"] for r in rows_of(made, "state_batch", text)] == [False] * 3
    made.feed(ConnectionRecord(AT, "subscribing"))
    assert [r["snapshot"] for r in rows_of(made, "state_batch", text)] == [True, True, False]
    parts = {"counters": [{"type": "odometer", "value": 5}, {"type": "engine_hours", "value": 5}]}
    text = message("readings_batch", [{"101": parts}])
    assert [r["snapshot"] for r in rows_of(made, "readings_batch", text, text)] == [
        *[True, True],
        *[False, False],
    ]


def test_a_queue_sent_again_after_a_reconnect_adds_nothing():
    made = decoder()
    frames_of(made, sample("iot_monitor"))
    made.feed(ConnectionRecord(AT, "lost"))
    made.feed(ConnectionRecord(AT, "subscribing"))
    assert rows_of(made, "iot_monitor", sample("iot_monitor")) == []


def test_a_full_queue_that_shares_nothing_is_a_gap():
    def send(*seconds: int) -> str:
        queue = [{"value": 1, "msg_time": f"2026-07-01T11:00:{s:02}Z"} for s in seconds]
        device = {"tracker_id": 101, "nonnull_fields": {"a": queue}, "all_fields": {"a": queue}}
        return message("iot_monitor", {"iot_last_values": [device]})

    frames = frames_of(decoder(), send(1), send(*range(33, 21, -1)))
    assert frames["gaps"].to_dicts() == [
        {
            "started_at": utc("2026-07-01 11:00:01"),
            "ended_at": utc("2026-07-01 11:00:22"),
            "duration_s": 21.0,
            "reason": "queue_overrun",
            "event": "iot_monitor",
            "tracker_id": 101,
            "field": "a",
        }
    ]


def test_a_loss_is_a_gap_until_the_next_accepted_subscription():
    made = decoder()
    made.feed(ConnectionRecord(AT + 1_000_000, "lost", code=1006))
    made.feed(ConnectionRecord(AT + 2_000_000, "lost", code=1006))
    frames_of(made)
    assert made.log.open_gap(None)["started_at"].to_list() == [NOW + timedelta(seconds=1)]
    made.feed(ConnectionRecord(AT + 5_000_000, "subscribed"))
    [gap] = frames_of(made)["gaps"].to_dicts()
    assert gap["reason"] == "disconnected"
    assert (gap["started_at"], gap["ended_at"], gap["duration_s"]) == (
        NOW + timedelta(seconds=1),
        NOW + timedelta(seconds=5),
        4.0,
    )
    assert made.log.open_gap(None).is_empty()


def test_what_the_server_said_of_each_tracker_is_in_trackers():
    made = decoder()
    answer = {
        "type": "response",
        "action": "subscription/subscribe",
        "events": ["state_batch"],
        "data": {"state_batch": {"success": True, "value": {"103": "blocked", "999": "unknown"}}},
    }
    frames_of(made, json.dumps(answer))
    said = dict(made.directory.frame.select("tracker_id", "state_batch").iter_rows())
    assert said == {101: None, 102: None, 103: "blocked", 999: "unknown"}


# -- zones -------------------------------------------------------------------------------------


def test_the_zone_is_asked_of_the_server_where_the_caller_named_none():
    made = Decoder()
    made.feed(ConnectionRecord(AT, "started", facts={"recording": "r", "requests": []}))
    made.feed(RestRecord(AT, "tracker/list", {"list": []}))
    text = message("state", {"source_id": 1, "last_update": "2026-07-01 17:45:00"})
    assert rows_of(made, "state", text) == []  # it waits for the zone
    made.feed(RestRecord(AT, "user/get_info", {"user_info": {"time_zone": "Asia/Kathmandu"}}))
    [row] = made.decode()["state"].to_dicts()
    assert row["last_update"] == NOW
    assert (made.clock.zone, made.clock.source, made.clock.utc_offset) == (
        "Asia/Kathmandu",
        "server",
        None,
    )


@pytest.mark.parametrize("call", ["user/get_info", "something/else"])
def test_the_zone_that_the_caller_named_wins_over_what_the_server_says(call):
    made = decoder("Europe/Madrid")
    made.feed(RestRecord(AT, call, {"user_info": {"time_zone": "America/New_York"}}))
    text = message("state", {"source_id": 9001, "last_update": "2026-07-01 12:00:00"})
    [row] = rows_of(made, "state", text)
    assert row["last_update"] == utc("2026-07-01 10:00:00")


def test_else_the_offset_is_inferred_anew_from_each_message():
    made = decoder(timezone=None)
    texts = [
        message("state", {"source_id": 1, "last_update": "2026-07-01 10:00:00"}, user_time=clock)
        for clock in ("2026-07-01 17:45:02", "2026-07-01 13:00:02")
    ]
    rows = rows_of(made, "state", *texts)
    assert [row["last_update"] for row in rows] == [
        utc("2026-07-01 04:15:00"),
        utc("2026-07-01 09:00:00"),
    ]
    assert rows[0]["server_time"] == utc("2026-07-01 12:00:02")
    assert (made.clock.zone, made.clock.source, made.clock.utc_offset) == (
        None,
        "inferred",
        "+01:00",
    )


def test_messages_wait_two_seconds_for_the_list_and_no_longer():
    made = Decoder()
    made.feed(ConnectionRecord(AT, "started", facts={"recording": "r", "timezone": "UTC"}))
    text = message("state", {"source_id": 9003}).encode()
    made.feed(MessageRecord(1, AT, text))
    made.feed(MessageRecord(2, AT + 2_000_000, text))
    assert "state" not in made.decode()
    made.feed(MessageRecord(3, AT + 2_000_001, text))
    assert len(made.decode()["state"]) == 3
    made.feed(RestRecord(AT + 3_000_000, "tracker/list", {"list": TRACKERS}))
    made.feed(MessageRecord(4, AT + 3_000_001, text))
    assert made.decode()["state"]["tracker_id"].to_list() == [103]


# -- readings ----------------------------------------------------------------------------------


def test_readings_that_are_described_alike_are_told_apart_by_their_kinds_and_trackers():
    same = {"name": "n", "label": "l", "type": "t", "field": "f", "value": 1}
    parts = {part: [same] for part in ("inputs", "states", "virtual_sensors", "counters")}
    rows = rows_of(decoder(), "readings_batch", message("readings_batch", {"7": parts, "8": parts}))
    assert [(row["tracker_id"], row["reading"], row["name"], row["type"]) for row in rows] == [
        (tracker, *told)
        for tracker in (7, 8)
        for told in (
            ("input:n", "n", "t"),
            ("state:f", "f", "t"),
            ("virtual_sensor:n", "n", "t"),
            ("counter:t", "t", None),
        )
    ]


def test_a_limit_of_zero_has_no_sign_whichever_came_first():
    texts = [
        message("readings_batch", {"7": {"inputs": [{"sensor_id": 1, "min_value": zero}]}})
        for zero in (-0.0, 0.0, 0, -0.0)
    ]
    rows = rows_of(decoder(), "readings_batch", *texts)
    assert [str(row["min_value"]) for row in rows] == ["0.0"] * 4


# -- what can't be read ------------------------------------------------------------------------


def rejects_of(frames: dict[str, pl.DataFrame]) -> list[tuple[str, str]]:
    if "rejects" not in frames:
        return []
    return list(frames["rejects"].select("path", "raw").iter_rows())


def test_a_wrong_type_costs_its_cell_and_nothing_else():
    item = {
        "source_id": 9003,
        "gps": {"speed": "fast", "heading": 10, "updated": 5},
        "ignition": 1,
        "inputs": [True, "x"],
        "last_update": "yesterday",
        "gsm": [],
    }
    frames = frames_of(decoder(), message("state_batch", [{"source_id": 1}, item]))
    row = frames["state_batch"].to_dicts()[1]
    assert row["heading_deg"] == 10.0
    assert row["tracker_id"] == 103
    for name in ("speed_kmh", "gps_updated", "ignition", "inputs", "last_update", "gsm_updated"):
        assert row[name] is None, name
    assert sorted(rejects_of(frames)) == [
        ("$.data[1].gps.speed", '"fast"'),
        ("$.data[1].gps.updated", "5"),
        ("$.data[1].gsm", "[]"),
        ("$.data[1].ignition", "1"),
        ("$.data[1].inputs", '[true, "x"]'),
        ("$.data[1].last_update", '"yesterday"'),
    ]
    assert frames["rejects"]["seq"].unique().to_list() == [1]
    assert frames["rejects"]["tracker_id"].unique().to_list() == [103]


@pytest.mark.parametrize(
    ("source_id", "path"),
    [("1.5", ".source_id"), ("9223372036854775808", ".source_id"), ('"1"', ".source_id")]
    + [("null", ".source_id"), ("true", ".source_id"), ("1e3", ".source_id")],
)
def test_a_state_without_a_readable_source_id_is_a_reject(source_id, path):
    text = '{"type":"event","event":"state_batch","data":[{"source_id":%s},{"source_id":2}]}'
    frames = frames_of(decoder(), text % source_id)
    assert frames["state_batch"]["source_id"].to_list() == [2]
    assert rejects_of(frames) == [(f"$.data[0]{path}", source_id)]


@pytest.mark.parametrize("item", ["5", "[]", "null", "{}", '"x"'])
def test_an_item_that_is_no_state_loses_its_row_and_no_other(item):
    text = '{"type":"event","event":"state_batch","data":[{"source_id":1},%s,{"source_id":2}]}'
    frames = frames_of(decoder(), text % item)
    assert frames["state_batch"]["source_id"].to_list() == [1, 2]
    assert rejects_of(frames) == [("$.data[1]", item)]


def test_a_reading_that_cannot_be_named_is_a_reject():
    parts = {"inputs": [{"value": 1}, {"name": "x", "value": [1]}, None], "states": 5}
    frames = frames_of(decoder(), message("readings_batch", [{"101": parts, "x": {}}]))
    [row] = frames["readings_batch"].to_dicts()
    assert (row["reading"], row["value"], row["value_type"]) == ("input:x", None, None)
    assert sorted(rejects_of(frames)) == [
        ("$.data[0].101.inputs[0]", '{"value": 1}'),
        ("$.data[0].101.inputs[1].value", "[1]"),
        ("$.data[0].101.inputs[2]", "null"),
        ("$.data[0].101.states", "5"),
        ("$.data[0].x", "{}"),
    ]


def test_a_reading_with_nothing_but_an_unreadable_id_is_rejected_whole():
    reading = {"sensor_id": 2.5, "value": 1}
    frames = frames_of(decoder(), message("readings_batch", [{"101": {"inputs": [{}, reading]}}]))
    assert rejects_of(frames) == [
        ("$.data[0].101.inputs[1].sensor_id", "2.5"),
        ("$.data[0].101.inputs[0]", "{}"),
        ("$.data[0].101.inputs[1]", json.dumps(reading)),
    ]


def test_what_follows_an_unreadable_reading_is_named_by_its_own_place():
    parts = {
        "inputs": [None, {"name": "x", "value": {}}],
        "states": [5],
        "counters": [{"type": "odometer"}, 5, {"type": "engine_hours", "update_time": "x"}],
    }
    more = {"states": [{"field": "mil", "value": []}]}
    frames = frames_of(decoder(), message("readings_batch", [{"101": parts}, {"102": more}]))
    rows = frames["readings_batch"].select("tracker_id", "reading").rows()
    assert rows == [
        (101, "input:x"),
        (101, "counter:odometer"),
        (101, "counter:engine_hours"),
        (102, "state:mil"),
    ]
    assert sorted(path for path, _ in rejects_of(frames)) == [
        "$.data[0].101.counters[1]",
        "$.data[0].101.counters[2].update_time",
        "$.data[0].101.inputs[0]",
        "$.data[0].101.inputs[1].value",
        "$.data[0].101.states[0]",
        "$.data[1].102.states[0].value",
    ]


def test_a_bad_value_of_a_queue_is_named_once_and_the_others_go_on():
    good = {"value": 1, "msg_time": "2026-07-01T11:00:00Z", "srv_time": "2026-07-01T11:00:00Z"}
    queue = [{"value": {}, "msg_time": "x", "srv_time": 5}, 7, good]
    nonnull = {"a": queue, "b": 5, "c": [good, 8]}
    device = {"tracker_id": 101, "nonnull_fields": nonnull, "all_fields": {"d": [good]}}
    text = message("iot_monitor", {"iot_last_values": [device, {"tracker_id": "x"}]})
    frames = frames_of(decoder(), text, text)
    rows = frames["iot_monitor"].select("field", "value", "msg_time").rows()
    moment = utc("2026-07-01 11:00:00")
    assert rows == [*((name, 1.0, moment) for name in "acd"), ("a", None, None)]
    found = frames["rejects"].sort("seq", "path").select("seq", "tracker_id", "path", "reason")
    base = "$.data.iot_last_values[0].nonnull_fields"
    no_time = "not a time of the form yyyy-MM-dd HH:mm:ss or ISO 8601"
    no_device = "Expected int, got str - at $.tracker_id; the item is left out"
    assert found.rows() == [
        (1, 101, f"{base}.a[0].msg_time", no_time),
        (1, 101, f"{base}.a[0].srv_time", "Expected str, got int"),
        (1, 101, f"{base}.a[0].value", NOT_A_SCALAR),
        (1, 101, f"{base}.a[1]", "Expected object, got int"),
        (1, 101, f"{base}.b", "Expected array, got int"),
        (1, 101, f"{base}.c[1]", "Expected object, got int"),
        (1, None, "$.data.iot_last_values[1]", no_device),
        # The queue comes again whole; what was bad in it is not bad anew.
        (2, 101, f"{base}.b", "Expected array, got int"),
        (2, None, "$.data.iot_last_values[1]", no_device),
    ]


def queues_of(tracker: int, **queues: list[Any]) -> str:
    device = {"tracker_id": tracker, "nonnull_fields": queues}
    return message("iot_monitor", {"iot_last_values": [device]})


def test_values_are_of_their_own_tracker_message_by_message_and_in_each_by_time():
    def value(second: int, what: Any) -> dict[str, Any]:
        return {"value": what, "msg_time": f"2026-07-01T11:00:{second:02}Z"}

    first = queues_of(101, a=[value(9, 1), value(3, 2)], b=[value(5, 3)])
    second = queues_of(103, a=[value(4, 4)])
    third = queues_of(101, a=[value(10, {}), value(9, 1), value(3, 2)], b=[value(5, 3)])
    frames = frames_of(decoder(), first, second, third)
    rows = frames["iot_monitor"].select("seq", "tracker_id", "field", "value").rows()
    assert rows == [
        (1, 101, "a", 2.0),
        (1, 101, "b", 3.0),
        (1, 101, "a", 1.0),
        (2, 103, "a", 4.0),
        (3, 101, "a", None),
    ]
    assert frames["rejects"]["path"].to_list() == [
        "$.data.iot_last_values[0].nonnull_fields.a[0].value"
    ]


def test_values_of_one_moment_keep_their_order():
    queue = [{"value": -n, "msg_time": "2026-07-01T11:00:00Z"} for n in range(5_000)]
    frames = frames_of(decoder(), queues_of(101, a=queue))
    assert frames["iot_monitor"]["value"].is_sorted()


def test_what_is_no_device_or_map_of_queues_is_named_and_the_others_go_on():
    maps = [{name: [{"value": 1, "msg_time": "2026-07-01T11:00:00Z"}]} for name in "ab"]
    devices = [
        {"tracker_id": "x"},
        {"tracker_id": 101, "nonnull_fields": 5, "all_fields": maps},
        {"tracker_id": 102, "nonnull_fields": maps[0], "all_fields": "x"},
    ]
    frames = frames_of(decoder(), message("iot_monitor", {"iot_last_values": devices}))
    rows = frames["iot_monitor"].select("tracker_id", "queue", "field").rows()
    assert rows == [(101, "all", "a"), (101, "all", "b"), (102, "nonnull", "a")]
    base = "$.data.iot_last_values"
    assert frames["rejects"].select("path", "tracker_id", "reason", "raw").rows() == [
        (
            f"{base}[0]",
            None,
            "Expected int, got str - at $.tracker_id; the item is left out",
            '{"tracker_id": "x"}',
        ),
        (f"{base}[1].nonnull_fields", 101, "Expected object | array | null, got int", "5"),
        (f"{base}[2].all_fields", 102, "Expected object | array | null, got str", '"x"'),
    ]


def test_a_payload_without_devices_is_named():
    frames = frames_of(decoder(), message("iot_monitor", {"values": []}))
    assert frames["rejects"].select("path", "reason", "raw").rows() == [
        ("$.data", "iot_last_values is missing", '{"values": []}')
    ]


@pytest.mark.parametrize("maps", [{"a": None, "b": []}, [{"a": None}, {"b": None}], None])
def test_a_queue_that_is_null_is_as_one_that_was_left_out(maps):
    device = {"tracker_id": 101, "nonnull_fields": maps, "all_fields": None}
    frames = frames_of(decoder(), message("iot_monitor", {"iot_last_values": [device]}))
    assert set(frames) == {"connection"}


def test_an_overrun_after_a_value_without_a_moment_is_a_gap_until_the_arrival():
    full = [{"value": 1, "msg_time": f"2026-07-01T11:00:{s:02}Z"} for s in range(12)]
    gaps = frames_of(decoder(), queues_of(101, a=[7]), queues_of(101, a=full[::-1]))["gaps"]
    assert gaps.select("started_at", "ended_at", "reason", "field").rows() == [
        (utc("2026-07-01 11:00:00"), NOW + timedelta(microseconds=2), "queue_overrun", "a")
    ]


@pytest.mark.parametrize(
    "text",
    ["{", '{"type":"event","event":"state","data":{"source_id":NaN}}', "rubbish", b"\xff\xfe"]
    + ['{"type":"event","event":"comet","data":1}', '{"type":"event"}', "{}"],
)
def test_a_message_that_cannot_be_read_is_one_reject_and_the_next_one_is_read(text):
    frames = frames_of(decoder(), text, message("state", {"source_id": 1}))
    assert len(frames["rejects"]) == 1
    assert frames["state"]["seq"].to_list() == [2]


@pytest.mark.parametrize("name", ["9" * 5_000, "9" * 19, "1.5", "-1", "", "٣"])
def test_readings_of_what_is_no_tracker_id_are_a_reject_and_the_others_go_on(name):
    parts = {"counters": [{"type": "odometer", "value": 1}]}
    frames = frames_of(decoder(), message("readings_batch", [{name: parts, "101": parts}]))
    assert frames["readings_batch"]["tracker_id"].to_list() == [101]
    assert len(frames["rejects"]) == 1


@pytest.mark.parametrize("depth", [100, 1_000, 100_000])
@pytest.mark.parametrize("event", list(EVENTS))
def test_deep_nesting_is_a_reject_at_the_most_and_the_next_message_is_read(event, depth):
    nested = "[" * depth + "]" * depth
    text = f'{{"type":"event","event":"{event}","data":{{"source_id":1,"x":{nested}}}}}'
    frames = frames_of(decoder(), text, message("state", {"source_id": 9003}))
    assert frames["state"].filter(seq=2)["tracker_id"].to_list() == [103]


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("state", '{"source_id":1,"x":NESTED}'),
        ("state", '{"state":{"source_id":1},"x":NESTED}'),
        ("state", "NESTED"),
        ("state_batch", '[{"source_id":1,"x":NESTED}]'),
        ("readings_batch", '{"101":{"states":[{"field":"a","value":NESTED}]}}'),
        ("readings_batch", "[NESTED]"),
        ("iot_monitor", "NESTED"),
        ("iot_monitor", '{"iot_last_values":NESTED}'),
        ("iot_monitor", '{"iot_last_values":[{"tracker_id":1,"all_fields":NESTED}]}'),
        ("iot_monitor", '{"iot_last_values":[{"tracker_id":1,"all_fields":{"a":NESTED}}]}'),
        ("iot_monitor", '{"iot_last_values":[{"tracker_id":1,"all_fields":{"a":[NESTED]}}]}'),
        ("lifecycle", '[{"source_id":1,"x":NESTED}]'),
        ("logout", "[NESTED]"),
    ],
)
@pytest.mark.parametrize("large", [10, 4_096])
def test_nesting_that_only_the_first_look_bears_does_not_end_the_stream(
    monkeypatch, event, data, large
):
    # How deep a parser goes depends on who calls it, so each depth near the limit has its turn.
    monkeypatch.setattr("fleetlab.protocol._LARGE", large)
    limit = sys.getrecursionlimit()
    for depth in range(limit - 80, limit):
        nested = data.replace("NESTED", "[" * depth + "]" * depth)
        text = f'{{"type":"event","event":"{event}","data":{nested}}}'
        frames = frames_of(decoder(), text, message("state", {"source_id": 9003}))
        assert frames["state"].filter(seq=2)["tracker_id"].to_list() == [103]


def test_half_a_surrogate_pair_costs_a_character_and_not_the_message():
    text = b'{"type":"event","event":"state","data":{"source_id":1,"movement_status":"a\\ud800b"}}'
    [row] = rows_of(decoder(), "state", text)
    assert row["movement_status"] == "a\ufffdb"


def test_half_a_surrogate_pair_in_what_is_no_message_costs_a_character():
    made = decoder(trackers=[{"id": 101, "label": "a\ud800b", "source": {"id": 9001}}])
    made.feed(ConnectionRecord(AT, "trackers_unavailable", detail="\udfff"))
    frames = frames_of(made, message("state", {"source_id": 9001}))
    assert frames["state"]["label"].to_list() == ["a\ufffdb"]
    assert frames["connection"]["detail"].to_list()[-1] == "\ufffd"
    made = decoder(recording="a\udcffb")
    assert frames_of(made, sample("state"))["state"]["recording"].to_list() == ["a\ufffdb"]


def test_bytes_that_are_not_utf8_cost_characters_and_not_the_message():
    text = b'{"type":"event","event":"state","data":{"source_id":1,"movement_status":"a\xffb"}}'
    frames = frames_of(decoder(), text)
    assert frames["state"]["movement_status"].to_list() == ["a\ufffdb"]
    assert len(frames["rejects"]) == 1


def test_heartbeats_blanks_and_handshakes_are_no_data_and_no_rejects():
    frames = frames_of(decoder(), "X", " " * 4098, "b623a15d-0000|30000|X|", "")
    assert set(frames) <= {"connection"}


def test_unknown_fields_and_statuses_are_kept():
    item = {
        "source_id": 1,
        "movement_status": "hovering",
        "mood": {"a": [1, 2]},
        "gps": {"hdop": 1.5, "speed": 3},
    }
    entry = {"type": "odometer", "value": 1, "quality": "good"}
    frames = frames_of(
        decoder(),
        message("state", item),
        message("state", {"source_id": 2}),
        message("readings_batch", [{"101": {"counters": [entry]}}]),
    )
    states = frames["state"]
    assert states["movement_status"].to_list() == ["hovering", None]
    assert states["speed_kmh"].to_list() == [3.0, None]
    assert json.loads(states["extra"][0]) == {"mood": {"a": [1, 2]}, "gps": {"hdop": 1.5}}
    assert states["extra"][1] is None
    assert json.loads(frames["readings_batch"]["extra"][0]) == {"quality": "good"}
    assert "rejects" not in frames


@pytest.mark.parametrize("name", ['a"b', "\\", "\0", "\n", "", "~22", '"', "\u2028"])
def test_an_unknown_field_may_have_any_name(name):
    state = {"source_id": 1, name: 5, "gps": {name: [1]}, '~x"': 6}
    frames = frames_of(decoder(), message("state_batch", [state, {"source_id": 2}, state]))
    assert "rejects" not in frames
    first, second, third = frames["state_batch"]["extra"]
    assert json.loads(first) == {name: 5, "gps": {name: [1]}, '~x"': 6}
    assert (second, third) == (None, first)


def test_a_name_without_end_costs_no_more_memory_than_its_message():
    values = [{"value": n} for n in range(2_000)]
    devices = [{"tracker_id": 101, "all_fields": {"a" * 20_000: values, "b" * 255: values[:1]}}]
    devices.append({"tracker_id": 103, "all_fields": {"c": [{"x" * 20_000: 1}] * 50}})
    text = message("iot_monitor", {"iot_last_values": devices})
    frames = frames_of(decoder(), text, message("state", {"source_id": 9003}))
    assert sum(frame.estimated_size() for frame in frames.values()) < len(text)
    rows = frames["iot_monitor"].filter(tracker_id=101)
    assert rows["field"].to_list() == ["b" * 255]
    reject = frames["rejects"].row(0, named=True)
    assert reject["reason"] == "a name of more than 255 characters"
    assert reject["path"].startswith("$.data.iot_last_values[0].all_fields.aaa")


# -- against the plain decoder -----------------------------------------------------------------

TIMES = st.one_of(
    st.datetimes(datetime(2020, 1, 1), datetime(2026, 6, 1)).map(
        lambda t: f"{t:%Y-%m-%d %H:%M:%S}"
    ),
    st.datetimes(datetime(2020, 1, 1), datetime(2026, 6, 1)).map(lambda t: t.isoformat() + "Z"),
).filter(lambda text: "-03-" not in text)  # the hour that never was is a reject, tested above
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
REALS = st.one_of(
    st.integers(-(10**6), 10**6), st.floats(allow_nan=False, allow_infinity=False, width=32)
)
IDS = st.integers(1, 2**63 - 1)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), REALS, TEXTS)
UNKNOWN = st.dictionaries(
    st.sampled_from(["mood", "déjà vu", "__class__", "x y", 'a"\\', "~", "\0"]), SCALARS
)


def optional(required: dict[str, Any] | None = None, **fields: Any):
    """Objects whose fields may be absent or null, in any order, with unknown ones among them."""
    known = st.fixed_dictionaries(
        required or {},
        optional={name: st.one_of(st.none(), field) for name, field in fields.items()},
    )
    both = st.tuples(known, UNKNOWN).map(lambda parts: parts[1] | parts[0])
    return both.flatmap(lambda item: st.permutations(list(item.items())).map(dict))


def plain(**fields: Any):
    return st.fixed_dictionaries(
        {}, optional={name: st.one_of(st.none(), field) for name, field in fields.items()}
    )


BITS = st.lists(st.booleans(), max_size=8)
STATES = optional(
    {"source_id": st.one_of(st.sampled_from([9001, 9003]), IDS)},
    gps=optional(
        updated=TIMES,
        signal_level=st.integers(0, 100),
        location=plain(lat=REALS, lng=REALS),
        lat=REALS,
        lng=REALS,
        heading=st.integers(0, 360),
        speed=REALS,
        alt=REALS,
        precision=REALS,
        gsm_lbs=st.booleans(),
    ),
    gsm=optional(updated=TIMES, signal_level=REALS, network_name=TEXTS, roaming=st.booleans()),
    connection_status=TEXTS,
    movement_status=TEXTS,
    movement_status_update=TIMES,
    ignition=st.booleans(),
    ignition_update=TIMES,
    last_update=TIMES,
    battery_level=REALS,
    battery_update=TIMES,
    inputs=BITS,
    inputs_update=TIMES,
    outputs=BITS,
    additional=st.dictionaries(TEXTS, plain(value=SCALARS, updated=TIMES), max_size=2),
    actual_track_update=TIMES,
)
WRAPPED = STATES.map(lambda state: {"type": "source_state_event", "state": state})
VALUE_FIELDS = {"value": SCALARS, "update_time": TIMES, "label": TEXTS}
INPUTS = optional(
    {"sensor_id": IDS},
    name=TEXTS,
    type=TEXTS,
    units=TEXTS,
    units_type=TEXTS,
    min_value=REALS,
    max_value=REALS,
    converted_value=REALS,
    converted_units_type=TEXTS,
    composite_sensor_ids=st.lists(IDS, max_size=2),
    **VALUE_FIELDS,
)
READINGS = plain(
    inputs=st.lists(INPUTS, max_size=2),
    states=st.lists(optional({"field": TEXTS}, value=SCALARS, update_time=TIMES), max_size=2),
    virtual_sensors=st.lists(optional({"sensor_id": IDS}, **VALUE_FIELDS), max_size=2),
    counters=st.lists(
        optional({"type": st.sampled_from(["odometer", "engine_hours"])}, value=REALS), max_size=2
    ),
)
QUEUES = st.dictionaries(
    st.sampled_from(["speed", "fuel", "é"]),
    st.lists(
        plain(value=SCALARS, msg_time=TIMES, srv_time=TIMES).map(
            lambda value: {"value": None} | value
        ),
        max_size=4,
    ),
    max_size=3,
)
DEVICES = st.fixed_dictionaries(
    {"tracker_id": st.sampled_from([101, 103])},
    optional={
        "nonnull_fields": st.one_of(QUEUES, QUEUES.map(lambda q: [{k: v} for k, v in q.items()])),
        "all_fields": QUEUES,
    },
)
CLOCK = st.one_of(st.just({}), TIMES.map(lambda text: {"user_time": text}))


def event_of(name: str, data: Any):
    return st.tuples(data, CLOCK).map(lambda parts: message(name, parts[0], **parts[1]))


MESSAGES = st.one_of(
    event_of("state", st.one_of(STATES, WRAPPED)),
    event_of("state_batch", st.lists(st.one_of(STATES, WRAPPED), max_size=3)),
    event_of(
        "readings_batch",
        st.lists(
            st.dictionaries(st.sampled_from(["101", "102", "7"]), READINGS, min_size=1, max_size=2),
            min_size=1,
            max_size=2,
        ),
    ),
    event_of("iot_monitor", st.lists(DEVICES, max_size=2).map(lambda d: {"iot_last_values": d})),
    event_of("lifecycle", st.fixed_dictionaries({"source_id": IDS, "lifecycle_event": TEXTS})),
    st.just(message("logout", "session closed")),
)


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    extra = row.get("extra")
    return row | {"extra": json.loads(extra) if isinstance(extra, str) else normal(extra)}


def normal(extra: Any) -> Any:
    """The plain decoder keeps numbers as text; read them as JSON does."""
    if isinstance(extra, dict):
        return {name: normal(value) for name, value in extra.items()}
    if isinstance(extra, list):
        return [normal(value) for value in extra]
    if type(extra).__name__ == "Text":
        return json.loads(extra)
    return extra


@settings(max_examples=150)
@given(texts=st.lists(MESSAGES, min_size=1, max_size=5), cuts=st.lists(st.booleans()))
def test_every_valid_message_gives_the_same_cells_as_the_plain_decoder(texts, cuts):
    made = decoder()
    plain_decoder = Reference("rec", "Europe/Madrid", TRACKERS)
    found: dict[str, list[dict[str, Any]]] = {event: [] for event in EVENTS}
    for number, text in enumerate(texts, 1):
        made.feed(MessageRecord(number, AT + number, text.encode()))
        plain_decoder.feed(number, AT + number, text)
        # Whatever bits the messages are decoded in, the rows are the same.
        if number == len(texts) or (number < len(cuts) and cuts[number]):
            for name, frame in made.decode().items():
                if name in found:
                    found[name] += frame.to_dicts()
                assert name != "rejects", frame.to_dicts()
    for event, rows in found.items():
        expected = plain_decoder.rows.get(event, [])
        if event == "iot_monitor":
            expected = sorted(expected, key=lambda row: (row["seq"], row["event_time"]))
        assert [comparable(row) for row in rows] == [
            comparable({"extra": None} | row) for row in expected
        ]


@settings(max_examples=60)
@given(texts=st.lists(MESSAGES, min_size=2, max_size=5), cut=st.integers(1, 4))
def test_a_checkpoint_goes_on_as_if_nothing_had_happened(texts, cut):
    def run(stop: int | None) -> dict[str, list[dict[str, Any]]]:
        made = decoder()
        found: dict[str, list[dict[str, Any]]] = {}
        for number, text in enumerate(texts, 1):
            made.feed(MessageRecord(number, AT + number, text.encode()))
            if number == stop or number == len(texts):
                for name, frame in made.decode().items():
                    found.setdefault(name, []).extend(frame.to_dicts())
            if number == stop:
                state = json.loads(json.dumps(made.checkpoint()))
                made = Decoder(state, made.directory.frame)
        return found

    assert run(cut) == run(None)


@pytest.mark.parametrize("fresh", [False, True])
def test_which_unknown_fields_are_too_many_does_not_depend_on_the_bits(monkeypatch, fresh):
    monkeypatch.setattr("fleetlab.tables.gate.LEARNED_LIMIT", 3)
    odd = [{f"{name}{n}": n for n in range(2)} for name in "abc"]
    entries = [
        {"counters": [{"type": "x", **one}], "states": [{"field": "x", **one}]} for one in odd
    ]
    queues = [{"speed": [{"value": n, **one}]} for n, one in enumerate(odd)]
    texts = [
        text
        for one, entry, queue in zip(odd, entries, queues, strict=True)
        for text in (
            message("state_batch", [{"source_id": 1, min(one): 1}]),
            message("state", {"source_id": 1, max(one): 1, "gps": one}),
            message("readings_batch", [{"101": entry}]),
            message("lifecycle", {"source_id": 1, **one}),
            message("iot_monitor", {"iot_last_values": [{"tracker_id": 1, "all_fields": queue}]}),
        )
    ]

    def run(cuts: set[int]) -> dict[str, pl.DataFrame]:
        made = decoder()
        found: dict[str, list[pl.DataFrame]] = {}
        for number, text in enumerate(texts, 1):
            made.feed(MessageRecord(number, AT + number, text.encode()))
            if number in cuts or number == len(texts):
                for name, frame in made.decode().items():
                    found.setdefault(name, []).append(frame)
                if fresh:
                    made = Decoder(json.loads(json.dumps(made.checkpoint())), made.directory.frame)
        return {name: pl.concat(parts) for name, parts in found.items()}

    whole = run(set())
    assert len(whole["rejects"]) > 20
    for cuts in ({3, 7}, {4, 10}, set(range(len(texts)))):
        parts = run(cuts)
        assert parts.keys() == whole.keys()
        for name, frame in whole.items():
            assert_frame_equal(parts[name], frame)


@settings(max_examples=100)
@given(text=MESSAGES, data=st.data())
def test_a_value_of_a_wrong_type_anywhere_never_raises_and_is_named_or_harmless(text, data):
    parsed = json.loads(text)

    def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        inner = node.items() if isinstance(node, dict) else enumerate(node)
        found = [(*path, key) for key, _ in inner] if isinstance(node, (dict, list)) else []
        for key in list(found):
            child = node[key[-1]]
            if isinstance(child, (dict, list)):
                found += places(child, key)
        return found

    path = data.draw(st.sampled_from(places(parsed)))
    target = parsed
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = data.draw(
        st.one_of(SCALARS, st.just([]), st.just({}), st.just([None]), st.just({"x": [5]}))
    )
    after = message("state", {"source_id": 9003})
    frames = frames_of(decoder(), json.dumps(parsed), after)
    # Whatever it did to its own message, the next one is whole.
    assert frames["state"].filter(seq=2)["tracker_id"].to_list() == [103]
