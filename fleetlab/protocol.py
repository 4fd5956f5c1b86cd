"""Messages in, messages out: what frames of the event WebSocket mean. No I/O, no Polars.

The server speaks Atmosphere: a handshake ``<uuid>|<ms>|<char>|`` for a new client, now and then the
heartbeat char alone, blanks for a client that comes back; everything else is JSON, one message a
frame.
"""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw

from fleetlab.limits import UNREADABLE, excess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetlab.requests import Request

__all__ = [
    "CONNECT_QUERY",
    "ErrorMessage",
    "EventMessage",
    "Handshake",
    "Ignored",
    "Response",
    "Unreadable",
    "describe",
    "guess",
    "read",
    "subscribe_message",
]

CONNECT_QUERY: Final = (
    "X-Atmosphere-tracking-id=0"
    "&X-Atmosphere-Framework=2.3.6-javascript"
    "&X-Atmosphere-Transport=websocket"
    "&Content-Type=application/json"
    "&X-atmo-protocol=true"
)
"""What makes an Atmosphere server take us for a new client."""

# -- out ---------------------------------------------------------------------------------------


def subscribe_message(requests: Sequence[Request], key: str) -> str:
    """Return the text that asks for events.

    Parameters
    ----------
    requests : sequence of Request
        What to ask for.
    key : str
        API key or session hash.

    Notes
    -----
    ``iso_datetime`` asks for times with their offset. Servers that don't honour it pass it over.
    """
    return json.dumps(
        {
            "action": "subscribe",
            "hash": key,
            "iso_datetime": True,
            "requests": [request.wire() for request in requests],
        },
        separators=(",", ":"),
    )


def describe(requests: Sequence[Request]) -> str:
    """Return what is asked for as JSON, without the key: for logs and error texts."""
    return json.dumps([request.wire() for request in requests], separators=(",", ":"))


