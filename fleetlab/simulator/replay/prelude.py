"""What a replay has to know of a recording before it begins."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, available_timezones

from fleetlab.errors import RecordingError
from fleetlab.records import ConnectionRecord, MessageRecord
from fleetlab.simulator.replay.script import HANDSHAKE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleetlab.records import Record

__all__ = ["Prelude", "names_zone", "read_prelude"]

_LOOKED_AT_US: Final = 600_000_000
"""How much of a recording is looked at: what comes later is met when the playback comes there."""

_CLOCK: Final = re.compile(rb'"user_time":\s*"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)"')
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER: Final = timedelta(minutes=15)
_HOUR: Final = timedelta(hours=1)
_LIST: Final = "tracker/list"
_USER: Final = "user/get_info"


class Prelude:
    """What a replay has to know of a recording before it begins.

    Attributes
    ----------
    replies : dict of str to Any
        The first reply of each REST call. Where the recording holds no zone of the user, that of
        ``user/get_info`` is made from what the capture was told, or inferred, else missing.
    interval_ms, char
        Of the first handshake: how often clients are asked to send what.
    has_message : bool
        Whether there is anything to replay.
    """

    def __init__(self) -> None:
        self.replies: dict[str, Any] = {}
        self.interval_ms = 30_000
        self.char = "X"
        self.has_message = False
        self._zone: str | None = None

    def take(self, record: Record) -> None:
        """Look at the next record."""
        if isinstance(record, ConnectionRecord):
            if record.what == "started":
                self._zone = record.facts.get("timezone")
        elif isinstance(record, MessageRecord):
            greeting = None if self.has_message else HANDSHAKE.fullmatch(record.data)
            if greeting:
                self.interval_ms = int(greeting[1])
                self.char = greeting[2].decode("utf-8", "replace")
            self.has_message = True
            self._zone = self._zone or _inferred(record)
        elif record.rest != _USER or names_zone(record.reply):
            self.replies.setdefault(record.rest, record.reply)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to look for."""
        return self.has_message and _LIST in self.replies and _USER in self.replies

    def finish(self) -> None:
        """Make up for what was not found."""
        if self._zone is not None:
            made = {"success": True, "user_info": {"time_zone": self._zone}}
            self.replies.setdefault(_USER, made)


def read_prelude(records: Iterable[Record], name: str) -> Prelude:
    """Look at the beginning of a journal.

    Raises
    ------
    RecordingError
        If it holds no message.
    """
    prelude = Prelude()
    first: int | None = None
    for record in records:
        first = record.at if first is None else first
        if prelude.is_complete or (prelude.has_message and record.at - first > _LOOKED_AT_US):
            break
        prelude.take(record)
    if not prelude.has_message:
        raise RecordingError(f"{name} can't be replayed: its journal in raw/ holds no message.")
    prelude.finish()
    return prelude


def names_zone(reply: Any) -> bool:
    """Whether a reply of ``user/get_info`` tells a zone."""
    info = reply.get("user_info") if isinstance(reply, dict) else None
    return isinstance(info, dict) and isinstance(info.get("time_zone"), str)


def _inferred(record: MessageRecord) -> str | None:
    """Return a zone with the offset that the server's clock shows against the time of arrival.

    Whoever receives the replay can't infer it any more: then, it was another time.
    """
    shown = _CLOCK.search(record.data)
    if shown is None:
        return None
    at = _EPOCH + timedelta(microseconds=record.at)
    try:
        local = datetime.fromisoformat(shown[1].decode()).replace(tzinfo=UTC)
    except ValueError:
        return None
    offset = round((local - at) / _QUARTER) * _QUARTER
    if not -12 * _HOUR <= offset <= 14 * _HOUR:
        return None
    hours, rest = divmod(offset, _HOUR)
    if not rest:  # the names have the sign of the old convention: west is positive
        return f"Etc/GMT{-hours:+d}" if hours else "UTC"
    names = (name for name in sorted(available_timezones()) if name != "localtime")
    return next(
        (name for name in names if at.astimezone(ZoneInfo(name)).utcoffset() == offset), None
    )
