import asyncio
import json
from datetime import UTC, datetime

import pytest

from fleetlab.simulator import Simulator


def test_the_answer_says_what_becomes_of_each_tracker(still, connect, batch):
    first, second, *_ = still.tracker_ids
    foreign = still.foreign_tracker_ids[0]
    still.block(second)

    async def main():
        async with connect(still) as client:
            answer = await client.ask(batch("state_batch", first, second, foreign, 5))
            assert answer == {
                "type": "response",
                "action": "subscription/subscribe",
                "events": ["state_batch"],
                "data": {
                    "state_batch": {
                        "success": True,
                        "value": {
                            str(first): "normal",
                            str(second): "blocked",
                            str(foreign): "disallowed",
                            "5": "unknown",
                        },
                    }
                },
            }
            data = (await client.event("state_batch"))["data"]
            assert [state["source_id"] for state in data] == [still.sources[first]]

    asyncio.run(main())


def test_one_subscribe_asks_for_all_four_events(still, connect, batch):
    one = still.tracker_ids[0]

    async def main():
        async with connect(still) as client:
            answer = await client.ask(
                batch("state_batch", rate_limit="5s", format="full"),
                batch("readings_batch", rate_limit="5s", include_components=False),
                batch("iot_monitor", one, flow_id=1335),
                {"type": "state", "trackers": [one], "format": "compact"},
            )
            names = ["state_batch", "readings_batch", "iot_monitor", "state"]
            assert answer["events"] == names
            assert [frame["event"] for frame in await client.so_far()] == names

    asyncio.run(main())


@pytest.mark.parametrize(("key", "code"), [("0" * 32, 4), ("nonsense", 3), ("Ä" * 32, 3)])
def test_a_wrong_hash_is_refused_and_the_connection_stays(still, connect, batch, key, code):
    async def main():
        async with connect(still) as client:
            answer = await client.ask(batch("state_batch"), key=key)
            assert answer["type"] == "error"
            assert answer["action"] == "subscription/subscribe"
            assert answer["status"]["code"] == code
            assert answer["status"]["description"]
            assert answer["data"] is None
            assert (await client.ask(batch("state_batch")))["type"] == "response"

    asyncio.run(main())


@pytest.mark.parametrize(
    "text",
    ["?", "[]", "null", "{}", '{"action":"explode"}', '{"action":["subscribe"]}', "[" * 8000],
)
def test_what_is_no_request_is_answered_with_code_5(still, connect, text):
    async def main():
        async with connect(still) as client:
            await client.ws.send(text)
            answer = await client.json()
            assert (answer["type"], answer["action"]) == ("error", "null")
            assert answer["status"]["code"] == 5

    asyncio.run(main())


ALL = {"type": "all"}
BAD = {
    "no requests": None,
    "empty requests": [],
    "not an object": ["state_batch"],
    "unknown event": [{"type": "lifecycle", "target": ALL}],
    "no target": [{"type": "state_batch"}],
    "unknown target": [{"type": "state_batch", "target": {"type": "some"}}],
    "no ids": [{"type": "state_batch", "target": {"type": "selected", "tracker_ids": []}}],
    "ids as text": [{"type": "state", "trackers": ["1701976"]}],
    "a truth for an id": [{"type": "state", "trackers": [True]}],
    "state with a target": [{"type": "state", "target": ALL}],
    "iot of all": [{"type": "iot_monitor", "target": ALL}],
    "rate without unit": [{"type": "state_batch", "target": ALL, "rate_limit": "5"}],
    "rate as number": [{"type": "state_batch", "target": ALL, "rate_limit": 5}],
    "unknown format": [{"type": "state_batch", "target": ALL, "format": "tiny"}],
    "components as text": [{"type": "readings_batch", "target": ALL, "include_components": "no"}],
    "sensor type as number": [{"type": "readings_batch", "target": ALL, "sensor_type": 1}],
    "flow as text": [
        {
            "type": "iot_monitor",
            "target": {"type": "selected", "tracker_ids": [1]},
            "flow_id": "1335",
        }
    ],
}


@pytest.mark.parametrize("requests", BAD.values(), ids=BAD.keys())
def test_parameters_that_make_no_sense_are_answered_with_code_7(still, connect, requests):
    async def main():
        async with connect(still) as client:
            answer = await client.ask(requests=requests)
            assert answer["type"] == "error"
            assert answer["action"] == "subscription/subscribe"
            assert answer["status"]["code"] == 7
            assert await client.so_far() == []

    asyncio.run(main())


def test_iot_monitor_takes_10_trackers_and_not_11(still, connect, batch):
    async def main():
        async with connect(still) as client:
            ids = still.tracker_ids
            answer = await client.ask(batch("iot_monitor", *ids[:11]))
            assert answer["status"]["code"] == 7
            assert "10" in answer["status"]["description"]
            assert "11" in answer["status"]["description"]
            assert (await client.ask(batch("iot_monitor", *ids[:10])))["type"] == "response"

    asyncio.run(main())


@pytest.mark.parametrize(
    "pace",
    [("5s", 1, 4), ("1s", 0.25, 3), ("500ms", 0.1, 4), ("2m", 40, 2), ("0.2s", 0.1, 1)],
    ids=lambda pace: pace[0],
)
@pytest.mark.parametrize("event", ["state_batch", "readings_batch", "iot_monitor"])
def test_the_rate_limit_spaces_batches(still, connect, batch, event, pace):
    rate_limit, step_s, silent = pace

    async def main():
        async with connect(still) as client:
            await client.ask(batch(event, still.tracker_ids[0], rate_limit=rate_limit))
            await client.event(event)
            for _ in range(2):
                for _ in range(silent):
                    assert await client.step(step_s) == []
                assert [frame["event"] for frame in await client.step(step_s)] == [event]

    asyncio.run(main())


