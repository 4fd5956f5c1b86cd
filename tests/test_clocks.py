"""Sleep, and a clock that is set: noticed, told, and no reason to lose anything."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection

import fleetlab as fl
from fleetlab import clocks
from fleetlab.clocks import Moment, Watch
from fleetlab.records import MessageRecord, Record
from fleetlab.server import Server
from fleetlab.tables.connection_log import ConnectionLog
from tests.conftest import eventually
from tests.recording.test_recovery import flushed
from tests.test_connection import LOGOUT, QUICK, Sink, accepted, connect, event, idle, with_server

HOUR = 3_600_000_000


class Clock:
    """Goes on with the real one, and can be set and put to sleep."""

    def __init__(self) -> None:
        self.at = self.steady = 0

    def __call__(self) -> Moment:
        at, steady = clocks.now()
        return Moment(at + self.at, steady + self.steady)

    def sleep(self, us: int) -> None:
        self.at += us
        self.steady += us


def test_a_watch_tells_sleep_from_a_clock_that_was_set():
    clock = Clock()
    watch = Watch(clock)
    clock.sleep(4_000_000)  # busy
    before = watch.look()
    assert watch.news() == []
    clock.sleep(HOUR)
    watch.look()
    [(what, told)] = watch.news()
    assert (what, "3600." in told) == ("asleep", True)
    assert watch.away_since == before
    clock.at -= HOUR
    watch.look()
    [(what, told)] = watch.news()
    assert (what, "back by 3600.0 s" in told) == ("clock_set", True)
    clock.at += HOUR
    watch.look()
    assert "forward by 3600.0 s" in watch.news()[0][1]
    assert watch.away_since == before


def test_only_what_is_asked_after_the_sleep_proves_that_the_connection_outlived_it():
    clock = Clock()
    watch = Watch(clock)
    before = watch.look()
    clock.sleep(HOUR)
    after = watch.look()
    watch.proved(before)
    assert watch.away_since == before
    watch.proved(after)
    assert watch.away_since is None


def asleep_then(close: bool) -> tuple[Sink, Moment, Moment]:
    """Fall asleep for an hour on a live connection that does or doesn't survive it."""
    clock = Clock()
    fell, woke = [], []
    slept = asyncio.Event()
    connections = []

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(accepted())
        connections.append(socket)
        if len(connections) == 1:
            await socket.send(event(1))
            await slept.wait()
            await socket.send(event(2))  # as if it had waited in the line
            if close:
                socket.transport.abort()
                return
            await (await socket.ping())
        await socket.send(event(3))
        await idle(socket)

    async def test(server: Server, sink: Sink) -> None:
        connection = connect(server, sink, clock=clock, timeouts=replace(QUICK, ping=0.3))
        running = asyncio.create_task(connection.run())
        await sink.until(lambda sink: event(1) in sink.texts)
        fell.append(clock())
        clock.sleep(HOUR)
        woke.append(clock())
        slept.set()
        await sink.until(lambda sink: event(3) in sink.texts and "asleep" in sink.whats)
        connection.stop()
        await running

    return with_server(handler, test), fell[0], woke[0]


def gaps_of(sink: Sink) -> list[tuple]:
    log = ConnectionLog()
    for record in sink.log:
        log.add(record)
    return log.gaps


def test_a_connection_lost_in_sleep_is_a_gap_from_before_the_sleep_on():
    sink, fell, woke = asleep_then(close=True)
    [(start, end, lasted, reason, *_)] = gaps_of(sink)
    assert reason == "asleep"
    assert 0 <= fell.at - start < 2_000_000  # and not the message read after waking
    assert woke.at <= end
    assert lasted == pytest.approx((end - start) / 1e6, abs=0.5)
    assert lasted > 3600


def test_a_connection_that_outlives_a_sleep_has_no_gap_and_the_log_tells_the_sleep():
    sink, *_ = asleep_then(close=False)
    assert gaps_of(sink) == []
    assert sink.whats.count("asleep") == 1


@pytest.mark.parametrize("shift", [HOUR, -HOUR], ids=["forward", "back"])
def test_how_long_a_gap_lasted_is_not_told_by_a_clock_that_was_set_meanwhile(shift):
    clock = Clock()
    connections = []

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(accepted())
        connections.append(socket)
        if len(connections) == 1:
            await socket.send(event(1))
            await idle(socket)
        else:
            await socket.send(LOGOUT)

    class Setting(Sink):
        async def put(self, record: Record) -> None:
            await super().put(record)
            if isinstance(record, MessageRecord) and record.data == event(1).encode():
                connections[0].transport.abort()
            elif record in self.log and self.whats[-1] == "retry":
                clock.at += shift

    async def test(server: Server, _: Sink) -> None:
        sink = Setting()
        await connect(server, sink, clock=clock).run()
        [(start, end, lasted, *_)] = gaps_of(sink)
        assert end - start == pytest.approx(HOUR, abs=10_000_000)
        assert 0 < lasted < 10

    with_server(handler, test)


@contextlib.contextmanager
def killed_at_the_end(process: subprocess.Popen) -> Iterator[subprocess.Popen]:
    with process:
        try:
            yield process
        finally:
            process.kill()


CAPTURE = """
import sys
import fleetlab as fl
fl.capture(server=sys.argv[1], save_to="rec", rate_limit="1s", view=False)
"""


@pytest.mark.skipif(os.name == "nt", reason="stopping a process is POSIX")
def test_a_process_that_was_stopped_while_its_connection_died_has_slept(simulator, tmp_path):
    folder = tmp_path / "rec"
    with killed_at_the_end(
        subprocess.Popen(
            [sys.executable, "-c", CAPTURE, simulator.base_url],
            env=os.environ | {"FLEETLAB_API_KEY": simulator.api_key},
        )
    ) as process:
        eventually(lambda: simulator.requests, "the client subscribes")
        simulator.step(1.0)
        sent = [frame.text for frame in simulator.ledger]
        eventually(lambda: flushed(folder) == sent, "the journal has all that was sent")
        process.send_signal(signal.SIGSTOP)
        fell = clocks.now()
        simulator.cut()
        eventually(lambda: clocks.now().steady - fell.steady > 6_000_000, "a sleep of 6 s")
        process.send_signal(signal.SIGCONT)
        eventually(lambda: len(simulator.requests) == 2, "it subscribes again")
        eventually(lambda: len(fl.load(folder).gaps.drop_nulls("ended_at")), "the gap has ended")
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    rec = fl.load(Path(folder))
    [gap] = rec.gaps.to_dicts()
    assert gap["reason"] == "asleep"
    assert gap["duration_s"] > 6
    assert abs(gap["started_at"].timestamp() - fell.at / 1e6) < 2
    assert "asleep" in rec.connection["what"].to_list()
    assert rec.connection["steady_s"].is_sorted()
    assert rec.info.stopped_because == "stop"
