import ast
import asyncio
import inspect
import itertools
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest

import fleetlab.simulator
from fleetlab.errors import InvalidArgument
from fleetlab.simulator import Simulator


def test_the_public_names_are_these():
    assert fleetlab.simulator.__all__ == ["Asked", "Oddity", "Sent", "Simulator"]


def test_it_shares_no_code_with_the_client():
    for path in Path(inspect.getfile(fleetlab.simulator)).parent.rglob("*.py"):
        allowed = ["fleetlab.simulator", "fleetlab.errors"]
        if path.parent.name == "replay":  # it reads recordings, and decodes nothing
            allowed += ["fleetlab.recording", "fleetlab.records"]
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names = [node.module]
            for name in names:
                ours = name.split(".")[0] == "fleetlab"
                assert not ours or name.startswith(tuple(allowed)), (path, name)


def test_the_ledger_holds_what_was_received_in_order(still, connect, new_client, batch):
    received = []

    async def main():
        began = time.time_ns() // 1000
        async with connect(still, new_client) as client:
            await client.ws.send("X")
            receive = client.ws.recv

            async def noted(*args, **kwargs):
                received.append(await receive(*args, **kwargs))
                return received[-1]

            client.ws.recv = noted
            await client.text()
            await client.ask(batch("state_batch"), batch("readings_batch"))
            for _ in range(3):
                await client.step()
        async with connect(still) as other:
            await other.so_far()
        ledger = still.ledger
        first = [sent for sent in ledger if sent.connection == 1]
        assert [sent.text for sent in first] == received
        assert [sent.number for sent in first] == list(range(1, len(received) + 1))
        assert [sent.number for sent in ledger if sent.connection == 2] == [1]
        assert began <= ledger[0].at <= ledger[-1].at <= time.time_ns() // 1000

    asyncio.run(main())


def test_without_recording_the_ledger_is_empty(connect, batch):
    async def main(sim):
        async with connect(sim) as client:
            await client.ask(batch("state_batch"))

    with Simulator(1, tick=None) as sim:
        asyncio.run(main(sim))
        assert sim.ledger == ()


def test_what_clients_asked_for_is_kept_without_the_key(still, connect, batch):
    async def main():
        async with connect(still) as client:
            await client.ask(batch("state_batch"), iso_datetime=True)
            await client.ask(batch("state_batch"), action="unsubscribe")

    asyncio.run(main())
    (first, body), (second, _) = still.requests
    assert (first, second) == ("subscribe", "unsubscribe")
    assert body == {
        "action": "subscribe",
        "requests": [{"type": "state_batch", "target": {"type": "all"}}],
        "iso_datetime": True,
    }


def test_the_key_is_decided_by_the_seed_and_not_shown(still):
    assert len(still.api_key) == 32
    assert still.api_key == Simulator(1, seed=1).api_key != Simulator(1, seed=2).api_key
    assert still.api_key not in repr(still)
    assert still.password not in repr(still)
    assert still.base_url in repr(still)


def test_two_runs_of_one_seed_send_the_same(connect, batch):
    async def frames(sim):
        async with connect(sim) as client:
            await client.ask(batch("state_batch"), batch("readings_batch"))
            return await client.so_far() + await client.step() + await client.step()

    start = datetime.fromisoformat("2026-07-01T12:00:00+02:00")
    runs = []
    for _ in range(2):
        with Simulator(9, seed=5, tick=None, start_at=start) as sim:
            runs.append(asyncio.run(frames(sim)))
    assert runs[0] == runs[1]
    assert len(runs[0]) == 6


def test_time_runs_by_itself_with_a_tick(connect, batch):
    async def main(sim):
        async with connect(sim) as client:
            await client.ask(batch("state_batch", sim.tracker_ids[0]))
            places = []
            for _ in range(5):
                (state,) = (await client.event("state_batch"))["data"]
                places.append(state["gps"]["location"]["lat"])
            assert len(set(places)) == 5

    with Simulator(1, tick=0.05) as sim:
        asyncio.run(main(sim))


def test_it_stops_twice_and_starts_again_on_the_same_port(connect):
    async def main(sim):
        async with connect(sim) as client:
            assert await client.so_far() == []

    sim = Simulator(1, tick=None)
    assert sim.start() is sim
    port = int(sim.base_url.removesuffix("/v2").rsplit(":", 1)[1])
    assert sim.start() is sim
    sim.stop()
    sim.stop()
    assert "fleetlab-simulator" not in [thread.name for thread in threading.enumerate()]
    with sim.start(port=port):
        assert sim.base_url == f"http://127.0.0.1:{port}/v2"
        asyncio.run(main(sim))


def test_a_port_that_is_taken_is_told_by_start(still):
    port = int(still.base_url.removesuffix("/v2").rsplit(":", 1)[1])
    with pytest.raises(OSError, match=str(port)):
        Simulator(1).start(port=port)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"vehicles": 0}, "vehicles must be 1"),
        ({"timezone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"timezone": "../etc"}, "IANA"),
        ({"oddities": ["odd"]}, "wrapped_states"),
        ({"tick": 0}, "tick must be more than 0"),
        ({"heartbeat": -1.0}, "heartbeat must be more than 0"),
        ({"session_lifetime": 0}, "session_lifetime"),
        ({"start_at": datetime(2026, 1, 1)}, "start_at needs an offset"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments, said):
    with pytest.raises(InvalidArgument, match=said):
        Simulator(**arguments)


def test_what_needs_a_running_server_says_so():
    sim = Simulator(1)
    with pytest.raises(InvalidArgument, match="start"):
        sim.cut()
    with pytest.raises(InvalidArgument, match="start"):
        _ = sim.base_url
    with pytest.raises(InvalidArgument, match="tick=None"):
        sim.step()
    with pytest.raises(InvalidArgument, match="description"):
        sim.refuse_next(12345)


def test_time_can_run_faster_and_rate_limits_keep_to_the_real_one(connect, batch):
    async def main(sim):
        async with connect(sim) as client:
            await client.ask(batch("state_batch", rate_limit="200ms"), batch("iot_monitor", 1))
            times, arrivals = [], []
            for _ in range(5):
                frame = await client.event("state_batch")
                times.append(datetime.fromisoformat(frame["user_time"]))
                reported = max(
                    datetime.fromisoformat(item["last_update"]) for item in frame["data"]
                )
                assert abs((times[-1] - reported).total_seconds()) <= 121  # two ticks, a second
                arrivals.append(asyncio.get_running_loop().time())
            passed = (times[-1] - times[0]).total_seconds()
            assert passed / (arrivals[-1] - arrivals[0]) == pytest.approx(600, rel=0.3)
            assert min(b - a for a, b in itertools.pairwise(arrivals)) > 0.1

    with Simulator(3, tick=0.05, speed=600) as sim:
        asyncio.run(main(sim))
