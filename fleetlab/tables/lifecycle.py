"""Lifecycle and logout events to rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fleetlab.limits import UNREADABLE
from fleetlab.tables.gate import INT64, TEXT, Gate, Obj
from fleetlab.tables.rows import Batch, Rows, fields_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import polars as pl

    from fleetlab.tables.payload import Piece

__all__ = ["Lifecycle", "decode_logout"]

_LIFECYCLE: Final = Obj({"source_id": INT64, "lifecycle_event": TEXT})


class Lifecycle:
    """Decodes lifecycle events, going on from what the gate of another one had learned."""

    def __init__(self, learned: Iterable[Sequence[str]] = ()) -> None:
        self.gate = Gate(_LIFECYCLE, learned)

    def decode(self, batch: Batch, pieces: Sequence[Piece]) -> pl.DataFrame:
        """Make the rows of a batch, of schema ``lifecycle``, in the order of the items."""
        rows = Rows(batch, ["tracker_id", "label", "snapshot", "source_id", "lifecycle_event"])
        for piece in pieces:
            self._add(batch, piece, rows)
        return rows.frame((), ())

    def _add(self, batch: Batch, piece: Piece, rows: Rows) -> None:
        def reject(number: int, path: str, reason: str, raw: bytes) -> None:
            batch.reject(piece.message, piece.path(number) + path, reason, raw)

        decoded = self.gate.decode(piece.raw, piece.raws, reject)
        happened = [one for one in decoded if one is not None]
        fields = fields_of(happened, _LIFECYCLE.names)
        tracker = batch.directory.trackers_of(fields["source_id"], batch.asked)
        more: dict[str, Sequence[Any]] = {
            "tracker_id": tracker,
            "label": batch.directory.labels_of(tracker),
            "snapshot": [False] * len(happened),
        }
        rows.add(piece.message, len(happened), fields | more)


def decode_logout(batch: Batch, pieces: Sequence[Piece]) -> pl.DataFrame:
    """Make the rows of a batch, of schema ``logout``, in the order of the items."""
    rows = Rows(batch, ["snapshot", "reason"])
    for piece in pieces:
        reasons: list[str | None] = []
        for item in piece.items():
            try:
                reasons.append(msgspec.json.decode(item.raw, type=str))
            except UNREADABLE as error:
                why = str(error).replace("`", "")
                batch.reject(piece.message, item.path, why, bytes(item.raw))
                reasons.append(None)
        more: dict[str, Sequence[Any]] = {"snapshot": [False] * len(reasons), "reason": reasons}
        rows.add(piece.message, len(reasons), more)
    return rows.frame((), ())
