"""A plain WebSocket client for the simulator, which knows nothing of fleetlab's own."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import UTC, datetime

import pytest
import websockets

from fleetlab.simulator import Simulator

NEW = "X-Atmosphere-tracking-id=0&X-Atmosphere-Transport=websocket&X-atmo-protocol=true"
WAIT_S = 8


class Client:
    """One connection to a simulator."""

    def __init__(self, sim, ws):
        self.sim = sim
        self.ws = ws

    async def text(self):
        async with asyncio.timeout(WAIT_S):
            return await self.ws.recv()

    async def json(self):
        return json.loads(await self.text())

    async def event(self, name):
        """Return the next frame, which must be this event."""
        frame = await self.json()
        assert frame.get("event") == name, frame
        return frame

    async def ask(self, *requests, action="subscribe", key=None, **root):
        """Send a request and return its answer."""
        body = {"action": action, "hash": key or self.sim.api_key, "requests": list(requests)}
        await self.ws.send(json.dumps(body | root))
        return await self.json()

    async def so_far(self):
        """Return the frames that came before now: nothing else can come before the answer."""
        await self.ws.send("?")
        frames = []
        while (frame := await self.json())["type"] != "error":
            frames.append(frame)
        return frames

    async def step(self, seconds=1.0):
        """Make one update and return its frames."""
        self.sim.step(seconds)
        return await self.so_far()

    async def closed(self):
        """Return the code and the reason that the server closes with, and the frames before."""
        frames = []
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                frames.append(await self.text())
        return self.ws.close_code, self.ws.close_reason, frames


@contextlib.asynccontextmanager
async def _connect(sim, query="", path="/v2/event/subscription"):
    address = sim.base_url.removeprefix("http").removesuffix("/v2")
    async with websockets.connect(f"ws{address}{path}?{query}", max_size=None, proxy=None) as ws:
        yield Client(sim, ws)


@pytest.fixture
def connect():
    """Connect to a simulator: `async with connect(sim) as client`."""
    return _connect


@pytest.fixture
def new_client():
    """Return the query of a client that speaks Atmosphere and is new."""
    return NEW


@pytest.fixture
def still():
    """Return a running simulator whose clock stands at 12:00 UTC until it is stepped."""
    start = datetime(2026, 7, 1, 12, tzinfo=UTC)
    with Simulator(12, tick=None, start_at=start, record=True) as sim:
        yield sim


@pytest.fixture
def batch():
    """Make a request for batches of all trackers, or of the named ones."""

    def make(event, *trackers, **options):
        target = {"type": "all"}
        if trackers:
            target = {"type": "selected", "tracker_ids": list(trackers)}
        return {"type": event, "target": target, **options}

    return make
