"""One WebSocket kept alive: connect, subscribe, receive, and again after a loss.

The receiving loop stamps, numbers and hands over; it looks into a frame only until the subscription
is answered, and afterwards only into small ones, for the end of the session.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from fleetlab import clocks
from fleetlab.errors import (
    AuthenticationError,
    FleetlabError,
    RequestRefused,
    ServerUnavailable,
)
from fleetlab.failures import lost
from fleetlab.protocol import (
    ErrorMessage,
    EventMessage,
    Handshake,
    Response,
    describe,
    read,
    subscribe_message,
)
from fleetlab.pulse import Pulse, send_heartbeat
from fleetlab.records import ConnectionRecord, MessageRecord, Record
from fleetlab.renewal import Renewal
from fleetlab.server import redact
from fleetlab.status import error_for, is_retryable
from fleetlab.tasks import running, unless
from fleetlab.timeouts import Timeouts, wait_after
from fleetlab.websocket import open_websocket

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import Awaitable, Callable

    from fleetlab.requests import Request
    from fleetlab.server import Server
    from fleetlab.websocket import Line

__all__ = ["Connection", "Sink", "is_fatal"]

_SMALL: Final = 4_096

_LOOK_S: Final = 1.0
"""How often to look at the clocks."""


class Sink(Protocol):
    """Takes what happens on the connection, in order."""

    async def put(self, record: Record) -> None:
        """Take a record; reading waits for it."""


class Connection:
    """One WebSocket kept alive.

    Parameters
    ----------
    server : Server
        The server.
    key : str
        API key or session hash.
    requests : tuple of Request
        What to ask for, after each connecting.
    sink : Sink
        Takes every frame and everything that happens.
    ssl : ssl.SSLContext or None
        TLS settings; None where the server is not encrypted.
    secrets : tuple of str
        What must not be in a log or an error.
    renew : callable or None
        Gets a new key when the session has ended; None where there is no way to.
    timeouts : Timeouts
        Times.
    clock : callable
        Returns the moment.

    Attributes
    ----------
    subscribed : asyncio.Event
        Set at the first accepted subscription.
    """

    def __init__(
        self,
        server: Server,
        key: str,
        requests: tuple[Request, ...],
        sink: Sink,
        *,
        ssl: ssl_module.SSLContext | None = None,
        secrets: tuple[str, ...] = (),
        renew: Callable[[], Awaitable[str]] | None = None,
        timeouts: Timeouts | None = None,
        clock: Callable[[], clocks.Moment] = clocks.now,
    ) -> None:
        self.subscribed = asyncio.Event()
        self._server = server
        self._key = key
        self._requests = requests
        self._sink = sink
        self._ssl = ssl
        self._secrets = (key, *secrets)
        self._timeouts = timeouts or Timeouts()
        self._renewal = Renewal(renew, self._timeouts)
        self._watch = clocks.Watch(clock)
        self._stop = asyncio.Event()
        self._seq = 0
        self._attempt = 0
        self._accepted = False
        self._asking = False
        self._pulse: Pulse | None = None

    def stop(self) -> None:
        """End :meth:`run` in good order; to be called in the loop's thread."""
        self._stop.set()

    async def run(self) -> Literal["stop", "logout"]:
        """Connect, subscribe and receive until stopped.

        Returns
        -------
        str
            ``"stop"``, or ``"logout"`` where the platform ended the session, and it could not be
            renewed.

        Raises
        ------
        AuthenticationError, RequestRefused, ServerUnavailable, ProtocolError
            If the first connection fails for any reason, or a later one for good.
        """
        with running(self._watch_clocks()):
            return await self._keep_connected()

    async def _keep_connected(self) -> Literal["stop", "logout"]:
        delays = self._timeouts.delays()
        while not self._stop.is_set():
            self._attempt += 1
            self._accepted = False
            self._pulse = None
            code = None
            try:
                ended = await self._connect_once()
                if ended == "stop" or not self._may_renew():
                    return ended
                await self._lost("The platform has ended the session.")
                if not await self._renew():
                    return ended
            except FleetlabError as error:
                code = error.code
                ended_session = isinstance(error, AuthenticationError) and self._may_renew()
                fatal = is_fatal(error) and not ended_session
                if not self.subscribed.is_set() or fatal:
                    await self._log("refused", str(error), code)
                    raise
                await self._lost(str(error), code)
                if ended_session and not await self._renew():
                    if self._stop.is_set():
                        break
                    raise
            if self._attempt == 0:  # a good event had come
                delays = self._timeouts.delays()
            delay = wait_after(code, delays)
            await self._log("retry", f"connecting again in {delay:.1f} s")
            await unless(self._stop, asyncio.sleep(delay))
        return "stop"

    async def _lost(self, detail: str, code: int | None = None) -> None:
        self._watch.look()  # the loss may be the first that we hear after a sleep
        if self._accepted and self._pulse is not None:
            asleep = self._watch.away_since is not None
            await self._log("lost", detail, code, alive=self._pulse.alive, asleep=asleep)
        else:
            await self._log("failed", detail, code)

    async def _watch_clocks(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            self._watch.look()
            for what, detail in self._watch.news():
                await self._log(what, detail)

    def _may_renew(self) -> bool:
        return self.subscribed.is_set() and self._renewal.is_worth_a_try

    async def _renew(self) -> bool:
        """Go on with a new session; false where there is none."""
        key = await self._renewal.key(self._stop, self._log)
        if key is None:
            return False
        self._key = key
        self._secrets = (key, *self._secrets)
        await self._log("renewed", "logged in anew")
        return True

    async def _connect_once(self) -> Literal["stop", "logout"]:
        """Go through one connection; raises a FleetlabError when it is lost."""
        phase = "accept the connection"
        try:
            async with asyncio.timeout(self._timeouts.answer) as limit:
                opening = open_websocket(self._server, self._ssl, self._timeouts.close)
                websocket = await unless(self._stop, opening)
                if websocket is None:
                    return "stop"
                phase = "answer the subscription"
                async with contextlib.AsyncExitStack() as stack:
                    stack.push_async_callback(websocket.close)
                    stack.enter_context(running(self._close_on_stop(websocket)))
                    return await self._receive(websocket, limit, stack)
        except TimeoutError as error:
            raise ServerUnavailable(
                f"{self._server.host} did not {phase} within {self._timeouts.answer:.0f} s. Check "
                "the address, the network, and a proxy or firewall between, and try again."
            ) from error
        except (ConnectionClosed, InvalidHandshake, InvalidURI, OSError) as error:
            if isinstance(error, ConnectionClosed) and self._stop.is_set():
                await self._log("closed", "by us")
                return "stop"
            if self._pulse is not None and self._pulse.dead is not None:
                raise ServerUnavailable(
                    f"{self._server.host} did not {self._pulse.dead}: the connection is dead."
                ) from error
            # A traceback would show the server's words as they are, and they may echo the key.
            raise lost(self._server, error, self._secrets, answered=self._accepted) from None

    async def _receive(
        self,
        websocket: Line,
        limit: asyncio.Timeout,
        stack: contextlib.AsyncExitStack,
    ) -> Literal["stop", "logout"]:
        await self._log("connected", f"to {self._server.host}")
        pulse = self._pulse = Pulse(self._timeouts, self._watch)
        await self._subscribe(websocket)
        stack.enter_context(running(pulse.keep_pinging(websocket)))
        again = partial(self._subscribe, websocket)
        stack.enter_context(running(pulse.ask_again(websocket, again)))
        put, receive = self._sink.put, websocket.recv
        while True:
            data = await receive(decode=False)
            self._seq += 1
            pulse.busy = True
            await put(MessageRecord(self._seq, pulse.heard(), data))
            pulse.busy = False
            if self._accepted and not _deserves_a_look(data):
                if self._attempt and data.startswith(b"{"):
                    self._attempt = 0  # a good event: the next loss begins to wait anew
                continue
            message = read(data)
            if isinstance(message, Handshake):
                stack.enter_context(running(send_heartbeat(websocket, message)))
            elif isinstance(message, Response):
                await self._answered(message)
                limit.reschedule(None)
            elif isinstance(message, ErrorMessage):
                raise self._refused(message)
            elif isinstance(message, EventMessage):
                if message.event == "logout":
                    return "logout"
                # Events come to subscribers only: an answer that is late, or that a server of
                # one's own leaves out, is no reason to give up a stream that flows.
                await self._accept()
                limit.reschedule(None)

    async def _answered(self, response: Response) -> None:
        refused = "; ".join(f"{event}: {words}" for event, words in response.failures.items())
        if response.failures and not response.statuses:
            raise RequestRefused(
                f"The server refused what was asked for ({redact(refused, self._secrets)}). "
                f"Asked for: {describe(self._requests)}"
            )
        await self._accept()
        if refused:
            await self._log("refused", refused)

    async def _subscribe(self, websocket: Line) -> None:
        self._asking = True
        await self._log("subscribing", describe(self._requests))
        await websocket.send(subscribe_message(self._requests, self._key))

    async def _accept(self) -> None:
        if self._asking:
            self._asking = False
            self._accepted = True
            await self._log("subscribed")
            self.subscribed.set()

    async def _close_on_stop(self, websocket: Line) -> None:
        await self._stop.wait()
        await websocket.close()

    async def _log(
        self, what: str, detail: str | None = None, code: int | None = None, **facts: Any
    ) -> None:
        detail = None if detail is None else redact(detail, self._secrets)
        at, steady = self._watch.look()
        attempt = self._attempt or None
        await self._sink.put(ConnectionRecord(at, what, attempt, code, detail, facts, steady))

    def _refused(self, message: ErrorMessage) -> FleetlabError:
        words = redact(message.description, self._secrets)
        return error_for(message.code, words, describe(self._requests))


def is_fatal(error: FleetlabError) -> bool:
    """Whether trying again can only fail: the platform said so, with a code that says it."""
    known = isinstance(error, (AuthenticationError, RequestRefused)) and error.code is not None
    return known and not is_retryable(error.code)


def _deserves_a_look(data: bytes) -> bool:
    """Whether a frame may be something else than an event with data."""
    return len(data) < _SMALL and (
        b'"logout"' in data or b'"error"' in data or b'"response"' in data or data[:1] != b"{"
    )
