"""What a capture is to do: its arguments, checked before anything is connected or written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleetlab.errors import InvalidArgument, Words, argument
from fleetlab.requests import resolve_requests
from fleetlab.server import Credentials, Server, resolve_credentials, resolve_server
from fleetlab.tables.times import is_zone

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from fleetlab.requests import Request

__all__ = ["Plan", "make_plan"]

DEMO = "demo"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A capture's arguments, resolved.

    Attributes
    ----------
    seconds : float or None
        How long from the first accepted subscription; None until stopped.
    server : Server or None
        The server; None for the embedded simulator.
    credentials : Credentials or None
        Who asks; None for the embedded simulator.
    requests : tuple of Request
        What is asked for, complete.
    timezone : str or None
        The zone that the caller named.
    save_to : path, None or False
        The recording's own folder; None for the default one; False for memory only.
    note : str or None
        Text kept in the recording's info.
    """

    seconds: float | None
    server: Server | None
    credentials: Credentials | None
    requests: tuple[Request, ...]
    timezone: str | None
    save_to: str | os.PathLike[str] | bool | None
    note: str | None


def make_plan(
    *,
    minutes: float | None,
    seconds: float | None,
    server: str | None,
    api_key: str | None,
    login: str | None,
    password: str | None,
    trackers: Any,
    events: Iterable[str | Request] | None,
    rate_limit: str,
    timezone: str | None,
    save_to: str | os.PathLike[str] | bool | None,
    note: str | None,
    environ: Mapping[str, str],
) -> Plan:
    """Check a capture's arguments (see :func:`fleetlab.capture`).

    Raises
    ------
    InvalidArgument
        For the first that doesn't fit, with what would.
    """
    chosen = server if server is not None else environ.get("FLEETLAB_SERVER")
    demo = isinstance(chosen, str) and chosen.strip().lower() == DEMO
    if timezone is not None and not is_zone(timezone):
        raise InvalidArgument(
            argument("timezone", timezone),
            " is no time zone of the IANA database. Write for example ",
            argument("timezone", "Europe/Madrid"),
            ".",
        )
    if save_to is True:
        raise InvalidArgument(
            "save_to takes a folder, or False for memory only; leave it out for recordings/<start>."
        )
    if "\0" in str(save_to):
        raise InvalidArgument("The folder's name holds a character that no path may hold.")
    if note is not None and not isinstance(note, str):
        raise InvalidArgument(f"note must be text, not {type(note).__name__}.")
    if not isinstance(rate_limit, str) or not rate_limit.strip():
        name = Words("rate_limit", "--rate-limit")
        raise InvalidArgument(name, f' must be text such as "5s", not {rate_limit!r}.')
    return Plan(
        seconds=_duration(minutes, seconds),
        requests=resolve_requests(events, trackers, rate_limit),
        server=None if demo else resolve_server(server, environ),
        credentials=None if demo else resolve_credentials(api_key, login, password, environ),
        timezone=timezone,
        save_to=save_to,
        note=note,
    )


def _duration(minutes: float | None, seconds: float | None) -> float | None:
    if minutes is not None and seconds is not None:
        raise InvalidArgument(
            argument("minutes", minutes),
            " and ",
            argument("seconds", seconds),
            " were both given; give one of them.",
        )
    name, value, unit = ("minutes", minutes, 60) if minutes is not None else ("seconds", seconds, 1)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidArgument(f"{name}={value!r} is not a number.")
    if not math.isfinite(value) or value <= 0:
        raise InvalidArgument(
            argument(name, value),
            f": a capture needs more than 0 {name}; leave it out to go on until stopped.",
        )
    return float(value) * unit
