"""Messages in, messages out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fleetlab as fl
from fleetlab.protocol import (
    ErrorMessage,
    EventMessage,
    Handshake,
    Ignored,
    Response,
    Unreadable,
    describe,
    guess,
    read,
    subscribe_message,
)
from fleetlab.requests import resolve_requests

KEY = "0123456789abcdef0123456789abcdef"


def encode(**message) -> bytes:
    return json.dumps(message).encode()


# -- out ---------------------------------------------------------------------------------------


def test_a_subscription_is_written_as_the_platform_documents_it():
    requests = resolve_requests(
        [
            "state_batch",
            fl.ReadingsBatch(trackers=[1, 2], sensor_type="fuel", include_components=False),
            fl.IotMonitor(trackers=[21080], flow_id=1335),
            fl.State(trackers=[1701976, 1701975], format="compact"),
        ]
    )
    assert json.loads(subscribe_message(requests, KEY)) == {
        "action": "subscribe",
        "hash": KEY,
        "iso_datetime": True,
        "requests": [
            {
                "type": "state_batch",
                "target": {"type": "all"},
                "rate_limit": "5s",
                "format": "full",
            },
            {
                "type": "readings_batch",
                "target": {"type": "selected", "tracker_ids": [1, 2]},
                "rate_limit": "5s",
                "sensor_type": "fuel",
                "include_components": False,
            },
            {
                "type": "iot_monitor",
                "target": {"type": "selected", "tracker_ids": [21080]},
                "rate_limit": "5s",
                "flow_id": 1335,
            },
            {"type": "state", "trackers": [1701976, 1701975], "format": "compact"},
        ],
    }
    assert (
        json.loads(describe(requests)) == (json.loads(subscribe_message(requests, KEY))["requests"])
    )
    assert KEY not in describe(requests)
    assert " " not in subscribe_message(requests, KEY) + describe(requests), "ids need the room"


def test_five_hundred_ids_fit_into_a_message_that_a_default_server_takes():
    requests = resolve_requests(["state_batch"], trackers=[10**7 + number for number in range(500)])
    assert len(subscribe_message(requests, KEY)) < 8192


def test_ids_of_several_requests_that_are_too_long_together_are_picked_out_here():
    requests = resolve_requests(None, trackers=[10**7 + number for number in range(500)])
    assert len(subscribe_message(requests, KEY)) < 8192
    assert [request.filters_here for request in requests].count(True) == 1
    assert all(len(request.trackers) == 500 for request in requests)


# -- in ----------------------------------------------------------------------------------------


def test_a_handshake_tells_how_often_to_send_which_char():
    assert read(b"b623a15d-11|30000|X|") == Handshake("b623a15d-11", 30000, "X")
    assert read(b"b623a15d-11|30000|\xff|") == Handshake("b623a15d-11", 30000, "\ufffd")


def test_a_handshake_is_looked_for_in_small_frames_only():
    assert read(b"b6|5|X|".rjust(999)) == Handshake("b6", 5, "X")
    assert isinstance(read(b"b6|5|X|".rjust(1_000)), Unreadable)


@pytest.mark.parametrize("data", [b"X", b" ", b"", b" " * 4098, b"X\n", "·".encode()])
def test_heartbeats_and_blanks_are_never_data(data):
    assert read(data) == Ignored()


def test_an_event_is_opened_and_its_payload_left_alone():
    read_event = read(
        b' {"user_time":"2026-07-01 10:00:00","data":{"a":1.10},"event":"state",'
        b'"type":"event","new":1}'
    )
    assert isinstance(read_event, EventMessage)
    assert bytes(read_event.data) == b'{"a":1.10}'
    assert (read_event.event, read_event.user_time) == ("state", "2026-07-01 10:00:00")
    assert read_event.faults == ()


def test_a_response_tells_the_status_of_each_tracker_and_what_was_refused():
    message = {
        "type": "response",
        "action": "subscription/subscribe",
        "events": ["state_batch", "iot_monitor"],
        "data": {
            "odd": 5,
            "state_batch": {"success": True, "value": {"15564": "normal", "x": "y", "5": 5}},
            "iot_monitor": {"success": False, "status": {"code": 7, "description": "too many"}},
            "silent": {"success": True},
        },
    }
    assert read(encode(**message)) == Response(
        {"state_batch": {15564: "normal"}}, {"iot_monitor": "too many"}
    )


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ({"error": "not now"}, "not now"),
        ({"status": {"description": ""}, "error": "not now"}, "not now"),
        ({"status": 5}, "no reason given"),
        ({}, "no reason given"),
    ],
)
def test_a_refusal_is_told_in_whatever_words_came_with_it(refusal, words):
    answer = encode(type="response", data={"state": {"success": False} | refusal})
    assert read(answer) == Response({}, {"state": words})


def test_a_response_is_read_up_to_the_size_that_the_largest_fleets_need_and_no_further():
    answer = b'{"state":{"success":true,"value":{"5":"normal"},"pad":"%b"}}'
    fits = answer % (b"x" * (8_000_000 - len(answer % b"")))
    assert read(b'{"type":"response","data":%b}' % fits) == Response({"state": {5: "normal"}})
    assert read(b'{"type":"response","data":%b }' % fits.replace(b"x", b"xx", 1)) == Unreadable(
        "a response of more than 8,000,000 bytes"
    )


def test_an_error_carries_code_and_words():
    status = {"code": 4, "description": "User not found"}
    message = encode(type="error", action="null", status=status, data=None)
    assert read(message) == ErrorMessage(4, "User not found")
    assert read(b'{"type":"error","status":5}') == ErrorMessage(None, "no reason given")
    for code in (b'"4"', b"true", b"4.0", b"1e400"):
        message = read(b'{"type":"error","status":{"code":%b}}' % code)
        assert message == ErrorMessage(None, "no reason given"), "a code is a whole number"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "Input data was truncated"),
        (b"rubbish", "neither a message nor a heartbeat"),
        (b"[1]", "neither a message nor a heartbeat"),
        (b'{"type":"event"}', "an event without a name"),
        (b'{"type":5}', "a message whose type is neither event, response nor error"),
    ],
)
def test_what_is_none_of_them_says_why(data, reason):
    assert read(data) == Unreadable(reason)


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        (b"a\\ud800b", "a\ufffdb"),
        (b"a\\udc00b", "a\ufffdb"),
        (b"\\ud83d\\ude9a", "🚚"),
        (b"\\\\ud800", "\\ud800"),
        (b"\\\\\\ud800", "\\\ufffd"),
        (b"\\ud800\\ud83d\\ude9a", "\ufffd🚚"),
    ],
)
def test_half_a_pair_of_surrogates_is_replaced_and_all_else_left_as_it_is(text, read_as):
    message = read(b'{"type":"event","event":"x","data":"' + text + b' \\ud800"}')
    assert isinstance(message, EventMessage)
    assert json.loads(bytes(message.data)) == f"{read_as} \ufffd"


def test_bytes_that_are_not_utf8_are_replaced_and_named():
    message = read(b'{"type":"event","event":"x","data":"\xff"}')
    assert isinstance(message, EventMessage)
    assert json.loads(bytes(message.data)) == "\ufffd"
    assert message.faults == (("$", "bytes that are not UTF-8 were replaced", b"\xff"),)


@pytest.mark.parametrize("time", [b"5", b"{}", b"1e400"])
def test_a_time_of_the_server_that_is_no_text_is_named_and_the_event_is_read(time):
    message = read(b'{"type":"event","event":"x","data":1,"user_time":%b}' % time)
    assert isinstance(message, EventMessage)
    assert message.user_time is None
    assert message.faults == (("$.user_time", "Expected str", time),)


@pytest.mark.parametrize("shift", range(4))
@pytest.mark.parametrize("texts", ["号🚚é", "of ASCII"])
@pytest.mark.parametrize(("raw", "opened"), [(b"", True), (b"\xe5\x8f", False)])
def test_a_large_event_is_opened_unread_where_it_is_utf8_and_not_where_it_is_not(
    shift, texts, raw, opened
):
    label = b"x" * shift + texts.encode() * 999 + raw
    data = b'{"type":"event","event":"state_batch","data":[{"label":"%b"}]}' % label
    assert guess(data) == (read(data) if opened else None)


@pytest.mark.parametrize(
    ("before", "behind", "opened"),
    [
        (b'"user_time":"2026-07-01 10:00:00",', b"", True),
        (b"", b',"user_time":"2026-07-01 10:00:00"', False),
        (b'"new":[],', b"", False),
    ],
)
def test_a_large_event_is_opened_unread_with_its_time_where_nothing_else_is_in_it(
    before, behind, opened
):
    items = b",".join([b'{"source_id":1}'] * 999)
    data = b'{"type":"event","event":"state_batch",%b"data":[%b]%b}' % (before, items, behind)
    message = read(data)
    assert isinstance(message, EventMessage)
    assert message.user_time == ("2026-07-01 10:00:00" if b"user_time" in data else None)
    assert guess(data) == (message if opened else None)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)
KINDS = st.one_of(st.sampled_from(["event", "response", "error"]), JSON)


@pytest.mark.parametrize("key", ["type", "event", "data", "status", "user_time"])
@pytest.mark.parametrize("kind", [b"event", b"response", b"error"])
def test_nesting_deeper_than_the_interpreter_allows_is_unreadable_and_does_not_raise(kind, key):
    deep = b"[" * 200_000 + b"]" * 200_000
    message = read(b'{"type":"%b","event":"x","%b":%b}' % (kind, key.encode(), deep))
    assert isinstance(message, Unreadable)


@pytest.mark.parametrize(
    ("item", "most", "what"), [(b"{} ,    ", 500_000, "objects"), (b"0,   ", 4_000_000, "values")]
)
def test_a_message_with_more_in_it_than_any_fleet_sends_is_unreadable(item, most, what):
    text = b'{"type":"event","event":"x","user_time":"","data":[%b0]}'
    around = text.count(b"{" if what == "objects" else b",")
    assert isinstance(read(text % (item * (most - around))), EventMessage)
    too_much = text % (item * (most - around + 1))
    assert read(too_much) == Unreadable(f"more than {most:,} {what}")


def test_ids_of_thousands_of_digits_are_left_out_and_do_not_raise():
    value = {"9" * 5_000: "normal", str(2**63): "normal", "\u0663": "normal", "5": "normal"}
    message = encode(type="response", data={"state": {"success": True, "value": value}})
    assert read(message) == Response({"state": {5: "normal"}})


@given(st.binary())
def test_no_bytes_raise(data):
    read(data)


@given(
    st.fixed_dictionaries(
        {"type": KINDS},
        optional=dict.fromkeys(("event", "data", "user_time", "status", "action", "events"), JSON),
    ),
    st.booleans(),
)
def test_no_json_raises_whatever_the_types(message, ascii_only):
    text = json.dumps(message, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert isinstance(read(text), (EventMessage, Response, ErrorMessage, Unreadable)), (
        "a JSON object is no heartbeat"
    )
