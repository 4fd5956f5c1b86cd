"""A replay as its clients meet it: who gets what, when, and what is made for each of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from functools import partial, wraps
from pathlib import Path
from typing import Any

import pytest
import websockets

import fleetlab as fl
from fleetlab.recording.folder import DiskFolder
from fleetlab.recording.journal import JournalWriter
from fleetlab.recording.manifest import Info, Manifest
from fleetlab.records import ConnectionRecord, MessageRecord, Record, RestRecord
from fleetlab.simulator.replay import Replay
from tests.conftest import eventually

BEGAN = datetime(2026, 1, 15, 10, tzinfo=UTC)
NOW = int(BEGAN.timestamp()) * 1_000_000
LIST = {"success": True, "list": [{"id": 1, "label": "one", "source": {"id": 9}}, {"id": 2}]}
ZONE = {"success": True, "user_info": {"time_zone": "Europe/Madrid", "login": "me"}}
ANSWER = (
    '{"type":"response","action":"subscription/subscribe","events":["state_batch"],'
    '"data": {"state_batch": {"success":true,"value":{"1":"normal","2":"blocked"}}}}'
)
HELLO = "6f9b2c1e-0000-0000-0000-000000000000|20000|Y|"


def event(name: str, data: Any, **more: Any) -> str:
    return json.dumps({"type": "event", "event": name, "data": data, **more})


def states(number: int) -> str:
    return event("state_batch", [{"source_id": 9, "number": number}])


class Story:
    """A recording, written line by line."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._seq = 0

    def said(self, second: float, *frames: str | bytes) -> Story:
        for frame in frames:
            self._seq += 1
            data = frame if isinstance(frame, bytes) else frame.encode()
            self.records.append(MessageRecord(self._seq, _us(second), data))
        return self

    def replied(self, second: float, call: str, reply: Any) -> Story:
        self.records.append(RestRecord(_us(second), call, reply))
        return self

    def happened(self, second: float, what: str, code: int | None = None, **facts: Any) -> Story:
        self.records.append(ConnectionRecord(_us(second), what, code=code, facts=facts))
        return self

    def connected(self, second: float, answer: str = ANSWER) -> Story:
        return self.happened(second, "connected").said(second, HELLO, answer)

    def written(self, folder: Path) -> Path:
        target = DiskFolder.create(folder)
        Manifest(info=Info(name="rec", started_at=BEGAN, server="demo")).write(target)
        with JournalWriter(target) as journal:
            for record in self.records:
                journal.append(record)
                journal.flush()
        return folder


def _us(second: float) -> int:
    return NOW + round(second * 1e6)


def begun(**facts: Any) -> Story:
    """A recording that has just begun, with trackers and zone."""
    story = Story().happened(-1, "started", **facts)
    return story.replied(-0.5, "tracker/list", LIST).replied(-0.5, "user/get_info", ZONE)


