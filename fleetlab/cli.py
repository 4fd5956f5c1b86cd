"""The command line: what Python users have, for a terminal and for unattended machines."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from fleetlab._version import __version__
from fleetlab.console import err, out
from fleetlab.demo import demo
from fleetlab.errors import FleetlabError, InvalidArgument
from fleetlab.replay_command import replay
from fleetlab.report_command import report
from fleetlab.share_command import share

__all__ = ["app", "main"]

app = typer.Typer(
    name="fleetlab",
    help="Record and study the live event stream of a vehicle fleet.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line; errors become one line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A label in a script that the terminal doesn't know is no reason to fail.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        app(standalone_mode=True)
    except InvalidArgument as error:
        err.print(f"fleetlab: {error}")
        sys.exit(2)
    except FleetlabError as error:
        err.print(f"fleetlab: {error}")
        if error.recording is not None and error.recording.info.path:
            err.print(f"What was caught is in {error.recording.info.path}.")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(0)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        out.print(f"fleetlab {__version__}")
        raise typer.Exit


@app.command()
def capture(
    minutes: Annotated[float | None, typer.Option(help="How long, in minutes.")] = None,
    seconds: Annotated[float | None, typer.Option(help="How long, in seconds.")] = None,
    server: Annotated[
        str | None,
        typer.Option(
            help="eu, us, me, demo, or an API base URL; else FLEETLAB_SERVER.",
            show_default=False,
        ),
    ] = None,
    login: Annotated[
        str | None, typer.Option(help="Log in instead of a key; the password is prompted for.")
    ] = None,
    trackers: Annotated[str, typer.Option(help="all, or ids: 101,102.")] = "all",
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
    save_to: Annotated[
        Path | None, typer.Option(help="A new or empty folder; default: recordings/START.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Text kept with the recording.")] = None,
    rows: Annotated[int, typer.Option(min=0, help="Rows of each frame to print at the end.")] = 3,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress, and only the folder at the end.")
    ] = False,
) -> None:
    """Record the live stream to a folder of Parquet files.

    Without a time it goes on until Ctrl-C or SIGTERM, which keep everything (exit code 130).

    The key comes from FLEETLAB_API_KEY, or from a prompt; never from the command line, where others
    could read it. With --login, the password comes from FLEETLAB_PASSWORD or from a prompt.

    **Examples**

    - `fleetlab capture --server demo --seconds 30`: the embedded simulator, no account needed
    - `fleetlab capture --server eu --minutes 10`: all trackers of an account
    - `fleetlab capture --server eu --trackers 101,102 --events state_batch,iot_monitor`
    - `fleetlab capture --server https://api.example.com --note "depot north"`: an own server
    """
    import fleetlab  # noqa: PLC0415 - so that --help answers before Polars is loaded

    arguments: dict[str, Any] = {
        "minutes": minutes,
        "seconds": seconds,
        "server": server,
        "trackers": _ids(trackers),
        "events": _events(events, flow_id),
        "rate_limit": rate_limit,
        "timezone": timezone,
        "save_to": save_to,
        "note": note,
        "view": False if quiet else "auto",
        **_credentials(server, login),
    }
    # What stops a service ends a capture like Ctrl-C does: everything is kept.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    recording = fleetlab.capture(**arguments)
    if quiet:
        out.print(recording.info.path)
    else:
        _show(recording, rows)
    if recording.info.stopped_because == "interrupt":
        raise typer.Exit(INTERRUPTED)


app.command()(demo)
app.command()(replay)
app.command()(report)
app.command()(share)


@app.command()
def info(
    folder: Annotated[Path, typer.Argument(help="Folder of a recording.", show_default=False)],
    rows: Annotated[int, typer.Option(min=0, help="Rows of each frame to print.")] = 0,
) -> None:
    """Tell what a recording holds, also an unfinished one.

    **Example**

    - `fleetlab info recordings/2026-11-23T231500Z --rows 3`
    """
    import fleetlab  # noqa: PLC0415

    _show(fleetlab.load(folder), rows)


@app.command()
def rebuild(
    folder: Annotated[Path, typer.Argument(help="Folder of a recording.", show_default=False)],
    force: Annotated[
        bool, typer.Option("--force", help="Also where that loses what the journal hasn't got.")
    ] = False,
) -> None:
    """Make all frames of a recording again, from its journal alone.

    For one whose files are damaged. Notes are kept. Killed at any moment, it leaves the recording
    as it was, or rebuilt.

    **Example**

    - `fleetlab rebuild recordings/2026-11-23T231500Z`
    """
    import fleetlab  # noqa: PLC0415

    _show(fleetlab.rebuild(folder, force=force), 0)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Folder of a recording.", show_default=False)],
    format: Annotated[str, typer.Option(help="parquet, csv, xlsx or duckdb.")] = "parquet",
    to: Annotated[
        Path | None, typer.Option(help="Folder or file to write; default: named after it.")
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(
            help="Of xlsx: zone whose clock its times show; default: the recording's.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a recording for another tool.

    Times are in UTC; in a workbook by the clock of the fleet's zone, which each header names.

    **Examples**

    - `fleetlab export recordings/2026-11-23T231500Z --format xlsx`
    - `fleetlab export recordings/2026-11-23T231500Z --format csv --to for-the-auditor`
    """
    import fleetlab  # noqa: PLC0415
    from fleetlab.export import export as write  # noqa: PLC0415

    out.print(str(write(fleetlab.load(folder), format, to, timezone=timezone)))


