"""`fleetlab doctor`: whether a capture would work here, and what to do where not."""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING, Final

import typer
from rich.text import Text

from fleetlab.console import err, out
from fleetlab.options import Every, Login, SaveTo, Server, Trackers, credentials, ids_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fleetlab.doctor import Finding

__all__ = ["doctor"]

_STYLES: Final = {"ok": "green", "attention": "yellow", "problem": "bold red"}
_INDENT: Final = 11 + 16


def doctor(
    server: Server = None,
    login: Login = None,
    trackers: Trackers = "all",
    save_to: SaveTo = None,
    every: Every = None,
) -> None:
    """Check whether a capture would work here: versions, server, key, clock, rights, disk.

    A line each: ok, attention (it works, but), or problem, with what to do. Nothing is recorded.
    Without a key and a server, the embedded simulator is checked instead. The options mean what
    they mean to capture. The key is asked for as there, and never shown.

    **Exit codes**: 0 all ok, or attention; 1 a problem; 2 wrong usage.

    **Examples**

    - `fleetlab doctor`: this computer, and the server of FLEETLAB_SERVER
    - `fleetlab doctor --server eu --trackers 101,102 --save-to /data/depot`
    - `fleetlab doctor --server eu --every 1h --save-to /data`
    """
    chosen = ids_of(trackers)
    if every is not None:
        from fleetlab.rotation import period_s  # noqa: PLC0415

        period_s(every)
    found = []
    for finding in _examined(server, login, chosen, save_to, is_parent=every is not None):
        found.append(finding.mark)
        _print(finding)
    problems, others = found.count("problem"), found.count("attention")
    if problems:
        out.print()
        err.print(f"fleetlab: {_count(problems, 'problem')} to solve first.")
        raise typer.Exit(1)
    out.print(f"\nIt works; {_count(others, 'line')} to look at." if others else "\nAll is well.")


def _examined(
    server: str | None,
    login: str | None,
    trackers: object,
    save_to: Path | None,
    *,
    is_parent: bool,
) -> Iterator[Finding]:
    from fleetlab import doctor as checks  # noqa: PLC0415 - so that --help answers at once
    from fleetlab.doctor_server import examine_server  # noqa: PLC0415
    from fleetlab.ids import tracker_ids  # noqa: PLC0415
    from fleetlab.plan import DEMO  # noqa: PLC0415
    from fleetlab.server import resolve_credentials, resolve_server  # noqa: PLC0415

    named = server or os.environ.get("FLEETLAB_SERVER")
    has_account = bool(named or login or os.environ.get("FLEETLAB_API_KEY"))
    is_demo = not has_account or (named or "").strip().lower() == DEMO
    wanted = tracker_ids(trackers)
    if not is_demo:
        asked = {"api_key": None, "login": None, "password": None} | credentials(server, login)
        where = resolve_server(named, {})
        who = resolve_credentials(**asked, environ=os.environ)
    yield from checks.versions()
    yield checks.disk(save_to, is_parent=is_parent)
    yield checks.memory()
    if not is_demo:
        yield from examine_server(where, who, wanted)
        return
    from fleetlab.simulator import Simulator  # noqa: PLC0415

    if not has_account:
        yield checks.Finding(
            "account",
            "attention",
            "none, so the embedded simulator is checked",
            "For your own fleet set FLEETLAB_SERVER (eu, us, me, or a URL) and FLEETLAB_API_KEY.",
        )
    with Simulator() as simulator:
        where = resolve_server(simulator.base_url, {})
        who = resolve_credentials(simulator.api_key, None, None, {})
        yield from examine_server(where, who, wanted)


def _print(finding: Finding) -> None:
    """Print a check's line; on a terminal wrapped below its words, elsewhere never."""
    width = max(out.width - _INDENT, 30) if out.is_terminal else 10_000
    lines = textwrap.wrap(finding.words, width) or [""]
    lines += textwrap.wrap(finding.remedy, width)
    head = Text(f"{finding.mark:<11}", _STYLES[finding.mark]) + Text(f"{finding.name:<16}")
    out.print(head + Text(lines[0]))
    for line in lines[1:]:
        out.print(" " * _INDENT + line)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
