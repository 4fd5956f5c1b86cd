"""Queues of raw device attributes to one row a new value."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import polars as pl
from msgspec import Raw

from fleetlab.tables.gate import INT64, RAW, TEXT, Gate, Obj
from fleetlab.tables.rows import Batch, Item, Rows, column
from fleetlab.tables.values import NOT_A_SCALAR, read_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetlab.tables.queues import QueueMemory

__all__ = ["IotMonitor", "Overrun"]

_QUEUES: Final = {"nonnull_fields": "nonnull", "all_fields": "all"}
_VALUE: Final = Obj({"value": RAW, "msg_time": TEXT, "srv_time": TEXT})
_MAP: Final = msgspec.json.Decoder(dict[str, Raw])
_MAPS: Final = msgspec.json.Decoder(list[dict[str, Raw]])


class _Device(msgspec.Struct, gc=False):
    tracker_id: INT64  # type: ignore[valid-type]
    nonnull_fields: Raw = Raw(b"null")
    all_fields: Raw = Raw(b"null")


_DEVICE: Final = msgspec.json.Decoder(_Device)


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


class _New(NamedTuple):
    message: int
    tracker: int
    queue: str
    field: str
    path: str
    raw: bytes
    snapshot: bool


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
        self, batch: Batch, items: Sequence[Item]
    ) -> tuple[pl.DataFrame, list[tuple[int, Overrun]]]:
        """Make the rows of a batch.

        Parameters
        ----------
        batch : Batch
            The messages that the items stood in.
        items : sequence of Item
            One device's queues each.

        Returns
        -------
        frame : polars.DataFrame
            Schema ``iot_monitor``: message by message, in each in the order of the devices' time.
        overruns : list of tuple of int and Overrun
            With the position of the message in the batch.
        """
        new: list[_New] = []
        overruns: dict[tuple[int, Overrun], None] = {}  # both queues may tell the same
        for item in items:
            self._compare(batch, item, new, overruns)

        def reject(number: int, path: str, reason: str, raw: bytes) -> None:
            entry = new[number]
            batch.reject(entry.message, entry.path + path, reason, raw, entry.tracker)

        decoded = self._gate.decode([entry.raw for entry in new], reject)
        kept = [row for row, value in enumerate(decoded) if value is not None]
        frame = self._frame(batch, [new[row] for row in kept], [decoded[row] for row in kept])
        return frame, list(overruns)

    def _compare(
        self,
        batch: Batch,
        item: Item,
        new: list[_New],
        overruns: dict[tuple[int, Overrun], None],
    ) -> None:
        """Find the new values of one device."""
        try:
            device = _DEVICE.decode(item.raw)
        except msgspec.MsgspecError as error:
            reason = f"{str(error).replace('`', '')}; the item is left out"
            batch.reject(item.message, item.path, reason, bytes(item.raw))
            return
        for part, queue in _QUEUES.items():
            path = f"{item.path}.{part}"
            fields = self._fields(batch, item, path, getattr(device, part), device.tracker_id)
            if fields:
                [snapshot] = batch.is_snapshot([(device.tracker_id, queue)])
            for field, raw in fields.items():
                where = f"{path}.{field}"
                try:
                    news = self.memory.news(device.tracker_id, queue, field, raw)
                except msgspec.MsgspecError as error:
                    reason = str(error).replace("`", "")
                    batch.reject(item.message, where, reason, bytes(raw), device.tracker_id)
                    continue
                new += [
                    _New(
                        item.message,
                        device.tracker_id,
                        queue,
                        field,
                        f"{where}[{place}]",
                        value,
                        snapshot,
                    )
                    for place, value in news.items
                ]
                if news.overrun is not None:
                    known, oldest = map(_msg_time, news.overrun)
                    found = Overrun(device.tracker_id, field, known, oldest)
                    overruns[item.message, found] = None

    def _fields(
        self, batch: Batch, item: Item, path: str, raw: Raw, tracker: int
    ) -> dict[str, Raw]:
        """Attribute → queue, from a map or from a list of maps; nulls are as good as absent."""
        try:
            maps = _MAPS.decode(raw) if bytes(raw).startswith(b"[") else [_MAP.decode(raw)]
        except msgspec.MsgspecError as error:
            if bytes(raw) != b"null":
                reason = str(error).replace("`", "")
                batch.reject(item.message, path, reason, bytes(raw), tracker)
            return {}
        fields = {name: queue for part in maps for name, queue in part.items()}
        return {name: queue for name, queue in fields.items() if bytes(queue) != b"null"}

    def _frame(self, batch: Batch, new: Sequence[_New], values: Sequence[Any]) -> pl.DataFrame:
        rows = Rows(batch, [entry.message for entry in new])

        def fault_of(name: str, row: int, reason: str, raw: str) -> None:
            entry = new[row]
            batch.reject(entry.message, f"{entry.path}.{name}", reason, raw, entry.tracker)

        raws = [value.value for value in values]
        read = read_values(raws)
        for row in read.faults:
            fault_of("value", row, NOT_A_SCALAR, bytes(raws[row]).decode("utf-8", "replace"))
        columns = [
            column("queue", new, "queue", pl.String),
            column("field", new, "field", pl.String),
            *(
                rows.times(
                    name,
                    column(name, values, name, pl.String),
                    partial(fault_of, name),
                )
                for name in ("msg_time", "srv_time")
            ),
            *read[:3],
            column("snapshot", new, "snapshot", pl.Boolean),
        ]
        frame = rows.frame(columns, [entry.tracker for entry in new], ("msg_time",))
        return frame.sort("seq", "event_time", maintain_order=True)


def _msg_time(raw: bytes) -> str | None:
    try:
        return msgspec.json.decode(raw, type=_TimeOnly).msg_time
    except msgspec.MsgspecError:
        return None
