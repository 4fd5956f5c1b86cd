"""Opening a WebSocket: to the named host and no other, and within bounds."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any, Final

from websockets.asyncio.client import ClientConnection, connect

if TYPE_CHECKING:
    import ssl as ssl_module

    from fleetlab.server import Server

__all__ = ["MAX_SIZE", "Line", "open_websocket"]

MAX_SIZE: Final = 64_000_000
"""Bytes of a message: a full batch of 12,000 trackers has about 9 MB, a verbose one more."""


_QUEUE: Final = 4
"""Messages that may wait to be read, each of them as large as that."""

# The library tells of every frame at the level DEBUG, and the first one holds the key; what goes
# wrong reaches us as an error. A logger outside the tree of loggers is one that nobody turns on.
_SILENT: Final = logging.Logger("fleetlab.websocket", logging.CRITICAL)  # noqa: LOG001


class Line(ClientConnection):
    """A WebSocket that knows when bytes came last.

    A large message on a slow line takes its time, and the answer to a ping waits behind it: what
    has come of the message tells that the line is not dead.
    """

    came_at = -math.inf

    def data_received(self, data: bytes) -> None:
        """Take note of the moment, in the loop's time."""
        self.came_at = self.loop.time()
        super().data_received(data)


class _Connect(connect):
    """Follows no redirect: the key is in our first message, and belongs to the named host alone."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def open_websocket(
    server: Server, ssl: ssl_module.SSLContext | None, close_timeout: float
) -> Line:
    """Open the event stream's WebSocket.

    Parameters
    ----------
    server : Server
        The server.
    ssl : ssl.SSLContext or None
        TLS settings; None where the server is not encrypted.
    close_timeout : float
        How long the server may take to answer our close, in seconds.

    Raises
    ------
    OSError, websockets.exceptions.WebSocketException
        What :func:`fleetlab.failures.lost` explains.
    """
    extra: dict[str, Any] = {"ssl": ssl} if ssl is not None else {}
    if server.is_loopback:
        extra["proxy"] = None  # a proxy is right for the world, never for this machine
    websocket = await _Connect(
        server.websocket_url,
        create_connection=Line,
        max_size=MAX_SIZE,
        max_queue=_QUEUE,
        logger=_SILENT,
        open_timeout=None,
        ping_interval=None,  # see Pulse
        close_timeout=close_timeout,
        **extra,
    )
    assert isinstance(websocket, Line)
    return websocket
