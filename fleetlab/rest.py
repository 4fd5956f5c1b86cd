"""The REST side: session, tracker list, time zone."""

from __future__ import annotations

import json
import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from fleetlab.errors import ProtocolError, ServerUnavailable
from fleetlab.failures import unreachable
from fleetlab.limits import excess
from fleetlab.server import CHECK_ADDRESS, redact
from fleetlab.status import error_for

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from fleetlab.server import Server

__all__ = ["RestClient", "ssl_context"]

REPLY_LIMIT: Final = 64_000_000
"""Bytes of a reply; a list of 12,000 trackers has about 8 MB."""

TIMEOUTS: Final = aiohttp.ClientTimeout(total=60.0, sock_connect=10.0, sock_read=10.0)
"""A long list may take its time on a slow line, as long as it comes."""


def ssl_context(server: Server) -> ssl.SSLContext | None:
    """Return the TLS settings for a server: those of the system, company certificates included.

    None where the server is on this machine and not encrypted.
    """
    if not server.is_secure:
        return None
    import truststore  # noqa: PLC0415 - loads the system's store

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class RestClient:
    """Calls the platform's REST API; the key travels in a header, never in an address.

    Parameters
    ----------
    server : Server
        The server.
    context : ssl.SSLContext or None
        What :func:`ssl_context` returned.

    Attributes
    ----------
    key : str
        API key or session hash that calls are made with; :meth:`auth` sets it.
    date : str or None
        The server's clock as the header of the last reply tells it, to the second.
    """

    date: str | None = None

    def __init__(self, server: Server, context: ssl.SSLContext | None, key: str = "") -> None:
        self.key = key
        self._server = server
        self._context = context

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._context or True),
            timeout=TIMEOUTS,
            # A proxy from the environment is right for the world, never for this machine.
            trust_env=not self._server.is_loopback,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def auth(self, login: str, password: str) -> str:
        """Exchange login and password for a session hash, which lives 30 days.

        Raises
        ------
        AuthenticationError
            If they are wrong.
        """
        reply = await self._post("user/auth", {"login": login, "password": password}, None)
        session = reply.get("hash")
        if not isinstance(session, str) or not session:
            raise ProtocolError(f"{self._server.host} answered user/auth without a session hash.")
        self.key = session
        return session

    async def call(self, call: str) -> dict[str, Any]:
        """Return the reply of a call such as ``"tracker/list"``.

        Raises
        ------
        AuthenticationError, RequestRefused
            If the platform refuses it.
        ServerUnavailable
            If it can't be reached, or asks to come back later.
        ProtocolError
            If what answers isn't the platform's API.
        """
        return await self._post(call, {}, self.key)

    async def _post(self, call: str, body: dict[str, str], key: str | None) -> dict[str, Any]:
        headers = {} if key is None else {"Authorization": f"NVX {key}"}
        try:
            async with self._session.post(
                self._server.rest_url(call), json=body, headers=headers, allow_redirects=False
            ) as response:
                status = response.status
                self.date = response.headers.get("Date")
                text = bytearray()
                async for chunk in response.content.iter_chunked(1 << 16):
                    text += chunk
                    if len(text) > REPLY_LIMIT:
                        raise ProtocolError(f"The reply of {call} has over {REPLY_LIMIT:,} bytes.")
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(self._server, error) from error
        return self._read(call, status, text, [*body.values(), *([] if key is None else [key])])

    def _read(
        self, call: str, status: int, text: bytes | bytearray, secrets: list[str]
    ) -> dict[str, Any]:
        too_much = excess(text)
        if too_much is not None:
            raise ProtocolError(f"The reply of {call} has {too_much}.")
        try:
            reply = json.loads(text)
        except (ValueError, RecursionError):
            reply = None
        if isinstance(reply, dict) and reply.get("success") is True:
            return reply
        told = reply.get("status") if isinstance(reply, dict) else None
        if isinstance(told, dict) and isinstance(told.get("code"), int):
            words = redact(str(told.get("description") or "no reason given"), secrets)
            raise error_for(told["code"], words, call)
        if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
            raise ProtocolError(
                f"{self._server.host} sends {call} to another address, where the key is not sent. "
                "Name the API's own address."
            )
        if status >= 500 and status != HTTPStatus.NOT_IMPLEMENTED:  # noqa: PLR2004 - server errors
            raise ServerUnavailable(
                f"{self._server.host} answered {call} with HTTP {status}. Try again later."
            )
        raise ProtocolError(
            f"{self._server.host} answered {call} with HTTP {status} and not as the platform's API "
            f"does. {CHECK_ADDRESS}"
        )
