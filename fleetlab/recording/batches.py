"""The records of a journal in batches of the size that is decoded at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetlab.recording.journal import read_journal
from fleetlab.records import MessageRecord, Record
from fleetlab.tables.decoder import BATCH_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleetlab.recording.folder import Folder
    from fleetlab.recording.journal import Position

__all__ = ["Placed", "read_batches", "size_of"]

Placed = tuple["Position | None", Record]
"""A record, and the place in the journal just after it."""


def size_of(record: Record) -> int:
    """Bytes that a record counts for; a reply is rare and counts for a little."""
    return len(record.data) + 64 if isinstance(record, MessageRecord) else 1_000


def read_batches(
    folder: Folder,
    after: Position | None = None,
    *,
    until: Position | None = None,
    problems: list[str] | None = None,
    last: int | None = None,
) -> Iterator[list[Placed]]:
    """Yield the records of a journal in batches, none of them empty.

    Parameters
    ----------
    folder : Folder
        Where the recording lives.
    after, until : Position or None
        The places to begin and to end at; None for all that is there.
    problems : list of str or None
        Gets a sentence for each loss.
    last : int or None
        The last message before the first place, where that is known.
    """
    batch: list[Placed] = []
    size = 0
    for position, record in read_journal(folder, after, problems, last):
        batch.append((position, record))
        size += size_of(record)
        if size >= BATCH_BYTES or position == until:
            yield batch
            batch, size = [], 0
        if position == until:
            return
    if batch:
        yield batch
