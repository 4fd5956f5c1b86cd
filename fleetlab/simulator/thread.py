"""A server in a daemon thread, with an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fleetlab.simulator.server import Host

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ServerThread"]

Server = TypeVar("Server", bound=Host[Any])


class ServerThread(Generic[Server]):
    """Runs a server from construction to `stop`.

    Parameters
    ----------
    make : callable
        Makes the server, in its loop.
    host : str
    port : int
        0 takes a free one.

    Attributes
    ----------
    port : int
        The port that is listened on.

    Raises
    ------
    OSError
        If the address can't be listened on.
    """

    def __init__(self, make: Callable[[], Server], *, host: str, port: int) -> None:
        self.port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: Server | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None

        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            self._server = make()
            await self._server.run(host, port, self._listening)

        def run() -> None:
            try:
                asyncio.run(serve())
            except BaseException as problem:  # noqa: BLE001 - raised again where it can be caught
                self._failure = problem
            finally:
                self._ready.set()

        self._thread = threading.Thread(target=run, name="fleetlab-simulator", daemon=True)
        self._thread.start()
        self._ready.wait()
        self._raise()

    def call(self, act: Callable[[Server], None]) -> None:
        """Do something in the server's thread, and wait until it is done."""
        loop, server = self._loop, self._server
        assert loop is not None
        assert server is not None

        async def run() -> None:
            act(server)

        asyncio.run_coroutine_threadsafe(run(), loop).result()

    def stop(self) -> None:
        """Stop the server and wait for the thread; raises what it failed with, if it did."""
        if self._thread.is_alive():
            self.call(lambda server: server.stop())
        self._thread.join()
        self._raise()

    def _listening(self, port: int) -> None:
        self.port = port
        self._ready.set()

    def _raise(self) -> None:
        if self._failure is not None:
            self._thread.join()
            raise self._failure
