import asyncio
import json

import pytest

from fleetlab.errors import InvalidArgument
from fleetlab.simulator import Simulator


def lifecycle(sim, tracker_id, what):
    data = {"source_id": sim.sources[tracker_id], "lifecycle_event": what}
    return {"type": "event", "event": "lifecycle", "data": data}


@pytest.mark.parametrize("event", ["state", "state_batch", "readings_batch"])
def test_a_blocked_tracker_sends_lifecycle_only_and_its_news_by_itself_once_unblocked(
    still, connect, batch, event
):
    one = still.tracker_ids[0]

    async def main():
        async with connect(still) as client:
            state = {"type": "state", "trackers": [one]}
            await client.ask(state if event == "state" else batch(event, one))
            await client.so_far()
            still.block(one)
            assert await client.so_far() == [lifecycle(still, one, "block")]
            assert await client.step() == []
            still.unblock(one)
            told, news = await client.so_far()
            assert told == lifecycle(still, one, "unblock")
            assert news["event"] == event

    asyncio.run(main())


def test_a_tracker_that_was_blocked_from_the_first_comes_once_unblocked(still, connect, batch):
    one = still.tracker_ids[0]
    still.block(one)

    async def main():
        async with connect(still) as client:
            answer = await client.ask(batch("state_batch", one))
            assert answer["data"]["state_batch"]["value"] == {str(one): "blocked"}
            assert await client.step() == []
            still.unblock(one)
            _, news = await client.so_far()
            assert [item["source_id"] for item in news["data"]] == [still.sources[one]]

    asyncio.run(main())


def test_the_batch_after_unblocking_keeps_to_the_rate_limit(still, connect, batch):
    one = still.tracker_ids[0]

    async def main():
        async with connect(still) as client:
            await client.ask(batch("state_batch", one, rate_limit="5s"))
            await client.so_far()
            still.block(one)
            still.unblock(one)
            events = [frame["event"] for frame in await client.so_far()]
            assert events == ["lifecycle", "lifecycle"]
            assert [frame["event"] for frame in await client.step(5)] == ["state_batch"]

    asyncio.run(main())


def test_a_removed_tracker_is_corrupt_and_then_unknown(still, connect, batch):
    one = still.tracker_ids[3]

    async def main():
        async with connect(still) as client:
            await client.ask(batch("state_batch"))
            await client.so_far()
            still.remove(one)
            assert await client.so_far() == [lifecycle(still, one, "corrupt")]
            (frame,) = await client.step()
            assert still.sources[one] not in [item["source_id"] for item in frame["data"]]
            answer = await client.ask(batch("state_batch", one))
            assert answer["data"]["state_batch"]["value"] == {str(one): "unknown"}

    asyncio.run(main())
    with pytest.raises(InvalidArgument, match=str(one)):
        still.block(one)


def test_whoever_asked_for_other_trackers_or_only_for_iot_hears_of_no_lifecycle(
    still, connect, batch
):
    first, second, *_ = still.tracker_ids

    async def main():
        async with connect(still) as client, connect(still) as iot:
            await client.ask(batch("state_batch", second))
            await iot.ask(batch("iot_monitor", first))
            await client.so_far()
            await iot.so_far()
            still.block(first)
            assert await client.so_far() == []
            assert await iot.so_far() == []

    asyncio.run(main())


def test_logout_ends_the_session_of_everybody_for_good(still, connect, batch):
    async def main():
        async with connect(still) as client, connect(still) as silent:
            await client.ask(batch("iot_monitor", still.tracker_ids[0]))
            await client.so_far()
            still.logout()
            code, reason, frames = await client.closed()
            assert (code, reason) == (1000, "")
            assert [json.loads(text) for text in frames] == [
                {"type": "event", "event": "logout", "data": "session closed"}
            ]
            assert await silent.closed() == (1000, "", [])
        async with connect(still) as again:
            answer = await again.ask(batch("state_batch"))
            assert answer["status"]["code"] == 4

    asyncio.run(main())


def test_a_session_that_expires_is_logged_out(connect, batch):
    async def main(sim):
        key = sim._account.log_in(sim.login, sim.password)
        async with connect(sim) as client, connect(sim) as by_key:
            await client.ask(batch("state_batch"), key=key)
            await by_key.ask(batch("state_batch"))
            code, reason, frames = await client.closed()
            assert (code, reason) == (1000, "")
            assert json.loads(frames[-1])["event"] == "logout"
            await by_key.so_far()

    with Simulator(1, tick=None, session_lifetime=0.8) as sim:
        asyncio.run(main(sim))


def test_a_cut_ends_every_connection_without_a_close_frame(still, connect):
    async def main():
        async with connect(still) as client, connect(still) as other:
            still.cut()
            assert (await client.closed())[0] == 1006
            assert (await other.closed())[0] == 1006
        async with connect(still) as again:
            assert await again.so_far() == []

    asyncio.run(main())


def test_hanging_up_closes_with_1000_and_leaves_the_session_good(still, connect, batch):
    async def main():
        async with connect(still) as client:
            await client.ask(batch("iot_monitor", still.tracker_ids[0]))
            await client.so_far()
            still.hang_up()
            assert await client.closed() == (1000, "", [])
        async with connect(still) as again:
            assert (await again.ask(batch("state_batch")))["type"] == "response"

    asyncio.run(main())


def test_stopping_sends_what_is_in_line_and_closes_with_1000(connect, batch):
    async def main():
        sim = Simulator(300, tick=None).start()
        async with connect(sim) as client:
            await client.ask(batch("state_batch"))
            sim.stop()
            code, reason, frames = await client.closed()
            assert (code, reason) == (1000, "")
            assert len(json.loads(frames[0])["data"]) == 300

    asyncio.run(main())
