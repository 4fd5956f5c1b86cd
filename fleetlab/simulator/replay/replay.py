"""A recording, served again as the platform served it."""

from __future__ import annotations

import asyncio
import math
import os
import secrets
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Literal, Self

from fleetlab.errors import InvalidArgument, Words
from fleetlab.recording.folder import DiskFolder
from fleetlab.recording.journal import has_journal, read_journal
from fleetlab.recording.manifest import UnreadableManifest, read_manifest
from fleetlab.simulator.account import Account
from fleetlab.simulator.connection import Manners
from fleetlab.simulator.conversation import Service
from fleetlab.simulator.entrance import Entrance
from fleetlab.simulator.ledger import Ledger
from fleetlab.simulator.replay.playback import Pace, Playback, PlaybackServer
from fleetlab.simulator.replay.prelude import read_prelude
from fleetlab.simulator.replay.script import read_script
from fleetlab.simulator.replay.stage import Stage
from fleetlab.simulator.rest import Rest
from fleetlab.simulator.thread import ServerThread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from types import TracebackType

    from fleetlab.records import Record
    from fleetlab.simulator.replay.stage import Phase

__all__ = ["Replay"]

_HEARTBEAT_S = 90.0  # after a recorded heartbeat was due: the platform's own come after 60
_THIRTY_DAYS = 30 * 86_400.0
_PER_SECOND = 50


class Replay(Entrance):
    """A recording that is served again; made by :func:`fleetlab.replay`, which says how."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        speed: float | Literal["max"],
        gaps: Literal["include", "skip"],
        host: str,
        port: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not isinstance(folder, (str, os.PathLike)):
            raise InvalidArgument(
                "replay takes a recording's folder, such as recordings/2026-11-23T231500Z (of a "
                f"recording, rec.info.path); not a {type(folder).__name__}."
            )
        if gaps not in ("include", "skip"):
            raise InvalidArgument(f'gaps must be "include" or "skip", not {gaps!r}.')
        self._pace = partial(Pace, _read_speed(speed), clock=clock, sleep=sleep)
        self._skip_gaps = gaps == "skip"
        self._folder = DiskFolder(folder)
        self._bind = (host, port)
        try:
            read_manifest(self._folder)
        except UnreadableManifest:
            if not has_journal(self._folder):  # which is all that is served
                raise
        self._prelude = read_prelude(self._records([]), str(self._folder.path))
        self._seed = secrets.randbits(48)
        self._problems: list[str] = []
        self._ended = threading.Event()
        self._failure: Exception | None = None
        self._account = self._fresh_account()
        self._stage = Stage(self._prelude.replies)
        self._thread: ServerThread[PlaybackServer] | None = None

    def __repr__(self) -> str:
        where = "stopped" if self._thread is None else f"{self.base_url} {self.phase}"
        return f"<Replay of {self.name} {where}>"

    # Running

    def start(self) -> Self:
        """Serve in a daemon thread; returns once connections are accepted.

        After a stop, the playback begins anew.

        Raises
        ------
        OSError
            If the address can't be listened on.
        """
        if self._thread is None:
            self._problems = []
            self._failure = None
            self._ended.clear()
            self._account = self._fresh_account()
            self._stage = Stage(self._prelude.replies)
            host, port = self._bind
            self._thread = ServerThread(self._make_server, host=host, port=port)
            self._address = (host, self._thread.port)
        return self

    def stop(self) -> None:
        """Close all WebSockets with 1000 and an empty reason, and end the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()
        self._ended.set()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # How far it is

    @property
    def name(self) -> str:
        """The recording's name: its folder's."""
        return self._folder.name

    @property
    def phase(self) -> Phase:
        """What goes on: "waiting" (for a subscription), "playing", "gap" or "finished"."""
        return self._stage.phase

    @property
    def finished(self) -> bool:
        """Whether every message was sent; connections stay open after that, and silent."""
        return self._stage.phase == "finished"

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until every message was sent, or the replay is stopped.

        Parameters
        ----------
        timeout : float or None
            Seconds; None for as long as it takes.

        Returns
        -------
        bool
            Whether every message was sent.
        """
        if self._address is None:
            raise InvalidArgument("The replay has nothing to wait for before start().")
        self._ended.wait(timeout)
        if self._failure is not None:
            raise self._failure
        return self.finished

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be read of the recording so far, a sentence each."""
        return tuple(self._problems)

    # Inside

    def _records(self, problems: list[str]) -> Iterator[Record]:
        return (record for _, record in read_journal(self._folder, problems=problems))

    def _fresh_account(self) -> Account:
        return Account(self._seed, _THIRTY_DAYS, _PER_SECOND)

    def _make_server(self) -> PlaybackServer:
        stage = self._stage
        service = Service(account=self._account, ledger=Ledger(record=False))
        calls = ("tracker/list", "user/get_info")
        rest = Rest(service, {call: partial(stage.reply, call) for call in calls})
        manners = Manners(
            heartbeat_s=_HEARTBEAT_S,
            client_heartbeat_ms=self._prelude.interval_ms,
            char=self._prelude.char,
            patience_s=None,
            binary=False,
        )
        make_playback = partial(
            Playback,
            read_script(self._records(self._problems)),
            self._pace(),
            stage,
            self._account,
            self._skip_gaps,
        )
        return PlaybackServer(service, rest, manners, stage, make_playback, self._end)

    def _end(self, failure: Exception | None) -> None:
        self._failure = failure
        self._ended.set()


def _read_speed(speed: float | Literal["max"]) -> float | None:
    if speed == "max":
        return None
    number = isinstance(speed, (int, float)) and not isinstance(speed, bool)
    if not number or not 0 < speed < math.inf:
        raise InvalidArgument(
            Words("speed", "--speed"),
            ' must be a number above 0, such as 10 for ten times as fast, or "max" for as fast as '
            f"clients take it; not {speed!r}.",
        )
    return float(speed)
