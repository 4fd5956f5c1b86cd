"""One WebSocket: handshake, heartbeats, one writer, one reader."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from fleetlab.simulator import wire
from fleetlab.simulator.feed import Feed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleetlab.simulator.feed import Platform

__all__ = ["Connection", "Manners"]

_PADDING = " " * 4098  # what Atmosphere sends to a client that it knows already
_BACKLOG = 32 * 1024 * 1024  # characters that may wait; a client slower than that gets fewer events


@dataclass(frozen=True, slots=True)
class Manners:
    """How connections are kept alive.

    Attributes
    ----------
    heartbeat_s : float
        Silence after which the server sends its char.
    client_heartbeat_ms : int
        How often the handshake asks the client for the char.
    char : str
    patience_s : float or None
        Close with 1000 a client that has not sent the char for so long; None never does.
    binary : bool
        Whether frames are sent as binary ones.
    """

    heartbeat_s: float
    client_heartbeat_ms: int
    char: str
    patience_s: float | None
    binary: bool


class Connection:
    """A connected client.

    Attributes
    ----------
    number : int
        From 1, in the order of connecting.
    feed : Feed
    """

    def __init__(self, number: int, platform: Platform, manners: Manners) -> None:
        self.number = number
        self.feed = Feed(platform)
        self._platform = platform
        self._manners = manners
        self._ws: web.WebSocketResponse | None = None
        self._transport: asyncio.Transport | None = None
        self._outbox: deque[str] = deque()
        self._waiting = 0
        self._wake = asyncio.Event()
        self._closing = False
        self._frozen = False
        self._frames = 0
        self._last_sent = self._last_heard = time.monotonic()

    async def serve(self, request: web.Request, ws: web.WebSocketResponse) -> None:
        """Serve the client until either side closes."""
        self._ws, self._transport = ws, request.transport
        self._greet(request)
        tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        # Here and not in the writer: with nobody reading, close() waits for the client's answer,
        # and a socket that is closed before would be reset and might lose the last frames.
        await ws.close(code=1000, message=b"")

    def send(self, texts: Iterable[str]) -> None:
        """Put frames in line."""
        for text in texts:
            self._outbox.append(text)
            self._waiting += len(text)
        self._wake.set()

    def push(self) -> None:
        """Put in line what the client has coming, unless it is far behind with reading."""
        if self._waiting < _BACKLOG and not self._closing and not self._platform.hanging:
            self.send(self.feed.due())

    def close(self) -> None:
        """Close with 1000 and no reason once everything in line is sent."""
        if self._frozen:
            self.cut()  # nobody at the other end would hear of it
        self._closing = True
        self._wake.set()

    def freeze(self) -> None:
        """Neither read nor write any more, with the TCP connection left open."""
        self._frozen = True
        if self._transport is not None:
            self._transport.pause_reading()
        self._wake.set()

    def cut(self) -> None:
        """Abort the TCP connection: no close frame."""
        if self._transport is not None:
            self._transport.abort()

    def _greet(self, request: web.Request) -> None:
        known = request.query.get("X-Atmosphere-tracking-id")
        if known is None:
            return
        if known != "0":
            self.send([_PADDING])
        elif "X-atmo-protocol" in request.query:
            manners = self._manners
            self.send([f"{uuid.uuid4()}|{manners.client_heartbeat_ms}|{manners.char}|"])

    async def _read(self) -> None:
        assert self._ws is not None
        async for message in self._ws:
            if message.type is WSMsgType.TEXT:
                self._hear(message.data)
            elif message.type is WSMsgType.BINARY:
                self._hear(message.data.decode("utf-8", "replace"))

    def _hear(self, text: str) -> None:
        if text.strip() == self._manners.char:
            self._last_heard = time.monotonic()
            self._platform.ledger.heartbeat()
        elif text.strip() and not self._closing and not self._platform.hanging:
            self.send(self.feed.answer(text))

    async def _write(self) -> None:
        try:
            while True:
                if self._frozen:
                    await asyncio.Event().wait()  # until this connection is ended from outside
                while self._outbox:
                    text = self._outbox.popleft()
                    self._waiting -= len(text)
                    await self._send(text)
                if self._closing:
                    return
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._until_next()):
                        await self._wake.wait()
                self._look_around()
        except ConnectionError:
            return

    async def _send(self, text: str) -> None:
        assert self._ws is not None
        if self._platform.slow_s:
            await asyncio.sleep(self._platform.slow_s)
        if self._ws.closed:
            raise ConnectionResetError
        self._frames += 1
        self._last_sent = time.monotonic()
        self._platform.ledger.sent(self.number, self._frames, text)
        if self._manners.binary:
            await self._ws.send_bytes(text.encode())
        else:
            await self._ws.send_str(text)

    def _until_next(self) -> float:
        """Return seconds until something falls due without anybody asking."""
        now, manners = time.monotonic(), self._manners
        waits = [self._last_sent + manners.heartbeat_s - now]
        if manners.patience_s is not None:
            waits.append(self._last_heard + manners.patience_s - now)
        if self.feed.key is not None:
            waits.append(self._platform.account.remaining_s(self.feed.key))
        return max(0.001, min(waits))

    def _look_around(self) -> None:
        now, manners = time.monotonic(), self._manners
        key = self.feed.key
        if key is not None and not self._platform.account.remaining_s(key):
            self.log_out()
        elif manners.patience_s is not None and now - self._last_heard >= manners.patience_s:
            self._closing = True
        elif not self._outbox and now - self._last_sent >= manners.heartbeat_s:
            self._last_sent = now
            if not self._platform.hanging:
                self.send([manners.char])

    def log_out(self) -> None:
        """Tell a subscriber that its session is over, and close."""
        if self._closing:
            return
        if self.feed.subscribed:
            self.send([wire.event("logout", wire.encode("session closed"), None)])
        self.close()
