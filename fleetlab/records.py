"""What travels from the wire through the journal to the decoder.

A recording is a sequence of these records, in the order in which they happened. The journal holds
one line for each, and the frames are a function of that sequence alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["ConnectionRecord", "MessageRecord", "Record", "RestRecord", "whole"]


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """One WebSocket frame as it came, heartbeats and blanks included.

    Attributes
    ----------
    seq : int
        Number of the frame in the recording, from 1.
    at : int
        Moment of arrival, microseconds since 1970 in UTC.
    data : bytes
        The payload, with the key redacted should the server have echoed it.
    """

    seq: int
    at: int
    data: bytes


@dataclass(frozen=True, slots=True)
class RestRecord:
    """One reply of the REST side.

    Attributes
    ----------
    at : int
        Moment of arrival, microseconds since 1970 in UTC.
    rest : str
        The call, such as ``"tracker/list"`` or ``"user/get_info"``.
    reply : Any
        The decoded JSON of the reply.
    """

    at: int
    rest: str
    reply: Any


@dataclass(frozen=True, slots=True)
class ConnectionRecord:
    """Something that happened to the connection.

    Attributes
    ----------
    at : int
        When it happened, microseconds since 1970 in UTC.
    what : str
        ``started``, ``connected``, ``subscribing``, ``subscribed``, ``lost``, ``retry``,
        ``refused``, ``closed``, ``trackers_unavailable``, ``zone_unavailable``, ``ended`` …
    attempt : int or None
        Number of the attempt to connect, from 1, since the last success.
    code : int or None
        Close code of the WebSocket or status code of the platform.
    detail : str or None
        A sentence for people.
    facts : dict
        What a rebuild needs and no column shows (of ``started``: the recording's settings).
    steady : int or None
        The same moment on the clock that never jumps: microseconds since the recording began.
    """

    at: int
    what: str
    attempt: int | None = None
    code: int | None = None
    detail: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    steady: int | None = None


Record = MessageRecord | RestRecord | ConnectionRecord


def whole(text: str) -> str:
    """Return a text that a column takes: with U+FFFD for each half of a pair of surrogates.

    Such halves come from escapes in the JSON of replies, and from names of the system's.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
