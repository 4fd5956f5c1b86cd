"""The steps of a recording, done again in their time."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from fleetlab.simulator.replay.script import Answered, Closed, Opened, Replied, Said
from fleetlab.simulator.replay.stage import Listener, as_frame
from fleetlab.simulator.server import Host

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from fleetlab.simulator.account import Account
    from fleetlab.simulator.connection import Connection, Manners
    from fleetlab.simulator.conversation import Service
    from fleetlab.simulator.replay.script import Step
    from fleetlab.simulator.replay.stage import Stage
    from fleetlab.simulator.rest import Rest

__all__ = ["Pace", "Playback", "PlaybackServer"]

_LINE: Final = 4_000_000
"""Characters that may wait for a client; then the playback waits for it."""

_PATIENCE_S: Final = 60.0
"""How long a client may take nothing, before the others go on without it."""

_AT_A_TIME: Final = 100
"""Frames between two looks at what else there is to do."""


class Pace:
    """When a step is due.

    Parameters
    ----------
    speed : float or None
        Recorded seconds in a real one; None is as fast as clients take it.
    clock : callable
        Seconds.
    sleep : callable
        Waits for seconds.
    """

    def __init__(
        self,
        speed: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._speed = speed
        self._clock = clock
        self._sleep = sleep
        self._at = 0
        self._due = 0.0

    @property
    def is_unbounded(self) -> bool:
        """Whether only clients limit it."""
        return self._speed is None

    def start(self, at: int) -> None:
        """Begin at a recorded moment, in microseconds: that is now."""
        self._at = at
        self._due = self._clock()

    async def until(self, at: int) -> None:
        """Wait until a recorded moment has come."""
        if self._speed is None:
            return
        # The clock of the recording may have been put back: from there on it goes on as it was.
        self._due += max(0, at - self._at) / 1e6 / self._speed
        self._at = at
        wait = self._due - self._clock()
        if wait > 0:
            await self._sleep(wait)


class Playback:
    """One playback of a recording to whoever is connected.

    Parameters
    ----------
    steps : iterable of Step
        What the server did; read as it goes.
    pace : Pace
        When it does that again.
    stage : Stage
        What clients meet meanwhile.
    account : Account
        Whose sessions a recorded logout ends.
    skip_gaps : bool
        Leave the connections alone where the recording lost its own, and go on after that.
    connections : mapping of int to Connection
        Who is connected, at any moment.
    """

    def __init__(
        self,
        steps: Iterable[Step],
        pace: Pace,
        stage: Stage,
        account: Account,
        skip_gaps: bool,
        connections: Mapping[int, Connection[Listener]],
    ) -> None:
        self._steps = steps
        self._pace = pace
        self._stage = stage
        self._account = account
        self._connections = connections
        self._skip_gaps = skip_gaps
        self._has_begun = False
        self._is_running = False  # from the first subscriber on, but for gaps
        self._is_muted = False  # what is said is left out
        self._has_listeners = False  # on this connection, subscriptions are accepted
        self._count = 0

    async def run(self) -> None:
        """Play from beginning to end."""
        for step in self._steps:
            if isinstance(step, Said):
                await self._say(step)
            elif isinstance(step, Opened):
                await self._open(step)
            elif isinstance(step, Closed):
                await self._close(step)
            else:
                if self._is_running:
                    await self._pace.until(step.at)
                if isinstance(step, Replied):
                    self._stage.replied(step)
                else:
                    assert isinstance(step, Answered)
                    self._stage.answered(step.reply)
        await self._until_taken(0)
        self._stage.phase = "finished"

    async def _say(self, step: Said) -> None:
        if self._is_muted:
            return
        if self._pace.is_unbounded and self._has_listeners:
            await self._until_somebody_listens()
        await self._pace.until(step.at)
        frame = as_frame(step.data)
        for connection in self._connections.values():
            if connection.is_open and connection.feed.wants(step.event):
                connection.send([frame])
        if step.event == "logout":
            self._log_out()
        await self._until_taken(_LINE)
        self._count += 1
        if self._count % _AT_A_TIME == 0:
            await asyncio.sleep(0)

    async def _open(self, step: Opened) -> None:
        self._is_muted = self._skip_gaps and not step.accepted
        if self._is_muted:
            return
        self._stage.opened(step)
        self._has_listeners = step.accepted
        if not (self._skip_gaps and self._is_running):
            if self._has_begun:
                await self._pace.until(step.at)
            self._stage.is_open = True
            self._stage.phase = "waiting"
            self._stage.asked.clear()
            await self._stage.asked.wait()
        self._has_begun = self._is_running = True
        self._stage.phase = "playing"
        self._pace.start(step.answered_at)

    async def _close(self, step: Closed) -> None:
        if self._skip_gaps:
            return
        await self._pace.until(step.at)
        self._is_running = False
        self._stage.is_open = False
        self._stage.phase = "gap"
        for connection in self._connections.values():
            connection.close(step.code)

    def _log_out(self) -> None:
        """End all sessions, as after any logout; whoever has a login may come back."""
        self._account.end_all()
        self._is_muted = True
        self._is_running = False
        for connection in self._connections.values():
            connection.close()

    async def _until_somebody_listens(self) -> None:
        while not any(one.is_open and one.feed.subscribed for one in self._connections.values()):
            self._stage.asked.clear()
            await self._stage.asked.wait()

    async def _until_taken(self, most: int) -> None:
        """Wait for clients that have more than so many characters in line."""
        for connection in list(self._connections.values()):
            if connection.waiting > most:
                try:
                    async with asyncio.timeout(_PATIENCE_S):
                        await connection.until_taken(most)
                except TimeoutError:
                    connection.cut()


class PlaybackServer(Host[Listener]):
    """Serves a playback.

    Parameters
    ----------
    service, rest, manners
        As of any host.
    stage : Stage
        What clients meet.
    make_playback : callable
        Makes the playback for the connections there are.
    ended : callable
        Is told when the playback is over, and what it failed with, if it did.
    """

    close_s = 30.0  # a client may have much to read before it comes to the close

    def __init__(
        self,
        service: Service,
        rest: Rest,
        manners: Manners,
        stage: Stage,
        make_playback: Callable[[Mapping[int, Connection[Listener]]], Playback],
        ended: Callable[[Exception | None], None],
    ) -> None:
        super().__init__(service, rest, manners)
        self._stage = stage
        self._playback = make_playback(self._connections)
        self._ended = ended

    def _feed(self) -> Listener:
        return Listener(self._service, self._stage)

    @property
    def _takes_clients(self) -> bool:
        return self._stage.is_open

    async def _work(self) -> None:
        try:
            await self._playback.run()
        except Exception as failure:  # noqa: BLE001 - raised again where it can be caught
            self._ended(failure)
        else:
            self._ended(None)
