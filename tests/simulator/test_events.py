import asyncio
import itertools
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleetlab.simulator import Simulator

COMPACT = {
    "source_id",
    "gps",
    "connection_status",
    "movement_status",
    "movement_status_update",
    "ignition",
    "ignition_update",
    "last_update",
}
FULL = COMPACT | {
    "gsm",
    "battery_level",
    "battery_update",
    "inputs",
    "inputs_update",
    "outputs",
    "outputs_update",
    "actual_track_update",
}
PARTS = {"inputs", "states", "virtual_sensors", "counters"}


def test_the_first_batch_carries_every_source_once_and_later_ones_what_changed(
    still, connect, batch
):
    sources = set(still.sources.values())

    async def main():
        async with connect(still) as client:
            await client.ask(batch("state_batch"))
            first = (await client.event("state_batch"))["data"]
            assert sorted(item["source_id"] for item in first) == sorted(sources)
            last = {item["source_id"]: item for item in first}
            sizes = set()
            for _ in range(15):
                (frame,) = await client.step()
                for item in frame["data"]:
                    assert item != last[item["source_id"]]
                    last[item["source_id"]] = item
                sizes.add(len(frame["data"]))
            assert 0 < min(sizes) <= max(sizes) < len(sources)

    asyncio.run(main())


@pytest.mark.parametrize(("form", "fields"), [("compact", COMPACT), ("full", FULL), (None, FULL)])
def test_a_state_has_the_documented_fields(still, connect, batch, form, fields):
    async def main():
        async with connect(still) as client:
            await client.ask(batch("state_batch", **({"format": form} if form else {})))
            for item in (await client.event("state_batch"))["data"]:
                assert item.keys() - {"additional"} == fields
                gps = {"updated", "signal_level", "location", "heading", "speed", "alt"}
                assert item["gps"].keys() - {"precision", "gsm_lbs"} == gps
                assert item["gps"]["location"].keys() == {"lat", "lng"}
                numbers = (
                    item["gps"][name] for name in ("signal_level", "heading", "speed", "alt")
                )
                assert all(type(number) is int for number in numbers)
                assert item["movement_status"] in ("moving", "stopped", "parked")

    asyncio.run(main())


def test_the_optional_fields_come_from_some_devices(still, connect, batch):
    async def main():
        async with connect(still) as client:
            await client.ask(batch("state_batch"))
            data = (await client.event("state_batch"))["data"]
            keys = [item["additional"]["hardware_key"] for item in data if "additional" in item]
            assert keys
            assert all(len(key["value"]) == 20 and key["value"].isdigit() for key in keys)
            for field in ("gsm", "battery_level"):
                assert {item[field] is None for item in data} == {True, False}
            assert {"precision" in item["gps"] for item in data} == {True, False}

    asyncio.run(main())


def test_state_sends_one_message_for_each_change(still, connect):
    ids = list(still.tracker_ids)

    async def main():
        async with connect(still) as client:
            await client.ask({"type": "state", "trackers": ids, "format": "compact"})
            first = await client.so_far()
            assert len(first) == 12  # the clone shares its source
            assert all(frame["data"].keys() == COMPACT for frame in first)
            later = await client.step()
            assert 0 < len(later) < 12
            assert {frame["event"] for frame in later} == {"state"}

    asyncio.run(main())


@pytest.mark.parametrize(
    ("zone", "text"),
    [("Europe/Madrid", "2026-07-01 14:00:00"), ("Asia/Kathmandu", "2026-07-01 17:45:00")],
)
def test_times_are_those_of_the_users_zone_without_offset(connect, batch, zone, text):
    async def main(sim):
        async with connect(sim) as client:
            await client.ask(batch("state_batch"), batch("readings_batch"))
            states = await client.event("state_batch")
            readings = await client.event("readings_batch")
            assert states["user_time"] == readings["user_time"] == text
            assert states["data"][0]["last_update"] == text
            (parts,) = readings["data"][0].values()
            assert parts["inputs"][0]["update_time"] == text.replace("00:00", "59:59").replace(
                " 14:", " 13:"
            ).replace("45:00", "44:59")

    start = datetime(2026, 7, 1, 12, tzinfo=UTC)
    with Simulator(1, tick=None, timezone=zone, start_at=start) as sim:
        asyncio.run(main(sim))


