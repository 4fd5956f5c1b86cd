import asyncio

import aiohttp
import pytest


async def call(sim, action, body=None, *, method="POST", base=None, **options):
    url = f"{base or sim.base_url}/{action}"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, json=body, **options) as reply,
    ):
        return reply.status, await reply.json()


def test_the_key_goes_in_the_body_the_header_or_the_query(still):
    async def main():
        key = still.api_key
        answers = [
            await call(still, "user/get_info", {"hash": key}),
            await call(still, "user/get_info", {}, headers={"Authorization": f"NVX {key}"}),
            await call(still, "user/get_info", method="GET", params={"hash": key}),
            await call(still, "user/get_info", {"hash": key}, base=still.base_url[:-3]),
        ]
        for status, answer in answers:
            assert status == 200
            assert answer["success"] is True
            assert answer["user_info"]["time_zone"] == "Europe/Madrid"

    asyncio.run(main())


def test_the_tracker_list_names_every_tracker_with_its_source(still):
    still.block(still.tracker_ids[4])
    still.remove(still.tracker_ids[1])

    async def main():
        _, answer = await call(still, "tracker/list", {"hash": still.api_key})
        items = {item["id"]: item for item in answer["list"]}
        expected = set(still.tracker_ids) - {still.tracker_ids[1]}
        assert items.keys() == expected
        assert {i: item["source"]["id"] for i, item in items.items()} == {
            i: still.sources[i] for i in expected
        }
        assert [i for i, item in items.items() if item["clone"]] == [still.tracker_ids[-1]]
        blocked = [i for i, item in items.items() if item["source"]["blocked"]]
        assert blocked == [still.tracker_ids[4]]
        labels = "".join(item["label"] for item in items.values())
        assert all(text in labels for text in ("ü", "Холо", "货", "ش", "ट", "🚚", "<"))

    asyncio.run(main())


def test_a_login_gives_a_fresh_hash_that_both_sides_take(still, connect, batch):
    async def main():
        login = {"login": still.login, "password": still.password}
        status, first = await call(still, "user/auth", login)
        _, second = await call(still, "user/auth", login)
        assert status == 200
        assert len({first["hash"], second["hash"], still.api_key}) == 3
        assert (await call(still, "tracker/list", {"hash": first["hash"]}))[0] == 200
        async with connect(still) as client:
            answer = await client.ask(batch("state_batch"), key=second["hash"])
            assert answer["type"] == "response"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("action", "body", "code"),
    [
        ("user/auth", {"login": "somebody", "password": "else"}, 102),
        ("tracker/list", {"hash": "0" * 32}, 4),
        ("tracker/list", {"hash": "short"}, 3),
        ("tracker/list", {}, 3),
        ("tracker/explode", {}, 111),
        ("tracker/list", [], 5),
    ],
)
def test_a_refusal_says_why_and_is_not_200(still, action, body, code):
    async def main():
        status, answer = await call(still, action, body)
        assert status == 400
        assert answer["success"] is False
        assert answer["status"]["code"] == code
        assert answer["status"]["description"]

    asyncio.run(main())


def test_what_is_no_json_is_a_wrong_format(still):
    async def main():
        url = f"{still.base_url}/tracker/list"
        async with aiohttp.ClientSession() as session, session.post(url, data="{") as reply:
            assert (await reply.json())["status"]["code"] == 5

    asyncio.run(main())


def test_after_a_logout_the_key_is_refused_and_a_login_helps(still):
    still.logout()

    async def main():
        _, answer = await call(still, "tracker/list", {"hash": still.api_key})
        assert answer["status"]["code"] == 4
        login = {"login": still.login, "password": still.password}
        _, answer = await call(still, "user/auth", login)
        assert (await call(still, "tracker/list", {"hash": answer["hash"]}))[0] == 200

    asyncio.run(main())


def test_rest_can_be_down_while_the_websocket_works(still, connect, batch):
    async def main():
        still.rest_down = True
        url = f"{still.base_url}/tracker/list"
        async with aiohttp.ClientSession() as session, session.post(url, json={}) as reply:
            assert reply.status == 503
        async with connect(still) as client:
            assert (await client.ask(batch("state_batch")))["type"] == "response"
        still.rest_down = False
        assert (await call(still, "tracker/list", {"hash": still.api_key}))[0] == 200

    asyncio.run(main())


def test_a_session_lives_thirty_days_unless_told_otherwise(still):
    async def main():
        body = {"login": still.login, "password": still.password}
        _, answer = await call(still, "user/auth", body)
        days = still._platform.account.remaining_s(answer["hash"]) / 86_400
        assert 29.99 < days <= 30

    asyncio.run(main())


def test_trackers_are_in_groups(still):
    async def main():
        _, answer = await call(still, "tracker/list", {"hash": still.api_key})
        assert len({item["group_id"] for item in answer["list"]}) > 1

    asyncio.run(main())
