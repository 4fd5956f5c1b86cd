"""`fleetlab capture`: the live stream to a folder."""

from __future__ import annotations

import signal
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated, Any

import typer

from fleetlab.console import INTERRUPTED, out, show
from fleetlab.errors import InvalidArgument
from fleetlab.options import (
    Every,
    Login,
    SaveTo,
    Server,
    Trackers,
    credentials,
    events_of,
    ids_of,
)

__all__ = ["capture"]


def capture(
    minutes: Annotated[float | None, typer.Option(help="How long, in minutes.")] = None,
    seconds: Annotated[float | None, typer.Option(help="How long, in seconds.")] = None,
    server: Server = None,
    login: Login = None,
    trackers: Trackers = "all",
    events: Annotated[
        str, typer.Option(help="Any of state, state_batch, readings_batch, iot_monitor.")
    ] = "state_batch,readings_batch",
    rate_limit: Annotated[str, typer.Option(help="Least time between two batches.")] = "5s",
    flow_id: Annotated[
        int | None, typer.Option(help="Data stream of iot_monitor.", show_default=False)
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Zone of the wire's times; default: asked of the server.")
    ] = None,
    save_to: SaveTo = None,
    every: Every = None,
    status: Annotated[
        Path | None,
        typer.Option(
            help="With --every: a JSON file for monitoring, rewritten every 10 s.",
            show_default=False,
        ),
    ] = None,
    note: Annotated[str | None, typer.Option(help="Text kept with the recording.")] = None,
    rows: Annotated[int, typer.Option(min=0, help="Rows of each frame to print at the end.")] = 3,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress, and only the folder at the end.")
    ] = False,
) -> None:
    """Record the live stream to a folder of Parquet files.

    Without a time it goes on until Ctrl-C or SIGTERM, which keep everything.

    With --every it is made for services: recordings follow one another without a gap, temporary
    failures are tried again, and each that is whole is a line of the output. --minutes is for all
    of them together.

    The key comes from FLEETLAB_API_KEY, or from a prompt; never from the command line, where others
    could read it. With --login, the password comes from FLEETLAB_PASSWORD or from a prompt.

    **Exit codes**: 0 the time is over, or the platform ended the session; 1 an error that trying
    again can't help; 2 wrong usage; 130 after Ctrl-C or SIGTERM, everything saved.

    **Examples**

    - `fleetlab capture --server demo --seconds 30`: the embedded simulator, no account needed
    - `fleetlab capture --server eu --minutes 10`: all trackers of an account
    - `fleetlab capture --server eu --trackers 101,102 --events state_batch,iot_monitor`
    - `fleetlab capture --server https://api.example.com --note "depot north"`: an own server
    - `fleetlab capture --server eu --every 1h --save-to /data --status /run/fleetlab.json`
    """
    import fleetlab  # noqa: PLC0415 - so that --help answers before Polars is loaded

    arguments: dict[str, Any] = {
        "server": server,
        "trackers": ids_of(trackers),
        "events": events_of(events, flow_id),
        "rate_limit": rate_limit,
        "timezone": timezone,
        "note": note,
        **credentials(server, login),
    }
    if every is not None:
        from fleetlab.unattended import rotate  # noqa: PLC0415

        if rotate(arguments, every, (minutes, seconds), save_to, status, quiet=quiet):
            raise typer.Exit(INTERRUPTED)
        return
    if status is not None:
        raise InvalidArgument("--status belongs to --every, such as --every 1h.")
    # What stops a service ends a capture like Ctrl-C does: everything is kept.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    view: Any = False if quiet else "auto"
    recording = fleetlab.capture(minutes, seconds, save_to=save_to, view=view, **arguments)
    if quiet:
        out.print(recording.info.path)
    else:
        show(recording, rows)
    if recording.info.stopped_because == "interrupt":
        raise typer.Exit(INTERRUPTED)
