"""The server: WebSocket and REST on one port; and the updates that move the simulated world on."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from aiohttp import web

from fleetlab.simulator import wire
from fleetlab.simulator.connection import Connection
from fleetlab.simulator.conversation import Conversation
from fleetlab.simulator.feed import Feed

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleetlab.simulator.connection import Manners
    from fleetlab.simulator.conversation import Service
    from fleetlab.simulator.feed import Platform
    from fleetlab.simulator.fleet import Tracker
    from fleetlab.simulator.rest import Rest

__all__ = ["Host", "Server"]

AnyFeed = TypeVar("AnyFeed", bound=Conversation)

_LONGEST_MESSAGE = 8 * 1024  # bytes; Tomcat's default buffer
_CLOSE_S = 1.0
_GRACE_S = 2.0  # how long a stop waits for connections to end, clients that don't read included


class Host(ABC, Generic[AnyFeed]):
    """Serves clients until it is told to stop. Lives in one event loop.

    Parameters
    ----------
    service : Service
    rest : Rest
    manners : Manners
    """

    close_s = _CLOSE_S  # how long a client may take to answer a close

    def __init__(self, service: Service, rest: Rest, manners: Manners) -> None:
        self._service = service
        self._rest = rest
        self._manners = manners
        self._connections: dict[int, Connection[AnyFeed]] = {}
        self._count = 0
        self._stopping = False
        self._pause_s = 0.0
        self._wake = asyncio.Event()

    async def run(self, host: str, port: int, listening: Callable[[int], None]) -> None:
        """Listen, and return after `stop`; tells the port once connections are accepted."""
        app = web.Application()
        app.on_response_prepare.append(_as_behind_a_gateway)
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
            port = runner.addresses[0][1]
            work = asyncio.create_task(self._work())
            listening(port)
            while not await self._stopped_within(None):
                pause, self._pause_s = self._pause_s, 0.0
                await site.stop()
                self.hang_up()
                if await self._stopped_within(pause):
                    break
                site = web.TCPSite(runner, host, port)
                await site.start()
            work.cancel()
            for connection in self._connections.values():
                connection.close()
        finally:
            await runner.cleanup()

    async def _stopped_within(self, seconds: float | None) -> bool:
        """Wait for the stop; false once the seconds are over, or a restart is asked for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        if seconds is None:
            self._wake.clear()
        return self._stopping

    def stop(self) -> None:
        """Close every connection with 1000 and end `run`."""
        self._stopping = True
        self._wake.set()

    def restart(self, seconds: float) -> None:
        """Stop listening, close every connection with 1000, and listen again after a while."""
        self._pause_s = seconds
        self._wake.set()

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
        self._service.account.end_all()
        for connection in self._connections.values():
            connection.log_out()

    @abstractmethod
    def _feed(self) -> AnyFeed:
        """Begin a conversation with a client that has just connected."""

    @abstractmethod
    async def _work(self) -> None:
        """Do what is done while connections are served; cancelled in the end."""

    @property
    def _takes_clients(self) -> bool:
        """Whether WebSockets are opened at the moment."""
        return True

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(
            timeout=self.close_s, max_msg_size=_LONGEST_MESSAGE + 1, compress=False
        )
        if request.query.get("X-Atmosphere-Transport") == "close":
            self._service.ledger.asked("goodbye", dict(request.query), rest=True)
            return web.Response()
        if not ws.can_prepare(request).ok:
            return web.Response(status=400, text="This address is for WebSockets.")
        if not self._takes_clients:
            return web.Response(status=503, text="Service Unavailable")
        try:
            await ws.prepare(request)
        except ConnectionError:  # gone already
            return web.Response()
        self._count += 1
        connection = Connection(self._count, self._service, self._manners, self._feed())
        self._connections[connection.number] = connection
        try:
            await connection.serve(request, ws)
        finally:
            del self._connections[connection.number]
        return ws


class Server(Host[Feed]):
    """Serves the simulated fleet.

    Parameters
    ----------
    platform : Platform
    rest : Rest
    manners : Manners
    """

    def __init__(self, platform: Platform, rest: Rest, manners: Manners) -> None:
        super().__init__(platform, rest, manners)
        self._platform = platform

    def step(self, seconds: float) -> None:
        """Move a clock that stands and make one update."""
        self._platform.world.clock.advance(seconds)
        self._update()

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

    def renew(self, tracker: Tracker, status: str) -> None:
        """Put a new device into a vehicle."""
        self._platform.world.renew(tracker, status)
        for connection in self._connections.values():
            connection.push()

    def _feed(self) -> Feed:
        return Feed(self._platform)

    async def _work(self) -> None:
        clock = self._platform.world.clock
        clock.run()
        while (wait := clock.to_next_s) is not None:
            await asyncio.sleep(wait)
            self._update()

    def _update(self) -> None:
        self._platform.world.advance()
        for connection in self._connections.values():
            connection.push()


async def _as_behind_a_gateway(request: web.Request, response: web.StreamResponse) -> None:
    """Add what browsers on other sites need, and say no more of the server than a gateway does."""
    del request
    response.headers["Server"] = "nginx"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
    response.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
