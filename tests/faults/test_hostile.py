"""Malformed and hostile messages between good ones: they cost themselves, and no more."""

from __future__ import annotations

import json
import threading

import pytest

from fleetlab.schemas import EVENTS
from tests.conftest import eventually
from tests.faults.conftest import ended
from tests.faults.evidence import check, losses
from tests.faults.server import HANDSHAKE, FaultServer, Wire, event, frame

BIG = "9" * 5_000


def state(**fields: object) -> bytes:
    body = {"type": "event", "event": "state_batch", "data": [{"source_id": 501, **fields}]}
    return json.dumps(body).encode()


def labelled(text: str) -> bytes:
    return b'{"type":"event","event":' + text.encode() + b',"data":[]}'


HOSTILE = {
    "nothing": b"",
    "a heartbeat of another": b"Y",
    "blanks": b" " * 4_098,
    "a second handshake": HANDSHAKE.encode(),
    "a handshake of nonsense": b"u|999999999|X|",
    "rubbish": b"rubbish",
    "half a message": event(7).encode()[:-40],
    "two messages in one": event(7).encode() * 2,
    "not UTF-8": b'{"type":"event","event":"state_batch","data":[{"source_id":"\xff\xfe"}]}',
    "not UTF-8 and no message": b"\xff\xfe\x00",
    "NUL": b"\x00",
    "NUL in a text": state(movement_status="a\x00b"),
    "half a character": b'{"type":"event","event":"state","data":{"source_id":501,"a":"\\ud800"}}',
    "a byte order mark": b"\xef\xbb\xbf" + event(7).encode(),
    "an array": b"[1,2,3]",
    "a number": b"12",
    "null": b"null",
    "an empty object": b"{}",
    "an unknown type": b'{"type":"comet","data":1}',
    "types that are none": b'{"type":{"a":1},"event":[],"data":"x"}',
    "an unknown event": labelled('"comet"'),
    "an event named by a path": labelled('"../../../../tmp/fleetlab-was-here"'),
    "an event named by a device": labelled('"CON"'),
    "an event without a name": labelled("null"),
    "an event named by a number": labelled("1e999"),
    "a payload of the wrong type": b'{"type":"event","event":"state_batch","data":"x"}',
    "fields of the wrong types": state(gps=[], gsm="x", inputs={}, ignition="yes", last_update=1),
    "huge numbers": b'{"type":"event","event":"state_batch","data":[{"source_id":%s,'
    b'"battery_level":1e999}]}' % BIG.encode(),
    "a huge number of a measure": b'{"type":"event","event":"state_batch","data":[{"source_id":501,'
    b'"battery_level":%s}]}' % BIG.encode(),
    "an id beyond 64 bits": b'{"type":"event","event":"state_batch","data":[{"source_id":2e19}]}',
    "NaN": b'{"type":"event","event":"state_batch","data":[{"source_id":501,"battery_level":NaN}]}',
    "deep arrays": b'{"type":"event","event":"state_batch","data":' + b"[" * 200_000,
    "deep objects that close": b'{"type":"event","event":"state","data":'
    + b'{"a":' * 100_000
    + b"1"
    + b"}" * 100_001,
    "duplicate keys": b'{"type":"event","type":"event","event":"state_batch","event":"state_batch",'
    b'"data":[],"data":[{"source_id":501,"source_id":502}]}',
    "an empty key": state(**{"": 1}),
    "a time that is none": state(last_update="31.12.2026", gps={"updated": "x" * 10_000}),
    "a user_time that is none": b'{"type":"event","event":"state_batch","data":[],'
    b'"user_time":{"a":1}}',
    "thousands of unknown fields": state(**{f"unknown {n}": n for n in range(5_000)}),
    "one unknown field a message": state(new=1),
    "a tracker that is none": b'{"type":"event","event":"readings_batch","data":[{"../x":{}}]}',
    "readings of nothing": b'{"type":"event","event":"readings_batch","data":[{"1001":null}]}',
    "a queue of nonsense": b'{"type":"event","event":"iot_monitor","data":{"iot_last_values":'
    b'[{"tracker_id":"x","all_fields":{"a":[1,null,{"value":{}}]}}]}}',
    "lifecycle of nobody": b'{"type":"event","event":"lifecycle","data":{"source_id":null}}',
    "a response of nonsense": b'{"type":"response","data":{"state_batch":[1],"x":{"value":7}}}',
    "a response with odd ids": b'{"type":"response","data":{"state_batch":{"success":true,'
    b'"value":{"x":1,"-1":"normal","%s":"normal"}}}}' % BIG.encode(),
    "a logout that is none": b'{"type":"event","event":"state","data":{"a":"\\"logout\\""}}',
}


