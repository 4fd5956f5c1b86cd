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


def test_a_restart_closes_everybody_and_refuses_to_connect_for_a_while(connect, batch):
    async def main(sim):
        async with connect(sim) as client:
            await client.ask(batch("state_batch"))
            await client.event("state_batch")
            sim.restart(0.3)
            assert (await client.closed())[:2] == (1000, "")
        refused = 0
        async with asyncio.timeout(8):
            while True:
                try:
                    async with connect(sim) as client:
                        await client.ask(batch("state_batch"))
                        assert len((await client.event("state_batch"))["data"]) == 3
                        break
                except OSError:
                    refused += 1
        assert refused

    with Simulator(3, tick=None) as sim:
        address = sim.base_url
        asyncio.run(main(sim))
        assert sim.base_url == address


def test_a_simulator_that_is_down_for_a_restart_can_be_stopped():
    with Simulator(3, tick=None) as sim:
        sim.restart(1000)


def test_a_slow_server_takes_its_time_for_every_frame(still, connect, batch):
    async def main():
        loop = asyncio.get_running_loop()
        async with connect(still) as client:
            still.slow = 0.2
            began = loop.time()
            await client.ask(batch("state_batch"))
            await client.event("state_batch")
            assert loop.time() - began >= 0.4

    asyncio.run(main())


def test_a_platforms_wrong_clock_leaves_the_times_of_devices_right(still, connect, batch):
    one = still.tracker_ids[0]

    async def times():
        async with connect(still) as client:
            await client.ask(batch("state_batch", one), batch("iot_monitor", one))
            state, iot = await client.event("state_batch"), await client.event("iot_monitor")
            newest = iot["data"]["iot_last_values"][0]["all_fields"]["speed"][0]
            item = state["data"][0]
            return (
                state["user_time"],
                item["last_update"],
                item["gps"]["updated"],
                newest["srv_time"],
                newest["msg_time"],
            )

    still.step()
    right = asyncio.run(times())
    still.clock_error = 3 * 3600
    still.step(2)
    wrong = asyncio.run(times())
    assert [text[11:] for text in right] == [
        "14:00:01",
        "14:00:01",
        "14:00:00",
        "12:00:01Z",
        "12:00:00Z",
    ]
    assert [text[11:] for text in wrong] == [
        "17:00:03",
        "17:00:03",
        "14:00:02",
        "15:00:03Z",
        "12:00:02Z",
    ]


@pytest.mark.parametrize("name", ["slow", "clock"])
def test_a_fault_that_lasts_ends_with_the_next(still, name):
    faults = Faults(still, [name, "garbage"])
    faults.next()
    assert still.slow or still.clock_error
    faults.next()
    assert not still.slow
    assert not still.clock_error


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