def test_only_states_and_readings_carry_the_users_time(still, connect, batch):
    one = still.tracker_ids[0]

    async def main():
        async with connect(still) as client:
            await client.ask(
                batch("state_batch"),
                batch("readings_batch"),
                batch("iot_monitor", one),
                {"type": "state", "trackers": [one]},
            )
            frames = await client.so_far()
            still.block(one)
            still.logout()
            _, _, rest = await client.closed()
            frames += [json.loads(text) for text in rest]
            with_time = {frame["event"] for frame in frames if "user_time" in frame}
            without = {frame["event"] for frame in frames if "user_time" not in frame}
            assert with_time == {"state", "state_batch", "readings_batch"}
            assert without == {"iot_monitor", "lifecycle", "logout"}

    asyncio.run(main())


def readings_of(frame):
    """Return the readings of a frame by tracker, part and name."""
    names = {"inputs": "name", "states": "field", "virtual_sensors": "label", "counters": "type"}
    return {
        (tracker, part, reading[names[part]]): reading
        for item in frame["data"]
        for tracker, parts in item.items()
        for part, readings in parts.items()
        for reading in readings
    }


def test_readings_carry_everything_first_and_then_only_what_changed(still, connect, batch):
    async def main():
        async with connect(still) as client:
            await client.ask(batch("readings_batch"))
            last = readings_of(await client.event("readings_batch"))
            assert {key[0] for key in last} == {str(i) for i in still.tracker_ids}
            assert {key[1] for key in last} == PARTS
            everything = len(last)
            for _ in range(10):
                (frame,) = await client.step()
                news = readings_of(frame)
                assert 0 < len(news) < everything
                for key, reading in news.items():
                    before, after = dict(last[key]), dict(reading)
                    assert after.pop("update_time") >= before.pop("update_time")
                    assert before != after
                last |= news

    asyncio.run(main())


def test_the_sensors_of_a_fleet_differ(still, connect, batch):
    async def main():
        async with connect(still) as client:
            await client.ask(batch("readings_batch"))
            readings = readings_of(await client.event("readings_batch"))
            inputs = {key: value for key, value in readings.items() if key[1] == "inputs"}
            assert {item["type"] for item in inputs.values()} == {"fuel", "rpm", "temperature"}
            tanks = [
                sum(item["type"] == "fuel" for key, item in inputs.items() if key[0] == str(i))
                for i in still.tracker_ids
            ]
            assert 0 in tanks
            assert 1 in tanks
            assert 3 in tanks  # two tanks and their sum
            for item in inputs.values():
                assert item["min_value"] <= item["value"] <= item["max_value"]
                fuel = item["units_type"] in ("litre", "percent")
                assert fuel is (item["type"] == "fuel")
            values = [item["value"] for key, item in readings.items() if key[1] == "states"]
            kinds = {type(value) for value in values}
            assert kinds == {int, float, str, bool, type(None)}
            counters = {key[2] for key in readings if key[1] == "counters"}
            assert counters == {"odometer", "engine_hours"}

    asyncio.run(main())


def test_a_sensor_type_leaves_states_and_counters_out(still, connect, batch):
    async def main():
        async with connect(still) as client:
            await client.ask(batch("readings_batch", sensor_type="fuel"))
            readings = readings_of(await client.event("readings_batch"))
            assert {key[1] for key in readings} == {"inputs"}
            assert {item["type"] for item in readings.values()} == {"fuel"}

    asyncio.run(main())


def test_without_components_a_sum_comes_without_its_parts(still, connect, batch):
    truck = still.tracker_ids[1]

    async def main():
        async with connect(still) as client:
            for components, expected in ((True, 3), (False, 1)):
                options = {"sensor_type": "fuel", "include_components": components}
                await client.ask(batch("readings_batch", truck, **options))
                readings = readings_of(await client.event("readings_batch"))
                assert len(readings) == expected
                total = readings[str(truck), "inputs", "lls_total"]
                assert len(total["composite_sensor_ids"]) == 2
                if components:
                    parts = [r for r in readings.values() if r is not total]
                    assert sum(r["value"] for r in parts) == pytest.approx(total["value"], abs=0.01)
                    assert [r["sensor_id"] for r in parts] == total["composite_sensor_ids"]

    asyncio.run(main())


