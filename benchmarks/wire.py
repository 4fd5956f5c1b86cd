"""Wire text to measure with: what the simulator really sends, recorded over a WebSocket."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import websockets

from fleetlab.simulator import Simulator

ZONE = "Europe/Madrid"
KEY = "0" * 32
START = datetime(2026, 7, 1, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Wire:
    """Messages of one event, and the trackers that they speak of.

    Attributes
    ----------
    event : str
    messages : list of bytes
        The first one came because it was subscribed to: it holds everything.
    counts : list of int
        States, readings or queue values in each of them.
    trackers : dict of int to (int, str)
        Source and label by tracker.
    """

    event: str
    messages: list[bytes]
    counts: list[int]
    trackers: dict[int, tuple[int, str]]

    @property
    def entries(self) -> int:
        """Entries in all messages but the first."""
        return sum(self.counts[1:])

    @property
    def size(self) -> int:
        """Bytes of all messages but the first."""
        return sum(map(len, self.messages[1:]))


_MARKS = {
    "state_batch": b'"source_id":',
    "readings_batch": b'"update_time":',
    "iot_monitor": b'"msg_time":',
}


def record(event: str, vehicles: int, count: int) -> Wire:
    """Record messages of a fleet in which every device reports every second."""
    with Simulator(vehicles, seed=1, tick=None, busy=True, start_at=START, timezone=ZONE) as sim:
        request: dict[str, Any] = {"type": event, "target": {"type": "all"}}
        if event == "iot_monitor":
            ids = list(sim.tracker_ids[:vehicles])
            request["target"] = {"type": "selected", "tracker_ids": ids}
        messages = asyncio.run(_receive(sim, request, count))
        trackers = {
            tracker: (source, f"{tracker % 1000} · Camión")
            for tracker, source in list(sim.sources.items())[:vehicles]
        }
    counts = [message.count(_MARKS[event]) for message in messages]
    return Wire(event, messages, counts, trackers)


async def _receive(sim: Simulator, request: dict[str, Any], count: int) -> list[bytes]:
    url = f"ws{sim.base_url.removeprefix('http')}/event/subscription"
    messages = []
    async with websockets.connect(url, max_size=None, proxy=None, ping_interval=None) as socket:
        body = {"action": "subscribe", "hash": sim.api_key, "requests": [request]}
        await socket.send(json.dumps(body))
        await socket.recv()  # the answer
        for number in range(count):
            if number:
                await asyncio.to_thread(sim.step, 1.0)
            messages.append(await socket.recv(decode=False))
    return messages
