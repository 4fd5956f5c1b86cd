"""Source states, single and in batches, to rows of the state frames."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from fleetlab.tables.gate import BOOL, BOOLS, INT64, RAW, REAL, TEXT, Gate, MapOf, Obj
from fleetlab.tables.rows import Batch, Item, Rows, column, lists
from fleetlab.tables.values import scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["States"]

_LOCATION: Final = Obj({"lat": REAL, "lng": REAL})
_GPS: Final = Obj(
    {
        "updated": TEXT,
        "signal_level": REAL,
        "location": _LOCATION,
        "lat": REAL,
        "lng": REAL,
        "heading": REAL,
        "speed": REAL,
        "alt": REAL,
        "precision": REAL,
        "gsm_lbs": BOOL,
    }
)
_GSM: Final = Obj({"updated": TEXT, "signal_level": REAL, "network_name": TEXT, "roaming": BOOL})
_STATE: Final = Obj(
    {
        "source_id": INT64,
        "gps": _GPS,
        "connection_status": TEXT,
        "movement_status": TEXT,
        "movement_status_update": TEXT,
        "ignition": BOOL,
        "ignition_update": TEXT,
        "last_update": TEXT,
        "gsm": _GSM,
        "battery_level": REAL,
        "battery_update": TEXT,
        "inputs": BOOLS,
        "inputs_update": TEXT,
        "outputs": BOOLS,
        "outputs_update": TEXT,
        "additional": MapOf(Obj({"value": RAW, "updated": TEXT})),
        "actual_track_update": TEXT,
    },
    required=frozenset({"source_id"}),
)

# Column, part of the state that holds it, its name there, type.
_COLUMNS: Final[tuple[tuple[str, str, str, Any], ...]] = (
    ("source_id", "", "source_id", pl.Int64),
    ("speed_kmh", "gps", "speed", pl.Float64),
    ("heading_deg", "gps", "heading", pl.Float64),
    ("alt_m", "gps", "alt", pl.Float64),
    ("gps_signal_level", "gps", "signal_level", pl.Float64),
    ("precision_m", "gps", "precision", pl.Float64),
    ("gsm_lbs", "gps", "gsm_lbs", pl.Boolean),
    ("connection_status", "", "connection_status", pl.String),
    ("movement_status", "", "movement_status", pl.String),
    ("ignition", "", "ignition", pl.Boolean),
    ("gsm_signal_level", "gsm", "signal_level", pl.Float64),
    ("gsm_network_name", "gsm", "network_name", pl.String),
    ("gsm_roaming", "gsm", "roaming", pl.Boolean),
    ("battery_level", "", "battery_level", pl.Float64),
)
_TIMES: Final = (
    ("gps_updated", "gps", "updated"),
    ("gsm_updated", "gsm", "updated"),
    *(
        (name, "", name)
        for name in (
            "movement_status_update",
            "ignition_update",
            "last_update",
            "battery_update",
            "inputs_update",
            "outputs_update",
            "actual_track_update",
        )
    ),
)

_NOTHING: Final = Gate(
    Obj({**_GPS.fields, **_GSM.fields})  # stands in for a part that is absent: all its fields null
).decode([b"{}"], lambda *_: None)[0]


class States:
    """Decodes source states."""

    def __init__(self) -> None:
        self._gate = Gate(_STATE)

    def decode(self, batch: Batch, items: Sequence[Item]) -> pl.DataFrame:
        """Make the rows of a batch.

        Parameters
        ----------
        batch : Batch
            The messages that the items stood in.
        items : sequence of Item
            One state each.

        Returns
        -------
        polars.DataFrame
            Schema ``state`` or ``state_batch``, in the order of the items.
        """
        refused: list[tuple[int, str, str, bytes]] = []
        decoded = self._gate.decode(
            [item.raw for item in items], lambda *reject: refused.append(reject)
        )
        self._reject(batch, items, decoded, refused)
        if None in decoded:
            kept = [row for row, state in enumerate(decoded) if state is not None]
            items = [items[row] for row in kept]
            decoded = [decoded[row] for row in kept]
        parts = {
            "": decoded,
            "gps": [state.gps or _NOTHING for state in decoded],
            "gsm": [state.gsm or _NOTHING for state in decoded],
        }
        rows = Rows(batch, [item.message for item in items])
        columns = [column(name, parts[part], field, dtype) for name, part, field, dtype in _COLUMNS]
        tracker = batch.directory.trackers_of(columns[0].to_list(), batch.asked)

        def fault(where: str, row: int, reason: str, raw: str) -> None:
            item = items[row]
            batch.reject(item.message, item.path + where, reason, raw, tracker[row])

        for name, part, field in _TIMES:
            text = column(name, parts[part], field, pl.String)
            where = f".{part}.{field}" if part else f".{field}"
            columns.append(rows.times(name, text, partial(fault, where)))
        columns += [
            *_position(parts["gps"]),
            lists("inputs", [state.inputs for state in decoded], pl.Boolean),
            lists("outputs", [state.outputs for state in decoded], pl.Boolean),
            _additional(batch, items, decoded, tracker),
            pl.Series("extra", self._extra(items, decoded), dtype=pl.String),
            batch.is_snapshot(columns[0].to_list()),
        ]
        return rows.frame(columns, tracker, ("gps_updated", "last_update"))

    def _reject(
        self,
        batch: Batch,
        items: Sequence[Item],
        decoded: Sequence[Any],
        refused: Sequence[tuple[int, str, str, bytes]],
    ) -> None:
        """Name what the gate refused, with the tracker where its state could be read."""
        sources = [
            None if decoded[number] is None else decoded[number].source_id for number, *_ in refused
        ]
        trackers = batch.directory.trackers_of(sources, batch.asked)
        for (number, path, reason, raw), tracker in zip(refused, trackers, strict=True):
            item = items[number]
            batch.reject(item.message, item.path + path, reason, raw, tracker)

    def _extra(self, items: Sequence[Item], decoded: Sequence[Any]) -> list[str | None]:
        inner = self._gate.extra(decoded)
        return [
            f"{item.extra[:-1]},{text[1:]}" if item.extra and text else item.extra or text
            for item, text in zip(items, inner, strict=True)
        ]


def _position(gps: Sequence[Any]) -> list[pl.Series]:
    """Latitude and longitude, from ``location`` or, as some have it, from beside it."""
    columns = []
    for name in ("lat", "lng"):
        beside = column(name, gps, name, pl.Float64)
        inside = column(name, [part.location or _NOTHING for part in gps], name, pl.Float64)
        columns.append(inside.zip_with(inside.is_not_null(), beside))
    return columns


def _additional(
    batch: Batch, items: Sequence[Item], decoded: Sequence[Any], tracker: Sequence[int | None]
) -> pl.Series:
    """Further values by name: one list of structs a row, null where the map is absent."""
    dtype = pl.Struct({"key": pl.String, "value": pl.String, "updated": pl.Datetime("us", "UTC")})
    lengths = [None if state.additional is None else len(state.additional) for state in decoded]
    if not any(lengths):
        empty: list[list[str] | None] = [None if n is None else [] for n in lengths]
        return pl.Series("additional", empty, dtype=pl.List(dtype))
    owner: list[int] = []
    keys: list[str] = []
    values: list[str | None] = []
    updated: list[str | None] = []
    for row, state in enumerate(decoded):
        for key, part in (state.additional or {}).items():
            owner.append(row)
            keys.append(key)
            kind, text = (None, None) if part is None else scalar(part.value)
            if part is not None and kind is None:
                text = bytes(part.value).decode("utf-8", "replace")
            values.append(text)
            updated.append(None if part is None else part.updated)

    def fault(number: int, reason: str, raw: str) -> None:
        item = items[owner[number]]
        path = f"{item.path}.additional.{keys[number]}.updated"
        batch.reject(item.message, path, reason, raw, tracker[owner[number]])

    moments = Rows(batch, [items[row].message for row in owner]).times(
        "updated", pl.Series(updated, dtype=pl.String), fault
    )
    flat = pl.DataFrame(
        {
            "row": pl.Series(owner, dtype=pl.Int64),
            "key": pl.Series(keys, dtype=pl.String),
            "value": pl.Series(values, dtype=pl.String),
            "updated": moments,
        }
    )
    grouped = flat.group_by("row", maintain_order=True).agg(
        pl.struct("key", "value", "updated").alias("additional")
    )
    frame = pl.DataFrame({"row": range(len(lengths)), "length": lengths}).join(
        grouped, on="row", how="left", maintain_order="left"
    )
    nothing = pl.lit([], dtype=pl.List(dtype))
    return frame.select(
        pl.when(pl.col("length") == 0)
        .then(nothing)
        .otherwise(pl.col("additional"))
        .alias("additional")
    ).to_series()
