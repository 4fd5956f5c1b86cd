"""Work of an event loop that goes on beside something, or gives way to it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

__all__ = ["running", "unless"]

T = TypeVar("T")


@contextlib.contextmanager
def running(work: Any) -> Iterator[None]:
    """Run something beside, and end it in the end; what it raises, the rest sees by itself."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        yield
    finally:
        task.cancel()


async def unless(event: asyncio.Event, work: Awaitable[T]) -> T | None:
    """Wait for something, or for an event: then it is cancelled, and None comes back."""
    task = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for each in (task, waiting):
            each.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)