# -- in ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Handshake:
    """The server's first word to a new client.

    Attributes
    ----------
    uuid : str
        The client's tracking id.
    interval_ms : int
        How often the client is asked to send the heartbeat.
    char : str
        What to send for it.
    """

    uuid: str
    interval_ms: int
    char: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A heartbeat or blanks: a sign of life, never data."""


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to a subscription.

    Attributes
    ----------
    statuses : dict of str to dict of int to str
        By event and tracker: ``normal``, ``blocked``, ``unknown``, ``disallowed``.
    failures : dict of str to str
        Events that were refused, with the server's words.
    """

    statuses: dict[str, dict[int, str]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """The server's refusal.

    Attributes
    ----------
    code : int or None
        The platform's status code.
    description : str
        The server's words.
    """

    code: int | None
    description: str


@dataclass(frozen=True, slots=True)
class EventMessage:
    """An event, opened but not decoded.

    Attributes
    ----------
    event : str
        Its label.
    data : msgspec.Raw
        Its payload as JSON text.
    user_time : str or None
        The server's clock in the user's zone.
    faults : tuple of (str, str, bytes)
        Path, reason and raw text of parts of the message that had to be mended or left out.
    """

    event: str
    data: Raw
    user_time: str | None = None
    faults: tuple[tuple[str, str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A frame that is none of the others.

    Attributes
    ----------
    reason : str
        Why.
    """

    reason: str


Incoming = Handshake | Ignored | Response | ErrorMessage | EventMessage | Unreadable

_HANDSHAKE_LIMIT: Final = 1_000
_HANDSHAKE: Final = re.compile(
    rb"\s*([0-9A-Za-z-]{1,64})\|(\d{1,9})\|([^|]{1,8})\|.{0,64}", re.DOTALL
)
# 12,000 trackers in four events have 1 MB.
_RESPONSE_LIMIT: Final = 8_000_000
# Python refuses to make a number of thousands of digits, so their count is looked at first.
_ID: Final = re.compile(r"[0-9]{1,19}")
# Half of a pair of surrogates is legal in JSON's grammar and is no character.
_ESCAPE: Final = re.compile(
    rb"\\(?:u([dD][89abAB][0-9a-fA-F]{2})(?:\\u[dD][c-fC-F][0-9a-fA-F]{2})?"
    rb"|u([dD][c-fC-F][0-9a-fA-F]{2})|u|[^u])"
)


# How large events begin and end on the wire, to the letter. Of a batch that is no array the items
# would not be looked for, so that it could be anything.
_LARGE: Final = 4_096
_ENDS: Final = (b"]}", b"}}")
_PART: Final = 4_096
_HEAD: Final = re.compile(
    rb'\{"type":"event","event":"(state_batch|readings_batch|(iot_monitor))",'
    rb'(?:"user_time":"([0-9A-Za-z :.+-]{1,40})",)?"data":(?(2)(?=[\[{])|(?=\[))'
)


class _Envelope(msgspec.Struct, gc=False):
    type: Raw = Raw(b"null")
    event: Raw = Raw(b"null")
    data: Raw = Raw(b"null")
    user_time: Raw = Raw(b"null")
    status: Raw = Raw(b"null")


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)


def read(data: bytes) -> Incoming:
    """Tell what a frame is. Never raises, whatever it holds."""
    text = data.strip()
    if not text.startswith(b"{"):
        return _read_plain(data, text)
    faults: tuple[tuple[str, str, bytes], ...] = ()
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        faults = (("$", "bytes that are not UTF-8 were replaced", text[error.start : error.end]),)
        text = text.decode("utf-8", "replace").encode()
    try:
        envelope = _ENVELOPE.decode(text)
    except UNREADABLE as error:
        try:
            envelope = _ENVELOPE.decode(_ESCAPE.sub(_whole_pairs, text))
        except UNREADABLE:
            return Unreadable(str(error))
    too_much = excess(text)
    return _opened(envelope, faults) if too_much is None else Unreadable(too_much)


def _opened(envelope: _Envelope, faults: tuple[tuple[str, str, bytes], ...]) -> Incoming:
    kind = _text(envelope.type)
    if kind == "event":
        return _read_event(envelope, faults)
    if kind == "response":
        return _read_response(envelope)
    if kind == "error":
        return _read_error(envelope)
    return Unreadable("a message whose type is neither event, response nor error")


def guess(data: bytes) -> EventMessage | None:
    """Open a large event without a look at its payload, where it begins and ends as they do.

    That saves one pass over it. Whether the payload is JSON, only its decoding shows: where that
    fails on anything but the values' types, the message has to be read with :func:`read`.
    """
    if len(data) < _LARGE or data[-2:] not in _ENDS:
        return None
    head = _HEAD.match(data)
    if head is None or excess(data) is not None or not _is_utf8(data):
        return None
    event, user_time = head.group(1).decode(), head.group(3)
    payload = Raw(memoryview(data)[head.end() : -1])
    return EventMessage(event, payload, None if user_time is None else user_time.decode())


def _is_utf8(data: bytes) -> bool:
    """Tell whether bytes are UTF-8, part by part: one in ASCII is decoded much faster."""
    if data.isascii():
        return True
    view, start = memoryview(data), 0
    try:
        while start < len(view):
            end = start + _PART
            start += codecs.utf_8_decode(view[start:end], "strict", end >= len(view))[1]
    except UnicodeDecodeError:
        return False
    return True


def _read_plain(data: bytes, text: bytes) -> Incoming:
    """Read what isn't JSON: real clients skip whatever does not start with a brace."""
    # Looking for it in 64 MB of blanks would take seconds.
    found = _HANDSHAKE.fullmatch(data) if len(data) < _HANDSHAKE_LIMIT else None
    if found:
        uuid, interval, char = (part.decode("utf-8", "replace") for part in found.groups())
        return Handshake(uuid, int(interval), char)
    if len(text[:5].decode("utf-8", "replace")) <= 1:
        return Ignored()
    return Unreadable("neither a message nor a heartbeat")


def _read_event(envelope: _Envelope, faults: tuple[tuple[str, str, bytes], ...]) -> Incoming:
    event = _text(envelope.event)
    if event is None:
        return Unreadable("an event without a name")
    user_time = _text(envelope.user_time)
    raw = bytes(envelope.user_time)
    if user_time is None and raw != b"null":
        faults = (*faults, ("$.user_time", "Expected str", raw))
    return EventMessage(event, envelope.data, user_time, faults)


def _read_response(envelope: _Envelope) -> Response | Unreadable:
    if memoryview(envelope.data).nbytes > _RESPONSE_LIMIT:
        return Unreadable(f"a response of more than {_RESPONSE_LIMIT:,} bytes")
    response = Response()
    data = _plain(envelope.data)
    for event, answer in data.items() if isinstance(data, dict) else ():
        if not isinstance(answer, dict):
            continue
        value = answer.get("value")
        if answer.get("success") is False:
            status = answer.get("status")
            words = status.get("description") if isinstance(status, dict) else None
            response.failures[event] = str(words or answer.get("error") or "no reason given")
        elif isinstance(value, dict):
            response.statuses[event] = {
                int(tracker): word
                for tracker, word in value.items()
                if _ID.fullmatch(tracker) and int(tracker) < 2**63 and isinstance(word, str)
            }
    return response


def _read_error(envelope: _Envelope) -> ErrorMessage:
    status = _plain(envelope.status)
    status = status if isinstance(status, dict) else {}
    code = status.get("code")
    return ErrorMessage(
        code if isinstance(code, int) and not isinstance(code, bool) else None,
        str(status.get("description") or "no reason given"),
    )


def _text(raw: Raw) -> str | None:
    value = _plain(raw)
    return value if isinstance(value, str) else None


def _plain(raw: Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except UNREADABLE:
        return None


def _whole_pairs(escape: re.Match[bytes]) -> bytes:
    """Put the replacement character for half a pair of surrogates; leave all else as it is."""
    text = escape.group()
    alone = escape.group(2) or (escape.group(1) and len(text) == len(b"\\ud800"))
    return b"\\ufffd" if alone else text
