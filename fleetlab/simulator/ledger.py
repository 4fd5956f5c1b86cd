"""What went over the wire, kept for whoever checks a client against it."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["Asked", "Ledger", "Sent"]

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Sent:
    """A frame that was sent.

    Attributes
    ----------
    connection : int
        Number of the WebSocket connection, from 1.
    number : int
        Number of the frame on that connection, from 1; handshake and heartbeats count.
    at : int
        When, by the computer's clock, in microseconds since 1970 UTC.
    text : str
        The frame.
    """

    connection: int
    number: int
    at: int
    text: str


class Asked(NamedTuple):
    """What a client asked for: the action, and the body without any hash or password."""

    action: str
    body: dict[str, Any]


class Ledger:
    """Frames sent, and requests received over the WebSocket and over REST. Thread-safe.

    Parameters
    ----------
    record : bool
        Whether frames are kept; requests always are, the last 10,000.
    """

    def __init__(self, *, record: bool) -> None:
        self._record = record
        self._lock = threading.Lock()
        self._sent: list[Sent] = []
        self._asked: deque[Asked] = deque(maxlen=_REMEMBERED)
        self._rest: deque[Asked] = deque(maxlen=_REMEMBERED)
        self._heartbeats = 0

    def sent(self, connection: int, number: int, frame: str | bytes) -> None:
        """Note a frame that is being sent."""
        if self._record:
            text = frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
            entry = Sent(connection, number, time.time_ns() // 1000, text)
            with self._lock:
                self._sent.append(entry)

    def asked(self, action: str, body: dict[str, Any], *, rest: bool = False) -> None:
        """Note what a client asked for, less what must not be kept."""
        secrets = ("hash", "password")
        kept = {key: value for key, value in body.items() if key not in secrets}
        with self._lock:
            (self._rest if rest else self._asked).append(Asked(action, kept))

    def heartbeat(self) -> None:
        """Note a heartbeat of a client."""
        with self._lock:
            self._heartbeats += 1

    @property
    def frames(self) -> tuple[Sent, ...]:
        """Every frame sent so far, in order."""
        with self._lock:
            return tuple(self._sent)

    @property
    def requests(self) -> tuple[Asked, ...]:
        """What came over the WebSocket."""
        with self._lock:
            return tuple(self._asked)

    @property
    def rest_requests(self) -> tuple[Asked, ...]:
        """What came over REST."""
        with self._lock:
            return tuple(self._rest)

    @property
    def heartbeats(self) -> int:
        """How many heartbeats clients sent."""
        with self._lock:
            return self._heartbeats
