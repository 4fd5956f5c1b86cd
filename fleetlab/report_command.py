"""`fleetlab report`: a recording as one HTML page."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from fleetlab.console import err, out

__all__ = ["report"]


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a recording.", show_default=False)],
    to: Annotated[
        Path | None,
        typer.Option("--out", help="File to write; default: NAME.html here.", show_default=False),
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(help="Zone of its times; default: the recording's.", show_default=False),
    ] = None,
    trackers: Annotated[str, typer.Option(help="all, or ids and labels: 101,102,Truck 7.")] = "all",
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file if it is there already.")
    ] = False,
) -> None:
    """Write a recording as one HTML page that opens anywhere, with the network off.

    It holds the overview, how the data came in, a section a tracker (the 50 that told most, unless
    some are named), gaps, notes, and the data dictionary.

    **Examples**

    - `fleetlab report recordings/2026-11-23T231500Z`
    - `fleetlab report recordings/2026-11-23T231500Z --trackers 101,102 --out depot.html`
    """
    import fleetlab  # noqa: PLC0415 - so that --help answers before Polars is loaded
    from fleetlab.report import write_report  # noqa: PLC0415

    chosen = _trackers(trackers)
    recording = fleetlab.load(folder)
    with err.status("Drawing the charts, which takes some seconds"):
        path = write_report(recording, to, trackers=chosen, timezone=timezone, force=force)
    out.print(str(path))


def _trackers(text: str) -> list[int | str] | None:
    names = [part.strip() for part in text.split(",") if part.strip()]
    if text.strip().lower() == "all" or not names:
        return None
    return [int(name) if name.isascii() and name.isdigit() else name for name in names]
