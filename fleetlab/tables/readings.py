"""Readings of sensors, states, virtual sensors and counters to one row a reading."""

from __future__ import annotations

from itertools import chain, repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec
import polars as pl
from msgspec.structs import astuple

from fleetlab.tables.descriptions import DESCRIBING, Descriptions
from fleetlab.tables.gate import IDS, INT64, RAW, REAL, TEXT, Gate, Many, Obj
from fleetlab.tables.lineup import PARTS, Places, line_up
from fleetlab.tables.payload import TrackerIds, join, open_readings
from fleetlab.tables.rows import Batch, Rows
from fleetlab.tables.values import NOT_A_SCALAR, read_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fleetlab.tables.payload import Item, Piece
    from fleetlab.tables.rows import Reject

__all__ = ["Readings"]

# The four kinds differ in which of these they carry, and none means two things by one name.
_TYPES: Final = {
    "sensor_id": INT64,
    "min_value": REAL,
    "max_value": REAL,
    "composite_sensor_ids": IDS,
}
# What describes a reading comes first, and in the order of the wire, which is decoded fastest.
_ENTRY: Final = Obj(
    {name: _TYPES.get(name, TEXT) for name in DESCRIBING}
    | {"value": RAW, "converted_value": REAL, "update_time": TEXT}
)
_description, _value, _converted_value, _update_time = map(
    itemgetter, (slice(len(DESCRIBING)), *range(len(DESCRIBING), len(_ENTRY.names)))
)
_PARTS: Final = Obj(dict.fromkeys(PARTS, Many(_ENTRY)))


class Readings:
    """Decodes readings, going on from what the gate of another one had learned."""

    def __init__(self, learned: Iterable[Sequence[str]] = ()) -> None:
        self.gate = Gate(_PARTS, learned)
        self._trackers = TrackerIds()

    def decode(self, batch: Batch, pieces: Sequence[Piece]) -> pl.DataFrame:
        """Make the rows of a batch.

        Parameters
        ----------
        batch : Batch
            The messages that the pieces stood in.
        pieces : sequence of Piece
            Each item is one tracker's inputs, states, virtual sensors and counters.

        Returns
        -------
        polars.DataFrame
            Schema ``readings_batch``, in the order of the items; within one, inputs first, then
            states, virtual sensors and counters.
        """
        table = _Table(batch)
        for piece in pieces:
            self._add(batch, piece, table)
        return table.frame()

    def _add(self, batch: Batch, piece: Piece, table: _Table) -> None:
        """Add the readings of a piece."""

        def opened(number: int) -> Item:
            if piece.opened is None:
                piece.opened = open_readings(piece)
            return piece.opened[number]

        def reject_item(number: int, where: str, reason: str, raw: str | bytes) -> None:
            item = opened(number)
            batch.reject(piece.message, item.path + where, reason, raw, item.tracker)

        def reject(row: int, where: str, reason: str, raw: str | bytes) -> None:
            number, part, spot = places.of(row)
            if not where:  # the whole reading
                parts = msgspec.json.decode(opened(number).raw, type=dict[str, msgspec.Raw])
                raw = bytes(msgspec.json.decode(parts[part], type=list[msgspec.Raw])[spot])
            reject_item(number, f".{part}[{spot}]{where}", reason, raw)

        decoded, trackers = self._decode(batch, piece, reject_item)
        entries, places = line_up(decoded)
        extra: list[str | None] | None = None
        if self.gate.learned:
            extra = self._unknown(decoded, entries, places, reject_item)
        # The first object of a tracker is the snapshot, with all the readings in it.
        snapshot = batch.is_snapshot(trackers)
        if entries:
            table.add_trackers(trackers, snapshot, places)
            table.add(piece.message, entries, places.kinds(), extra, reject)

    def _decode(
        self, batch: Batch, piece: Piece, reject: Reject
    ) -> tuple[list[Any], list[int | None]]:
        """Return the objects of a piece, None where one can't be read, and their trackers."""
        maps = None if piece.opened else self.gate.decode_maps(piece.raw)
        if maps is not None:
            trackers = list(map(self._trackers.__getitem__, chain.from_iterable(maps)))
            if None not in trackers:
                return list(chain.from_iterable(map(dict.values, maps))), trackers
        good: list[Item] = []
        for item in open_readings(piece):
            if item.fault is None:
                good.append(item)
            else:
                batch.reject(piece.message, item.path, item.fault, bytes(item.raw))
        piece.opened = good
        raws = piece.raws()
        decoded = self.gate.decode(join(raws), lambda: raws, reject)
        return decoded, [item.tracker for item in good]

    def _unknown(
        self, decoded: Sequence[Any], entries: Sequence[Any], places: Places, reject: Reject
    ) -> list[str | None]:
        """Return the fields that nobody knows, of the readings and of what they stood in."""
        extra = [
            self.gate.inner_extra(PARTS[kind], [entry])[0]
            for kind, entry in zip(places.kinds(), entries, strict=True)
        ]
        for number, own in enumerate(self.gate.extra(decoded)):
            if own is None:
                continue
            row = places.first_row(number)
            if row is None:
                reject(number, "", "unknown fields, and no reading", own)
            else:
                # What stands beside the four known parts: with the first of their rows.
                first = extra[row]
                extra[row] = own if first is None else f"{own[:-1]},{first[1:]}"
        return extra


