"""What a failure of the network means, in a sentence that says what to do."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Final

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from fleetlab.errors import FleetlabError, ProtocolError, RequestRefused, ServerUnavailable
from fleetlab.server import CHECK_ADDRESS, redact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleetlab.server import Server

__all__ = ["lost", "unreachable"]

_TOO_BIG: Final = 1009


def unreachable(server: Server, error: BaseException) -> FleetlabError:
    """Return the error for a failure to reach a server, with a sentence on what to do.

    Parameters
    ----------
    server : Server
        The server.
    error : Exception
        What aiohttp, websockets or the system raised.
    """
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    host = server.host
    for link in chain:
        if isinstance(link, ssl.SSLCertVerificationError):
            why = getattr(link, "verify_message", "") or "it could not be verified"
            return ServerUnavailable(
                f"The certificate of {host} is not trusted ({why}). If it is your "
                "company's own server, install its certificate on this computer; check the "
                "computer's clock, too."
            )
        if isinstance(link, ssl.SSLError):
            return ServerUnavailable(
                f"{host} can't be reached over TLS ({link.reason or link}). Check the address and "
                "its port."
            )
        if isinstance(link, socket.gaierror):
            return ServerUnavailable(
                f"The host {host} is not known. Check its spelling, and the network."
            )
        if isinstance(link, ConnectionRefusedError):
            return ServerUnavailable(
                f"{host} refuses connections. Check the address and port, and that it runs."
            )
        if isinstance(link, TimeoutError):
            return ServerUnavailable(
                f"{host} did not answer in time. Check the network, a proxy or firewall between, "
                "and try again."
            )
    return ServerUnavailable(
        f"The connection to {host} failed ({type(error).__name__}: {error}). Check the network and "
        "try again."
    )


def lost(
    server: Server, error: Exception, secrets: Iterable[str], *, answered: bool
) -> FleetlabError:
    """Return the error for a WebSocket that could not be opened, or was lost.

    Parameters
    ----------
    server : Server
        The server.
    error : Exception
        What websockets or the system raised.
    secrets : iterable of str
        What must not be in the error, even if the server's reason for a close says it.
    answered : bool
        Whether the subscription had been answered.
    """
    if isinstance(error, ConnectionClosed):
        return _closed(server, error, secrets, answered=answered)
    if isinstance(error, InvalidStatus):
        return _no_upgrade(server, error.response.status_code)
    speaks_not = isinstance(error, (InvalidHandshake, InvalidURI))
    if speaks_not and not isinstance(error.__cause__, (OSError, EOFError)):
        return ProtocolError(
            f"{server.host} answers, but not as the platform does: it does not speak WebSocket "
            f"({redact(str(error), secrets)}). Check the address and its port."
        )
    return unreachable(server, error)


def _no_upgrade(server: Server, status: int) -> FleetlabError:
    """Return the error for an HTTP answer instead of a WebSocket."""
    words = f"{server.host} answered HTTP {status} instead of opening a WebSocket."
    if status in (401, 403):
        return RequestRefused(f"{words} A proxy may be in the way; else check the address.")
    if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
        return ProtocolError(
            f"{words} It points to another address, where the key is not sent. Name the API's own "
            "address."
        )
    if status >= 500:  # noqa: PLR2004 - the class of server errors
        return ServerUnavailable(f"{words} Try again later.")
    return ProtocolError(f"{words} {CHECK_ADDRESS}")


def _closed(
    server: Server, error: ConnectionClosed, secrets: Iterable[str], *, answered: bool
) -> FleetlabError:
    """Return the error for a connection that was closed or cut."""
    close = error.rcvd or error.sent
    code = close.code if close is not None else 1006
    reason = f": {redact(close.reason, secrets)}" if close is not None and close.reason else ""
    if code == _TOO_BIG and not answered:
        return RequestRefused(
            f"{server.host} closed the connection (code {code}{reason}): the request was too long. "
            "Ask for fewer trackers by id, or for all.",
            code=code,
        )
    if error.rcvd is not None:
        words = f"{server.host} closed the connection (code {code}{reason})"
    elif error.sent is not None:
        words = f"The connection to {server.host} was given up (code {code}{reason})"
    else:
        words = f"The connection to {server.host} was cut"
    if not answered:
        words += " before it answered the subscription"
    return ServerUnavailable(f"{words}. Try again.", code=code)
