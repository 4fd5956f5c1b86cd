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


class Faults:
    """Makes faults happen in turn.

    Parameters
    ----------
    simulator : Simulator
        Where they happen.
    names : iterable of str
        Any of `cut`, `half_open`, `hang_up`, `hang`, `garbage`, `rest_down`, `refuse`.

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
            "hang": self._hang,
            "garbage": lambda: simulator.say(_GARBAGE),
            "rest_down": self._rest_down,
            "refuse": self._refuse,
        }
        asked = list(names)
        for name in asked:
            if name not in known:
                raise InvalidArgument(f"No fault is called {name!r}; there are {', '.join(known)}.")
        self._turns = itertools.cycle([(name, known[name]) for name in asked])

    def next(self) -> str | None:
        """End what lasts of the fault before, let the next one happen, and return its name."""
        self._simulator.hanging = self._simulator.rest_down = False
        turn = next(self._turns, None)
        if turn is None:
            return None
        name, happen = turn
        happen()
        return name

    def _hang(self) -> None:
        self._simulator.hanging = True

    def _rest_down(self) -> None:
        self._simulator.rest_down = True

    def _refuse(self) -> None:
        self._simulator.refuse_next(_BUSY)
        self._simulator.cut()
