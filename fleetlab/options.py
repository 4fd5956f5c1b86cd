"""Options that several commands of the command line have, and what they mean."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fleetlab.errors import InvalidArgument

__all__ = ["Every", "Login", "SaveTo", "Server", "Trackers", "credentials", "events_of", "ids_of"]

Server = Annotated[
    str | None,
    typer.Option(
        help="eu, us, me, demo, or an API base URL; else FLEETLAB_SERVER.", show_default=False
    ),
]
Login = Annotated[
    str | None, typer.Option(help="Log in instead of a key; the password is prompted for.")
]
Trackers = Annotated[str, typer.Option(help="all, or ids: 101,102.")]
SaveTo = Annotated[
    Path | None,
    typer.Option(
        help="A new or empty folder; default: recordings/START. With --every: the folder that "
        "they are made in; default: recordings.",
        show_default=False,
    ),
]
Every = Annotated[
    str | None,
    typer.Option(
        help="Begin a new recording so often, by the clock in UTC: 15min, 1h, 6h, 1d.",
        show_default=False,
    ),
]


def ids_of(text: str) -> Any:
    """Return what --trackers says: all, or a list of ids."""
    if text.strip().lower() == "all":
        return "all"
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InvalidArgument(f"--trackers takes all, or ids like 101,102; not {text!r}.") from None


def events_of(text: str, flow_id: int | None) -> list[Any]:
    """Return what --events and --flow-id ask for."""
    from fleetlab.requests import IotMonitor  # noqa: PLC0415

    names = [part.strip() for part in text.split(",") if part.strip()]
    if flow_id is not None and "iot_monitor" not in names:
        raise InvalidArgument("--flow-id belongs to iot_monitor: add it to --events.")
    return [IotMonitor(flow_id=flow_id) if name == "iot_monitor" else name for name in names]


def credentials(server: str | None, login: str | None) -> dict[str, str | None]:
    """Prompt for what the environment doesn't hold, where somebody is there to answer."""
    chosen = server or os.environ.get("FLEETLAB_SERVER") or ""
    if chosen.strip().lower() in ("demo", "") or not sys.stdin.isatty():
        password = os.environ.get("FLEETLAB_PASSWORD")
        return {"login": login, "password": password} if login else {}
    if login is not None:
        password = os.environ.get("FLEETLAB_PASSWORD")
        return {
            "login": login,
            "password": password or typer.prompt("Password", hide_input=True, err=True),
        }
    if os.environ.get("FLEETLAB_API_KEY"):
        return {}
    return {"api_key": typer.prompt("API key", hide_input=True, err=True)}
