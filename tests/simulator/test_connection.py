import asyncio
import re
import socket
import struct
import urllib.error
import urllib.request

import aiohttp
import pytest

from fleetlab.simulator import Simulator

HANDSHAKE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\|30000\|X\|")


def test_a_new_client_is_greeted_with_a_handshake_alone_in_its_frame(
    still, connect, new_client, batch
):
    async def main():
        async with connect(still, new_client) as client:
            assert HANDSHAKE.fullmatch(await client.text())
            assert (await client.ask(batch("state_batch")))["type"] == "response"

    asyncio.run(main())


def test_a_client_that_comes_back_gets_4098_blanks_and_no_handshake(still, connect, new_client):
    async def main():
        query = new_client.replace("=0", "=b623a15d-9623-4f8a-9fd5-2ff6a9d1a1f5")
        async with connect(still, query) as client:
            assert await client.text() == " " * 4098
            assert await client.so_far() == []

    asyncio.run(main())


@pytest.mark.parametrize("query", ["", "X-Atmosphere-tracking-id=0", "X-atmo-protocol=true"])
def test_without_the_atmosphere_parameters_nothing_comes_and_subscribing_works(
    still, connect, batch, query
):
    async def main():
        async with connect(still, query) as client:
            assert (await client.ask(batch("state_batch")))["type"] == "response"

    asyncio.run(main())


@pytest.mark.parametrize("path", ["/event/subscription", "/event/subscription/"])
@pytest.mark.parametrize("prefix", ["", "/v2"])
def test_the_address_is_known_with_and_without_version_and_slash(
    still, connect, new_client, prefix, path
):
    async def main():
        async with connect(still, new_client, prefix + path) as client:
            assert HANDSHAKE.fullmatch(await client.text())

    asyncio.run(main())


def test_the_server_sends_its_char_after_a_silence(connect):
    async def main(sim):
        async with connect(sim) as client:
            assert [await client.text(), await client.text()] == ["X", "X"]

    with Simulator(1, tick=None, heartbeat=0.05) as sim:
        asyncio.run(main(sim))


def test_no_heartbeat_comes_while_events_flow(connect, batch):
    async def main(sim):
        async with connect(sim) as client:
            await client.ask(batch("state_batch"))
            return [await client.text() for _ in range(60)]

    with Simulator(3, tick=0.02, heartbeat=0.8) as sim:
        assert "X" not in asyncio.run(main(sim))


def test_the_char_of_a_client_is_no_message(still, connect):
    async def main():
        async with connect(still) as client:
            for frame in ("X", "X", " "):
                await client.ws.send(frame)
            assert await client.so_far() == []

    asyncio.run(main())
    assert still.client_heartbeats == 2


def test_a_client_that_never_sends_the_char_is_closed_though_events_flow(connect, batch):
    async def main(sim):
        async with connect(sim) as client:
            await client.ask(batch("state_batch"))
            code, reason, frames = await client.closed()
            assert (code, reason) == (1000, "")
            assert len(frames) > 2

    with Simulator(2, tick=0.05, client_patience=0.6) as sim:
        asyncio.run(main(sim))


def test_a_message_of_more_than_8_kb_is_answered_with_1009(still, connect):
    async def main():
        async with connect(still) as client:
            await client.ws.send(" " * 8191 + "?")
            assert (await client.json())["status"]["code"] == 5
            await client.ws.send(" " * 8192 + "?")
            assert (await client.closed())[0] == 1009

    asyncio.run(main())


def test_a_frame_of_bytes_is_read_like_text(still, connect):
    async def main():
        async with connect(still) as client:
            await client.ws.send(b'{"action":"subscribe"}')
            assert (await client.json())["action"] == "subscription/subscribe"

    asyncio.run(main())


def test_a_browser_at_the_address_of_the_websocket_is_told_so(still):
    async def main():
        url = f"{still.base_url}/event/subscription"
        async with aiohttp.ClientSession() as session, session.get(url) as reply:
            assert reply.status == 400

    asyncio.run(main())


def test_12000_vehicles_come_in_one_frame(connect, batch):
    async def main(sim):
        async with connect(sim) as client:
            assert len((await client.ask(batch("state_batch")))["data"]["state_batch"]["value"])
            assert len((await client.event("state_batch"))["data"]) == 12_000

    with Simulator(12_000, tick=None) as sim:
        asyncio.run(main(sim))


def test_the_goodbye_of_a_client_is_taken(still):
    query = "X-Atmosphere-tracking-id=0&X-Atmosphere-Transport=close"
    with urllib.request.urlopen(f"{still.base_url}/event/subscription?{query}") as reply:
        assert (reply.status, reply.read()) == (200, b"")


def test_pages_of_other_sites_may_ask_and_learn_nothing_of_the_server(still):
    url = f"{still.base_url}/user/get_info"
    asks = urllib.request.Request(url, method="OPTIONS", headers={"Origin": "https://example.org"})
    with urllib.request.urlopen(asks) as reply:
        assert reply.status == 200
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert "Authorization" in reply.headers["Access-Control-Allow-Headers"]
        assert "ython" not in str(reply.headers)


def test_clients_that_are_gone_before_they_are_answered_are_no_error(simulator, caplog):
    port = int(simulator.base_url.split(":")[2].split("/")[0])
    upgrade = (
        "GET /v2/event/subscription HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n"
    )
    for _ in range(100):
        with socket.create_connection(("127.0.0.1", port)) as gone:
            reset = struct.pack("ii", 1, 0)
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            gone.sendall(upgrade.encode())
    with pytest.raises(urllib.error.HTTPError):  # by now it has seen them all
        urllib.request.urlopen(f"{simulator.base_url}/event/subscription", timeout=10)
    assert [record.getMessage() for record in caplog.records] == []
