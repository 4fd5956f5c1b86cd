"""What `fleetlab demo` and `fleetlab replay` do alike: they serve until they are stopped."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

from fleetlab.console import out
from fleetlab.errors import FleetlabError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fleetlab.simulator import Simulator
    from fleetlab.simulator.replay import Replay

__all__ = ["serving"]


@contextlib.contextmanager
def serving(
    start: Callable[[], Simulator | Replay], port: int, what: str, then: str
) -> Iterator[threading.Event]:
    """Serve, say how it is reached, and give the event that Ctrl-C and SIGTERM set.

    Parameters
    ----------
    start : callable
        Starts the server, and returns it.
    port : int
        That it is started on.
    what, then : str
        What it serves, as a line of the table; and what is said last.

    Raises
    ------
    FleetlabError
        If the port can't be used.
    """
    try:
        server = start()
    except OSError as error:
        raise FleetlabError(
            f"Port {port} can't be used: {error.strerror or error}. Take another with --port."
        ) from error
    with server:
        out.print(f"base URL  {server.base_url}")
        out.print(f"API key   {server.api_key}")
        out.print(f"login     {server.login}, password {server.password}")
        out.print(what)
        out.print("\nIn another terminal:")
        out.print(
            f"  FLEETLAB_API_KEY={server.api_key} "
            f"fleetlab capture --server {server.base_url} --minutes 1"
        )
        out.print(f"\n{then}")
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        yield stopped
