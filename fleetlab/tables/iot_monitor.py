"""Queues of raw device attributes to one row a new value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from msgspec import Raw

from fleetlab.tables.gate import INT64, RAW, TEXT, Gate, Obj
from fleetlab.tables.payload import PIECE, join, open_devices
from fleetlab.tables.rows import Batch, Rows, fields_of
from fleetlab.tables.values import NOT_A_SCALAR, read_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl

    from fleetlab.tables.payload import Piece
    from fleetlab.tables.queues import QueueMemory

__all__ = ["IotMonitor", "Overrun"]

_TIMES: Final = ("msg_time", "srv_time")
_COLUMNS: Final = ("tracker_id", "label", "queue", "field", "snapshot", "raw", *_TIMES)
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


class _New(msgspec.Struct, gc=False):
    """A new value, and where it stood."""

    tracker_id: int
    queue: str
    field: str
    snapshot: bool
    base: str
    place: int
    raw: bytes

    @property
    def path(self) -> str:
        """Its JSON path from the root of the message."""
        return f"{self.base}.{self.queue}_fields.{self.field}[{self.place}]"


class IotMonitor:
    """Decodes queues of attributes.

    Parameters
    ----------
    memory : QueueMemory
        The last content of every queue.
    """

    def __init__(self, memory: QueueMemory) -> None:
        self.memory = memory
        self._gate = Gate(_VALUE)

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
        overruns: dict[tuple[int, Overrun], None] = {}  # both queues may tell the same
        for piece in pieces:
            new: list[_New] = []
            for path, device in self._devices(batch, piece):
                self._compare(batch, piece.message, path, device, new, overruns)
            for start in range(0, len(new), PIECE):
                self._add(batch, piece.message, new[start : start + PIECE], rows)
        raws = rows.columns["raw"]
        values = read_values(raws)
        for row in values.faults:
            rows.reject(row, ".value", NOT_A_SCALAR, raws[row])
        frame = rows.frame(values[:3], ("msg_time",))
        return frame.sort("seq", "event_time", maintain_order=True), list(overruns)

    def _add(self, batch: Batch, message: int, new: list[_New], rows: Rows) -> None:
        """Add new values of one message."""

        def reject(row: int, where: str, reason: str, raw: str | bytes) -> None:
            batch.reject(message, new[row].path + where, reason, raw, new[row].tracker_id)

        raws = [one.raw for one in new]
        decoded = self._gate.decode(join(raws), lambda: raws, reject)
        if not all(decoded):
            new = [one for one, value in zip(new, decoded, strict=True) if value is not None]
            decoded = [value for value in decoded if value is not None]
        fields = fields_of(decoded, _VALUE.names)
        places = fields_of(new, _New.__struct_fields__)
        made: dict[str, Sequence[Any]] = {
            **{name: batch.times(message, f".{name}", fields[name], reject) for name in _TIMES},
            "label": batch.directory.labels_of(places["tracker_id"]),
            "raw": list(map(bytes, fields["value"])),
        }
        rows.add(message, len(new), {**places, **made}, reject)

    def _devices(self, batch: Batch, piece: Piece) -> Iterator[tuple[str, _Device]]:
        """Yield the devices that can be read, each with its JSON path."""
        try:
            devices = _PAYLOAD.decode(piece.raw).iot_last_values
        except msgspec.MsgspecError:
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
            except msgspec.MsgspecError as error:
                reject(item.path, f"{error}; the item is left out", item.raw)
                continue
            fields: list[Any] = []
            for name in ("nonnull_fields", "all_fields"):
                raw = getattr(device, name)
                try:
                    fields.append(_FIELDS.decode(raw))
                except msgspec.MsgspecError as error:
                    reject(f"{item.path}.{name}", error, raw, device.tracker_id)
                    fields.append(None)
            yield item.path, _Device(device.tracker_id, *fields)

    def _compare(
        self,
        batch: Batch,
        message: int,
        base: str,
        device: _Device,
        new: list[_New],
        overruns: dict[tuple[int, Overrun], None],
    ) -> None:
        """Find the new values of one device."""
        tracker = device.tracker_id
        for queue, fields in (("nonnull", device.nonnull_fields), ("all", device.all_fields)):
            maps = fields if isinstance(fields, list) else [fields or {}]
            contents = {
                name: text
                for part in maps
                for name, raw in part.items()
                if (text := bytes(raw)) != b"null"
            }
            if not contents:
                continue
            [snapshot] = batch.is_snapshot([(tracker, queue)])
            for field, text in contents.items():
                try:
                    news = self.memory.news(tracker, queue, field, text)
                except msgspec.MsgspecError as error:
                    where = f"{base}.{queue}_fields.{field}"
                    reason = str(error).replace("`", "")
                    batch.reject(message, where, reason, text, tracker)
                    continue
                for place, value in news.items:
                    new.append(_New(tracker, queue, field, snapshot, base, place, value))
                if news.overrun is not None:
                    known, oldest = map(_msg_time, news.overrun)
                    found = Overrun(tracker, field, known, oldest)
                    overruns[message, found] = None


def _msg_time(raw: bytes) -> str | None:
    try:
        return msgspec.json.decode(raw, type=_TimeOnly).msg_time
    except msgspec.MsgspecError:
        return None
