"""Faults on demand: what a client meets on a bad day, from Python."""

import asyncio
import json

import pytest
import websockets

from fleetlab.errors import InvalidArgument
from fleetlab.simulator import Simulator
from fleetlab.simulator.faults import Faults

QUIET_S = 0.3


async def is_quiet(client):
    try:
        async with asyncio.timeout(QUIET_S):
            await client.ws.recv()
    except TimeoutError:
        return True
    return False


async def answers_pings(client):
    try:
        async with asyncio.timeout(QUIET_S):
            await (await client.ws.ping())
    except TimeoutError:
        return False
    return True


def test_a_half_open_connection_is_open_and_dead_and_a_new_one_is_served(still, connect, batch):
    async def main():
        async with connect(still) as dead:
            await dead.ask(batch("state_batch"))
            await dead.event("state_batch")
            still.half_open()
            still.step()
            assert await is_quiet(dead)
            assert not await answers_pings(dead)
            assert dead.ws.state is websockets.State.OPEN
            async with connect(still) as alive:
                await alive.ask(batch("state_batch"))
                await alive.event("state_batch")
            dead.ws.transport.abort()

    asyncio.run(main())


def test_a_hanging_application_says_nothing_and_its_server_answers_pings(connect, batch):
    async def main():
        async with connect(sim) as client:
            await client.ask(batch("state_batch"))
            await client.event("state_batch")
            sim.hanging = True
            sim.step()
            await client.ws.send("?")
            assert await is_quiet(client)  # three heartbeats would have come meanwhile
            assert await answers_pings(client)
            sim.hanging = False
            sim.step()
            # What changed meanwhile comes now; nothing is forgotten.
            while (text := await client.text()) == "X":
                pass
            assert json.loads(text)["event"] == "state_batch"

    with Simulator(12, tick=None, heartbeat=0.1) as sim:
        asyncio.run(main())


@pytest.mark.parametrize("text", ["rubbish", "{", "\u0000", '{"type":"event"}'])
def test_anything_can_be_said_between_the_messages(still, connect, batch, text):
    async def main():
        async with connect(still) as client:
            await client.ask(batch("state_batch"))
            await client.event("state_batch")
            still.say(text)
            assert await client.text() == text
            still.step()
            await client.event("state_batch")

    asyncio.run(main())
    assert text in [frame.text for frame in still.ledger]


def test_a_simulator_with_dead_connections_stops_all_the_same(connect, batch):
    async def main(sim):
        async with connect(sim) as client:
            await client.ask(batch("state_batch"))
            sim.half_open()
            await asyncio.to_thread(sim.stop)
            await client.closed()

    sim = Simulator(3, tick=None).start()
    asyncio.run(main(sim))


def test_faults_come_in_turn_and_those_that_last_end_with_the_next(still, connect, batch):
    faults = Faults(still, ["hang", "rest_down", "garbage", "cut"])

    async def main():
        async with connect(still) as client:
            await client.ask(batch("state_batch"))
            await client.event("state_batch")
            told = [(faults.next(), still.hanging, still.rest_down) for _ in range(4)]
            assert told == [
                ("hang", True, False),
                ("rest_down", False, True),
                ("garbage", False, False),
                ("cut", False, False),
            ]
            assert (await client.text()).startswith('{"type":"event"')
            assert (await client.closed())[0] == 1006
        assert faults.next() == "hang"

    asyncio.run(main())


def test_a_refusal_meets_the_client_that_comes_back(still, connect, batch):
    async def main():
        async with connect(still) as client:
            await client.ask(batch("state_batch"))
            assert Faults(still, ["refuse"]).next() == "refuse"
            await client.closed()
        async with connect(still) as client:
            assert (await client.ask(batch("state_batch")))["status"]["code"] == 6
            assert (await client.ask(batch("state_batch")))["type"] == "response"

    asyncio.run(main())


def test_no_faults_are_none_and_an_unknown_one_is_told_with_the_known_ones(still):
    assert Faults(still, []).next() is None
    with pytest.raises(InvalidArgument, match="half_open"):
        Faults(still, ["earthquake"])
