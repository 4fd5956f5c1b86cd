"""Forms and limits of the platform's protocol, message by message, as any client sees them."""

import asyncio
import inspect
import itertools
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleetlab.simulator import Simulator
from tests.simulator.test_rest import call

SAMPLES = Path(__file__).parents[1] / "data"
CONNECTION = {"signal_lost", "just_registered", "just_replaced", "offline", "idle", "active"}
CODES = (1, 3, 4, 5, 6, 7, 8, 11, 13, 14, 15, 102, 208, 229, 236, 275, 276)


def sample(name):
    return json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))


def test_keys_and_session_hashes_are_32_hex_digits(still):
    async def main():
        _, reply = await call(
            still, "user/auth", {"login": still.login, "password": still.password}
        )
        for key in (still.api_key, reply["hash"]):
            assert re.fullmatch(r"[0-9a-f]{32}", key)

    asyncio.run(main())


def test_a_tracker_has_the_documented_fields(still):
    async def main():
        _, reply = await call(still, "tracker/list", {"hash": still.api_key})
        for tracker in reply["list"]:
            assert tracker.keys() >= {"id", "label", "group_id", "clone", "source"}
            assert tracker["source"].keys() >= {"id", "device_id", "model", "blocked", "phone"}

    asyncio.run(main())


def test_the_handshake_announces_the_clients_interval_and_not_the_servers(connect, new_client):
    async def main(sim):
        async with connect(sim, new_client) as client:
            assert (await client.text()).endswith("|30000|X|")
            assert await client.text() == "X"  # long before that

    with Simulator(1, tick=None, heartbeat=0.05) as sim:
        asyncio.run(main(sim))
    assert inspect.signature(Simulator).parameters["heartbeat"].default == 60


@pytest.mark.parametrize("code", CODES)
def test_every_documented_code_can_be_an_answer(still, connect, batch, code):
    still.refuse_next(code)

    async def main():
        async with connect(still) as client:
            answer = await client.ask(batch("state_batch"))
            assert (answer["type"], answer["status"]["code"]) == ("error", code)
            assert answer["status"]["description"]

    asyncio.run(main())


def test_12000_states_are_sent_in_a_second_and_the_rest_in_the_next(connect, batch):
    async def main(sim):
        async with connect(sim) as client:
            await client.ask(batch("state_batch", format="compact"))
            first = (await client.event("state_batch"))["data"]
            assert len(first) == 12_000
            sent = {item["source_id"] for item in first}
            (frame,) = await client.step()
            rest = {item["source_id"] for item in frame["data"]}
            assert len(sent | rest) == 12_005

    start = datetime(2026, 7, 1, 1, tzinfo=UTC)  # at night, when hardly anything else is new
    with Simulator(12_005, tick=None, start_at=start) as sim:
        asyncio.run(main(sim))


def keys(frame):
    """Return which fields an event has, and those of what is in it by the kind of thing."""
    data = frame["data"]
    things = {"event": [frame]}
    if frame["event"] == "iot_monitor":
        devices = data["iot_last_values"]
        queues = [
            queue
            for device in devices
            for part in ("nonnull_fields", "all_fields")
            for queue in device[part].values()
        ]
        things |= {"data": [data], "device": devices, "value": itertools.chain(*queues)}
    elif frame["event"] == "lifecycle":
        things["data"] = [data]
    elif frame["event"] != "logout":
        trackers = [parts for item in data for parts in item.values()]
        things["tracker"] = trackers
        for part in ("inputs", "states", "virtual_sensors", "counters"):
            things[part] = itertools.chain(*(parts.get(part, ()) for parts in trackers))
    return {name: set(itertools.chain(*some)) for name, some in things.items()}


