"""A journal as what a server did, step by step, for a server that does it again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw

from fleetlab.records import ConnectionRecord, RestRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fleetlab.records import MessageRecord, Record

__all__ = [
    "HANDSHAKE",
    "Answered",
    "Closed",
    "Opened",
    "Replied",
    "Said",
    "Step",
    "read_script",
]

HANDSHAKE: Final = re.compile(rb"[^|\s]+\|(\d{1,9})\|([^|]{1,8})\|.{0,64}", re.DOTALL)

_LOSSES: Final = ("lost", "failed")
# What the documentation's own sample does: readings under the label of states.
_READINGS: Final = re.compile(rb'\s*\[?\s*\{\s*"\d+"\s*:')
# Frames that may come before the first answer to a subscription; more than that is a stream.
_MOST_HELD: Final = 1_000
# Close codes that a server may send; the others only tell that there was none.
_NO_CLOSE_FRAME: Final = (1004, 1005, 1006, 1015)


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection was opened, and what was asked for on it was answered.

    Attributes
    ----------
    at : int
        When, in microseconds since 1970 UTC, as of all steps.
    answered_at : int
        When the answer came.
    reply : bytes or None
        The answer, a response or an error; None where none came.
    accepted : bool
        Whether events could come on it.
    """

    at: int
    answered_at: int
    reply: bytes | None
    accepted: bool


@dataclass(frozen=True, slots=True)
class Said:
    """A frame came that was no answer.

    Attributes
    ----------
    at : int
    data : bytes
    event : str or None
        The event that brings it to whoever asked for that; None where it is none.
    """

    at: int
    data: bytes
    event: str | None


@dataclass(frozen=True, slots=True)
class Answered:
    """The same was asked for again on a connection that was open, and answered."""

    at: int
    reply: bytes


@dataclass(frozen=True, slots=True)
class Replied:
    """A call to the REST side was replied to."""

    at: int
    call: str
    reply: Any


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection was lost; code is None where there was no close frame."""

    at: int
    code: int | None


Step = Opened | Said | Answered | Replied | Closed


def read_script(records: Iterable[Record]) -> Iterator[Step]:
    """Yield the steps of a journal; of a damaged one, those that can be told.

    The handshake of each connection is left out: every client gets one of its own.
    """
    reader = _Reader()
    for record in records:
        if isinstance(record, RestRecord):
            yield Replied(record.at, record.rest, record.reply)
        elif isinstance(record, ConnectionRecord):
            if record.what == "connected":
                yield from reader.end(None)
                reader.begin(record.at)
            elif record.what in _LOSSES:
                yield from reader.end(record)
        else:
            yield from reader.hear(record)
    yield from reader.decide(None, accepted=False)


class _Reader:
    """The connection that is open at a point of the journal."""

    def __init__(self) -> None:
        self._opened_at: int | None = None
        self._latest = 0
        self._is_first = True
        self._held: list[Said] | None = None  # until it is known how the connection was answered

    def begin(self, at: int) -> None:
        self._opened_at = self._latest = at
        self._is_first = True
        self._held = []

    def hear(self, record: MessageRecord) -> Iterator[Step]:
        if self._opened_at is None:  # what told of it is damaged
            self.begin(record.at)
        is_first, self._is_first = self._is_first, False
        self._latest = record.at
        if is_first and HANDSHAKE.fullmatch(record.data):
            return
        kind, event = _read(record.data)
        said = Said(record.at, record.data, event)
        if self._held is None:
            yield Answered(record.at, record.data) if kind == "response" else said
        elif kind in ("response", "error"):
            yield from self.decide(record.data, accepted=kind == "response")
        else:
            self._held.append(said)
            if kind == "event" or len(self._held) == _MOST_HELD:
                yield from self.decide(None, accepted=True)

    def decide(self, reply: bytes | None, *, accepted: bool) -> Iterator[Step]:
        """Tell how the connection was answered, and what was said before, if that is to be told."""
        held, self._held = self._held, None
        if held is not None and self._opened_at is not None:
            yield Opened(self._opened_at, self._latest, reply, accepted)
            yield from held

    def end(self, loss: ConnectionRecord | None) -> Iterator[Step]:
        if self._opened_at is None:
            return
        yield from self.decide(None, accepted=False)
        at, code = self._latest, None
        if loss is not None:
            # It was lost at the last sign of life, however late that was noticed.
            at = max(at, loss.facts.get("alive", (loss.at,))[0])
            code = loss.code
        self._opened_at = None
        yield Closed(at, code if code and _is_sent(code) else None)


class _Envelope(msgspec.Struct, gc=False):
    type: Any = None
    event: Any = None
    data: Raw = Raw(b"null")


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)


def _read(data: bytes) -> tuple[str, str | None]:
    """Return what kind of message a frame is, and of an event its name."""
    try:
        envelope = _ENVELOPE.decode(data)
    except (msgspec.MsgspecError, RecursionError):
        return "", None
    if envelope.type != "event" or not isinstance(envelope.event, str):
        return str(envelope.type), None
    if envelope.event == "state_batch" and _READINGS.match(envelope.data):
        return "event", "readings_batch"
    return "event", envelope.event


def _is_sent(code: int) -> bool:
    """Whether a code is one that a server sends in a close frame."""
    return code in range(1000, 5000) and code not in _NO_CLOSE_FRAME
