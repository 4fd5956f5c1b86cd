"""How the client behaves towards a server: what it sends, when, and when it comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from websockets.asyncio.server import ServerConnection

import fleetlab as fl
from fleetlab.protocol import subscribe_message
from fleetlab.requests import resolve_requests
from fleetlab.server import Server
from fleetlab.simulator import Simulator
from tests.conftest import eventually
from tests.test_connection import (
    KEY,
    LOGOUT,
    QUICK,
    Sink,
    accepted,
    connect,
    event,
    failing,
    idle,
    refused,
    renewing,
    run_until_end,
    with_server,
)


def test_options_that_nobody_named_do_not_travel_and_components_do():
    requests = resolve_requests(["readings_batch", fl.IotMonitor(trackers=[7])])
    readings, iot = json.loads(subscribe_message(requests, KEY))["requests"]
    assert readings.keys() == {"type", "target", "rate_limit", "include_components"}
    assert readings["include_components"] is True
    assert iot.keys() == {"type", "target", "rate_limit"}


def test_the_servers_char_is_not_echoed():
    got = []

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        for text in ("u|60000|X|", accepted(), "X", event(1), "X", "X", LOGOUT):
            await (await socket.ping())  # what the client does of its own comes before the pong
            await socket.send(text)
        got.extend([text async for text in socket])

    assert len(run_until_end(handler).texts) == 7
    assert got == []


def test_a_server_that_closes_clients_without_their_char_keeps_ours():
    with Simulator(2, tick=0.05, client_heartbeat=0.2, client_patience=0.8) as sim:
        job = fl.start(server=sim.base_url, api_key=sim.api_key, view=False, save_to=False)
        eventually(lambda: sim.client_heartbeats >= 8, "twice its patience is over")
        rec = job.stop()
    assert "lost" not in rec.connection["what"].to_list()


@pytest.mark.parametrize(("code", "wait"), [(1, "0.1"), (14, "0.1"), (15, "0.5")])
def test_after_too_many_requests_the_wait_is_that_of_several_losses(code, wait):
    answers = iter([[accepted(), refused(code)], [accepted(), LOGOUT]])

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        for text in next(answers):
            await socket.send(text)
        await idle(socket)

    async def test(server: Server, sink: Sink) -> None:
        times = replace(QUICK, delays=lambda: iter([0.1, 0.2, 0.3, 0.4, 0.5]))
        assert await connect(server, sink, timeouts=times).run() == "logout"

    [told] = [record.detail for record in with_server(handler, test).log if record.what == "retry"]
    assert told == f"connecting again in {wait} s"


@pytest.mark.parametrize("code", [3, 4, 5, 7, 11, 13, 102, 208, 236, 275, 276])
def test_each_code_ends_a_live_capture_or_is_tried_again(code):
    passing = (1, 6, 8, 14, 15, 229)
    answers = iter([accepted(), *map(refused, passing), accepted(), refused(code)])

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        text = next(answers)
        await socket.send(text)
        if text == accepted():
            socket.transport.close()
        await idle(socket)

    error, sink = failing(handler)
    assert error.code == code
    told = [record.code for record in sink.log if record.what in ("lost", "failed", "refused")]
    assert told == [1006, *passing, 1006, code]


def test_after_a_logout_the_same_key_is_not_tried_again():
    with Simulator(2, tick=None) as sim:
        job = fl.start(server=sim.base_url, api_key=sim.api_key, view=False, save_to=False)
        eventually(lambda: sim.requests, "the client subscribes")
        sim.logout()
        rec = job.result()
        assert [action for action, _ in sim.requests] == ["subscribe"]
    assert rec.info.stopped_because == "logout"
    assert "retry" not in rec.connection["what"].to_list()


def test_after_too_many_logins_the_wait_is_that_of_several_losses():
    waited = []

    def delays() -> Iterator[float]:
        for wait in (0.01, 0.02, 0.03, 0.04, 0.05):
            waited.append(wait)
            yield wait

    answers = [[accepted(), LOGOUT], [accepted(), LOGOUT]]
    keys = [fl.ServerUnavailable("too many", code=15), "second"]
    asked, _, _ = renewing(answers, keys, timeouts=replace(QUICK, delays=delays))
    assert asked == [KEY, "second"]
    assert waited == [0.01, 0.02, 0.03, 0.04, 0.05, 0.01]  # of these the last two were waited


def test_a_client_that_waits_for_no_handshake_takes_one_that_comes_late():
    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(accepted())
        await socket.send(event(1))
        await socket.send("u|100|♥|")
        for _ in range(2):
            assert await socket.recv() == "♥"
        await socket.send(LOGOUT)
        await idle(socket)

    texts = run_until_end(handler).texts
    assert texts[:3] == [accepted(), event(1), "u|100|♥|"]
