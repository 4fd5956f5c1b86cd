"""Which server, and who asks it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fleetlab.errors import InvalidArgument, Words, argument
from fleetlab.protocol import CONNECT_QUERY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "CHECK_ADDRESS",
    "Credentials",
    "Server",
    "redact",
    "resolve_credentials",
    "resolve_server",
]

REGIONS: Final = {region: f"https://api.{region}.navixy.com/v2" for region in ("eu", "us", "me")}
CHECK_ADDRESS: Final = (
    "Check the address: it ends in /v2 on the platform's regions, and on own servers mostly in "
    "nothing."
)
_URL: Final = "or the API base URL of your own server, such as https://api.example.com."
_CHOICES: Final = Words(
    f'"eu", "us" or "me" for the platform\'s regions, "demo" for the embedded simulator, {_URL}',
    f"eu, us or me for the platform's regions, demo for the embedded simulator, {_URL}",
)
_KEY_LIMIT: Final = 256
# Where a key or a login was put by mistake, an error must not repeat it.
_TELLTALE: Final = re.compile(r"[@?#]|[0-9A-Za-z]{24}")


@dataclass(frozen=True)
class Server:
    """A server of the platform.

    Attributes
    ----------
    base_url : str
        API base URL, without a slash at its end.
    """

    base_url: str

    @property
    def host(self) -> str:
        """Host and port, as for error texts."""
        return urlsplit(self.base_url).netloc

    @property
    def is_secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.base_url.startswith("https://")

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine."""
        return _is_loopback(urlsplit(self.base_url).hostname or "")

    @property
    def websocket_url(self) -> str:
        """Address of the event WebSocket."""
        return f"ws{self.base_url.removeprefix('http')}/event/subscription?{CONNECT_QUERY}"

    def rest_url(self, call: str) -> str:
        """Return the address of a REST call such as ``"tracker/list"``."""
        return f"{self.base_url}/{call}"


def resolve_server(server: str | None, environ: Mapping[str, str]) -> Server:
    """Find the server.

    Parameters
    ----------
    server : str or None
        A region's name or an API base URL; None takes the environment's ``FLEETLAB_SERVER``.
    environ : mapping
        The environment.

    Raises
    ------
    InvalidArgument
        If none was named, or what was named is none.
    """
    chosen = server if server is not None else environ.get("FLEETLAB_SERVER")
    if chosen is None or not str(chosen).strip():
        raise InvalidArgument(
            "No server was named. Pass ", argument("server"), " or set FLEETLAB_SERVER: ", _CHOICES
        )
    text = str(chosen).strip()
    if text.lower() in REGIONS:
        return Server(REGIONS[text.lower()])
    try:
        parts = urlsplit(text)
        _ = parts.port, (parts.hostname or "").encode("idna")
    except ValueError:
        raise InvalidArgument("The server is no valid URL. Use ", _CHOICES) from None
    told = not _TELLTALE.search(text)
    shown = argument("server", text) if server is not None else f"FLEETLAB_SERVER={text}"
    shown = shown if told else "What was given as server"
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InvalidArgument(
            "The server's URL must end after its path: no login, no query. Use ", _CHOICES
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        hint = ""
        if parts.scheme in ("ws", "wss") and parts.hostname:
            hint = (
                f" (of a WebSocket, name the API instead: http{parts.scheme[2:]}://{parts.netloc})"
            )
        raise InvalidArgument(shown, f" is no server{hint}. Use ", _CHOICES)
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise InvalidArgument(
            shown,
            " is not encrypted: the key would be readable on the way. ",
            f"Use https://{parts.netloc}{parts.path}." if told else "Use https.",
        )
    return Server(f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/"))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Credentials:
    """Who asks; never shown.

    Attributes
    ----------
    api_key : str or None
        A key, or a session hash.
    login, password : str or None
        Where there is no key.
    """

    api_key: str | None = field(default=None, repr=False)
    login: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not reach a log, a file or an error text."""
        return tuple(secret for secret in (self.api_key, self.password) if secret)


def resolve_credentials(
    api_key: str | None, login: str | None, password: str | None, environ: Mapping[str, str]
) -> Credentials:
    """Find out who asks.

    Raises
    ------
    InvalidArgument
        If there is neither a key nor login and password, or both.
    """
    if login is not None or password is not None:
        if api_key is not None:
            raise InvalidArgument("Both api_key and login were given; give one of them.")
        if not login or not password:
            missing = "password" if login else "login"
            words = f"login= and password= belong together; {missing} is missing."
            typed = "--login needs a password, and none was asked for outside a terminal. Set "
            raise InvalidArgument(Words(words, f"{typed}FLEETLAB_PASSWORD."))
        return Credentials(login=login, password=password)
    key = (api_key if api_key is not None else environ.get("FLEETLAB_API_KEY") or "").strip()
    if not key:
        raise InvalidArgument(
            "No key was given. Set FLEETLAB_API_KEY ",
            Words(
                "(it stays out of the notebook), or pass api_key=, or login= and password=. "
                'server="demo" needs none.',
                "(it stays out of the list of processes), or use --login. With --server demo none "
                "is needed.",
            ),
        )
    if not key.isascii() or not key.isprintable() or " " in key or len(key) > _KEY_LIMIT:
        raise InvalidArgument("The key has characters that no key has; copy it again.")
    return Credentials(api_key=key)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return a text without the secrets in it."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):  # one may begin another
        text = text.replace(secret, "[redacted]")
    return text
