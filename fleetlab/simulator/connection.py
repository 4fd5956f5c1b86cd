"""One WebSocket: handshake, heartbeats, one writer, one reader."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from aiohttp import WSMsgType, web

from fleetlab.simulator import wire
from fleetlab.simulator.conversation import Conversation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleetlab.simulator.conversation import Frame, Service

__all__ = ["Connection", "Manners"]

_PADDING = " " * 4098  # what Atmosphere sends to a client that it knows already
_BACKLOG = 32 * 1024 * 1024  # characters that may wait; a client slower than that gets fewer events
_HALF_CLOSED_S = 30.0  # how long a client may take to read the rest of a connection that ended

Feed = TypeVar("Feed", bound=Conversation)


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


class Connection(Generic[Feed]):
    """A connected client.

    Attributes
    ----------
    number : int
        From 1, in the order of connecting.
    feed : Conversation
        What the client says and is told.
    waiting : int
        Characters that wait to be sent.
    """

    def __init__(self, number: int, service: Service, manners: Manners, feed: Feed) -> None:
        self.number = number
        self.feed = feed
        self.waiting = 0
        self._service = service
        self._manners = manners
        self._ws: web.WebSocketResponse | None = None
        self._transport: asyncio.Transport | None = None
        self._outbox: deque[Frame] = deque()
        self._wake = asyncio.Event()
        self._taken = asyncio.Event()
        self._closing = False
        self._gone = False
        self._close_code: int | None = 1000
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
            self._gone = True
            self._taken.set()
        # Here and not in the writer: with nobody reading, close() waits for the client's answer,
        # and a socket that is closed before would be reset and might lose the last frames.
        await ws.close(code=self._close_code or 1000, message=b"")

    @property
    def is_open(self) -> bool:
        """Whether what is put in line will be sent, as far as we know."""
        return not self._closing and not self._gone

    def send(self, frames: Iterable[Frame]) -> None:
        """Put frames in line."""
        for frame in frames:
            self._outbox.append(frame)
            self.waiting += len(frame)
        self._wake.set()

    async def until_taken(self, most: int) -> None:
        """Wait until at most so many characters are in line, or the client is gone."""
        while self.waiting > most and not self._gone:
            self._taken.clear()
            await self._taken.wait()

    def push(self) -> None:
        """Put in line what the client has coming, unless it is far behind with reading."""
        if self.waiting < _BACKLOG and not self._closing and not self._service.hanging:
            self.send(self.feed.due())

    def close(self, code: int | None = 1000) -> None:
        """Close without a reason once everything in line is sent.

        Parameters
        ----------
        code : int or None
            None ends the TCP connection without a close frame; all that was sent arrives.
        """
        if self._frozen:
            self.cut()  # nobody at the other end would hear of it
        if not self._closing:
            self._close_code = code
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
            self._service.ledger.heartbeat()
        elif text.strip() and not self._closing and not self._service.hanging:
            self.send(self.feed.answer(text))

    async def _write(self) -> None:
        try:
            while True:
                if self._frozen:
                    await asyncio.Event().wait()  # until this connection is ended from outside
                while self._outbox:
                    frame = self._outbox.popleft()
                    await self._send(frame)
                    self.waiting -= len(frame)
                    self._taken.set()
                if self._closing:
                    if self._close_code is None:
                        await self._close_half()
                    return
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._until_next()):
                        await self._wake.wait()
                self._look_around()
        except ConnectionError:
            return

    async def _close_half(self) -> None:
        """Say no more; what is under way arrives, and then the client ends its half, too."""
        assert self._transport is not None
        self._transport.write_eof()
        await asyncio.sleep(_HALF_CLOSED_S)
        self.cut()

    async def _send(self, frame: Frame) -> None:
        assert self._ws is not None
        if self._service.slow_s:
            await asyncio.sleep(self._service.slow_s)
        if self._ws.closed:
            raise ConnectionResetError
        self._frames += 1
        self._last_sent = time.monotonic()
        self._service.ledger.sent(self.number, self._frames, frame)
        if isinstance(frame, bytes):
            await self._ws.send_bytes(frame)
        elif self._manners.binary:
            await self._ws.send_bytes(frame.encode())
        else:
            await self._ws.send_str(frame)

    def _until_next(self) -> float:
        """Return seconds until something falls due without anybody asking."""
        now, manners = time.monotonic(), self._manners
        waits = [self._last_sent + manners.heartbeat_s - now]
        if manners.patience_s is not None:
            waits.append(self._last_heard + manners.patience_s - now)
        if self.feed.key is not None:
            waits.append(self._service.account.remaining_s(self.feed.key))
        return max(0.001, min(waits))

    def _look_around(self) -> None:
        now, manners = time.monotonic(), self._manners
        key = self.feed.key
        if key is not None and not self._service.account.remaining_s(key):
            self.log_out()
        elif manners.patience_s is not None and now - self._last_heard >= manners.patience_s:
            self._closing = True
        elif not self._outbox and now - self._last_sent >= manners.heartbeat_s:
            self._last_sent = now
            if not self._service.hanging:
                self.send([manners.char])

    def log_out(self) -> None:
        """Tell a subscriber that its session is over, and close."""
        if self._closing:
            return
        if self.feed.subscribed:
            self.send([wire.event("logout", wire.encode("session closed"), None)])
        self.close()
