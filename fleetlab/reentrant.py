"""The one use of nest-asyncio: a blocking call inside a running loop that is to stay alive.

A loop that already runs in this thread would stand still while ``fleetlab.capture`` waits. Where
the caller asks for it, and never in a Jupyter kernel (patching its loop loses messages), that loop
is made re-entrant, so that its other tasks go on. Nested calls end in the reverse order of their
starts: an outer one can't return before an inner one has.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from fleetlab.errors import InvalidArgument
from fleetlab.kernel import in_kernel

__all__ = ["nested_loop"]


def nested_loop() -> Any:
    """Return this thread's running loop, made re-entrant.

    Returns
    -------
    asyncio.AbstractEventLoop or None
        None where no loop runs in this thread, and in a Jupyter kernel.

    Raises
    ------
    InvalidArgument
        If nest-asyncio can't do it with this loop or this Python.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    if in_kernel():
        return None
    advice = "Write `await fleetlab.acapture(…)` instead, or leave out reentrant=True."
    if sys.version_info >= (3, 14):
        raise InvalidArgument(f"reentrant=True does not work on Python 3.14 and newer. {advice}")
    import nest_asyncio  # noqa: PLC0415 - patches asyncio as a whole: only when it is asked for

    try:
        nest_asyncio.apply(loop)
    except ValueError as error:
        raise InvalidArgument(
            f"reentrant=True does not work with a loop of {type(loop).__module__}. {advice}"
        ) from error
    return loop
