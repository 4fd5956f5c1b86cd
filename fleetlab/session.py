"""One capture at work: its folder, its threads, its connection, and how it ends."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import shutil
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Literal

from fleetlab import clocks
from fleetlab._version import __version__
from fleetlab.beginning import first_info, make_folder
from fleetlab.connection import Connection
from fleetlab.directory import DirectoryReader
from fleetlab.errors import FleetlabError, bare
from fleetlab.pipeline import Pipeline
from fleetlab.progress import Progress
from fleetlab.recording.lock import FolderLock
from fleetlab.recording.told import ended_facts, started_facts
from fleetlab.records import ConnectionRecord
from fleetlab.server import Credentials, resolve_server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import polars as pl

    from fleetlab.plan import Plan
    from fleetlab.recording import Recording
    from fleetlab.rest import RestClient
    from fleetlab.server import Server
    from fleetlab.simulator import Simulator

__all__ = ["Session"]

Reason = Literal["time", "stop", "interrupt", "logout", "error"]


class Session:
    """One capture at work.

    Parameters
    ----------
    plan : Plan
        What it is to do.

    Attributes
    ----------
    done : threading.Event
        Set when all is written.
    error : FleetlabError or None
        What ended it, if that was an error.
    """

    def __init__(self, plan: Plan) -> None:
        self.done = threading.Event()
        self.error: FleetlabError | None = None
        self._plan = plan
        self._reason: Reason | None = None
        self._subscribed_at: float | None = None
        self._ended_at: float | None = None
        self._final: Recording | None = None
        self._simulator: Simulator | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        began = datetime.fromtimestamp(clocks.now().at / 1e6, UTC)
        self._folder, self._made = make_folder(plan, began)
        self._lock = None if self._folder.path is None else FolderLock(self._folder.path)
        self._info = first_info(plan, self._folder, began)

    def start(self) -> None:
        """Begin; returns at once.

        Raises
        ------
        RecordingError
            If the folder can't be used.
        """
        if self._lock is not None:
            self._lock.acquire()
        try:
            self._server, self._credentials = self._where()
            self._pipeline = Pipeline(
                self._folder, self._info, self._credentials.secrets, self._fail
            )
        except BaseException:
            self._discard()
            raise
        atexit.register(self._at_exit)
        threading.Thread(target=self._run, name="fleetlab-receiver", daemon=True).start()

    def stop(self, reason: Reason) -> None:
        """Ask for the end; returns at once."""
        self._reason = self._reason or reason
        if self._loop is not None and self._wake is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._wake.set)

    def recording(self) -> Recording:
        """Return what has been recorded as of now."""
        return self._final or self._pipeline.snapshot()

    def progress(self) -> Progress:
        """Return how far it is."""
        latest = self._pipeline.latest
        since, until = self._subscribed_at, self._ended_at or time.monotonic()
        total = self._plan.seconds
        elapsed = 0.0 if since is None else until - since
        return Progress(
            elapsed_s=elapsed if total is None else min(elapsed, total),
            total_s=total,
            state="connecting" if latest is None else latest.what,
            detail="" if latest is None else latest.detail or "",
            messages=self._pipeline.messages,
            bytes=self._pipeline.bytes,
            rows=dict(self._pipeline.decoder.counts),
        )

    def recent(self) -> list[Mapping[str, pl.DataFrame]]:
        """Return the rows decoded since it was last asked, or the latest of them."""
        return self._pipeline.recent()

    @property
    def size(self) -> int:
        """Bytes on disk; in memory, all of them."""
        return self._pipeline.size

    def _where(self) -> tuple[Server, Credentials]:
        """The server and who asks; the embedded simulator is started for that."""
        if self._plan.server is not None and self._plan.credentials is not None:
            return self._plan.server, self._plan.credentials
        from fleetlab.simulator import Simulator  # noqa: PLC0415 - only if it is wanted

        self._simulator = Simulator().start()
        return (
            resolve_server(self._simulator.base_url, {}),
            Credentials(api_key=self._simulator.api_key),
        )

    # -- in the receiver's thread -----------------------------------------------------------

    def _run(self) -> None:
        # The end is told before the loop is closed: that waits for look-ups of host names, which
        # nobody can cancel.
        with asyncio.Runner() as runner:
            self._guarded(lambda: runner.run(self._main()))
            self._guarded(self._finish)
            self._release()

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do a part of the work; an error in it ends the capture instead of vanishing."""
        try:
            work()
        except FleetlabError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the user has to hear of it
            self._fail(FleetlabError(f"The capture failed: {type(error).__name__}: {error}"))

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake = wake = asyncio.Event()
        detail = f"fleetlab {__version__}"
        at, steady = self._pipeline.clock()
        await self._pipeline.put(
            ConnectionRecord(
                at, "started", detail=detail, facts=started_facts(self._info), steady=steady
            )
        )
        if self._reason is not None:  # stopped before we were here
            return
        # Not at the top: aiohttp takes a third of the time of importing fleetlab.
        from fleetlab.rest import RestClient, ssl_context  # noqa: PLC0415

        context = ssl_context(self._server)
        given, secrets = self._credentials.api_key, self._credentials.secrets
        async with RestClient(self._server, context, given or "") as rest:
            connection = Connection(
                self._server,
                given or await self._log_in(rest),
                self._plan.requests,
                self._pipeline,
                ssl=context,
                secrets=secrets,
                clock=self._pipeline.clock,
                renew=None if given else partial(self._log_in, rest),
            )
            receiving = asyncio.create_task(connection.run())
            reader = DirectoryReader(rest, self._pipeline, secrets)
            reading = asyncio.create_task(reader.run(wants_zone=self._plan.timezone is None))
            timing = asyncio.create_task(self._time(connection, wake))
            try:
                await asyncio.wait(
                    [receiving, timing, reading], return_when=asyncio.FIRST_COMPLETED
                )
                connection.stop()
                ended = await receiving
                if ended == "logout":
                    self._reason = self._reason or "logout"
                if reading.done():
                    reading.result()
            finally:
                for task in (receiving, reading, timing):
                    task.cancel()
                await asyncio.gather(receiving, reading, timing, return_exceptions=True)

    async def _time(self, connection: Connection, wake: asyncio.Event) -> None:
        """Wait until it is time to end."""
        waking = asyncio.create_task(wake.wait())
        subscribing = asyncio.create_task(connection.subscribed.wait())
        try:
            await asyncio.wait([waking, subscribing], return_when=asyncio.FIRST_COMPLETED)
            if not waking.done():
                self._subscribed_at = time.monotonic()
                await asyncio.wait([waking], timeout=self._plan.seconds)
                self._reason = self._reason or "time"
        finally:
            waking.cancel()
            subscribing.cancel()

    async def _log_in(self, rest: RestClient) -> str:
        key = await rest.auth(self._credentials.login or "", self._credentials.password or "")
        self._pipeline.add_secret(key)
        return key

    # -- the end ----------------------------------------------------------------------------

    def _fail(self, error: FleetlabError) -> None:
        """Keep the first error, and end."""
        if self.error is None:
            self.error = bare(error)
            self._reason = "error"
        self.stop("error")

    def _finish(self) -> None:
        self._ended_at = time.monotonic()
        reason = self._reason or "stop"
        at, steady = self._pipeline.clock()
        info = replace(
            self._info,
            ended_at=datetime.fromtimestamp(at / 1e6, UTC),
            stopped_because=reason,
            error=None if self.error is None else str(self.error),
        )
        self._pipeline.put_last(
            ConnectionRecord(at, "ended", detail=reason, facts=ended_facts(info), steady=steady)
        )
        self._final = self._pipeline.finish(info)

    def _release(self) -> None:
        if self._simulator is not None:
            self._simulator.stop()
        if self._lock is not None:
            self._lock.release()
        if self.error is not None and self._subscribed_at is None:
            self._discard()
        elif self.error is not None:
            self.error.recording = self.recording()
        atexit.unregister(self._at_exit)
        self.done.set()

    def _discard(self) -> None:
        """Leave no empty folder behind where nothing has been caught."""
        if self._lock is not None:
            self._lock.release()
        if self._simulator is not None:
            self._simulator.stop()
        path = self._folder.path
        if path is not None:
            shutil.rmtree(path, ignore_errors=True)
            if not self._made:
                path.mkdir(exist_ok=True)

    def _at_exit(self) -> None:
        self.stop("stop")
        self.done.wait(10)
