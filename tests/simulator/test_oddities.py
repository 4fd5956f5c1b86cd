import asyncio
import itertools
import json
from datetime import UTC, datetime

import pytest

from fleetlab.simulator import Oddity, Simulator


def first_frames(connect, *requests, oddities):
    async def main(sim):
        async with connect(sim) as client:
            one = list(sim.tracker_ids[:1])
            target = {"type": "selected", "tracker_ids": one}
            await client.ask(*({"trackers": one, "target": target, **each} for each in requests))
            return await client.so_far()

    with Simulator(3, tick=None, oddities=oddities) as sim:
        return asyncio.run(main(sim))


@pytest.mark.parametrize("oddities", ["wrapped_states", [Oddity.WRAPPED_STATES]])
def test_states_can_come_wrapped(connect, oddities):
    requests = ({"type": "state"}, {"type": "state_batch"})
    state, batch = first_frames(connect, *requests, oddities=oddities)
    for item in (state["data"], batch["data"][0]):
        assert item.keys() == {"type", "state"}
        assert item["type"] == "source_state_event"
        assert item["state"]["source_id"]


def test_readings_can_come_under_the_name_of_states(connect):
    (frame,) = first_frames(connect, {"type": "readings_batch"}, oddities=["mislabelled_readings"])
    assert frame["event"] == "state_batch"
    (parts,) = frame["data"][0].values()
    assert parts["counters"]


def test_iot_fields_can_come_as_lists(connect):
    (frame,) = first_frames(connect, {"type": "iot_monitor"}, oddities=["iot_lists"])
    (item,) = frame["data"]["iot_last_values"]
    for part in ("nonnull_fields", "all_fields"):
        assert all(len(entry) == 1 for entry in item[part])
        assert "latitude" in {name for entry in item[part] for name in entry}


def test_nulls_of_states_and_readings_can_be_left_out(connect):
    (frame,) = first_frames(connect, {"type": "state"}, oddities=["no_nulls"])
    assert "battery_level" not in frame["data"]
    assert "gsm" in frame["data"]
    (frame,) = first_frames(connect, {"type": "readings_batch"}, oddities=["no_nulls"])
    (parts,) = frame["data"][0].values()
    assert parts["inputs"][0].keys() >= {"sensor_id", "value", "update_time", "max_value"}
    assert "null" not in json.dumps(parts)


def test_frames_can_be_binary(connect):
    async def main(sim):
        async with connect(sim) as client:
            await client.ws.send("?")
            frame = await client.text()
            assert isinstance(frame, bytes)
            assert json.loads(frame)["type"] == "error"
            assert [sent.text for sent in sim.ledger] == [frame.decode()]

    with Simulator(1, tick=None, oddities=["binary_frames"], record=True) as sim:
        asyncio.run(main(sim))


def test_positions_can_stand_beside_their_location(connect):
    (frame,) = first_frames(connect, {"type": "state"}, oddities=["position_beside"])
    gps = frame["data"]["gps"]
    assert "location" not in gps
    assert {type(gps["lat"]), type(gps["lng"])} == {float}


def test_the_readings_of_all_trackers_can_be_one_map(connect, batch):
    async def main():
        async with connect(sim) as client:
            await client.ask(batch("readings_batch"))
            frame = await client.event("readings_batch")
            assert frame["data"].keys() == {str(one) for one in sim.tracker_ids}

    with Simulator(3, tick=None, oddities=["one_map"]) as sim:
        asyncio.run(main())


def test_fields_and_values_can_come_that_nobody_knows(connect):
    requests = {"type": "state"}, {"type": "readings_batch"}
    state, readings = first_frames(connect, *requests, oddities=["unknown_fields"])
    assert {"mileage_class", "axles"} <= state["data"].keys()
    assert "hdop" in state["data"]["gps"]
    for one in readings["data"]:
        for parts in one.values():
            assert all("quality" in part[0] for part in parts.values())


def queues(connect, seconds, *, which=0, **options):
    """Return one vehicle's queue of speeds and its states after so many seconds."""

    async def main(sim):
        one = sim.tracker_ids[which]
        target = {"type": "selected", "tracker_ids": [one]}
        async with connect(sim) as client:
            requests = [{"type": name, "target": target} for name in ("iot_monitor", "state_batch")]
            await client.ask(*requests)
            frames = await client.so_far()
            for _ in range(seconds):
                frames += await client.step()
            named = {name: [f for f in frames if f["event"] == name] for name in EVENTS}
            (last,) = named["iot_monitor"][-1]["data"]["iot_last_values"]
            states = [item for frame in named["state_batch"] for item in frame["data"]]
            return last["all_fields"]["speed"][::-1], states

    start = datetime(2026, 7, 1, 12, tzinfo=UTC)
    with Simulator(9, tick=None, start_at=start, **options) as sim:
        return asyncio.run(main(sim))


EVENTS = ("iot_monitor", "state_batch")


def test_values_of_one_second_can_differ(connect):
    usual, _ = queues(connect, 12)
    assert len({entry["msg_time"] for entry in usual}) == 12
    twice, _ = queues(connect, 12, oddities=["same_second"])
    assert len({entry["msg_time"] for entry in twice}) < 12
    assert len({(entry["msg_time"], entry["value"]) for entry in twice}) == 12


def test_reports_can_come_after_later_ones(connect):
    queue, states = queues(connect, 10, oddities=["late_data"])
    times = [entry["msg_time"] for entry in queue]
    assert times != sorted(times)
    assert len(set(times)) == 12
    fixed = [state["gps"]["updated"] for state in states]
    assert fixed != sorted(fixed)


def test_what_was_stored_out_of_reach_comes_at_once_with_its_own_times(connect):
    usual, _ = queues(connect, 121)
    stored, states = queues(connect, 121, oddities=["stored_messages"])
    assert max(map(delay, usual)) <= 1
    delays = list(map(delay, stored))
    assert delays[-1] <= 1
    assert max(delays) > 5
    assert len({entry["srv_time"] for entry in stored}) < len(stored)
    received = [datetime.fromisoformat(state["last_update"]) for state in states]
    assert max(b - a for a, b in itertools.pairwise(received)).total_seconds() >= 20


def delay(entry):
    sent, received = (datetime.fromisoformat(entry[name]) for name in ("msg_time", "srv_time"))
    return (received - sent).total_seconds()
