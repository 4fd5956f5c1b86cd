"""Lifecycle and logout events to rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import polars as pl

from fleetlab.tables.gate import INT64, TEXT, Gate, Obj
from fleetlab.tables.rows import Batch, Item, Rows, column

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Lifecycle", "decode_logout"]

_LIFECYCLE: Final = Obj({"source_id": INT64, "lifecycle_event": TEXT})


class Lifecycle:
    """Decodes lifecycle events."""

    def __init__(self) -> None:
        self._gate = Gate(_LIFECYCLE)

    def decode(self, batch: Batch, items: Sequence[Item]) -> pl.DataFrame:
        """Make the rows of a batch, of schema ``lifecycle``, in the order of the items."""

        def reject(number: int, path: str, reason: str, raw: bytes) -> None:
            item = items[number]
            batch.reject(item.message, item.path + path, reason, raw)

        decoded = self._gate.decode([item.raw for item in items], reject)
        kept = [row for row, event in enumerate(decoded) if event is not None]
        events = [decoded[row] for row in kept]
        columns = [
            column("source_id", events, "source_id", pl.Int64),
            column("lifecycle_event", events, "lifecycle_event", pl.String),
            pl.Series("snapshot", [False] * len(events), dtype=pl.Boolean),
        ]
        tracker = batch.directory.trackers_of(columns[0].to_list(), batch.asked)
        rows = Rows(batch, [items[row].message for row in kept])
        return rows.frame(columns, tracker, ())


def decode_logout(batch: Batch, items: Sequence[Item]) -> pl.DataFrame:
    """Make the rows of a batch, of schema ``logout``, in the order of the items."""
    reasons: list[str | None] = []
    for item in items:
        try:
            reasons.append(msgspec.json.decode(item.raw, type=str))
        except msgspec.MsgspecError as error:
            batch.reject(item.message, item.path, str(error).replace("`", ""), bytes(item.raw))
            reasons.append(None)
    columns = [
        pl.Series("reason", reasons, dtype=pl.String),
        pl.Series("snapshot", [False] * len(items), dtype=pl.Boolean),
    ]
    rows = Rows(batch, [item.message for item in items])
    return rows.frame(columns, [None] * len(items), ())
