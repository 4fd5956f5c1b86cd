"""What the journal tells of a recording as a whole: written at its start and end, read again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast, get_args

from fleetlab.recording.manifest import Info, StoppedBecause

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetlab.tables.decoder import Decoder

__all__ = [
    "begun",
    "decoded_info",
    "ended_facts",
    "ended_info",
    "microseconds",
    "started_facts",
    "told_info",
]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def started_facts(info: Info) -> dict[str, Any]:
    """Return what the record ``started`` has to hold, so that the journal alone tells it."""
    return {
        "recording": info.name,
        "started_at": microseconds(info.started_at),
        "server": info.server,
        "timezone": info.timezone,
        "requests": info.requests,
        "note": info.note,
        "remark": info.remark,
        "fleetlab": info.fleetlab,
    }


def ended_facts(info: Info) -> dict[str, Any]:
    """Return what the record ``ended`` has to hold beside its moment and its reason."""
    return {} if info.error is None else {"error": info.error}


def begun(info: Info | None, name: str) -> dict[str, Any]:
    """Return the checkpoint of a decoder that begins, should the journal's first record be lost.

    Parameters
    ----------
    info : Info or None
        What is known of the recording without the journal.
    name : str
        Its name, if nothing is.
    """
    if info is None:
        return {"settings": {"recording": name}}
    given = info.timezone_source == "argument"
    return {
        "settings": started_facts(info),
        "zone": info.timezone if given else None,
        "zone_source": info.timezone_source if given else None,
    }


def told_info(settings: Mapping[str, Any], first: int | None) -> Info:
    """Return what a recording began with.

    Parameters
    ----------
    settings : mapping
        What :func:`started_facts` gave, or what is left of it.
    first : int or None
        When the first record that could be read was made, microseconds since 1970 in UTC.
    """
    return Info(
        name=settings["recording"],
        started_at=_moment(settings.get("started_at", first or 0)),
        server=settings.get("server", "not known"),
        requests=settings.get("requests", []),
        note=settings.get("note"),
        remark=settings.get("remark"),
        fleetlab=settings.get("fleetlab", ""),
    )


def decoded_info(info: Info, decoder: Decoder) -> Info:
    """Return the info with what decoding has found out about the zone."""
    return replace(
        info,
        timezone=decoder.clock.zone,
        timezone_source=decoder.clock.source,
        utc_offset=decoder.clock.utc_offset,
    )


def ended_info(info: Info, decoder: Decoder) -> Info:
    """Return the info of a recording that nobody writes any more, with how it ended.

    One whose last record is another than ``ended`` is unfinished: its process died.
    """
    if info.stopped_because is not None:
        return info
    ended = decoder.ended
    if ended is not None and ended.detail in get_args(StoppedBecause):
        return replace(
            info,
            stopped_because=cast("StoppedBecause", ended.detail),
            ended_at=_moment(ended.at),
            error=ended.facts.get("error"),
        )
    last = decoder.last_at
    return replace(
        info,
        stopped_because="unfinished",
        ended_at=info.started_at if last is None else _moment(last),
    )


def microseconds(moment: datetime) -> int:
    """Return a moment in microseconds since 1970 in UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
