"""The command line: what Python users have, for a terminal and for unattended machines."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from fleetlab._version import __version__
from fleetlab.errors import FleetlabError, InvalidArgument

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

_out = Console(soft_wrap=True, highlight=False, markup=False)
_err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)


def main() -> NoReturn:
    """Run the command line; errors become one line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A label in a script that the terminal doesn't know is no reason to fail.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        app(standalone_mode=True)
    except InvalidArgument as error:
        _err.print(f"fleetlab: {error}")
        sys.exit(2)
    except FleetlabError as error:
        _err.print(f"fleetlab: {error}")
        if error.recording is not None and error.recording.info.path:
            _err.print(f"What was caught is in {error.recording.info.path}.")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(0)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        _out.print(f"fleetlab {__version__}")
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
        _out.print(recording.info.path)
    else:
        _show(recording, rows)
    if recording.info.stopped_because == "interrupt":
        raise typer.Exit(INTERRUPTED)


@app.command()
def demo(
    vehicles: Annotated[int, typer.Option(min=1, help="How many vehicles.")] = 12,
    seed: Annotated[int, typer.Option(help="Same seed, same fleet.")] = 1,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    timezone: Annotated[
        str, typer.Option(help="Zone of the user, in which states and readings are dated.")
    ] = "Europe/Madrid",
    tick: Annotated[float, typer.Option(help="Seconds from one update to the next.")] = 1.0,
    iso: Annotated[
        bool, typer.Option("--iso", help="Times as ISO 8601 to clients that ask for it.")
    ] = False,
    patience: Annotated[
        float | None,
        typer.Option(help="Close a client that sends no heartbeat for so many seconds."),
    ] = None,
    oddity: Annotated[
        list[str] | None,
        typer.Option(help="A rarer form of the protocol; may be given several times."),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="What goes wrong every so often; several come in turn."),
    ] = None,
    every: Annotated[float, typer.Option(help="Seconds from one fault to the next.")] = 60.0,
) -> None:
    """Serve the embedded simulator until stopped, and print its base URL and key.

    It speaks the platform's protocol on loopback: REST and the event WebSocket on one port.

    Oddities are what real servers do besides the usual: wrapped_states, mislabelled_readings,
    iot_lists, binary_frames, no_nulls, position_beside, one_map, unknown_fields.

    Faults are what happens on a bad day. cut: connections are aborted. half_open: they stay open
    and dead. hang_up: the server closes them. hang: the application says nothing, until the next
    fault. garbage: rubbish between the messages. rest_down: REST answers 503, until the next fault.
    refuse: the next subscription is refused for now, and the connection cut.

    **Examples**

    - `fleetlab demo`: a dozen vehicles on a free port
    - `fleetlab demo --port 8080 --vehicles 500 --seed 7`
    - `fleetlab demo --oddity wrapped_states --oddity no_nulls --timezone Asia/Kathmandu`
    - `fleetlab demo --fault cut --fault half_open --every 30`: a test of another's client
    - then, in another terminal: `FLEETLAB_API_KEY=KEY fleetlab capture --server URL`
    """
    from fleetlab.simulator import Simulator  # noqa: PLC0415
    from fleetlab.simulator.faults import Faults  # noqa: PLC0415

    if every <= 0:
        raise InvalidArgument(f"--every must be more than 0 seconds, not {every:g}.")
    simulator = Simulator(
        vehicles=vehicles,
        seed=seed,
        timezone=timezone,
        tick=tick,
        iso="ask" if iso else False,
        client_patience=patience,
        oddities=oddity or (),
    )
    faults = Faults(simulator, fault or ())
    try:
        simulator.start(port=port)
    except OSError as error:
        raise FleetlabError(
            f"Port {port} can't be used: {error.strerror or error}. Take another with --port."
        ) from error
    with simulator:
        _out.print(f"base URL  {simulator.base_url}")
        _out.print(f"API key   {simulator.api_key}")
        _out.print(f"vehicles  {vehicles}, seed {seed}")
        _out.print("\nIn another terminal:")
        _out.print(
            f"  FLEETLAB_API_KEY={simulator.api_key} "
            f"fleetlab capture --server {simulator.base_url} --minutes 1"
        )
        _out.print("\nCtrl-C stops it.")
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        due = time.monotonic() + every
        while not stopped.wait(min(1.0, every)):  # in steps: Windows sees Ctrl-C only in between
            if time.monotonic() >= due:
                due += every
                if (happened := faults.next()) is not None:
                    _err.print(f"{time.strftime('%H:%M:%S')} fault: {happened}")


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
def export(
    folder: Annotated[Path, typer.Argument(help="Folder of a recording.", show_default=False)],
    format: Annotated[str, typer.Option(help="parquet, csv, xlsx or duckdb.")] = "parquet",
    to: Annotated[
        Path | None, typer.Option(help="Folder or file to write; default: named after it.")
    ] = None,
) -> None:
    """Write a recording for another tool.

    **Examples**

    - `fleetlab export recordings/2026-11-23T231500Z --format xlsx`
    - `fleetlab export recordings/2026-11-23T231500Z --format csv --to for-the-auditor`
    """
    import fleetlab  # noqa: PLC0415
    from fleetlab.export import export as write  # noqa: PLC0415

    _out.print(str(write(fleetlab.load(folder), format, to)))


def _show(recording: Any, rows: int) -> None:
    import polars as pl  # noqa: PLC0415

    _out.print(repr(recording))
    caught = recording.summary().filter(pl.col("rows") > 0)["event"].to_list()
    with pl.Config(
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_cols=9,
        tbl_width_chars=min(_out.width, 120),
        fmt_str_lengths=40,
    ):
        for event in caught if rows else ():
            moment = pl.col("event_time").dt.to_string("%H:%M:%S").alias("UTC")
            last = recording.scan(event).tail(rows).select(moment, *_SHOWN[event])
            _out.print(f"\n{event}, the last rows")
            _out.print(str(last.with_columns(pl.col(pl.Float64).round(5)).collect()))
    if caught and recording.info.path:
        folder = Path(recording.info.path)
        files = folder / caught[0] / "*.parquet"
        _out.print("\nRead it again")
        _out.print(f"  fleetlab  fl.load({str(folder)!r})")
        _out.print(f"  Polars    pl.scan_parquet({str(files)!r})")
        _out.print(f"  DuckDB    FROM read_parquet('{files}', union_by_name=true)")


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