def _show(recording: Any, rows: int) -> None:
    import polars as pl  # noqa: PLC0415

    out.print(repr(recording))
    caught = recording.summary().filter(pl.col("rows") > 0)["event"].to_list()
    with pl.Config(
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_cols=9,
        tbl_width_chars=min(out.width, 120),
        fmt_str_lengths=40,
    ):
        for event in caught if rows else ():
            moment = pl.col("event_time").dt.to_string("%H:%M:%S").alias("UTC")
            last = recording.scan(event).tail(rows).select(moment, *_SHOWN[event])
            out.print(f"\n{event}, the last rows")
            out.print(str(last.with_columns(pl.col(pl.Float64).round(5)).collect()))
    if caught and recording.info.path:
        folder = Path(recording.info.path)
        files = folder / caught[0] / "*.parquet"
        out.print("\nRead it again")
        out.print(f"  fleetlab  fl.load({str(folder)!r})")
        out.print(f"  Polars    pl.scan_parquet({str(files)!r})")
        out.print(f"  DuckDB    FROM read_parquet('{files}', union_by_name=true)")


_STATE = ("label", "lat", "lng", "speed_kmh", "movement_status", "ignition")
_SHOWN = {
    "state": _STATE,
    "state_batch": _STATE,
    "readings_batch": ("label", "reading", "sensor_label", "value_text", "units"),
    "iot_monitor": ("label", "queue", "field", "value_text", "value_type"),
    "lifecycle": ("label", "source_id", "lifecycle_event"),
    "logout": ("reason",),
}


def _ids(text: str) -> Any:
    if text.strip().lower() == "all":
        return "all"
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InvalidArgument(f"--trackers takes all, or ids like 101,102; not {text!r}.") from None


def _events(text: str, flow_id: int | None) -> list[Any]:
    from fleetlab.requests import IotMonitor  # noqa: PLC0415

    names = [part.strip() for part in text.split(",") if part.strip()]
    if flow_id is not None and "iot_monitor" not in names:
        raise InvalidArgument("--flow-id belongs to iot_monitor: add it to --events.")
    return [IotMonitor(flow_id=flow_id) if name == "iot_monitor" else name for name in names]


def _credentials(server: str | None, login: str | None) -> dict[str, str | None]:
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