def test_a_second_subscribe_replaces_the_first_of_its_event_only(still, connect, batch):
    first, second, *_ = still.tracker_ids

    async def main():
        async with connect(still) as client:
            await client.ask(batch("state_batch", first), batch("readings_batch", first))
            await client.so_far()
            await client.ask(batch("state_batch", second))
            await client.so_far()
            readings, states = sorted(await client.step(2), key=lambda frame: frame["event"])
            assert [list(item) for item in readings["data"]] == [[str(first)]]
            assert [item["source_id"] for item in states["data"]] == [still.sources[second]]

    asyncio.run(main())


def test_unsubscribe_ends_the_events_of_its_trackers(still, connect, batch):
    first, second, *_ = still.tracker_ids

    async def main():
        async with connect(still) as client:
            await client.ask(batch("state_batch", first, second))
            await client.so_far()
            answer = await client.ask(batch("state_batch", first), action="unsubscribe")
            assert answer["action"] == "subscription/unsubscribe"
            assert answer["data"]["state_batch"]["value"] == {str(first): "normal"}
            (frame,) = await client.step(2)
            assert [item["source_id"] for item in frame["data"]] == [still.sources[second]]
            await client.ask(batch("state_batch"), action="unsubscribe")
            assert await client.step() == []

    asyncio.run(main())


def test_the_old_form_with_events_and_trackers_at_the_root_works(still, connect):
    async def main():
        async with connect(still) as client:
            ids = list(still.tracker_ids[:2])
            old = {"action": "subscribe", "hash": still.api_key}
            old |= {"events": ["state"], "trackers": ids}
            await client.ws.send(json.dumps(old))
            assert (await client.json())["events"] == ["state"]
            assert len(await client.so_far()) == 2

    asyncio.run(main())


def test_connections_have_subscriptions_of_their_own_and_remember_none(still, connect, batch):
    async def main():
        async with connect(still) as client, connect(still) as other:
            await client.ask(batch("state_batch"))
            await client.so_far()
            assert await client.step() != []
            assert await other.so_far() == []
        async with connect(still) as again:
            assert await again.step() == []

    asyncio.run(main())


def test_errors_can_be_ordered_for_the_next_subscribes(still, connect, batch):
    still.refuse_next(14)
    still.refuse_next(999, "later")

    async def main():
        async with connect(still) as client:
            answers = [await client.ask(batch("state_batch")) for _ in range(3)]
            assert answers[0]["status"] == {"code": 14, "description": "Database unavailable"}
            assert answers[1]["status"] == {"code": 999, "description": "later"}
            assert answers[2]["type"] == "response"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("iso", "asked", "offset"),
    [
        (False, True, False),
        (True, False, True),
        ("ask", True, True),
        ("ask", False, False),
    ],
)
def test_iso_times_are_the_servers_choice(connect, batch, iso, asked, offset):
    async def main(sim):
        async with connect(sim) as client:
            await client.ask(batch("state_batch"), iso_datetime=asked)
            frame = await client.event("state_batch")
            times = (frame["user_time"], frame["data"][0]["gps"]["updated"])
            assert all((text.endswith("+05:45") and "T" in text) is offset for text in times)

    with Simulator(1, tick=None, timezone="Asia/Kathmandu", iso=iso) as sim:
        asyncio.run(main(sim))


def test_too_many_requests_in_a_second_are_refused_and_later_ones_not(connect, batch):
    async def main(sim):
        async with connect(sim) as client:
            codes = []
            async with asyncio.timeout(8):
                while 15 not in codes:  # twice, if the first few met the turn of a second
                    answers = [await client.ask(batch("iot_monitor", 1)) for _ in range(6)]
                    codes = [answer.get("status", {}).get("code") for answer in answers]
                while (await client.ask(batch("iot_monitor", 1)))["type"] == "error":
                    pass

    with Simulator(1, tick=None, requests_per_second=5) as sim:
        asyncio.run(main(sim))


def test_state_sends_350_entries_in_a_second_and_the_rest_in_the_next(connect):
    async def main(sim):
        async with connect(sim) as client:
            ids = list(sim.tracker_ids)
            await client.ask({"type": "state", "trackers": ids[:400], "format": "compact"})
            first = [frame["data"]["source_id"] for frame in await client.so_far()]
            assert len(first) == 350
            rest = [frame["data"]["source_id"] for frame in await client.step()]
            assert set(first) | set(rest) == {sim.sources[one] for one in ids[:400]}

    start = datetime(2026, 7, 1, 1, tzinfo=UTC)
    with Simulator(400, tick=None, start_at=start) as sim:
        asyncio.run(main(sim))


@pytest.mark.parametrize("flow", [{}, {"flow_id": 1335}, {"flow_id": None}])
def test_iot_monitor_takes_a_flow_and_needs_none(still, connect, batch, flow):
    async def main():
        async with connect(still) as client:
            answer = await client.ask(batch("iot_monitor", still.tracker_ids[0], **flow))
            assert answer["type"] == "response"
            await client.event("iot_monitor")

    asyncio.run(main())
