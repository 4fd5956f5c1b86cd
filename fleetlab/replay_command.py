"""`fleetlab replay`: a recording as a platform of its own."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fleetlab.console import err
from fleetlab.errors import InvalidArgument
from fleetlab.serving import serving

if TYPE_CHECKING:
    import threading

    from fleetlab.simulator.replay import Replay

__all__ = ["replay"]

_LOOK_S = 0.1


def replay(
    folder: Annotated[Path, typer.Argument(help="Folder of a recording.", show_default=False)],
    speed: Annotated[
        str, typer.Option(help="Recorded seconds in a real one; max: as fast as clients take it.")
    ] = "1",
    gaps: Annotated[
        Literal["include", "skip"],
        typer.Option(help="Cut connections where the recording lost its own, or go on after it."),
    ] = "include",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    once: Annotated[
        bool, typer.Option("--once", help="End after the last message, not at Ctrl-C.")
    ] = False,
) -> None:
    """Serve a recording as the platform would, message for message, until stopped.

    It speaks the platform's protocol on loopback, REST and the event WebSocket on one port. The
    first subscription starts it; every client sees the same playback. After the last message
    connections stay open and silent. Unfinished and damaged recordings give what can be read.

    **Examples**

    - `fleetlab replay recordings/2026-11-23T231500Z`: as it was
    - `fleetlab replay recordings/2026-11-23T231500Z --speed 10 --gaps skip`: yesterday's ten
      minutes in one, through a new chart
    - `fleetlab replay recordings/2026-11-23T231500Z --speed max --once`: a test, or a load test
    - then, in another terminal: `FLEETLAB_API_KEY=KEY fleetlab capture --server URL`
    """
    import fleetlab  # noqa: PLC0415 - so that --help answers before Polars is loaded

    server = fleetlab.replay(folder, speed=_speed(speed), gaps=gaps, port=port)
    about = f"recording {server.name}, at speed {speed}"
    then = "The first subscription starts it. Ctrl-C stops it."
    with serving(server.start, port, about, then) as stopped:
        _watch(server, stopped, once=once)


def _watch(server: Replay, stopped: threading.Event, *, once: bool) -> None:
    """Tell what goes on until it is stopped."""
    phase: str = "waiting"
    told = 0
    while not stopped.wait(_LOOK_S):
        before, phase = phase, server.phase
        if phase != before:
            err.print(f"{time.strftime('%H:%M:%S')} {phase}")
        for problem in server.problems[told:]:
            told += 1
            err.print(f"not readable: {problem}")
        if server.wait(0) and once:
            return


def _speed(text: str) -> float | Literal["max"]:
    if text == "max":
        return "max"
    try:
        return float(text)
    except ValueError:
        raise InvalidArgument(f"--speed takes a number, or max; not {text!r}.") from None
