"""Faults by name, one after the other: for a simulator that is left running for others' clients."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from fleetlab.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fleetlab.simulator.simulator import Simulator

__all__ = ["Faults"]

_GARBAGE = '{"type":"event","event":"state_batch","data":[{"source_id":'
_BUSY = 6
_RESTARTS_S = 3.0
_SLOW_S = 2.0
_CLOCK_ERROR_S = 3 * 3600.0


class Faults:
    """Makes faults happen in turn.

    Parameters
    ----------
    simulator : Simulator
        Where they happen.
    names : iterable of str
        Any of `cut`, `half_open`, `hang_up`, `restart`, `hang`, `slow`, `garbage`, `rest_down`,
        `refuse`, `clock`.

    Raises
    ------
    InvalidArgument
        For any other name.
    """

    def __init__(self, simulator: Simulator, names: Iterable[str]) -> None:
        self._simulator = simulator
        known: Mapping[str, Callable[[], None]] = {
            "cut": simulator.cut,
            "half_open": simulator.half_open,
            "hang_up": simulator.hang_up,
            "restart": lambda: simulator.restart(_RESTARTS_S),
            "hang": self._hang,
            "slow": self._slow,
            "garbage": lambda: simulator.say(_GARBAGE),
            "rest_down": self._rest_down,
            "refuse": self._refuse,
            "clock": self._clock,
        }
        asked = list(names)
        for name in asked:
            if name not in known:
                raise InvalidArgument(f"No fault is called {name!r}; there are {', '.join(known)}.")
        self._turns = itertools.cycle([(name, known[name]) for name in asked])

    def next(self) -> str | None:
        """End what lasts of the fault before, let the next one happen, and return its name."""
        self._simulator.hanging = self._simulator.rest_down = False
        self._simulator.slow = self._simulator.clock_error = 0.0
        turn = next(self._turns, None)
        if turn is None:
            return None
        name, happen = turn
        happen()
        return name

    def _hang(self) -> None:
        self._simulator.hanging = True

    def _slow(self) -> None:
        self._simulator.slow = _SLOW_S

    def _clock(self) -> None:
        self._simulator.clock_error = _CLOCK_ERROR_S

    def _rest_down(self) -> None:
        self._simulator.rest_down = True

    def _refuse(self) -> None:
        self._simulator.refuse_next(_BUSY)
        self._simulator.cut()
