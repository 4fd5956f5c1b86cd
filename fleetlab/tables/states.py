"""Source states, single and in batches, to rows of the state frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from fleetlab.schemas import TIME
from fleetlab.tables.gate import BOOL, BOOLS, INT64, RAW, REAL, TEXT, Gate, MapOf, Obj
from fleetlab.tables.rows import Batch, Lists, Rows, fields_of
from fleetlab.tables.values import scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from msgspec import Raw

    from fleetlab.tables.payload import Piece
    from fleetlab.tables.rows import Reject

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

# Column: part of the state that holds it, its name there.
_COLUMNS: Final = {
    "speed_kmh": ("gps", "speed"),
    "heading_deg": ("gps", "heading"),
    "alt_m": ("gps", "alt"),
    "gps_signal_level": ("gps", "signal_level"),
    "precision_m": ("gps", "precision"),
    "gsm_lbs": ("gps", "gsm_lbs"),
    "gsm_signal_level": ("gsm", "signal_level"),
    "gsm_network_name": ("gsm", "network_name"),
    "gsm_roaming": ("gsm", "roaming"),
    **{
        name: ("", name)
        for name in (
            "source_id",
            "connection_status",
            "movement_status",
            "ignition",
            "battery_level",
        )
    },
}
_TIMES: Final = {
    "gps_updated": ("gps", "updated"),
    "gsm_updated": ("gsm", "updated"),
    **{
        name: ("", name)
        for name in (
            "movement_status_update",
            "ignition_update",
            "last_update",
            "battery_update",
            "inputs_update",
            "outputs_update",
            "actual_track_update",
        )
    },
}
_MADE: Final = ("tracker_id", "label", "snapshot", "lat", "lng", "extra")


class States:
    """Decodes source states, going on from what the gate of another one had learned."""

    def __init__(self, learned: Iterable[Sequence[str]] = ()) -> None:
        self.gate = Gate(_STATE, learned)

    def decode(self, batch: Batch, pieces: Sequence[Piece]) -> tuple[pl.DataFrame, set[int]]:
        """Make the rows of a batch.

        Parameters
        ----------
        batch : Batch
            The messages that the pieces stood in.
        pieces : sequence of Piece
            Of states.

        Returns
        -------
        frame : polars.DataFrame
            Schema ``state`` or ``state_batch``, in the order of the items.
        unknown : set of int
            Sources that no tracker is known to have.
        """
        made = _Made(batch)
        # Piece by piece, so that the objects of one are gone before those of the next are made.
        for piece in pieces:
            states, numbers = self._decode(batch, piece)
            made.add(piece, numbers, states, self._extra(piece, numbers, states))
        return made.frame(), made.unknown

    def _decode(self, batch: Batch, piece: Piece) -> tuple[list[Any], Sequence[int]]:
        """Return the states of a piece that can be read, and their numbers in it."""
        refused: list[tuple[int, str, str, bytes]] = []
        decoded = self.gate.decode(piece.raw, piece.raws, lambda *reject: refused.append(reject))
        for number, path, reason, raw in refused:
            source = None if decoded[number] is None else decoded[number].source_id
            [tracker] = batch.directory.trackers_of([source], batch.asked)
            batch.reject(piece.message, piece.path(number) + path, reason, raw, tracker)
        if all(decoded):
            return decoded, range(len(decoded))
        numbers = [number for number, state in enumerate(decoded) if state is not None]
        return [decoded[number] for number in numbers], numbers

    def _extra(
        self, piece: Piece, numbers: Sequence[int], states: Sequence[Any]
    ) -> list[str | None]:
        inside = self.gate.extra(states)
        if piece.opened is None:
            return inside
        around = [piece.opened[number].extra for number in numbers]
        return [
            f"{outer[:-1]},{inner[1:]}" if outer and inner else outer or inner
            for outer, inner in zip(around, inside, strict=True)
        ]


class _Made:
    """The rows so far, and the sources among them that no tracker is known to have."""

    def __init__(self, batch: Batch) -> None:
        self.unknown: set[int] = set()
        self._batch = batch
        self._rows = Rows(batch, [*_COLUMNS, *_TIMES, *_MADE])
        self._inputs = Lists()
        self._outputs = Lists()
        self._additional = _Additional()

    def add(
        self,
        piece: Piece,
        numbers: Sequence[int],
        states: Sequence[Any],
        extra: Sequence[str | None],
    ) -> None:
        """Add the states of a piece; ``numbers`` are their places in it."""
        state = fields_of(states, _STATE.names)
        gps = fields_of(state["gps"], _GPS.names)
        location = fields_of(gps["location"], _LOCATION.names)
        parts = {"": state, "gps": gps, "gsm": fields_of(state["gsm"], _GSM.names)}
        batch, sources = self._batch, state["source_id"]
        tracker = batch.directory.trackers_of(sources, batch.asked)
        if None in tracker and batch.keeps_strangers:
            pairs = zip(sources, tracker, strict=True)
            self.unknown |= {source for source, known in pairs if known is None}

        def reject(row: int, where: str, reason: str, raw: str | bytes) -> None:
            path = f"{piece.path(numbers[row])}{where}"
            batch.reject(piece.message, path, reason, raw, tracker[row])

        columns: dict[str, Sequence[Any]] = {
            "tracker_id": tracker,
            "label": batch.directory.labels_of(tracker),
            "snapshot": batch.is_snapshot(sources),
            "extra": extra,
        }
        for name, (part, field) in _COLUMNS.items():
            columns[name] = parts[part][field]
        for name, (part, field) in _TIMES.items():
            path = f".{part}.{field}" if part else f".{field}"
            columns[name] = batch.times(piece.message, path, parts[part][field], reject)
        for name in ("lat", "lng"):
            columns[name] = _beside(location[name], gps[name])
        self._rows.add(piece.message, len(states), columns)
        self._inputs.add(state["inputs"])
        self._outputs.add(state["outputs"])
        self._additional.add(batch, piece.message, state["additional"], reject)

    def frame(self) -> pl.DataFrame:
        """Return the frame."""
        lists = [
            self._inputs.series("inputs", pl.Boolean),
            self._outputs.series("outputs", pl.Boolean),
            self._additional.series(),
        ]
        return self._rows.frame(lists, ("gps_updated", "last_update"))


def _beside(inside: Sequence[Any], beside: Sequence[Any]) -> Sequence[Any]:
    """Latitudes or longitudes, from ``location`` or, as some have it, from beside it."""
    if None not in inside:
        return inside
    return [b if a is None else a for a, b in zip(inside, beside, strict=True)]


class _Additional:
    """Further values by name: one list of structs a row, null where the map is absent."""

    _EMPTY: Final = pl.Series(
        "additional",
        [[]],
        dtype=pl.List(pl.Struct({"key": pl.String, "value": pl.String, "updated": TIME})),
    )

    def __init__(self) -> None:
        self._lists: list[int | None] = []  # for each row the number of its list
        self._count = 1  # of lists; the first is the empty one
        self._owner: list[int] = []  # for each entry the number of the list that it is in
        self._keys: list[str] = []
        self._values: list[str | None] = []
        self._updated: list[int | None] = []

    def add(
        self,
        batch: Batch,
        message: int,
        maps: Sequence[Mapping[str, Any] | None],
        reject: Reject,
    ) -> None:
        """Add the maps of some rows of one message."""
        lists: list[int | None] = [None if one is None else 0 for one in maps]
        filled = [row for row, one in enumerate(maps) if one]
        self._lists += lists
        if not filled:
            return
        start = len(self._lists) - len(maps)
        owner: list[int] = []
        entries: list[tuple[str, Any]] = []
        for number, row in enumerate(filled, self._count):
            self._lists[start + row] = number
            found = (maps[row] or {}).items()
            self._owner += [number] * len(found)
            owner += [row] * len(found)
            entries += found
        self._count += len(filled)

        def fault(place: int, where: str, reason: str, raw: str | bytes) -> None:
            reject(owner[place], f".additional.{entries[place][0]}{where}", reason, raw)

        texts = [None if part is None else part.updated for _, part in entries]
        self._updated += batch.times(message, ".updated", texts, fault)
        self._keys += [key for key, _ in entries]
        self._values += [None if part is None else _text(part.value) for _, part in entries]

    def series(self) -> pl.Series:
        """Return the column."""
        distinct = self._EMPTY
        if self._owner:
            flat = pl.DataFrame(
                {
                    "owner": pl.Series(self._owner, dtype=pl.UInt32),
                    "key": pl.Series(self._keys, dtype=pl.String),
                    "value": pl.Series(self._values, dtype=pl.String),
                    "updated": pl.Series(self._updated, dtype=pl.Int64).cast(TIME),
                }
            )
            found = flat.group_by("owner", maintain_order=True).agg(
                pl.struct("key", "value", "updated").alias("additional")
            )
            distinct = pl.concat([distinct, found["additional"]], rechunk=True)
        return distinct.gather(pl.Series(self._lists, dtype=pl.UInt32))


def _text(raw: Raw) -> str | None:
    """Return an additional value as text, whatever it is."""
    kind, text = scalar(raw)
    return bytes(raw).decode("utf-8", "replace") if kind is None else text
