"""A server made of raw bytes, so that it can do what no WebSocket library lets one do.

It shares no code with the client nor with the simulator. Each WebSocket that is opened goes through
the next script of the list, and the last script serves all that come after. A frame is in the
ledger once its last byte was handed to the network; a script that cuts waits until the client's
computer has acknowledged all of it, so that everything in the ledger has arrived.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import fcntl
import hashlib
import itertools
import json
import secrets
import socket
import ssl
import struct
import termios
import threading
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

KEY = "0123456789abcdef0123456789abcdef"
ZONE = "Europe/Madrid"
TRACKERS = [
    {"id": 1000 + n, "label": f"Van {n}", "clone": False, "source": {"id": 500 + n}}
    for n in range(1, 4)
]
HANDSHAKE = "b623a15d-0000-4000-8000-000000000000|30000|X|"
LOGOUT = json.dumps({"type": "event", "event": "logout", "data": "session closed"})

_NUMBERS = itertools.count(1)

Script = Callable[["Wire"], Awaitable[None]]


def accepted() -> str:
    value = {str(tracker["id"]): "normal" for tracker in TRACKERS}
    events = ("state_batch", "readings_batch")
    data = {event: {"success": True, "value": value} for event in events}
    return json.dumps({"type": "response", "action": "subscription/subscribe", "data": data})


def event(number: int | None = None, pad: int = 0) -> str:
    """An event of three trackers, unlike any other; padding is for states, and is random."""
    number = next(_NUMBERS) if number is None else number
    second = f"2026-07-01 {number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}"
    data: list[dict[str, Any]]
    if pad or number % 3:
        name = "state_batch"
        data = [
            {
                "source_id": tracker["source"]["id"],
                "gps": {
                    "updated": second,
                    "location": {"lat": 40.0 + number / 1e6, "lng": -3.7},
                    "speed": number % 120,
                    "heading": number % 360,
                },
                "connection_status": "active",
                "movement_status": "moving" + secrets.token_hex(pad),
                "last_update": second,
                "inputs": [True, False],
            }
            for tracker in TRACKERS
        ]
    else:
        name = "readings_batch"
        data = [
            {
                str(tracker["id"]): {
                    "inputs": [
                        {"sensor_id": 7, "name": "lls", "value": number / 7, "update_time": second}
                    ],
                    "counters": [{"type": "odometer", "value": number, "update_time": second}],
                }
            }
            for tracker in TRACKERS
        ]
    body = {"type": "event", "event": name, "data": data, "user_time": second}
    return json.dumps(body, separators=(",", ":"))


def frame(data: bytes, opcode: int = 1, *, final: bool = True, deflated: bool = False) -> bytes:
    first = opcode | (0x80 if final else 0) | (0x40 if deflated else 0)
    if len(data) < 126:
        return struct.pack("!BB", first, len(data)) + data
    if len(data) < 1 << 16:
        return struct.pack("!BBH", first, 126, len(data)) + data
    return struct.pack("!BBQ", first, 127, len(data)) + data


@dataclass(frozen=True)
class Sent:
    """A frame of data that went out whole; `good` ones are valid messages of the protocol."""

    connection: int
    data: bytes
    good: bool


class Wire:
    """One WebSocket in the hands of a script."""

    def __init__(
        self,
        server: FaultServer,
        number: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upgrade: bytes,
    ) -> None:
        self.number = number
        self.upgrade = upgrade
        self._server = server
        self._reader = reader
        self._writer = writer
        self._texts: asyncio.Queue[str] = asyncio.Queue()
        self._listening: asyncio.Task[None] | None = None
        self._inflate = zlib.decompressobj(wbits=-15)

    # -- the usual ----------------------------------------------------------------------------

    async def open(self) -> None:
        """Accept the WebSocket; from now on pings are answered."""
        await self.raw(self.upgrade)
        self.listen()

    async def live(self, events: int = 0) -> None:
        """Accept the WebSocket and the subscription, and send some events."""
        await self.open()
        await self.heard()
        await self.say(HANDSHAKE)
        await self.say(accepted())
        await self.events(events)

    async def events(self, count: int) -> None:
        for _ in range(count):
            await self.say(event())

    async def say(self, text: str | bytes, *, good: bool = True) -> None:
        """Send a message, in a text frame whatever it holds."""
        data = text.encode() if isinstance(text, str) else text
        await self.raw(frame(data))
        self.note(data, good=good)

    def note(self, data: bytes, *, good: bool = True) -> None:
        """Note a message that was sent in a way of its own."""
        self._server.ledger.append(Sent(self.number, data, good))

    async def heard(self) -> str:
        """Return the next text of the client, its heartbeats left out."""
        while (text := await self._texts.get()) == "X":
            pass
        return text

    async def logout(self) -> None:
        """Let the capture end."""
        await self.say(LOGOUT)
        await self.stay()

    async def stay(self) -> None:
        """Stay until the client goes."""
        if self._listening is not None:
            await asyncio.wait([self._listening])

    # -- the unusual --------------------------------------------------------------------------

    async def raw(self, data: bytes) -> None:
        if self._writer.transport.is_closing():
            raise ConnectionResetError
        self._writer.write(data)
        await self._writer.drain()

    async def drip(self, data: bytes, seconds: float, size: int = 1) -> None:
        """Send bytes one by one, or in some pieces, with a wait after each."""
        for start in range(0, len(data), size):
            await self.raw(data[start : start + size])
            await asyncio.sleep(seconds)

    async def arrived(self) -> None:
        """Wait until the client's computer has acknowledged every byte."""
        sock = self._writer.get_extra_info("socket")
        while True:
            if self._writer.transport.is_closing():
                raise ConnectionResetError
            waiting = struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))[0]
            if not waiting and not self._writer.transport.get_write_buffer_size():
                return
            await asyncio.sleep(0.005)

    async def cut(self) -> None:
        """Reset the connection, once all that was sent has arrived."""
        await self.arrived()
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def close(self, code: int, reason: str = "") -> None:
        """Close in good order with a code."""
        await self.raw(frame(struct.pack("!H", code) + reason.encode(), 8))
        await self.stay()

    def freeze(self) -> None:
        """Read and answer nothing any more, and leave the connection open."""
        if self._listening is not None:
            self._listening.cancel()

    async def until(self, moment: threading.Event) -> None:
        """Wait for the test."""
        await asyncio.to_thread(moment.wait, 30)

    # -- reading ------------------------------------------------------------------------------

    def listen(self) -> None:
        self._listening = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                opcode, data = await self._frame()
                if opcode in (1, 2):
                    self._texts.put_nowait(data.decode())
                elif opcode == 9:
                    await self.raw(frame(data, 10))
                elif opcode == 8:
                    await self.raw(frame(data, 8))
                    self._writer.close()
                    return

    async def _frame(self) -> tuple[int, bytes]:
        first, second = await self._reader.readexactly(2)
        size = second & 127
        if size > 125:
            count = 2 if size == 126 else 8
            size = int.from_bytes(await self._reader.readexactly(count), "big")
        mask = await self._reader.readexactly(4)
        masked = await self._reader.readexactly(size)
        data = bytes(a ^ b for a, b in zip(masked, itertools.cycle(mask), strict=False))
        if first & 0x40:
            data = self._inflate.decompress(data + b"\0\0\xff\xff")
        return first & 15, data