def asked(replay: Replay, call: str, key: str | None = None, **body: str) -> tuple[int, Any]:
    """Call the REST side."""
    request = urllib.request.Request(
        f"{replay.base_url}/{call}",
        json.dumps({"hash": key or replay.api_key, **body}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Let a test be asynchronous."""

    @wraps(test)
    def run(*arguments: Any, **fixtures: Any) -> None:
        asyncio.run(test(*arguments, **fixtures))

    return run


async def all_of(client: Any, count: int) -> list[str | bytes]:
    return [await client.text() for _ in range(count)]


# -- what is made for each client, and what is sent as it was ------------------------------------


@in_a_loop
async def test_frames_come_byte_for_byte_in_order_and_as_text_or_binary(
    tmp_path, connect, new_client
):
    odd = [
        ' {"type": "event", "event":"state_batch","data":[] }',
        "Y",
        "rubbish",
        '{"type":"event"',
    ]
    unknown = '{"type":"event","event":"comet","data":1}'
    folder = (
        begun().connected(0).said(1, *odd, unknown, "  ", b"\xff\xfe").said(2, states(1))
    ).written(tmp_path / "rec")
    with fl.replay(folder, speed="max") as replay:
        async with connect(replay, new_client) as client:
            uuid, *greeting = (await client.text()).split("|")
            assert greeting == ["20000", "Y", ""], "what the recording was asked for"
            assert uuid != HELLO.partition("|")[0], "each client has its own"
            await client.ask({"type": "state_batch", "target": {"type": "all"}})
            assert await all_of(client, 8) == [*odd, unknown, "  ", b"\xff\xfe", states(1)]
        assert replay.wait(20)


@in_a_loop
async def test_whoever_asks_for_the_same_gets_the_very_answer(tmp_path, connect, batch):
    folder = begun().connected(0).written(tmp_path / "rec")
    with fl.replay(folder) as replay:
        async with connect(replay) as client:
            for same in (batch("state_batch"), batch("state_batch", 2, 1, rate_limit="1s")):
                body = {"action": "subscribe", "hash": replay.api_key, "requests": [same]}
                await client.ws.send(json.dumps(body))
                assert await client.text() == ANSWER


@in_a_loop
async def test_whoever_asks_for_something_else_is_answered_too(tmp_path, connect, batch):
    folder = begun().connected(0).written(tmp_path / "rec")
    with fl.replay(folder) as replay:
        async with connect(replay) as client:
            answer = await client.ask(batch("state_batch", 2, 7), batch("readings_batch"))
            assert answer["events"] == ["state_batch", "readings_batch"]
            assert answer["data"] == {
                "state_batch": {"success": True, "value": {"2": "blocked", "7": "unknown"}},
                "readings_batch": {"success": True, "value": {"1": "normal", "2": "normal"}},
            }
            wrong = await client.ask(batch("comet"))
            assert wrong["status"]["code"] == 7
            gone = await client.ask(batch("state_batch"), action="unsubscribe")
            assert gone["action"] == "subscription/unsubscribe"


@in_a_loop
async def test_an_event_that_the_recording_was_refused_is_refused_again(tmp_path, connect, batch):
    no = {"success": False, "status": {"code": 236, "description": "tariff"}}
    data = {"state_batch": {"success": True, "value": {"1": "normal"}}, "iot_monitor": no}
    answer = {"type": "response", "action": "subscription/subscribe", "data": data}
    folder = begun().connected(0, json.dumps(answer)).written(tmp_path / "rec")
    with fl.replay(folder) as replay:
        async with connect(replay) as client:
            told = await client.ask(batch("iot_monitor", 1))
            assert told["data"] == {"iot_monitor": no}


@in_a_loop
async def test_events_go_to_those_who_asked_for_them(tmp_path, connect, batch):
    iot = event("iot_monitor", {"iot_last_values": []})
    readings = event("readings_batch", [])
    mislabelled = event("state_batch", [{"17": {"inputs": []}}])
    lifecycle = event("lifecycle", {"source_id": 9, "lifecycle_event": "block"})
    frames = [states(1), iot, readings, mislabelled, lifecycle, states(2)]
    folder = begun().connected(0).said(1, *frames, "Y").written(tmp_path / "rec")

    async def heard(event: str, *trackers: int) -> list[str | bytes]:
        with fl.replay(folder, speed="max") as replay:
            async with connect(replay) as client, connect(replay) as silent:
                await client.ask(batch(event, *trackers))
                frames = []
                while not frames or frames[-1] != "Y":
                    frames.append(await client.text())
                assert await silent.so_far() == [], "who asked for nothing gets nothing"
                return frames[:-1]

    assert await heard("state_batch") == [states(1), lifecycle, states(2)]
    assert await heard("readings_batch") == [readings, mislabelled, lifecycle]
    assert await heard("iot_monitor", 1) == [iot]


@in_a_loop
async def test_who_unsubscribed_hears_no_more(tmp_path, connect, batch):
    folder = begun().connected(0).said(1, states(1)).said(3600, states(2)).written(tmp_path / "rec")
    gate = Gate()
    with gate.replay(folder) as replay:
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            await client.ask(batch("state_batch"), action="unsubscribe")
            gate.open(2)
            assert await asyncio.to_thread(replay.wait, 20)
            assert await client.so_far() == []


@in_a_loop
async def test_the_key_of_the_replay_is_needed(tmp_path, connect, batch):
    with fl.replay(begun().connected(0).written(tmp_path / "rec")) as replay:
        assert asked(replay, "tracker/list", "0" * 32)[1]["status"]["code"] == 4
        assert asked(replay, "tracker/list", "none")[1]["status"]["code"] == 3
        status, reply = asked(replay, "user/auth", login=replay.login, password=replay.password)
        assert status == 200
        assert asked(replay, "tracker/list", reply["hash"]) == (200, LIST)
        async with connect(replay) as client:
            refused = await client.ask(batch("state_batch"), key="0" * 32)
            assert refused["status"]["code"] == 4
        assert replay.phase == "waiting", "who is refused starts nothing"
        with fl.replay(tmp_path / "rec") as other:
            assert other.api_key != replay.api_key


# -- time ------------------------------------------------------------------------------------------


class Gate:
    """A clock that goes on when it is told to, by as much as a replay waits for."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._now = 0.0
        self._passes = 0

    def replay(self, folder: Path, speed: float = 1.0, **more: Any) -> Replay:
        options = {"gaps": "include", "host": "127.0.0.1", "port": 0, **more}
        return Replay(folder, speed=speed, clock=lambda: self._now, sleep=self._sleep, **options)

    def open(self, passes: int) -> None:
        self._passes += passes

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        while not self._passes:  # noqa: ASYNC110 - another thread opens it
            await asyncio.sleep(0.001)
        self._passes -= 1
        self._now += seconds


@pytest.mark.parametrize("speed", [0.5, 1, 10])
@in_a_loop
async def test_frames_come_at_recorded_distances_divided_by_the_speed(
    tmp_path, connect, batch, speed
):
    story = begun().connected(0).said(0.5, states(1)).said(2.5, states(2), states(3))
    story.said(1.5, states(4)).said(2, states(5))  # the computer's clock was put back
    gate = Gate()
    gate.open(100)
    with gate.replay(story.written(tmp_path / "rec"), speed) as replay:
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            assert await all_of(client, 5) == [states(number) for number in range(1, 6)]
        assert replay.wait(20)
    assert gate.waits == pytest.approx([0.5 / speed, 2 / speed, 0.5 / speed])


@in_a_loop
async def test_a_recording_lasts_its_span_divided_by_the_speed(tmp_path, connect, batch):
    folder = begun().connected(0).said(2, states(1)).said(4, states(2)).written(tmp_path / "rec")
    with fl.replay(folder, speed=20) as replay:
        async with connect(replay) as client:
            began = time.monotonic()
            await client.ask(batch("state_batch"))
            await all_of(client, 2)
            assert 0.2 <= time.monotonic() - began < 4


@in_a_loop
async def test_nothing_is_played_before_somebody_subscribes(tmp_path, connect, new_client, batch):
    folder = begun().connected(0).said(1, states(1)).written(tmp_path / "rec")
    with fl.replay(folder, speed="max") as replay:
        async with connect(replay, new_client) as client:
            await client.text()
            assert not replay.wait(0.05)
            assert (replay.phase, replay.finished) == ("waiting", False)
            await client.ask(batch("state_batch"))
            assert await client.text() == states(1)
        assert replay.wait(20)
        assert (replay.phase, replay.finished) == ("finished", True)


@in_a_loop
async def test_whoever_comes_later_joins_where_it_is(tmp_path, connect, batch):
    folder = begun().connected(0).said(1, states(1)).said(2, states(2)).written(tmp_path / "rec")
    gate = Gate()
    with gate.replay(folder) as replay:
        async with connect(replay) as first, connect(replay) as second:
            await first.ask(batch("state_batch"))
            gate.open(1)
            assert await first.text() == states(1)
            await second.ask(batch("state_batch"))
            gate.open(1)
            assert await second.text() == states(2)
            assert await first.text() == states(2)


@in_a_loop
async def test_after_the_end_connections_stay_open_and_silent(tmp_path, connect, batch):
    folder = begun().connected(0).said(1, states(1)).happened(9, "closed").happened(9, "ended")
    with fl.replay(folder.written(tmp_path / "rec"), speed="max") as replay:
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            assert await client.text() == states(1)
            assert replay.wait(20)
            assert await client.so_far() == []
            async with connect(replay) as late:
                assert (await late.ask(batch("state_batch")))["type"] == "response"
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            await asyncio.to_thread(replay.stop)
            assert (await client.closed())[:2] == (1000, "")


@in_a_loop
async def test_a_replay_can_be_started_again_from_the_beginning(tmp_path, connect, batch):
    replay = fl.replay(begun().connected(0).said(1, states(1)).written(tmp_path / "rec"), speed=50)
    key = replay.api_key
    for _ in range(2):
        with replay:
            async with connect(replay) as client:
                await client.ask(batch("state_batch"))
                assert await client.text() == states(1)
            assert replay.wait(20)
            assert replay.api_key == key


# -- gaps and ends ---------------------------------------------------------------------------------


def lost_for_an_hour(code: int | None = None) -> Story:
    story = begun().connected(0).said(1, states(1))
    story.happened(21, "lost", code, alive=[_us(2), 0]).happened(21, "retry")
    return story.happened(30, "failed").connected(3602).said(3603, states(2))


@in_a_loop
async def test_in_a_gap_the_connection_is_cut_and_nobody_can_connect(tmp_path, connect, batch):
    gate = Gate()
    with gate.replay(lost_for_an_hour().written(tmp_path / "rec"), 10) as replay:
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            gate.open(2)
            assert await client.text() == states(1)
            code, _, frames = await client.closed()
            assert (code, frames) == (1006, [])
        assert replay.phase == "gap"
        with pytest.raises(websockets.InvalidStatus, match="503"):
            async with connect(replay):
                pass
        assert asked(replay, "tracker/list") == (200, LIST)
        gate.open(1)
        eventually(lambda: replay.phase == "waiting", "the recording came back")
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            gate.open(1)
            assert await client.text() == states(2)
    assert gate.waits == pytest.approx([0.1, 0.1, 360, 0.1])


@in_a_loop
async def test_a_close_that_was_recorded_comes_with_its_code(tmp_path, connect, batch):
    with fl.replay(lost_for_an_hour(1001).written(tmp_path / "rec"), speed="max") as replay:
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            assert await client.closed() == (1001, "", [states(1)])
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            assert await client.text() == states(2)


@in_a_loop
async def test_a_gap_that_is_skipped_takes_no_time(tmp_path, connect, batch):
    gate = Gate()
    gate.open(100)
    with gate.replay(lost_for_an_hour().written(tmp_path / "rec"), gaps="skip") as replay:
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            assert await all_of(client, 2) == [states(1), states(2)]
        assert replay.wait(20)
    assert sum(gate.waits) == pytest.approx(2)


@in_a_loop
async def test_a_logout_is_sent_as_it_was_and_ends_the_session(tmp_path, connect, batch):
    logout = event("logout", "session closed")
    story = begun().connected(0).said(1, logout)
    with fl.replay(story.written(tmp_path / "rec"), speed="max") as replay:
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            assert await client.closed() == (1000, "", [logout])
        assert replay.wait(20)
        async with connect(replay) as client:
            assert (await client.ask(batch("state_batch")))["status"]["code"] == 4


@pytest.mark.parametrize("gaps", ["include", "skip"])
@in_a_loop
async def test_who_logs_in_again_after_a_logout_goes_on_where_the_recording_did(
    tmp_path, connect, batch, gaps
):
    logout = event("logout", "session closed")
    story = begun().connected(0).said(1, logout).happened(1, "lost").happened(2, "renewed")
    story.connected(3).said(4, states(2))
    with fl.replay(story.written(tmp_path / "rec"), speed="max", gaps=gaps) as replay:
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            assert (await client.closed())[2] == [logout]
        login = partial(asked, replay, "user/auth", login=replay.login, password=replay.password)
        _, reply = await asyncio.to_thread(login)
        async with connect(replay) as client:
            await client.ask(batch("state_batch"), key=reply["hash"])
            assert await client.text() == states(2)


@in_a_loop
async def test_a_subscription_that_was_not_answered_is_not_answered_again(tmp_path, connect, batch):
    story = begun().happened(0, "connected").said(0, HELLO).happened(12, "failed")
    story.connected(20).said(21, states(1))
    gate = Gate()
    with gate.replay(story.written(tmp_path / "rec")) as replay:
        async with connect(replay) as client:
            body = {"action": "subscribe", "hash": replay.api_key}
            await client.ws.send(json.dumps(body | {"requests": [batch("state_batch")]}))
            eventually(lambda: gate.waits == [12], "the playback has begun")
            gate.open(2)
            assert (await client.closed())[2] == []
        eventually(lambda: replay.phase == "waiting", "the recording came back")
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            gate.open(1)
            assert await client.text() == states(1)


# -- the REST side and the zone --------------------------------------------------------------------


@in_a_loop
async def test_rest_calls_are_answered_with_what_was_recorded_until_then(tmp_path, connect, batch):
    later = {"success": True, "list": [{"id": 3}]}
    story = Story().connected(0).replied(1, "tracker/list", LIST).said(2, states(1))
    story.replied(3, "tracker/list", later).said(4, states(2))
    gate = Gate()
    with gate.replay(story.written(tmp_path / "rec")) as replay:
        assert asked(replay, "tracker/list") == (200, LIST), "the first one, before there is any"
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            gate.open(2)
            await client.text()
            assert asked(replay, "tracker/list") == (200, LIST)
            gate.open(2)
            await client.text()
            assert asked(replay, "tracker/list") == (200, later)
        assert asked(replay, "tracker/read")[1]["status"]["code"] == 111
        status, reply = asked(replay, "user/get_info")
        assert (status, reply["success"], reply["status"]["code"]) == (400, False, 229)


@pytest.mark.parametrize(
    ("facts", "shown", "zone"),
    [
        ({"timezone": "Asia/Tokyo"}, "2026-01-15 19:00:00", "Asia/Tokyo"),
        ({"timezone": None}, "2026-01-15 11:59:58", "Etc/GMT-2"),
        ({"timezone": None}, "2026-01-15 05:00:03", "Etc/GMT+5"),
        ({}, "2026-01-15 10:00:00", "UTC"),
    ],
)
def test_a_zone_that_the_server_did_not_tell_is_told_by_the_replay(tmp_path, facts, shown, zone):
    story = Story().happened(-1, "started", **facts).connected(0)
    story.said(0, event("state_batch", [], user_time=shown))
    story.replied(60, "user/get_info", {"success": True, "user_info": {"time_zone": None}})
    with fl.replay(story.written(tmp_path / "rec")) as replay:
        _, reply = asked(replay, "user/get_info")
    assert reply["user_info"]["time_zone"] == zone


@in_a_loop
async def test_a_reply_without_a_zone_takes_none_away(tmp_path, connect, batch):
    story = begun().connected(0)
    story.replied(1, "user/get_info", {"success": True, "user_info": {"time_zone": None}})
    with fl.replay(story.written(tmp_path / "rec"), speed="max") as replay:
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            assert replay.wait(20)
        assert asked(replay, "user/get_info") == (200, ZONE)


def test_an_inferred_offset_of_a_quarter_hour_finds_a_zone_that_has_it(tmp_path):
    shown = (BEGAN + timedelta(hours=5, minutes=45)).strftime("%Y-%m-%d %H:%M:%S")
    story = Story().connected(0).said(0, event("state_batch", [], user_time=shown))
    with fl.replay(story.written(tmp_path / "rec")) as replay:
        _, reply = asked(replay, "user/get_info")
    assert reply["user_info"]["time_zone"] in ("Asia/Kathmandu", "Asia/Katmandu")


def test_times_of_a_recording_with_an_inferred_zone_are_the_same_in_a_later_replay(tmp_path):
    state = {"source_id": 9, "gps": {"updated": "2026-01-15 11:59:00"}}
    text = event("state_batch", [state], user_time="2026-01-15 12:00:01")
    story = Story().happened(-1, "started", recording="rec", timezone=None, requests=[])
    story.happened(-1, "trackers_unavailable").happened(-1, "zone_unavailable")
    story.connected(0).said(0.5, text)
    first = fl.load(story.written(tmp_path / "rec"))
    assert first.info.timezone_source == "inferred"
    with fl.replay(tmp_path / "rec", speed="max") as replay:
        job = fl.start(server=replay.base_url, api_key=replay.api_key, view=False, save_to=False)
        assert replay.wait(20)
        eventually(lambda: len(job.recording.state_batch), "it has arrived")
        second = job.stop()
    times = ["server_time", "event_time", "gps_updated"]
    assert second.state_batch.select(times).equals(first.state_batch.select(times))
    assert second.info.timezone == "Etc/GMT-2"


# -- load ------------------------------------------------------------------------------------------


COUNT = 40
"""Frames of a megabyte: more than the buffers between server and client hold."""


def long_story(folder: Path, count: int = COUNT) -> Path:
    """Numbered frames of a megabyte."""
    story = begun().connected(0)
    for number in range(count):
        story.said(number, event("state_batch", [{"number": number, "text": "x" * 1_000_000}]))
    return story.written(folder)


def number_of(frame: str) -> int:
    number: int = json.loads(frame)["data"][0]["number"]
    return number


@in_a_loop
async def test_a_client_that_does_not_read_is_waited_for_and_loses_nothing(
    tmp_path, connect, batch
):
    with fl.replay(long_story(tmp_path / "rec"), speed="max") as replay:
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            [connection] = replay._thread._server._connections.values()
            eventually(lambda: connection.waiting > 4_000_000, "frames wait in line")
            assert not replay.wait(0.1)
            assert connection.waiting < 6_000_000, "memory stays flat"
            frames = await all_of(client, COUNT)
            assert [number_of(frame) for frame in frames] == list(range(COUNT))
        assert replay.wait(20)


@in_a_loop
async def test_a_cut_takes_nothing_away_that_was_sent_before(tmp_path, connect, batch):
    with fl.replay(long_story(tmp_path / "rec"), speed="max") as replay:
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            [connection] = replay._thread._server._connections.values()
            eventually(lambda: connection.waiting > 4_000_000, "the line to the client is full")
            replay._thread.call(lambda _: connection.close(None))
            came = []
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    with contextlib.suppress(websockets.ConnectionClosed):
                        await client.ws.send("Y")  # a client has something to say meanwhile
                    came.append(await client.text())
            assert client.ws.close_code == 1006
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            came += await all_of(client, COUNT - len(came))
        assert [number_of(frame) for frame in came] == list(range(COUNT))


@in_a_loop
async def test_at_full_speed_the_playback_waits_where_nobody_listens(tmp_path, connect, batch):
    with fl.replay(long_story(tmp_path / "rec"), speed="max") as replay:
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            assert number_of(await client.text()) == 0
        assert not replay.wait(0.1)
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            while number_of(await client.text()) < COUNT - 1:
                pass
        assert replay.wait(20)


# -- what can't be read, and what makes no sense ---------------------------------------------------


@in_a_loop
async def test_of_a_damaged_journal_the_rest_is_played_and_the_loss_is_told(
    tmp_path, connect, batch
):
    story = begun().connected(0)
    for number in range(5):
        story.said(number, states(number))
    folder = story.written(tmp_path / "rec")
    [journal] = (folder / "raw").iterdir()
    data = bytearray(journal.read_bytes())
    starts = [at for at in range(len(data)) if data[at : at + 4] == b"\x28\xb5\x2f\xfd"]
    for frame in (2, 3, 7):  # the replies and the number 2; each record was flushed by itself
        data[starts[frame] + 12] ^= 0xFF
    journal.write_bytes(data[:-3])
    (folder / "recording.json").write_bytes(b"{")
    with fl.replay(folder, speed="max") as replay:
        async with connect(replay) as client:
            await client.ask(batch("state_batch"))
            frames = await all_of(client, 3)
        assert replay.wait(20)
        assert replay.problems
    assert len(set(frames)) == 3
    assert set(frames) < {states(number) for number in range(5)}


@pytest.mark.parametrize("speed", [0, -1, float("inf"), float("nan"), "fast", True, None])
def test_a_speed_that_is_none_is_refused(tmp_path, speed):
    folder = begun().connected(0).written(tmp_path / "rec")
    with pytest.raises(fl.InvalidArgument, match='"max"'):
        fl.replay(folder, speed=speed)


def test_other_mistakes_are_told_with_what_would_fit(tmp_path):
    folder = begun().connected(0).written(tmp_path / "rec")
    with pytest.raises(fl.InvalidArgument, match="include"):
        fl.replay(folder, gaps="maybe")
    with pytest.raises(fl.InvalidArgument, match=r"rec\.info\.path"):
        fl.replay(fl.load(folder))
    with pytest.raises(fl.RecordingError, match="There is no folder"):
        fl.replay(tmp_path / "nowhere")
    with pytest.raises(fl.RecordingError, match="no message"):
        fl.replay(begun().written(tmp_path / "empty"))
    replay = fl.replay(folder)
    for early in (lambda: replay.base_url, replay.wait):
        with pytest.raises(fl.InvalidArgument, match="start"):
            early()


def test_it_shows_no_secret(tmp_path):
    with fl.replay(begun().connected(0).written(tmp_path / "rec")) as replay:
        assert repr(replay) == f"<Replay of rec {replay.base_url} waiting>"
        for secret in (replay.api_key, replay.password):
            assert secret not in repr(replay) + replay.base_url
    assert repr(replay) == "<Replay of rec stopped>"
