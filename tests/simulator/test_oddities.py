import asyncio
import json

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


def test_nulls_of_a_state_can_be_left_out(connect):
    (frame,) = first_frames(connect, {"type": "state"}, oddities=["no_nulls"])
    assert "battery_level" not in frame["data"]
    assert "gsm" in frame["data"]


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