def test_a_clone_shares_the_source_and_has_readings_of_its_own(still, connect, batch):
    clone = still.tracker_ids[-1]
    (original,) = [i for i in still.tracker_ids[:-1] if still.sources[i] == still.sources[clone]]

    async def main():
        async with connect(still) as client:
            await client.ask(batch("state_batch", clone, original), batch("readings_batch", clone))
            (state,) = (await client.event("state_batch"))["data"]
            assert state["source_id"] == still.sources[original]
            (item,) = (await client.event("readings_batch"))["data"]
            assert list(item) == [str(clone)]

    asyncio.run(main())


def test_no_source_id_is_a_tracker_id(still):
    assert not set(still.sources.values()) & set(still.tracker_ids)


def test_iot_queues_are_resent_whole_newest_first_and_hold_12_at_most(still, connect, batch):
    one = still.tracker_ids[0]

    async def main():
        async with connect(still) as client:
            await client.ask(batch("iot_monitor", one))
            frame = await client.event("iot_monitor")
            for _ in range(15):
                (item,) = frame["data"]["iot_last_values"]
                assert item.keys() == {"tracker_id", "nonnull_fields", "all_fields"}
                assert item["tracker_id"] == one
                for queues in (item["nonnull_fields"], item["all_fields"]):
                    for queue in queues.values():
                        times = [entry["msg_time"] for entry in queue]
                        assert len(queue) <= 12
                        assert times == sorted(times, reverse=True)
                        assert all(time.endswith("Z") for time in times)
                assert {len(queue) for queue in item["all_fields"].values()} == {12}
                before = item["all_fields"]["latitude"]
                (frame,) = await client.step()
                after = frame["data"]["iot_last_values"][0]["all_fields"]["latitude"]
                new = next(n for n in range(13) if after[n:] == before[: 12 - n])
                assert new in (1, 2)

    asyncio.run(main())


def test_iot_values_are_of_every_kind_there_is(still, connect, batch):
    parked = still.tracker_ids[2]

    async def main():
        async with connect(still) as client:
            await client.ask(batch("iot_monitor", still.tracker_ids[0], parked))
            items = (await client.event("iot_monitor"))["data"]["iot_last_values"]
            full = [e["value"] for i in items for q in i["all_fields"].values() for e in q]
            nonnull = [e["value"] for i in items for q in i["nonnull_fields"].values() for e in q]
            assert {type(value) for value in full} == {int, str, bool, type(None)}
            assert None not in nonnull
            assert any(type(value) is int and value > 2**53 for value in full)
            queue = items[0]["all_fields"]["latitude"]
            assert all(entry["value"] is None or float(entry["value"]) for entry in queue)

    asyncio.run(main())


def test_a_queue_goes_on_while_nobody_is_connected(still, connect, batch):
    async def queue():
        async with connect(still) as client:
            await client.ask(batch("iot_monitor", still.tracker_ids[0]))
            frame = await client.event("iot_monitor")
            return frame["data"]["iot_last_values"][0]["all_fields"]["latitude"]

    before = asyncio.run(queue())
    for _ in range(3):
        still.step(1)
    after = asyncio.run(queue())
    assert any(after[n:] == before[: 12 - n] for n in (3, 4))


def test_a_state_is_shaped_like_the_documented_sample(still, connect):
    def shape(value):
        if isinstance(value, dict):
            return {key: shape(inner) for key, inner in value.items()}
        return type(value).__name__

    sample = json.loads((Path(__file__).parent / "state.json").read_text())

    async def main():
        async with connect(still) as client:
            await client.ask({"type": "state", "trackers": [still.tracker_ids[3]]})
            state = await client.event("state")
            state["data"].pop("additional")
            for extra in ("precision", "gsm_lbs"):
                state["data"]["gps"].pop(extra)
            assert shape(state) == shape(sample)

    asyncio.run(main())


def statuses(frames):
    """Return the connection status of each source in the states of some frames, the last one."""
    states = [item for frame in frames for item in frame["data"]]
    return {item["source_id"]: item["connection_status"] for item in states}


