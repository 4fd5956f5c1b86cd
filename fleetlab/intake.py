"""A queue of records from one thread to another, bounded in bytes."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from fleetlab.recording.batches import size_of
from fleetlab.tables.decoder import BATCH_BYTES

if TYPE_CHECKING:
    from fleetlab.recording.batches import Placed
    from fleetlab.recording.journal import Position
    from fleetlab.records import Record

__all__ = ["Intake"]

QUEUE_BYTES: Final = 64_000_000
"""Bytes that may wait between two threads."""


class Intake:
    """A queue of records, bounded in bytes, from one thread to another."""

    def __init__(self, limit: int = QUEUE_BYTES) -> None:
        self._limit = limit
        self._records: deque[Placed] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._closed = False

    @property
    def has_room(self) -> bool:
        """Whether a record can be put; a closed queue takes any, and drops it."""
        return self._bytes < self._limit or self._closed

    def put(self, record: Record, position: Position | None = None) -> None:
        """Add a record, room or not."""
        with self._changed:
            if not self._closed:
                self._records.append((position, record))
                self._bytes += size_of(record)
                self._changed.notify_all()

    def take(self, timeout: float) -> list[Placed]:
        """Return a batch of what is there, after waiting for the first of it a while."""
        with self._changed:
            self._changed.wait_for(lambda: self._records or self._closed, timeout)
            taken: list[Placed] = []
            size = 0
            while self._records and size < BATCH_BYTES:
                taken.append(self._records.popleft())
                size += size_of(taken[-1][1])
            self._bytes -= size
            return taken

    def close(self) -> None:
        """Take no more; what is in it can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def is_exhausted(self) -> bool:
        """Whether it is closed and empty."""
        return self._closed and not self._records
