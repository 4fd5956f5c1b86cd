"""How long the connection waits for what."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fleetlab.status import TOO_MANY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Timeouts", "backoff", "wait_after"]

_SLOWER: Final = 4
"""Waits that are left out after too many requests: the first of 16 s is next."""


def backoff() -> Iterator[float]:
    """Yield seconds to wait before each attempt: doubling from 1 to 60, with jitter."""
    delay = 1.0
    while True:
        yield delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads clients, hides nothing
        delay = min(delay * 2, 60.0)


def wait_after(code: int | None, delays: Iterator[float]) -> float:
    """Return seconds to wait after a failure: too many requests count as several.

    Parameters
    ----------
    code : int or None
        The failure's code.
    delays : iterator of float
        Waits that grow, in seconds.
    """
    return next(itertools.islice(delays, _SLOWER if code == TOO_MANY else 0, None))


@dataclass(frozen=True)
class Timeouts:
    """Times in seconds; tests have shorter ones.

    Attributes
    ----------
    answer : float
        From the first packet to the answered subscription.
    ping, pong : float
        How often the server is pinged, and how long it may take to answer.
    silence, reply : float
        After how long without a word the same subscription is asked for again, and how long the
        server may then leave that without a word.
    close : float
        How long the server may take to answer our close.
    delays : callable
        Makes the waits between attempts.
    """

    answer: float = 12.0
    ping: float = 15.0
    pong: float = 10.0
    silence: float = 150.0
    reply: float = 15.0
    close: float = 2.0
    delays: Callable[[], Iterator[float]] = field(default=backoff)
