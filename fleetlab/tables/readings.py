"""Readings of sensors, states, virtual sensors and counters to one row a reading."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import chain, compress, cycle, repeat
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from fleetlab.tables.gate import IDS, INT64, RAW, REAL, TEXT, Gate, Many, Obj
from fleetlab.tables.payload import TrackerIds, join, open_readings
from fleetlab.tables.rows import Batch, Lists, Rows, fields_of
from fleetlab.tables.values import NOT_A_SCALAR, read_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fleetlab.tables.payload import Item, Piece
    from fleetlab.tables.rows import Reject

__all__ = ["Readings"]

# The four kinds differ in which of these they carry, and none means two things by one name.
_ENTRY: Final = Obj(
    {
        "sensor_id": INT64,
        "label": TEXT,
        "units": TEXT,
        "name": TEXT,
        "type": TEXT,
        "min_value": REAL,
        "max_value": REAL,
        "value": RAW,
        "units_type": TEXT,
        "converted_units_type": TEXT,
        "converted_value": REAL,
        "update_time": TEXT,
        "composite_sensor_ids": IDS,
        "field": TEXT,
    }
)
_KINDS: Final = {
    "inputs": "input",
    "states": "state",
    "virtual_sensors": "virtual_sensor",
    "counters": "counter",
}
_PART_NAMES: Final = tuple(_KINDS)
_PARTS: Final = Obj(dict.fromkeys(_KINDS, Many(_ENTRY)))

# Column: field.
_FIELDS: Final = {
    "sensor_id": "sensor_id",
    "name": "name",
    "sensor_label": "label",
    "type": "type",
    "units": "units",
    "units_type": "units_type",
    "min_value": "min_value",
    "max_value": "max_value",
    "converted_value": "converted_value",
    "converted_units": "converted_units_type",
    "field": "field",
}
_MADE: Final = ("tracker_id", "label", "snapshot", "kind", "raw", "updated_at", "extra")
# What names and units are made of.
_TEXTS: Final = ("name", "sensor_label", "type", "units", "units_type", "field")


class Readings:
    """Decodes readings."""

    def __init__(self) -> None:
        self._gate = Gate(_PARTS)
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
        rows = Rows(batch, [*_FIELDS, *_MADE])
        ids = Lists()
        for piece in pieces:
            self._add(batch, piece, rows, ids)
        return _frame(rows, ids)

    def _add(self, batch: Batch, piece: Piece, rows: Rows, ids: Lists) -> None:
        """Add the readings of a piece."""

        def reject_item(number: int, where: str, reason: str, raw: str | bytes) -> None:
            if piece.opened is None:
                piece.opened = open_readings(piece)
            item = piece.opened[number]
            batch.reject(piece.message, item.path + where, reason, raw, item.tracker)

        decoded, trackers = self._decode(batch, piece, reject_item)
        found = self._readings(decoded, reject_item)
        # The first object of a tracker is the snapshot, with all the readings in it.
        snapshot = batch.is_snapshot(trackers)
        if not found.entries:
            return

        def reject(row: int, where: str, reason: str, raw: str | bytes) -> None:
            place = f".{_PART_NAMES[found.kinds[row]]}[{found.spots[row]}]"
            reject_item(found.owner[row], place + where, reason, raw)

        fields = fields_of(found.entries, _ENTRY.names)
        tracker = [trackers[number] for number in found.owner]
        updated = batch.times(piece.message, ".update_time", fields["update_time"], reject)
        made: dict[str, Iterable[Any]] = {
            "tracker_id": tracker,
            "label": batch.directory.labels_of(tracker),
            "snapshot": [snapshot[number] for number in found.owner],
            "kind": found.kinds,
            "raw": map(bytes, fields["value"]),
            "updated_at": updated,
            "extra": found.extra or [None] * len(tracker),
        }
        columns = {name: fields[field] for name, field in _FIELDS.items()}
        rows.add(piece.message, len(tracker), columns | made, reject)
        ids.add(fields["composite_sensor_ids"])

    def _decode(
        self, batch: Batch, piece: Piece, reject: Reject
    ) -> tuple[list[Any], list[int | None]]:
        """Return the objects of a piece, None where one can't be read, and their trackers."""
        maps = None if piece.opened else self._gate.decode_maps(piece.raw)
        if maps is not None:
            trackers = [self._trackers[name] for one in maps for name in one]
            if None not in trackers:
                return [parts for one in maps for parts in one.values()], trackers
        good: list[Item] = []
        for item in open_readings(piece):
            if item.fault is None:
                good.append(item)
            else:
                batch.reject(piece.message, item.path, item.fault, bytes(item.raw))
        piece.opened = good
        raws = piece.raws()
        decoded = self._gate.decode(join(raws), lambda: raws, reject)
        return decoded, [item.tracker for item in good]

    def _readings(self, decoded: Sequence[Any], reject: Reject) -> _Readings:
        """Line up the readings of several trackers."""
        fields = fields_of(decoded, _PARTS.names)
        # For each tracker its four lists, one after another; what isn't there is as good as empty.
        lists = list(chain.from_iterable(zip(*(fields[part] for part in _KINDS), strict=True)))
        lengths = [len(one) if one else 0 for one in lists]
        trackers = chain.from_iterable(map(repeat, range(len(decoded)), repeat(len(_KINDS))))
        found = _Readings(
            entries=list(chain.from_iterable(filter(None, lists))),
            owner=list(chain.from_iterable(map(repeat, trackers, lengths))),
            kinds=list(chain.from_iterable(map(repeat, cycle(range(len(_KINDS))), lengths))),
            spots=list(chain.from_iterable(map(range, lengths))),
        )
        if not all(found.entries):
            found = found.without_nulls()
        if self._gate.learned:
            self._keep_unknown(decoded, found, reject)
        return found

    def _keep_unknown(self, decoded: Sequence[Any], found: _Readings, reject: Reject) -> None:
        """Add the fields that nobody knows, of the readings and of what they stood in."""
        pairs = zip(found.kinds, found.entries, strict=True)
        found.extra += [
            self._gate.inner_extra(_PART_NAMES[kind], [entry])[0] for kind, entry in pairs
        ]
        for number, own in enumerate(self._gate.extra(decoded)):
            if own is None:
                continue
            row = bisect_left(found.owner, number)
            if row < len(found.owner) and found.owner[row] == number:
                # What stands beside the four known parts: with the first of their rows.
                first = found.extra[row]
                found.extra[row] = own if first is None else f"{own[:-1]},{first[1:]}"
            else:
                reject(number, "", "unknown fields, and no reading", own)


