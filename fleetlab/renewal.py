"""A session that the platform has ended, and a new one in its place."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Any, Final

from fleetlab.errors import AuthenticationError, FleetlabError, RequestRefused
from fleetlab.tasks import unless
from fleetlab.timeouts import wait_after

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fleetlab.timeouts import Timeouts

__all__ = ["Renewal"]

SESSION_S: Final = 3600.0
"""A session that ends sooner after it was renewed is not renewed again: somebody wants it so."""


class Renewal:
    """Gets a new session hash for one that has ended.

    Parameters
    ----------
    log_in : callable or None
        Gets a session hash; None where the key is the user's own, and there is no other.
    timeouts : Timeouts
        Times between attempts.
    """

    def __init__(self, log_in: Callable[[], Awaitable[str]] | None, timeouts: Timeouts) -> None:
        self._log_in = log_in
        self._timeouts = timeouts
        self._renewed_at = -math.inf

    @property
    def is_worth_a_try(self) -> bool:
        """Whether there is a way, and the last session did not end at once."""
        return self._log_in is not None and time.monotonic() - self._renewed_at >= SESSION_S

    async def key(self, stop: asyncio.Event, log: Callable[..., Awaitable[Any]]) -> str | None:
        """Log in until it is granted or refused.

        Parameters
        ----------
        stop : asyncio.Event
            Ends it.
        log : callable
            Takes what happened, a sentence and a code.

        Returns
        -------
        str or None
            A session hash; None where the platform grants none, or it was stopped.
        """
        assert self._log_in is not None
        delays = self._timeouts.delays()
        while not stop.is_set():
            try:
                key = await unless(stop, self._log_in())
            except (AuthenticationError, RequestRefused) as error:
                await log("refused", str(error), error.code)
                return None
            except FleetlabError as error:
                await log("failed", str(error), error.code)
                await unless(stop, asyncio.sleep(wait_after(error.code, delays)))
            else:
                self._renewed_at = time.monotonic()
                return key
        return None
