"""Whether a connection lives: what keeps it alive, and what finds one that is silently dead."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fleetlab.clocks import Moment, Watch
    from fleetlab.protocol import Handshake
    from fleetlab.timeouts import Timeouts
    from fleetlab.websocket import Line

__all__ = ["Pulse", "send_heartbeat"]


class Pulse:
    """Signs of life of one connection.

    A message that comes is one, whatever it holds, and so is the answer to a ping. While we are the
    ones who don't read, because the journal's disk is slow, nothing speaks against the server: what
    it said may wait in the line.

    Parameters
    ----------
    timeouts : Timeouts
        Times.
    watch : Watch
        Tells the time, and whether we slept.

    Attributes
    ----------
    busy : bool
        Whether we don't read; to be set by whoever reads.
    dead : str or None
        What the server did not do, once it was given up.
    """

    def __init__(self, timeouts: Timeouts, watch: Watch) -> None:
        self.busy = False
        self.dead: str | None = None
        self._timeouts = timeouts
        self._watch = watch
        self._alive = watch.look()
        watch.proved(self._alive)  # what was before was another connection
        self._now = asyncio.get_running_loop().time
        self._heard_at = self._now()

    @property
    def alive(self) -> Moment:
        """The last sign of life. What is read after a sleep may have come before it."""
        return self._watch.away_since or self._alive

    def heard(self) -> int:
        """Take note of a message; returns when it came, microseconds since 1970 in UTC."""
        self._heard_at = self._now()
        self._alive = self._watch.look()
        return self._alive.at

    async def keep_pinging(self, websocket: Line) -> None:
        """Close a connection on which neither pings are answered nor anything else comes."""
        times = self._timeouts
        while True:
            await asyncio.sleep(times.ping)
            asked = self._watch.look()
            pong = asyncio.ensure_future(await websocket.ping())
            while not pong.done():
                since = self._now()
                await asyncio.wait([pong], timeout=times.pong)
                hears = self._hears_since(since) or websocket.came_at >= since
                if not pong.done() and not hears:
                    await self._give_up(websocket, f"answer a ping within {times.pong:g} s")
            await pong  # ends this where the connection ended first
            self._alive = self._watch.look()
            self._watch.proved(asked)

    async def ask_again(self, websocket: Line, ask: Callable[[], Awaitable[None]]) -> None:
        """Ask for the same after a long silence: a server may have lost what was asked for."""
        times = self._timeouts
        while True:
            since = self._now() - times.silence
            if self._hears_since(since):
                await asyncio.sleep(max(self._heard_at - since, times.pong))
                continue
            asked_at = self._now()
            await ask()
            await asyncio.sleep(times.reply)
            if not self._hears_since(asked_at):
                told = f"answer the subscription again within {times.reply:g} s"
                await self._give_up(websocket, told)

    def _hears_since(self, moment: float) -> bool:
        return self.busy or self._heard_at >= moment

    async def _give_up(self, websocket: Line, what: str) -> None:
        self.dead = what
        await websocket.close()


async def send_heartbeat(websocket: Line, handshake: Handshake) -> None:
    """Send the heartbeat as often as the server asked for it: some close a client that doesn't."""
    interval = max(handshake.interval_ms / 1000, 0.1)
    while True:
        await asyncio.sleep(interval)
        await websocket.send(handshake.char)
