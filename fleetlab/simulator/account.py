"""Who may come in: the API key, the login, and session hashes that end."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time

__all__ = ["Account"]

_HASH = re.compile(r"[0-9a-f]{32}")
WRONG_HASH = 3
NOT_FOUND = 4
TOO_MANY = 15


class Account:
    """The one account of a simulator.

    Parameters
    ----------
    seed : int
        Decides the API key, the login and the password.
    lifetime_s : float
        How long a session hash lives.
    per_second : int
        How many requests a key may make in a second.
    """

    def __init__(self, seed: int, lifetime_s: float, per_second: int) -> None:
        self._per_second = per_second
        self._second = 0
        self._counts: dict[str, int] = {}
        self.api_key = _derived(seed, "key")
        self.login = f"fleet{seed}@example.org"
        self.password = _derived(seed, "password")[:16]
        self._lifetime_s = lifetime_s
        self._ends: dict[str, float] = {self.api_key: float("inf")}

    def log_in(self, login: str, password: str) -> str | None:
        """Return a fresh session hash, or None for a wrong login."""
        right = hmac.compare_digest(
            f"{login}\n{password}".encode(), f"{self.login}\n{self.password}".encode()
        )
        if not right:
            return None
        fresh = secrets.token_hex(16)
        self._ends[fresh] = time.monotonic() + self._lifetime_s
        return fresh

    def refusal(self, key: object) -> int | None:
        """Count a request; return the error code that its key or hash earns, None for none."""
        if not isinstance(key, str) or not _HASH.fullmatch(key):
            return WRONG_HASH
        if self.remaining_s(key) <= 0:
            return NOT_FOUND
        second = int(time.monotonic())
        if second != self._second:
            self._second = second
            self._counts.clear()
        self._counts[key] = self._counts.get(key, 0) + 1
        return TOO_MANY if self._counts[key] > self._per_second else None

    def remaining_s(self, key: str) -> float:
        """Return how long a hash still lives, 0 where it does not."""
        return max(0.0, self._ends.get(key, 0.0) - time.monotonic())

    def end_all(self) -> None:
        """End every session, the API key's too."""
        self._ends.clear()


def _derived(seed: int, what: str) -> str:
    return hashlib.sha256(f"fleetlab simulator {seed} {what}".encode()).hexdigest()[:32]
