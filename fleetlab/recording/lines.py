"""A record as a line of the journal, and back.

::

    {"seq":1,"at":1795475700000000,"text":"…"}     a message; "b64" for bytes that aren't UTF-8
    {"at":1795475700000000,"rest":"tracker/list","reply":{…}}
    {"at":1795475700000000,"connection":{"what":"lost","code":1006}}
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from fleetlab.records import ConnectionRecord, MessageRecord, Record, RestRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["decode", "encode"]

_PART: Final = 250_000  # characters; what is encoded at a time stays in the processor's cache


_INT64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
# 0001-01-02 to 9999-12-31, as of the wire's times: one day inside what Python can show.
_MOMENT = Annotated[int, msgspec.Meta(ge=-62_135_510_400_000_000, le=253_402_214_400_000_000)]


class _Connection(msgspec.Struct, omit_defaults=True):
    what: str
    attempt: _INT64 | None = None
    code: _INT64 | None = None
    detail: str | None = None
    facts: dict[str, Any] | None = None
    steady: _INT64 | None = None


class _Request(msgspec.Struct):
    type: str
    trackers: Literal["all"] | list[_INT64]
    filtered: bool = False


class _Facts(msgspec.Struct):
    """Those facts that somebody looks at; there may be others."""

    recording: str = ""
    started_at: _MOMENT = 0
    server: str = ""
    timezone: str | None = None
    requests: list[_Request] = []
    note: str | None = None
    remark: str | None = None
    fleetlab: str = ""
    error: str | None = None
    alive: tuple[_MOMENT, _INT64 | None] | None = None


class _Line(msgspec.Struct, omit_defaults=True):
    """All kinds in one, so that a line is parsed once; the order is that of the keys."""

    seq: _INT64 | UnsetType = UNSET
    at: _MOMENT | UnsetType = UNSET
    text: str | UnsetType = UNSET
    b64: bytes | UnsetType = UNSET
    rest: str | UnsetType = UNSET
    reply: Any = UNSET
    connection: _Connection | UnsetType = UNSET


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Line)


def encode(record: Record) -> Iterator[bytes]:
    """Yield the record's line in parts, line feed included.

    The text of a large message is a part of its own for every few hundred kilobytes, so that no
    second copy of it is ever in memory.

    Parameters
    ----------
    record : MessageRecord, RestRecord or ConnectionRecord
        Any bytes of a message come back exactly.
    """
    if isinstance(record, MessageRecord):
        try:
            text = record.data.decode()
        except UnicodeDecodeError:
            line = _Line(seq=record.seq, at=record.at, b64=record.data)
        else:
            yield b'{"seq":%d,"at":%d,"text":"' % (record.seq, record.at)
            for start in range(0, len(text), _PART):
                yield _ENCODER.encode(text[start : start + _PART])[1:-1]
            yield b'"}\n'
            return
    elif isinstance(record, RestRecord):
        line = _Line(at=record.at, rest=record.rest, reply=record.reply)
    else:
        happened = _Connection(
            record.what,
            record.attempt,
            record.code,
            record.detail,
            record.facts or None,
            record.steady,
        )
        line = _Line(at=record.at, connection=happened)
    try:
        yield _ENCODER.encode(line) + b"\n"
    except UnicodeEncodeError:
        # Half a surrogate pair, from a JSON escape or a name of the system's: only as an escape.
        yield json.dumps(msgspec.to_builtins(line), separators=(",", ":")).encode() + b"\n"


def decode(data: bytes | bytearray | memoryview) -> Record:
    """Return the record of a line, with or without its line feed.

    Raises
    ------
    ValueError
        If it is no line of a journal.
    """
    try:
        line = _DECODER.decode(data)
    except (ValueError, RecursionError):
        # msgspec refuses escapes of half a surrogate pair; the standard library takes them.
        try:
            line = msgspec.convert(json.loads(bytes(data).decode()), _Line)
            # encode() makes such an escape in no message: its text always was UTF-8.
            str(line.text).encode()
        except (ValueError, RecursionError) as error:
            raise ValueError(f"not a line of a journal: {error}") from error
    if line.at is not UNSET:
        if line.seq is not UNSET:
            if line.text is not UNSET:
                return MessageRecord(line.seq, line.at, line.text.encode())
            if line.b64 is not UNSET:
                return MessageRecord(line.seq, line.at, line.b64)
        if line.rest is not UNSET and line.reply is not UNSET:
            return RestRecord(line.at, line.rest, line.reply)
        if line.connection is not UNSET:
            return _happened(line.at, line.connection)
    raise ValueError("not a line of a journal: it is no message, no reply and no connection's")


def _happened(at: int, told: _Connection) -> ConnectionRecord:
    facts = told.facts or {}
    # Only those: names that are no UTF-8, which JSON may hold as escapes, can't be compared.
    known = {name: facts[name] for name in _Facts.__struct_fields__ if name in facts}
    try:
        msgspec.convert(known, _Facts)
    except msgspec.ValidationError as error:
        raise ValueError(f"not a line of a journal: {error}") from error
    return ConnectionRecord(at, told.what, told.attempt, told.code, told.detail, facts, told.steady)
