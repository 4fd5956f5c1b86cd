"""The server: WebSocket and REST on one port, and the updates that move the world on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from fleetlab.simulator import wire
from fleetlab.simulator.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleetlab.simulator.connection import Manners
    from fleetlab.simulator.feed import Platform
    from fleetlab.simulator.fleet import Tracker
    from fleetlab.simulator.rest import Rest

__all__ = ["Server"]

_LONGEST_MESSAGE = 8 * 1024  # bytes; Tomcat's default buffer
_CLOSE_S = 1.0  # how long a client may take to answer a close
_GRACE_S = 2.0  # how long a stop waits for connections to end, clients that don't read included


class Server:
    """Serves a platform until it is told to stop. Lives in one event loop.

    Parameters
    ----------
    platform : Platform
    rest : Rest
    manners : Manners
    """

    def __init__(self, platform: Platform, rest: Rest, manners: Manners) -> None:
        self._platform = platform
        self._rest = rest
        self._manners = manners
        self._connections: dict[int, Connection] = {}
        self._count = 0
        self._stopping = asyncio.Event()

    async def run(self, host: str, port: int, listening: Callable[[int], None]) -> None:
        """Listen, and return after `stop`; tells the port once connections are accepted."""
        app = web.Application()
        for prefix in ("", "/v2"):
            for slash in ("", "/"):
                app.router.add_get(f"{prefix}/event/subscription{slash}", self._websocket)
        app.router.add_route("*", "/{call:.*}", self._rest.handle)
        runner = web.AppRunner(
            app, handle_signals=False, access_log=None, shutdown_timeout=_GRACE_S
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            await site.start()
            self._platform.world.clock.run()
            updates = asyncio.create_task(self._keep_updating())
            listening(runner.addresses[0][1])
            await self._stopping.wait()
            updates.cancel()
            for connection in self._connections.values():
                connection.close()
        finally:
            await runner.cleanup()

    def stop(self) -> None:
        """Close every connection with 1000 and end `run`."""
        self._stopping.set()

    def step(self, seconds: float) -> None:
        """Move a clock that stands and make one update."""
        self._platform.world.clock.advance(seconds)
        self._update()

    def cut(self) -> None:
        """Abort every TCP connection."""
        for connection in self._connections.values():
            connection.cut()

    def freeze(self) -> None:
        """Leave every TCP connection open, and neither read nor write any more."""
        for connection in self._connections.values():
            connection.freeze()

    def say(self, text: str) -> None:
        """Send a frame to everybody, whatever it holds."""
        for connection in self._connections.values():
            connection.send([text])

    def hang_up(self) -> None:
        """Close every connection with 1000, as a server that is restarted does."""
        for connection in self._connections.values():
            connection.close()

    def log_out(self) -> None:
        """End all sessions: logout to whoever subscribed, then close."""
        self._platform.account.end_all()
        for connection in self._connections.values():
            connection.log_out()

    def lifecycle(self, tracker: Tracker, what: str) -> None:
        """Block, unblock or remove (corrupt) a vehicle, and tell whoever listens to it."""
        world = self._platform.world
        sharing = {t.tracker_id for t in world.trackers.values() if t.vehicle == tracker.vehicle}
        change = {"block": world.block, "unblock": world.unblock, "corrupt": world.remove}
        change[what](tracker)
        told = {"source_id": world.vehicle(tracker).source_id, "lifecycle_event": what}
        text = wire.event("lifecycle", wire.encode(told), None)
        for connection in self._connections.values():
            if connection.feed.hears_of(sharing):
                connection.send([text])
                connection.push()

    async def _keep_updating(self) -> None:
        clock = self._platform.world.clock
        while (wait := clock.to_next_s) is not None:
            await asyncio.sleep(wait)
            self._update()

    def _update(self) -> None:
        self._platform.world.advance()
        for connection in self._connections.values():
            connection.push()

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(
            timeout=_CLOSE_S, max_msg_size=_LONGEST_MESSAGE + 1, compress=False
        )
        if not ws.can_prepare(request).ok:
            return web.Response(status=400, text="This address is for WebSockets.")
        await ws.prepare(request)
        self._count += 1
        connection = Connection(self._count, self._platform, self._manners)
        self._connections[connection.number] = connection
        try:
            await connection.serve(request, ws)
        finally:
            del self._connections[connection.number]
        return ws
