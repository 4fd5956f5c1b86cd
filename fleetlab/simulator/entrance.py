"""What a client needs to know of a server here: where it is, and who may come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetlab.errors import InvalidArgument

if TYPE_CHECKING:
    from fleetlab.simulator.account import Account

__all__ = ["Entrance"]


class Entrance:
    """The part of `Simulator` and of `Replay` that clients are told."""

    _account: Account
    _address: tuple[str, int] | None = None

    @property
    def base_url(self) -> str:
        """The API's base URL; the WebSocket's is the same with ws and `/event/subscription`."""
        if self._address is None:
            raise InvalidArgument(
                f"The {type(self).__name__.lower()} has no address before start()."
            )
        host, port = self._address
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/v2"

    @property
    def api_key(self) -> str:
        """A key of 32 hex digits: decided by a simulator's seed, another one for each replay."""
        return self._account.api_key

    @property
    def login(self) -> str:
        """The login that `user/auth` takes."""
        return self._account.login

    @property
    def password(self) -> str:
        """The password that `user/auth` takes."""
        return self._account.password
