"""The platform at full rate: `python -m tests.soak.sender LEDGER TRACKERS`, a process of its own.

It sends what the simulator's fleet said once, over and over, each time with another `user_time` so
that no message is like another; made anew each second, 12,000 vehicles would take the processor
from those that are tested. Each second has the states of all vehicles in one message, and the
readings that changed in another.

Prints its address. Ends the session at a line of input, and itself at the next. The ledger is a
file with a line a message: event, and digest.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

import websockets.sync.client

from fleetlab.simulator import Simulator
from tests.faults.server import FaultServer, Sent, Wire


def digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def wire_text(trackers: int, batches: int = 5) -> tuple[list[str], list[str], bytes]:
    """Batches of states and of readings of all trackers, and the tracker list."""
    with Simulator(trackers, busy=True, tick=None, record=True) as sim:
        address = sim.base_url.replace("http", "ws") + "/event/subscription"
        kinds = ("state_batch", "readings_batch")
        requests = [{"type": kind, "target": {"type": "all"}, "rate_limit": "1s"} for kind in kinds]
        ask = {"action": "subscribe", "hash": sim.api_key, "requests": requests}
        with websockets.sync.client.connect(address, max_size=None, proxy=None) as client:
            client.send(json.dumps(ask))
            texts: dict[str, list[str]] = {kind: [] for kind in kinds}
            while min(map(len, texts.values())) < batches:
                text = client.recv()
                assert isinstance(text, str)
                message = json.loads(text)
                if message["type"] == "event":
                    texts[message["event"]].append(text)
                    if message["event"] == kinds[1]:
                        sim.step()
        listed = [
            {"id": tracker, "label": f"Vehicle {tracker}", "source": {"id": source}}
            for tracker, source in sim.sources.items()
        ]
    reply = json.dumps({"success": True, "list": listed}).encode()
    return texts["state_batch"], texts["readings_batch"], reply


def renewed(text: str, number: int) -> str:
    """The message with another time of the server, and so unlike all others."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(1_780_000_000 + number))
    return re.sub(r'"user_time":"[^"]*"', f'"user_time":"{stamp}"', text, count=1)


class LedgerFile(list[Sent]):
    """A ledger that keeps digests in a file rather than messages in memory."""

    def __init__(self, file: TextIO) -> None:
        super().__init__()
        self._file = file

    def append(self, sent: Sent) -> None:
        found = re.search(rb'"event":"(\w+)"', sent.data)
        kind = found[1].decode() if found else "other"
        self._file.write(f"{kind} {digest(sent.data)}\n")
        self._file.flush()


def main(ledger: Path, trackers: int) -> None:
    states, readings, listed = wire_text(trackers)
    over = threading.Event()

    async def script(wire: Wire) -> None:
        await wire.live()
        began, number = time.monotonic(), 0
        while not over.is_set():
            for texts in (states, readings):
                # The first batch tells of all, as after a subscription; the others of what changed.
                await wire.say(renewed(texts[number and 1 + number % (len(texts) - 1)], number))
            number += 1
            await asyncio.sleep(max(0.0, began + number - time.monotonic()))
        await wire.arrived()
        await wire.logout()

    def rest(call: str) -> tuple[int, bytes]:
        if call == "tracker/list":
            return 200, listed
        return 200, b'{"success":true,"user_info":{"time_zone":"Europe/Madrid"}}'

    with ledger.open("w") as file, FaultServer([script]) as server:
        server.ledger = LedgerFile(file)
        server.rest = rest
        print(server.base_url, flush=True)  # noqa: T201 - the driver reads it
        sys.stdin.readline()  # the time is over
        over.set()
        sys.stdin.readline()  # the client has gone


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
