"""`fleetlab share`: a copy of a recording for others."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from fleetlab.console import out
from fleetlab.errors import InvalidArgument

__all__ = ["share"]


def share(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR... OUT",
            help="Folder of a recording, or of several, then the new folder.",
            show_default=False,
        ),
    ],
    cut_ends_m: Annotated[
        float | None,
        typer.Option(
            "--cut-ends-m",
            help="Leave out positions this near to where trips begin and end: 300.",
            show_default=False,
        ),
    ] = None,
    names: Annotated[
        bool, typer.Option("--names", help="Keep names, ids and texts; the journal stays out.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="With --names: share the journal, too. A whole copy.")
    ] = False,
) -> None:
    """Write a copy of a recording for others, without names, ids, texts and the journal.

    Trackers become Vehicle 1, 2, 3 in random order, the same in all frames; several recordings
    become one, so that they are the same in all of them. Positions and times stay, and are
    people's data: docs/sharing.md says what becomes of each column, and what remains.

    **Examples**

    - `fleetlab share recordings/2026-11-23T231500Z for-the-workshop`
    - `fleetlab share recordings/2026-11-* november --cut-ends-m 300`: without homes
    """
    import fleetlab  # noqa: PLC0415 - so that --help answers before Polars is loaded

    *folders, target = paths
    if not folders:
        raise InvalidArgument(
            "share needs a recording and a new folder: fleetlab share recordings/NAME OUT."
        )
    if raw and not names:
        raise InvalidArgument(
            "--raw shares the journal, which holds every name and id as it came: leave it out, or "
            "share all of it with --names --raw."
        )
    recording = fleetlab.load(folders if len(folders) > 1 else folders[0])
    shared = recording.share(target, pseudonymise=not names, raw=raw, cut_ends_m=cut_ends_m)
    out.print(repr(shared))