@pytest.mark.parametrize("event", ["readings_batch", "iot_monitor", "lifecycle", "logout"])
def test_an_event_is_made_of_what_the_documented_sample_is_made_of(still, connect, batch, event):
    one, two, *_ = still.tracker_ids  # the second has two tanks and their sum

    async def main():
        async with connect(still) as client:
            asked = event if event in ("readings_batch", "iot_monitor") else "state_batch"
            await client.ask(batch(asked, one, two))
            frame = await client.event(asked)
            if event == "lifecycle":
                still.block(one)
                frame = await client.event("lifecycle")
            elif event == "logout":
                still.logout()
                frame = await client.event("logout")
                assert frame == sample("logout")
            return frame

    found, documented = asyncio.run(main()), sample(event)
    documented["event"] = event  # which one sample has wrong
    assert keys(found) == keys(documented)


def test_states_keep_to_the_documented_ranges_and_words_all_day(connect, batch):
    seen = {"connection_status": set(), "movement_status": set()}

    async def main(sim):
        async with connect(sim) as client:
            await client.ask(batch("state_batch", format="compact"))
            frames = await client.so_far()
            for _ in range(300):
                frames += await client.step(60)
            for state in itertools.chain(*(frame["data"] for frame in frames)):
                gps = state["gps"]
                assert -90 <= gps["location"]["lat"] <= 90
                assert -180 <= gps["location"]["lng"] <= 180
                assert 0 <= gps["heading"] <= 360
                assert 0 <= gps["signal_level"] <= 100
                assert 0 <= gps["speed"] < 200
                assert type(state["ignition"]) is bool
                for field, words in seen.items():
                    words.add(state[field])

    with Simulator(60, tick=None, start_at=datetime(2026, 7, 1, 5, tzinfo=UTC)) as sim:
        asyncio.run(main(sim))
    assert seen["connection_status"] <= CONNECTION
    assert seen["connection_status"] >= {"signal_lost", "offline", "idle", "active"}
    assert seen["movement_status"] == {"moving", "stopped", "parked"}


def test_what_a_full_state_has_more_is_of_the_documented_types(still, connect, batch):
    async def main():
        async with connect(still) as client:
            await client.ask(batch("state_batch"))
            return (await client.event("state_batch"))["data"]

    states = asyncio.run(main())
    times = ("battery_update", "inputs_update", "outputs_update", "actual_track_update")
    for state in states:
        gsm = state["gsm"] or {}
        if gsm:
            assert gsm.keys() == {"updated", "signal_level", "network_name", "roaming"}
            assert 0 <= gsm["signal_level"] <= 100
            assert (type(gsm["network_name"]), type(gsm["roaming"])) == (str, bool)
        if (level := state["battery_level"]) is not None:
            assert type(level) is int
            assert 0 <= level <= 100
        assert (level is None) == (state["battery_update"] is None)
        for bits in (state["inputs"], state["outputs"]):
            assert {type(bit) for bit in bits} == {bool}
        extra = state.get("additional", {}).values()
        assert all(each.keys() == {"value", "updated"} for each in extra)
        told = [gsm.get("updated"), *map(state.get, times), *(each["updated"] for each in extra)]
        for text in filter(None, told):
            assert datetime.strptime(text, "%Y-%m-%d %H:%M:%S").year  # noqa: DTZ007 - a local one


def test_iso_times_are_those_of_readings_too_and_iot_times_stay_in_utc(connect, batch):
    async def main(sim):
        async with connect(sim) as client:
            await client.ask(
                batch("readings_batch"), batch("iot_monitor", *sim.tracker_ids), iso_datetime=True
            )
            readings, iot = await client.so_far()
            (parts,) = readings["data"][0].values()
            assert readings["user_time"].endswith("+05:45")
            assert parts["inputs"][0]["update_time"].endswith("+05:45")
            (device,) = iot["data"]["iot_last_values"]
            assert device["all_fields"]["speed"][0]["msg_time"].endswith("Z")

    with Simulator(1, tick=None, timezone="Asia/Kathmandu", iso="ask") as sim:
        asyncio.run(main(sim))
