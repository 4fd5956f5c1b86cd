"""The command line: what Python users have, for a terminal and for unattended machines."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated, NoReturn

import typer

from fleetlab._version import __version__
from fleetlab.capture_command import capture
from fleetlab.console import INTERRUPTED, err, out, show
from fleetlab.demo import demo
from fleetlab.doctor_command import doctor
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


def main() -> NoReturn:
    """Run the command line; errors become one line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A label in a script that the terminal doesn't know is no reason to fail.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        app(standalone_mode=True)
    except InvalidArgument as error:
        _tell(error)
        sys.exit(2)
    except FleetlabError as error:
        caught = error.recording.info.path if error.recording is not None else None
        _tell(error, f" What was caught is in {caught}." if caught else "")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(0)


def _tell(error: FleetlabError, more: str = "") -> None:
    """Print an error in one line, whatever a server's words in it hold."""
    err.print(f"fleetlab: {' '.join(error.in_terminal.splitlines())}{more}")


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        out.print(f"fleetlab {__version__}")
        raise typer.Exit


app.command()(capture)
app.command()(demo)
app.command()(doctor)
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

    show(fleetlab.load(folder), rows)


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

    show(fleetlab.rebuild(folder, force=force), 0)


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
