"""Queues of raw device attributes to one row a new value."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import polars as pl
from msgspec import Raw

from fleetlab.limits import UNREADABLE
from fleetlab.tables.gate import INT64, RAW, TEXT, Gate, Obj
from fleetlab.tables.payload import join, open_devices
from fleetlab.tables.rows import Batch, Rows, fields_of
from fleetlab.tables.values import NOT_A_SCALAR, read_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fleetlab.tables.payload import Piece
    from fleetlab.tables.queues import News, QueueMemory

__all__ = ["IotMonitor", "Overrun"]

_TIMES: Final = ("msg_time", "srv_time")
_COLUMNS: Final = ("run", "field", "raw", *_TIMES)
_NULL: Final = Raw(b"null")
_VALUE: Final = Obj({"value": RAW, "msg_time": TEXT, "srv_time": TEXT})


class _Device(msgspec.Struct, gc=False):
    tracker_id: INT64  # type: ignore[valid-type]
    nonnull_fields: dict[str, Raw] | list[dict[str, Raw]] | None = None
    all_fields: dict[str, Raw] | list[dict[str, Raw]] | None = None


class _Payload(msgspec.Struct, gc=False):
    iot_last_values: list[_Device]


_PAYLOAD: Final = msgspec.json.Decoder(_Payload)


class _RawDevice(msgspec.Struct, gc=False):
    tracker_id: INT64  # type: ignore[valid-type]
    nonnull_fields: Raw = Raw(b"null")
    all_fields: Raw = Raw(b"null")


_RAW_DEVICE: Final = msgspec.json.Decoder(_RawDevice)
_FIELDS: Final = msgspec.json.Decoder(dict[str, Raw] | list[dict[str, Raw]] | None)


class _TimeOnly(msgspec.Struct, gc=False):
    msg_time: str | None = None


class Overrun(NamedTuple):
    """A full queue that shares nothing with its last content.

    Attributes
    ----------
    tracker_id : int
        The device's tracker.
    field : str
        The attribute.
    known, oldest : str or None
        Device times of the newest value known before and of the oldest one sent now, as text.
    """

    tracker_id: int
    field: str
    known: str | None
    oldest: str | None


class _Run(NamedTuple):
    """New values of one queue of a device, which follow each other."""

    tracker_id: int
    queue: str
    snapshot: bool
    base: str
    news: News


class IotMonitor:
    """Decodes queues of attributes.

    Parameters
    ----------
    memory : QueueMemory
        The last content of every queue.
    learned : iterable of list of str, optional
        What the gate of another one had learned, to go on from there.
    """

    def __init__(self, memory: QueueMemory, learned: Iterable[Sequence[str]] = ()) -> None:
        self.memory = memory
        self.gate = Gate(_VALUE, learned)

    def decode(
        self, batch: Batch, pieces: Sequence[Piece]
    ) -> tuple[pl.DataFrame, list[tuple[int, Overrun]]]:
        """Make the rows of a batch.

        Parameters
        ----------
        batch : Batch
            The messages that the pieces stood in.
        pieces : sequence of Piece
            Of devices with their queues.

        Returns
        -------
        frame : polars.DataFrame
            Schema ``iot_monitor``: message by message, in each in the order of the devices' time.
        overruns : list of tuple of int and Overrun
            With the position of the message in the batch.
        """
        rows = Rows(batch, _COLUMNS)
        runs: list[_Run] = []
        overruns: dict[tuple[int, Overrun], None] = {}  # both queues may tell the same
        for piece in pieces:
            start = len(runs)
            for path, device in self._devices(batch, piece):
                self._compare(batch, piece.message, path, device, runs, overruns)
            self._add(batch, piece.message, runs, start, rows)
        raws = rows.columns["raw"]
        values = read_values(raws)
        for row in values.faults:
            rows.reject(row, ".value", NOT_A_SCALAR, raws[row])
        places = _places(batch, runs, rows.columns["run"])
        frame = rows.frame([*values[:3], *places], ("msg_time",))
        return frame.sort("seq", "event_time", maintain_order=True), list(overruns)

    def _add(self, batch: Batch, message: int, runs: list[_Run], start: int, rows: Rows) -> None:
        """Add the new values of one message: those of the runs from one on."""
        numbers: list[int] = []
        raws: list[bytes] = []
        fields: list[str] = []
        places: list[int] = []
        for number, run in enumerate(runs[start:], start):
            numbers += [number] * len(run.news.raws)
            raws += run.news.raws
            fields += run.news.fields
            places += run.news.places

        def reject(row: int, where: str, reason: str, raw: str | bytes) -> None:
            run = runs[numbers[row]]
            path = f"{run.base}.{run.queue}_fields.{fields[row]}[{places[row]}]{where}"
            batch.reject(message, path, reason, raw, run.tracker_id)

        decoded = self.gate.decode(join(raws), lambda: raws, reject)
        if not all(decoded):
            numbers = list(compress(numbers, decoded))
            fields, places = list(compress(fields, decoded)), list(compress(places, decoded))
            decoded = list(filter(None, decoded))
        parts = fields_of(decoded, _VALUE.names)
        made: dict[str, Sequence[Any]] = {
            name: batch.times(message, f".{name}", parts[name], reject) for name in _TIMES
        }
        made |= {"run": numbers, "field": fields, "raw": list(map(bytes, parts["value"]))}
        rows.add(message, len(decoded), made, reject)

    def _devices(self, batch: Batch, piece: Piece) -> Iterator[tuple[str, _Device]]:
        """Yield the devices that can be read, each with its JSON path."""
        try:
            devices = _PAYLOAD.decode(piece.raw).iot_last_values
        except UNREADABLE:
            yield from self._devices_one_by_one(batch, piece)
            return
        for number, device in enumerate(devices):
            yield f"$.data.iot_last_values[{number}]", device

    def _devices_one_by_one(self, batch: Batch, piece: Piece) -> Iterator[tuple[str, _Device]]:
        """Do the same part by part, so that a bad part costs no other."""

        def reject(path: str, reason: object, raw: Raw, tracker: int | None = None) -> None:
            reason = str(reason).replace("`", "")
            batch.reject(piece.message, path, reason, bytes(raw), tracker)

        for item in open_devices(piece.raw):
            if item.fault is not None:
                reject(item.path, item.fault, item.raw)
                continue
            try:
                device = _RAW_DEVICE.decode(item.raw)
            except UNREADABLE as error:
                reject(item.path, f"{error}; the item is left out", item.raw)
                continue
            fields: list[Any] = []
            for name in ("nonnull_fields", "all_fields"):
                raw = getattr(device, name)
                try:
                    fields.append(_FIELDS.decode(raw))
                except UNREADABLE as error:
                    reject(f"{item.path}.{name}", error, raw, device.tracker_id)
                    fields.append(None)
            yield item.path, _Device(device.tracker_id, *fields)

    def _compare(
        self,
        batch: Batch,
        message: int,
        base: str,
        device: _Device,
        runs: list[_Run],
        overruns: dict[tuple[int, Overrun], None],
    ) -> None:
        """Find the new values of one device."""
        tracker = device.tracker_id
        for queue, fields in (("nonnull", device.nonnull_fields), ("all", device.all_fields)):
            contents = _contents(fields)
            if not contents:
                continue
            [snapshot] = batch.is_snapshot([(tracker, queue)])
            news = self.memory.news(tracker, queue, contents)
            if news.raws:
                runs.append(_Run(tracker, queue, snapshot, base, news))
            for field, reason, text in news.faults:
                batch.reject(message, f"{base}.{queue}_fields.{field}", reason, text, tracker)
            for field, known, oldest in news.overruns:
                found = Overrun(tracker, field, _msg_time(known), _msg_time(oldest))
                overruns[message, found] = None


def _contents(fields: dict[str, Raw] | list[dict[str, Raw]] | None) -> dict[str, Raw]:
    """Return queues by attribute, less those that are null."""
    maps = fields if isinstance(fields, list) else [fields or {}]
    if len(maps) == 1 and _NULL not in maps[0].values():
        return maps[0]
    return {name: raw for part in maps for name, raw in part.items() if raw != _NULL}


def _places(batch: Batch, runs: Sequence[_Run], numbers: Sequence[int]) -> list[pl.Series]:
    """Return the columns that tell where values stood, from the numbers of their runs."""
    trackers = [run.tracker_id for run in runs]
    columns = [
        pl.Series("tracker_id", trackers, dtype=pl.Int64),
        pl.Series("label", batch.directory.labels_of(trackers), dtype=pl.String),
        pl.Series("queue", [run.queue for run in runs], dtype=pl.String),
        pl.Series("snapshot", [run.snapshot for run in runs], dtype=pl.Boolean),
    ]
    return pl.DataFrame(columns)[pl.Series(numbers, dtype=pl.UInt32)].get_columns()


def _msg_time(raw: bytes) -> str | None:
    try:
        return msgspec.json.decode(raw, type=_TimeOnly).msg_time
    except UNREADABLE:
        return None
