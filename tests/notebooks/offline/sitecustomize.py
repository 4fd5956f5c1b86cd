"""Refuse every way beyond this computer; Python runs this first where it is on PYTHONPATH."""

from __future__ import annotations

import sys

NEAR = (None, "", "127.0.0.1", "::1", "localhost", "0.0.0.0")


def refuse(event: str, arguments: tuple[object, ...]) -> None:
    """Raise where a name is looked up, or something is sent, that is not on this computer."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host not in NEAR:
        raise OSError(f"asked for {host}, which is beyond this computer")


sys.addaudithook(refuse)
