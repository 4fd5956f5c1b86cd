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

from fleetlab.errors import InvalidArgument
from fleetlab.recording.folder import DiskFolder
from fleetlab.recording.journal import read_journal
from fleetlab.recording.manifest import read_manifest
from fleetlab.simulator.account import Account
from fleetlab.simulator.connection import Manners
from fleetlab.simulator.conversation import Service
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

__all__ = ["Replay", "replay"]

_HEARTBEAT_S = 90.0  # after a recorded heartbeat was due: the platform's own come after 60
_THIRTY_DAYS = 30 * 86_400.0
_PER_SECOND = 50


def replay(
    folder: str | os.PathLike[str],
    *,
    speed: float | Literal["max"] = 1.0,
    gaps: Literal["include", "skip"] = "include",
    host: str = "127.0.0.1",
    port: int = 0,
) -> Replay:
    """Serve a recording over the wire as the platform served it, message for message.

    Whatever connects to the platform connects to this: it speaks the WebSocket and REST protocol,
    on loopback unless told otherwise. The first subscription starts the playback; every client
    sees the same one, and whoever comes later joins where it is.

    Parameters
    ----------
    folder : str or os.PathLike
        A recording's folder. One whose process died, one that is still being written (as far as
        it has come), and a damaged one give what can be read of them.
    speed : float or "max"
        Recorded seconds in a real one. "max" goes as fast as the clients take it, and waits for
        one where there is none.
    gaps : "include" or "skip"
        Whether connections are cut where the recording lost its own, and refused (HTTP 503) until
        it came back; then the playback waits for a subscription. With "skip" they stay, and the
        playback goes on at once.
    host : str
    port : int
        Where to listen; 0 takes a free port.

    Returns
    -------
    Replay
        Serves from ``start()``, or in a ``with`` block.

    Raises
    ------
    InvalidArgument
        Where an argument makes no sense.
    RecordingError
        If the folder is no recording, or holds no message.

    Notes
    -----
    Frames are sent byte for byte, in order. Three things are made for each client instead:
    the handshake, with a uuid of its own; the answer to its subscription, which is the recorded
    one where it asks for the same; and a heartbeat after 90 s without a word. Events are sent to
    whoever asked for them, whole, so also with trackers that the client did not ask for.

    Times are those of the recording. ``user/get_info`` answers with the recorded zone; where the
    capture was told its zone, with that; where the zone was inferred, with a zone that had this
    offset (such as ``Etc/GMT-2`` for +02:00), because nobody can infer it from a replay. A client
    that does not ask needs to be told the zone.

    Examples
    --------
    >>> with fl.replay("recordings/2026-11-23T231500Z", speed=10) as server:  # doctest: +SKIP
    ...     rec = fl.capture(minutes=1, server=server.base_url, api_key=server.api_key)
    """
    return Replay(folder, speed=speed, gaps=gaps, host=host, port=port)


class Replay:
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
        read_manifest(self._folder)
        self._prelude = read_prelude(self._records([]), str(self._folder.path))
        self._seed = secrets.randbits(48)
        self._problems: list[str] = []
        self._ended = threading.Event()
        self._failure: Exception | None = None
        self._account = self._fresh_account()
        self._stage = Stage(self._prelude.replies)
        self._thread: ServerThread[PlaybackServer] | None = None
        self._port: int | None = None

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
            self._port = self._thread.port
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

    # What a client needs to know

    @property
    def base_url(self) -> str:
        """The API's base URL; the WebSocket's is the same with ws and `/event/subscription`."""
        if self._port is None:
            raise InvalidArgument("The replay has no address before start().")
        host = self._bind[0]
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}/v2"

    @property
    def api_key(self) -> str:
        """A key of 32 hex digits, another one for each replay."""
        return self._account.api_key

    @property
    def login(self) -> str:
        """The login that `user/auth` takes."""
        return self._account.login

    @property
    def password(self) -> str:
        """The password that `user/auth` takes."""
        return self._account.password

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
        if self._port is None:
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
            f'speed must be a number above 0, such as 10 for ten times as fast, or "max" for as '
            f"fast as clients take it; not {speed!r}."
        )
    return float(speed)