class FaultServer:
    """Serves WebSockets by scripts, and the REST side, on one port of loopback.

    `rest` may be set to a function of the call that returns status and body (and more lines of the
    header), or None to hang.
    """

    def __init__(
        self,
        scripts: Sequence[Script],
        *,
        deflate: bool = False,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.ledger: list[Sent] = []
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.failures: list[BaseException] = []
        self.rest: Callable[[str], Any] = platform
        self.host = host
        self._tls = tls
        self.deflate = deflate
        self._scripts = scripts
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._site: asyncio.Server | None = None
        self._connections = 0
        self._socket = bound(host, 0)
        self.port: int = self._socket.getsockname()[1]

    @property
    def base_url(self) -> str:
        return f"http{'s' if self._tls else ''}://{self.host}:{self.port}/v2"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.do(self.listen())
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._socket.close()
        if self.failures:  # a script that failed would look like one more fault
            raise self.failures[0]

    def do(self, work: Any) -> Any:
        """Run a coroutine of the server's from the test."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def listen(self) -> None:
        self._site = await asyncio.start_server(
            self._serve, sock=self._socket, limit=1 << 20, ssl=self._tls
        )

    async def refuse(self) -> None:
        """Refuse connections until `listen` is called; the port stays ours meanwhile."""
        assert self._site is not None
        self._site.close()
        self._socket = bound(self.host, self.port)

    async def _end(self) -> None:
        if self._site is not None:
            self._site.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over
        except BaseException as error:  # noqa: BLE001 - the test has to hear of it
            self.failures.append(error)
        finally:
            self._tasks.discard(task)
            if not writer.transport.is_closing():
                writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.split("\r\n")
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines) if k}
            _, path, _ = first.split(" ")
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.requests.append((path, headers, body))
            if headers.get("upgrade", "").lower() == "websocket":
                self._connections += 1
                number = self._connections
                script = self._scripts[min(number, len(self._scripts)) - 1]
                upgrade = self._upgrade(headers["sec-websocket-key"])
                wire = Wire(self, number, reader, writer, upgrade)
                try:
                    await script(wire)
                    await wire.stay()
                finally:
                    wire.freeze()
                return
            reply = self.rest(path.removeprefix("/v2/"))
            if reply is None:
                await reader.read()
                return
            status, text, *more = reply
            writer.write(
                f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{''.join(more)}"
                f"Content-Length: {len(text)}\r\n\r\n".encode()
                + text
            )
            await writer.drain()

    def _upgrade(self, key: str) -> bytes:
        magic = key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(magic).digest()).decode()
        more = "Sec-WebSocket-Extensions: permessage-deflate\r\n" if self.deflate else ""
        return (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n{more}\r\n"
        ).encode()


def bound(host: str, port: int) -> socket.socket:
    """A socket that has a port: until it listens, the system refuses connections to it."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((host, port))
    return made


def platform(call: str) -> tuple[int, bytes]:
    """The REST side as it should be."""
    if call == "tracker/list":
        return 200, json.dumps({"success": True, "list": TRACKERS}).encode()
    if call == "user/get_info":
        return 200, json.dumps({"success": True, "user_info": {"time_zone": ZONE}}).encode()
    return 404, b"{}"