def test_a_device_is_offline_after_ten_minutes_and_its_gps_old_after_five(connect, batch):
    start = datetime(2026, 7, 1, 9, tzinfo=UTC)  # Wednesday, 11:00 in Madrid

    async def main(sim):
        async with connect(sim) as client:
            await client.ask(batch("state_batch"))
            told = statuses(await client.so_far())
            assert told[sim.sources[sim.tracker_ids[9]]] == "offline"
            seen = set(told.values())
            for _ in range(180):
                told |= statuses(await client.step(20))
                seen |= set(told.values())
            # A parked car's device sleeps: it is heard of, and its position is not renewed.
            assert seen == {"active", "offline", "idle"}

    with Simulator(12, tick=None, start_at=start) as sim:
        asyncio.run(main(sim))


def test_a_new_device_is_just_replaced_or_registered_until_it_reports(still, connect, batch):
    one = still.tracker_ids[0]
    source = still.sources[one]

    async def main():
        async with connect(still) as client:
            await client.ask(batch("state_batch"))
            await client.so_far()
            for registered, status in ((False, "just_replaced"), (True, "just_registered")):
                still.renew(one, registered=registered)
                assert statuses(await client.so_far()) == {source: status}
                assert statuses(await client.step())[source] == "active"

    asyncio.run(main())


def test_positions_come_from_cell_towers_where_the_sky_is_lost(connect, batch):
    start = datetime(2026, 7, 1, 9, tzinfo=UTC)

    def in_tunnel(vehicle):
        """Return a moment of the day in which a vehicle is deep in a tunnel."""
        for leg in vehicle.duty.day(0.0).legs:
            for piece in leg.tour.pieces:
                moment = leg.start + piece.start + piece.duration - 0.5
                if piece.sky_lost is not None and piece.duration > 9 and moment > 0:
                    return moment
        return None

    async def position(sim, index, moment):
        async with connect(sim) as client:
            sim.step(moment)
            await client.ask(batch("state_batch", sim.tracker_ids[index]))
            return (await client.event("state_batch"))["data"][0]["gps"]

    found = set()
    with Simulator(60, tick=None, start_at=start) as plan:
        vehicles = plan._platform.world.fleet.vehicles
    for index, moment in ((v.index, in_tunnel(v)) for v in vehicles):
        cells = vehicles[index].kind.cells
        if moment is not None and cells not in found:
            found.add(cells)
            with Simulator(60, tick=None, start_at=start, busy=True) as sim:
                gps = asyncio.run(position(sim, index, moment))
            assert gps["signal_level"] == 0
            assert gps.get("gsm_lbs", False) is cells
            assert (gps.get("precision", 0) > 500) is cells
    assert found == {True, False}


def test_a_counter_of_16_bits_begins_anew(still, connect, batch):
    async def main():
        async with connect(still) as client:
            await client.ask(batch("iot_monitor", still.tracker_ids[0]))
            counts = []
            for _ in range(200):
                frames = await client.step(60)
                for frame in frames:
                    (item,) = frame["data"]["iot_last_values"]
                    counts.append(item["all_fields"]["pulse_counter"][0]["value"])
            assert all(0 <= count < 2**16 for count in counts)
            assert any(b < a - 2**15 for a, b in itertools.pairwise(counts))

    asyncio.run(main())


def test_a_driver_has_one_key_for_readers_and_attributes(still, connect, batch):
    reefer = still.tracker_ids[3]

    async def main():
        async with connect(still) as client:
            await client.ask(batch("state_batch", reefer), batch("iot_monitor", reefer))
            (state,) = (await client.event("state_batch"))["data"]
            (item,) = (await client.event("iot_monitor"))["data"]["iot_last_values"]
            key = state["additional"]["hardware_key"]["value"]
            assert item["nonnull_fields"]["ibutton"][0]["value"] == key

    asyncio.run(main())


def test_a_busy_fleet_reports_at_every_update(connect, batch):
    async def main(sim):
        async with connect(sim) as client:
            await client.ask(batch("state_batch"))
            await client.so_far()
            for _ in range(3):
                (frame,) = await client.step()
                assert len(frame["data"]) == 11  # all but the forgotten one

    with Simulator(12, tick=None, busy=True) as sim:
        asyncio.run(main(sim))
