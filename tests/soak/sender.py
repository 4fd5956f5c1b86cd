"""The platform at full rate: `python -m tests.soak.sender LEDGER TRACKERS [SEED]`, a process.

It sends what the simulator's fleet said once, over and over, each time with another `user_time` so
that no message is like another; made anew each second, 12,000 vehicles would take the processor
from those that are tested. Each second has the states of all vehicles in one message, and the
readings that changed in another. With a seed, something goes wrong about once a minute.

Prints its address. Ends the session at a line of input, and itself at the next. The ledger is a
file with a line a message, as :class:`Line` has it.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import math
import random
import re
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple, Self, TextIO

import websockets.sync.client

from fleetlab.simulator import Simulator
from tests.faults.server import FaultServer, Sent, Wire
from tests.soak.troubles import troubled


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


class Line(NamedTuple):
    """A message in the ledger: its connection's number, kind, digest, and when it was sent."""

    connection: int
    kind: str
    digest: str
    at: float

    @classmethod
    def of(cls, text: str) -> Self:
        connection, kind, found, at = text.split()
        return cls(int(connection), kind, found, float(at))


def lines_of(ledger: Path) -> list[Line]:
    """The whole lines of a ledger."""
    return [Line.of(text) for text in ledger.read_text().split("\n")[:-1]]


class LedgerFile(list[Sent]):
    """A ledger that keeps digests in a file rather than messages in memory."""

    def __init__(self, file: TextIO) -> None:
        super().__init__()
        self._file = file

    def append(self, sent: Sent) -> None:
        found = re.search(rb'"event":"(\w+)"', sent.data)
        kind = "bad" if not sent.good else found[1].decode() if found else "other"
        line = Line(sent.connection, kind, digest(sent.data), time.monotonic())
        print(*line, file=self._file, flush=True)


class Fleet:
    """All vehicles, a second after the other, whatever the connection."""

    def __init__(self, trackers: int) -> None:
        self._states, self._readings, self.listed = wire_text(trackers)
        self._number = 0
        self.over = threading.Event()

    def told(self, *, first: bool) -> list[str]:
        """What is said in the next second; the first of a connection is of all vehicles."""
        self._number += 1
        several = (self._states, self._readings)
        return [
            renewed(texts[0 if first else 1 + self._number % (len(texts) - 1)], self._number)
            for texts in several
        ]

    async def send(self, wire: Wire, seconds: float = math.inf) -> None:
        """Send for so long, or until it is over."""
        began = time.monotonic()
        for second in itertools.count():
            for text in self.told(first=second == 0):
                await wire.say(text)
            await asyncio.sleep(max(0.0, began + second + 1 - time.monotonic()))
            if self.over.is_set() or time.monotonic() > began + seconds:
                return


def main(ledger: Path, trackers: int, seed: int | None = None) -> None:
    fleet = Fleet(trackers)

    async def script(wire: Wire) -> None:
        await wire.live()
        if seed is None:
            await fleet.send(wire)
        elif await troubled(wire, fleet):
            return
        await wire.arrived()
        await wire.logout()

    def rest(call: str) -> tuple[int, bytes]:
        if call == "tracker/list":
            return 200, fleet.listed
        return 200, b'{"success":true,"user_info":{"time_zone":"Europe/Madrid"}}'

    random.seed(seed)
    with ledger.open("w") as file, FaultServer([script]) as server:
        server.ledger = LedgerFile(file)
        server.rest = rest
        print(server.base_url, flush=True)  # noqa: T201 - the driver reads it
        sys.stdin.readline()  # the time is over
        fleet.over.set()
        sys.stdin.readline()  # the client has gone


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