@pytest.fixture
def recorded(start, times, tmp_path):
    times(ping=60.0)  # a server of hostile frames has no time for pings

    def record(*scripts):
        with FaultServer(scripts) as server:
            rec = ended(start(server, save_to=tmp_path / "here" / "rec"), 60)
        check(rec, server.ledger)
        assert [path.name for path in tmp_path.iterdir()] == ["here"]
        assert [path.name for path in (tmp_path / "here").iterdir()] == ["rec"]
        inside = {path.name for path in (tmp_path / "here" / "rec").iterdir() if path.is_dir()}
        assert inside <= {"raw", *EVENTS}
        return rec, server

    return record


def test_malformed_and_hostile_messages_between_good_ones(recorded):
    async def script(wire: Wire) -> None:
        await wire.live(events=2)
        for data in HOSTILE.values():
            await wire.say(data, good=False)
            await wire.events(2)
        await wire.logout()

    rec, server = recorded(script)
    assert losses(rec) == []
    assert rec.info.stopped_because == "logout"
    # None is passed over in silence: a row, a line in rejects, or a sign of life.
    named = set(rec.rejects["seq"])
    for seq, sent in enumerate(server.ledger, 1):
        if sent.data in (HOSTILE["rubbish"], HOSTILE["deep arrays"], HOSTILE["NaN"]):
            assert seq in named
    assert rec.rejects["raw"].str.len_chars().max() <= 2_001


@pytest.mark.parametrize("name", HOSTILE)
def test_each_hostile_message_again_as_the_first_after_subscribing(decoded_alone, name):
    decoded_alone(HOSTILE[name])


@pytest.fixture
def decoded_alone():
    """Decode one message between two good ones, without a network; nothing may be raised."""
    from fleetlab.records import ConnectionRecord, MessageRecord  # noqa: PLC0415
    from fleetlab.tables.decoder import Decoder  # noqa: PLC0415

    def decode(data: bytes) -> None:
        decoder = Decoder()
        decoder.feed(ConnectionRecord(0, "started", facts={"timezone": "Europe/Madrid"}))
        decoder.release()
        for seq, each in enumerate((event(1).encode(), data, event(2).encode()), 1):
            decoder.feed(MessageRecord(seq, seq, each))
        frame = decoder.decode()["state_batch"]
        assert {1, 3} <= set(frame["seq"])
        assert frame.filter(seq=1).height == frame.filter(seq=3).height == 3

    return decode


BROKEN = {
    "reserved bits": b"\xf1\x01x",
    "an unknown opcode": b"\x83\x01x",
    "a length of 2 to the 63": b"\x81\x7f" + b"\xff" * 8,
    "a continuation of nothing": frame(b"x", 0),
    "a ping that is too long": frame(b"x" * 126, 9),
    "a masked frame": b"\x81\x81abcdx",
    "a close of one byte": frame(b"x", 8),
    "a close with a code that is none": frame(b"\x00\x05", 8),
    "a close with a reason that is not UTF-8": frame(b"\x03\xe8\xff\xff", 8),
    "HTTP": b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 500,
    "endless fragments": frame(b"{", final=False) + frame(b"x" * 60_000, 0, final=False) * 1_100,
    "fragments of nothing": frame(b"{", final=False) + frame(b"", 0, final=False) * 300_000,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_frame_that_breaks_the_websocket_protocol_is_a_loss_and_no_end(recorded, name):
    async def hostile(wire: Wire) -> None:
        await wire.live(events=5)
        await wire.raw(BROKEN[name])

    async def well(wire: Wire) -> None:
        await wire.live(events=5)
        await wire.logout()

    rec, _ = recorded(hostile, well)
    assert len(losses(rec)) == 1


def test_a_message_in_fragments_with_pings_between_them_is_one(recorded):
    async def script(wire: Wire) -> None:
        await wire.live(events=2)
        text = event().encode()
        for start in range(0, len(text), 50):
            last = start + 50 >= len(text)
            await wire.raw(frame(text[start : start + 50], 0 if start else 1, final=last))
            await wire.raw(frame(b"?", 9))
        wire.note(text)
        data = event().encode()
        await wire.raw(frame(data, 2))  # binary, with the same text
        wire.note(data)
        await wire.logout()

    rec, _ = recorded(script)
    assert losses(rec) == []


def test_a_flood_of_small_frames_is_kept_whole(recorded):
    async def script(wire: Wire) -> None:
        await wire.live(events=2)
        for _ in range(40):
            await wire.raw(frame(b"X") * 500)
            for _ in range(500):
                wire.note(b"X")
        await wire.logout()

    rec, _ = recorded(script)
    assert losses(rec) == []


def test_a_stream_of_hostile_messages_alone_ends_when_it_is_stopped(start, times):
    times(ping=60.0)
    over = threading.Event()

    async def script(wire: Wire) -> None:
        await wire.live(events=2)
        while not over.is_set():
            for data in HOSTILE.values():
                await wire.say(data[:5_000], good=False)

    with FaultServer([script]) as server:
        job = start(server)
        eventually(lambda: job.progress().messages > 2_000, "a lot has come")
        job._session.stop("stop")
        eventually(lambda: not job.running, "the capture has ended")
        over.set()
        rec = job.stop()
    assert rec.info.stopped_because == "stop"
    assert len(rec.state_batch)