class _Table:
    """The frame under construction."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._rows = Rows(batch, ["description", "raw", "converted_value", "updated_at", "extra"])
        self._descriptions = Descriptions()
        self._trackers: list[int | None] = []
        self._snapshot: list[bool] = []
        self._lists: list[int] = []
        self._lengths: list[int] = []

    def add_trackers(
        self, trackers: Sequence[int | None], snapshot: Sequence[bool], places: Places
    ) -> None:
        """Add the trackers of a piece, and which readings are theirs."""
        before = len(PARTS) * len(self._trackers)
        self._lists += map(before.__add__, places.lists)
        self._lengths += places.lengths
        self._trackers += trackers
        self._snapshot += snapshot

    def add(
        self,
        message: int,
        entries: Sequence[Any],
        kinds: Iterable[int],
        extra: Iterable[str | None] | None,
        reject: Reject,
    ) -> None:
        """Add the readings of the lists."""
        rows = list(map(astuple, entries))
        updates = list(map(_update_time, rows))
        columns: dict[str, Iterable[Any]] = {
            "description": self._descriptions.numbers_of(kinds, map(_description, rows)),
            "raw": map(_value, rows),
            "converted_value": map(_converted_value, rows),
            "updated_at": self._batch.times(message, ".update_time", updates, reject),
            "extra": extra or repeat(None, len(rows)),
        }
        self._rows.add(message, len(rows), columns, reject)

    def frame(self) -> pl.DataFrame:
        """Put it together, less what nothing tells from other readings."""
        rows = self._rows
        raws = rows.columns["raw"]
        values = read_values(raws)
        for row in values.faults:
            rows.reject(row, ".value", NOT_A_SCALAR, bytes(raws[row]))
        described = self._descriptions.columns(rows.columns["description"])
        columns = [*self._of_trackers(), *described, *values[:3]]
        frame = rows.frame(columns, ("updated_at",))
        nameless = described["reading"].is_null()
        if nameless.any():
            for row in nameless.arg_true():
                rows.reject(row, "", "no readable id or name; the item is left out", "")
            frame = frame.filter(pl.col("reading").is_not_null())
        return frame

    def _of_trackers(self) -> pl.DataFrame:
        trackers = pl.DataFrame(
            [
                pl.Series("tracker_id", self._trackers, dtype=pl.Int64),
                pl.Series(
                    "label", self._batch.directory.labels_of(self._trackers), dtype=pl.String
                ),
                pl.Series("snapshot", self._snapshot, dtype=pl.Boolean),
            ]
        )
        lists = [
            pl.Series("list", self._lists, dtype=pl.UInt32),
            pl.Series("length", self._lengths, dtype=pl.UInt32),
        ]
        return trackers[pl.DataFrame(lists).select(_TRACKER)["tracker"]]


_TRACKER: Final = (pl.col("list") // len(PARTS)).repeat_by("length").explode().alias("tracker")
