"""The real JavaScript client meets the simulator."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from pathlib import Path

import pytest

from fleetlab.simulator import Simulator
from tests.conftest import eventually

HERE = Path(__file__).parents[1] / "atmosphere"
VERSIONS = ("atmosphere2", "atmosphere3", "atmosphere4", "atmosphere5")
WAIT_S = 20

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (HERE / "node_modules").is_dir(),
    reason="needs Node, and once: npm ci --prefix tests/atmosphere",
)


class Page:
    """A page in which the client runs."""

    def __init__(self, sim, process):
        self.sim = sim
        self.process = process

    async def told(self, what):
        """Return what a callback is told next; nothing else may come before."""
        async with asyncio.timeout(WAIT_S):
            line = json.loads(await self.process.stdout.readline())
        assert line["what"] == what, line
        return line["text"]

    async def event(self):
        """Return the next message, heartbeats aside."""
        while (text := await self.told("message")).strip() in ("", "X"):
            pass
        return text

    def push(self, text):
        self.process.stdin.write(text.encode() + b"\n")

    def subscribe(self):
        target = {"type": "all"}
        requests = [{"type": name, "target": target} for name in ("state_batch", "readings_batch")]
        body = {"action": "subscribe", "hash": self.sim.api_key, "requests": requests}
        self.push(json.dumps(body))


@contextlib.asynccontextmanager
async def open_page(version, sim):
    url = sim.base_url.removesuffix("/v2") + "/event/subscription"
    if version == "atmosphere5":  # takes the address as it is; the others make it a ws:// of it
        url = url.replace("http", "ws", 1)
    process = await asyncio.create_subprocess_exec(
        "node",
        "client.cjs",
        version,
        url,
        cwd=HERE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    try:
        yield Page(sim, process)
    finally:
        process.stdin.close()
        async with asyncio.timeout(WAIT_S):
            await process.wait()


def sent(sim, connection):
    """Return what the ledger says was sent to a page: neither handshake, blanks nor heartbeats."""
    return [f.text for f in sim.ledger if f.connection == connection and f.text.startswith("{")]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_page_receives_everything_that_was_sent(version):
    async def main(sim):
        async with open_page(version, sim) as page:
            await page.told("open")
            page.subscribe()
            received = [await page.event() for _ in range(3)]
            for _ in range(5):
                sim.step()
                received += [await page.event() for _ in range(2)]
            assert received == sent(sim, 1)
            greeting = sim.ledger[0].text.split("|")
            assert greeting[1:] == ["30000", "X", ""]

    with Simulator(12, tick=None, record=True) as sim:
        asyncio.run(main(sim))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_batch_of_more_than_a_megabyte_is_received(version):
    async def main(sim):
        async with open_page(version, sim) as page:
            await page.told("open")
            page.subscribe()
            texts = [await page.event() for _ in range(3)]
            assert texts == sent(sim, 1)
            assert max(map(len, texts)) > 2**20

    with Simulator(1_700, tick=None, record=True) as sim:
        asyncio.run(main(sim))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_page_sends_its_heartbeats_and_stays(version):
    async def main(sim):
        async with open_page(version, sim) as page:
            await page.told("open")
            page.subscribe()
            async with asyncio.timeout(WAIT_S):
                while sim.client_heartbeats < 8:
                    await page.event()

    with Simulator(2, tick=0.1, client_heartbeat=0.3, client_patience=1.5) as sim:
        asyncio.run(main(sim))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_page_comes_back_after_a_cut_and_is_known(version):
    async def main(sim):
        async with open_page(version, sim) as page:
            await page.told("open")
            page.subscribe()
            first = [await page.event() for _ in range(3)]
            sim.cut()
            await page.told("close")
            await page.told("reopen")
            page.subscribe()
            assert [await page.event() for _ in range(3)] == sent(sim, 2)
            assert len(first) == len(sent(sim, 2))
            assert sim.ledger[0].text.count("|") == 3
            (blanks,) = [f.text for f in sim.ledger if f.connection == 2 and not f.text.strip()]
            assert len(blanks) == 4098

    with Simulator(3, tick=None, record=True) as sim:
        asyncio.run(main(sim))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_page_that_closes_says_goodbye_and_is_gone(version):
    async def main(sim):
        async with open_page(version, sim) as page:
            await page.told("open")
            page.subscribe()
            for _ in range(3):
                await page.event()
            page.push("")
            async with asyncio.timeout(WAIT_S):
                while json.loads(await page.process.stdout.readline())["what"] != "end":
                    pass
            if version != "atmosphere5":  # which closes the WebSocket, and that is all
                goodbye = await asyncio.to_thread(eventually, goodbyes(sim), "a goodbye")
                uuid = sim.ledger[0].text.split("|")[0]
                assert goodbye.body["X-Atmosphere-tracking-id"] == uuid
        frames = len(sim.ledger)
        sim.step()
        assert len(sim.ledger) == frames

    with Simulator(2, tick=None, record=True) as sim:
        asyncio.run(main(sim))


def goodbyes(sim):
    return lambda: next((asked for asked in sim.rest_requests if asked.action == "goodbye"), None)