@dataclass
class _Readings:
    """Readings in a line: the objects, and for each its item, its kind, and its place there."""

    entries: list[Any]
    owner: list[int]
    kinds: list[int]
    spots: list[int]
    extra: list[str | None] = field(default_factory=list)

    def without_nulls(self) -> _Readings:
        """Leave out the readings that could not be read."""
        columns = (self.entries, self.owner, self.kinds, self.spots)
        return _Readings(*(list(compress(column, self.entries)) for column in columns))


def _frame(rows: Rows, ids: Lists) -> pl.DataFrame:
    raws = rows.columns["raw"]
    values = read_values(raws)
    for row in values.faults:
        rows.reject(row, ".value", NOT_A_SCALAR, raws[row])
    columns = [
        pl.Series("kind", rows.columns["kind"], dtype=pl.UInt8),
        pl.Series("sensor_id", rows.columns["sensor_id"], dtype=pl.Int64),
        *(pl.Series(name, rows.columns[name], dtype=pl.String) for name in _TEXTS),
    ]
    named = pl.DataFrame(columns).with_columns(**_NAMES).with_columns(_READING)
    lists = ids.series("composite_sensor_ids", pl.Int64)
    frame = rows.frame([*named.get_columns(), *values[:3], lists], ("updated_at",))
    nameless = named["reading"].is_null()
    if nameless.any():
        for row in nameless.arg_true():
            rows.reject(row, "", "no readable id or name; the item is left out", "")
        frame = frame.filter(pl.col("reading").is_not_null())
    return frame


# By number, which is compared faster than text.
_INPUT, _STATE, _VIRTUAL_SENSOR, _COUNTER = range(4)
_KIND: Final = pl.col("kind")
_NAME: Final = (
    pl.when(_KIND == _STATE).then("field").when(_KIND == _COUNTER).then("type").otherwise("name")
)
_SENSOR: Final = pl.coalesce(pl.col("sensor_id").cast(pl.String), "name", "sensor_label")
_NAMES: Final = {
    "name": _NAME,
    "type": pl.when(_KIND != _COUNTER).then("type"),
    "units": pl.when(pl.col("units") != "").then("units").otherwise("units_type"),
    "kind": pl.lit(pl.Series(list(_KINDS.values()), dtype=pl.String)).gather("kind"),
    "id": pl.when(_KIND.is_in([_INPUT, _VIRTUAL_SENSOR])).then(_SENSOR).otherwise(_NAME),
}
_READING: Final = pl.concat_str("kind", "id", separator=":").alias("reading")
