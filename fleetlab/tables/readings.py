"""Readings of sensors, states, virtual sensors and counters to one row a reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from fleetlab.tables.gate import IDS, INT64, RAW, REAL, TEXT, Gate, Many, Obj
from fleetlab.tables.rows import Batch, Item, Rows, column, lists
from fleetlab.tables.values import NOT_A_SCALAR, read_values

if TYPE_CHECKING:
    from collections.abc import Sequence

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
_PARTS: Final = Obj(dict.fromkeys(_KINDS, Many(_ENTRY)))

_COLUMNS: Final[tuple[tuple[str, str, Any], ...]] = (
    ("sensor_id", "sensor_id", pl.Int64),
    ("name", "name", pl.String),
    ("sensor_label", "label", pl.String),
    ("type", "type", pl.String),
    ("units", "units", pl.String),
    ("units_type", "units_type", pl.String),
    ("min_value", "min_value", pl.Float64),
    ("max_value", "max_value", pl.Float64),
    ("converted_value", "converted_value", pl.Float64),
    ("converted_units", "converted_units_type", pl.String),
    ("field", "field", pl.String),
)


class Readings:
    """Decodes readings."""

    def __init__(self) -> None:
        self._gate = Gate(_PARTS)

    def decode(self, batch: Batch, items: Sequence[Item]) -> pl.DataFrame:
        """Make the rows of a batch.

        Parameters
        ----------
        batch : Batch
            The messages that the items stood in.
        items : sequence of Item
            One tracker's inputs, states, virtual sensors and counters each.

        Returns
        -------
        polars.DataFrame
            Schema ``readings_batch``, in the order of the items; within one, inputs first, then
            states, virtual sensors and counters.
        """

        def reject(number: int, path: str, reason: str, raw: bytes) -> None:
            item = items[number]
            batch.reject(item.message, item.path + path, reason, raw, item.tracker)

        decoded = self._gate.decode([item.raw for item in items], reject)
        entries: list[Any] = []
        owner: list[int] = []
        place: list[str] = []
        extra: list[str | None] = []
        for number, parts in enumerate(decoded):
            if parts is None:
                continue
            begin = len(entries)
            for part in _KINDS:
                found = [
                    (spot, entry)
                    for spot, entry in enumerate(getattr(parts, part) or ())
                    if entry is not None
                ]
                entries += [entry for _, entry in found]
                place += [f"{part}[{spot}]" for spot, _ in found]
                extra += self._gate.inner_extra(part, [entry for _, entry in found])
            owner += [number] * (len(entries) - begin)
            self._place_own_extra(batch, items[number], parts, extra, begin)
        return self._frame(batch, items, entries, owner, place, extra)

    def _place_own_extra(
        self,
        batch: Batch,
        item: Item,
        parts: Any,
        extra: list[str | None],
        begin: int,
    ) -> None:
        """Keep what a tracker's object holds beside the four known parts: with its first row."""
        own = self._gate.extra([parts])[0]
        if own is None:
            return
        if begin < len(extra):
            first = extra[begin]
            extra[begin] = own if first is None else f"{own[:-1]},{first[1:]}"
        else:
            batch.reject(
                item.message, item.path, "unknown fields, and no reading", own, item.tracker
            )

    def _frame(
        self,
        batch: Batch,
        items: Sequence[Item],
        entries: Sequence[Any],
        owner: Sequence[int],
        place: Sequence[str],
        extra: Sequence[str | None],
    ) -> pl.DataFrame:
        tracker = [items[number].tracker for number in owner]
        rows = Rows(batch, [items[number].message for number in owner])

        def fault(row: int, name: str, reason: str, raw: str) -> None:
            item = items[owner[row]]
            path = f"{item.path}.{place[row]}{name}"
            batch.reject(item.message, path, reason, raw, tracker[row])

        raws = [entry.value for entry in entries]
        values = read_values(raws)
        for row in values.faults:
            fault(row, ".value", NOT_A_SCALAR, bytes(raws[row]).decode("utf-8", "replace"))
        kind = pl.Series("kind", place, dtype=pl.String).str.extract(r"^(\w+)")
        columns = [
            kind.replace_strict(_KINDS, return_dtype=pl.String).alias("kind"),
            *(column(name, entries, field, dtype) for name, field, dtype in _COLUMNS),
            *values[:3],
            lists(
                "composite_sensor_ids", [entry.composite_sensor_ids for entry in entries], pl.Int64
            ),
            rows.times(
                "updated_at",
                column("updated_at", entries, "update_time", pl.String),
                lambda row, reason, raw: fault(row, ".update_time", reason, raw),
            ),
            pl.Series("extra", extra, dtype=pl.String),
        ]
        named = pl.DataFrame(columns).with_columns(**_NAMES).with_columns(_READING)
        # The first object of a tracker is the snapshot, with all the readings in it.
        snapshot = batch.is_snapshot([item.tracker for item in items]).gather(list(owner))
        frame = rows.frame([*named.get_columns(), snapshot], tracker, ("updated_at",))
        nameless = named["reading"].is_null()
        if nameless.any():
            for row in nameless.arg_true():
                fault(row, "", "no readable id or name; the item is left out", "")
            frame = frame.filter(pl.col("reading").is_not_null())
        return frame


_OWN_NAME: Final = {"input": "name", "state": "field", "counter": "type"}
_NAMES: Final = {
    "name": pl.coalesce(
        *(pl.when(kind=kind).then(field) for kind, field in _OWN_NAME.items()),
        pl.when(pl.col("kind") == "virtual_sensor").then("name"),
    ),
    "type": pl.when(pl.col("kind") != "counter").then("type"),
    "units": pl.when(pl.col("units") != "").then("units").otherwise("units_type"),
}
_READING: Final = pl.concat_str(
    "kind",
    pl.coalesce(
        pl.when(pl.col("kind").is_in(["input", "virtual_sensor"])).then(
            pl.coalesce(pl.col("sensor_id").cast(pl.String), "name", "sensor_label")
        ),
        "name",
    ),
    separator=":",
).alias("reading")
