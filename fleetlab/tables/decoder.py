"""From records to frames: a function of the journal's sequence, whoever reads it, in what bits.

The decoder holds what one message can't tell by itself: the trackers, the zone, what has come since
the last subscribing, and the last content of each IoT queue. All of it travels in a checkpoint.
"""

from __future__ import annotations

import gc
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from fleetlab import protocol
from fleetlab.limits import UNREADABLE
from fleetlab.records import ConnectionRecord, MessageRecord, RestRecord, whole
from fleetlab.schemas import EVENTS, table
from fleetlab.tables.asked import Asked
from fleetlab.tables.connection_log import ConnectionLog
from fleetlab.tables.iot_monitor import IotMonitor, Overrun
from fleetlab.tables.lifecycle import Lifecycle, decode_logout
from fleetlab.tables.payload import Piece, open_payload
from fleetlab.tables.queues import QueueMemory
from fleetlab.tables.readings import Readings
from fleetlab.tables.rejects import Origin, Rejects
from fleetlab.tables.rows import Batch, Message
from fleetlab.tables.states import States
from fleetlab.tables.trackers import Directory
from fleetlab.tables.user_clock import UserClock

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from fleetlab.records import Record
    from fleetlab.tables.gate import Gate

__all__ = ["Decoder"]

BATCH_BYTES: Final = 5_000_000
"""Text decoded at a time; both smaller and larger batches are slower."""

HOLD_US: Final = 2_000_000
"""How long messages wait for the tracker list and the zone."""


@contextmanager
def _without_collection() -> Iterator[None]:
    """Keep the garbage collector out of a batch: no cycles, and a third of the time was its."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Decoder:
    """Turns records into frames.

    Parameters
    ----------
    checkpoint : mapping, optional
        What :meth:`checkpoint` gave, to go on from there.
    trackers : polars.DataFrame, optional
        The frame of trackers as of that checkpoint.

    Attributes
    ----------
    counts : Counter
        Rows decoded so far by event.
    settings : dict
        What the recording began with: its name, requests and zone.
    clock : UserClock
        What times without an offset mean.
    log : ConnectionLog
        What happened to the connection, and the gaps.
    strangers : set of int
        Sources met since the last tracker list that no tracker is known to have.
    last_at : int or None
        When the last record was made, microseconds since 1970 in UTC.
    ended : ConnectionRecord or None
        The record that ends the recording in good order.
    """

    def __init__(
        self, checkpoint: Mapping[str, Any] | None = None, trackers: pl.DataFrame | None = None
    ) -> None:
        state: dict[str, Any] = dict(checkpoint or {})
        self.directory = Directory(trackers)
        self.counts: Counter[str] = Counter(state.get("counts", {}))
        self.settings: dict[str, Any] = state.get("settings", {})
        self._asked = Asked(self.settings.get("requests", ()))
        self.clock = UserClock(state)
        self._awaited: set[str] = set(state.get("awaited", ("trackers", "zone")))
        self.log = ConnectionLog(state.get("log"))
        self._seen: dict[str, set[Hashable]] = {
            event: {tuple(key) if isinstance(key, list) else key for key in keys}
            for event, keys in state.get("seen", {}).items()
        }
        learned = state.get("learned", {})
        # Of each event its own, as they are not decoded in the order in which they came.
        self._states = {name: States(learned.get(name, ())) for name in ("state", "state_batch")}
        self._readings = Readings(learned.get("readings_batch", ()))
        memory = QueueMemory(state.get("queues", ()))
        self._iot = IotMonitor(memory, learned.get("iot_monitor", ()))
        self._lifecycle = Lifecycle(learned.get("lifecycle", ()))
        self._rejects = Rejects(state.get("rejects", 0))
        self._pending: list[Record] = []
        self._hold_until: int | None = None
        self._frames: dict[str, list[pl.DataFrame]] = {}
        self.strangers: set[int] = set()
        self._told: set[int] = set()
        self.last_at: int | None = state.get("last_at")
        ended = state.get("ended")
        self.ended = None if ended is None else ConnectionRecord(**ended)
        self._guesses = True

    # -- records in -------------------------------------------------------------------------

    def feed(self, record: Record) -> None:
        """Take the next record of the journal."""
        self.last_at = record.at
        if isinstance(record, MessageRecord) and self._hold_until is None:
            self._hold_until = record.at + HOLD_US
        if self._awaited and self._is_due(record.at, 0):
            self.release()
        if isinstance(record, RestRecord) and self._awaited:
            self._apply_rest(record)  # what the messages before it have been waiting for
            return
        if isinstance(record, ConnectionRecord):
            self._awaited.discard(record.what.removesuffix("_unavailable"))
            if record.what == "started":
                self._begin(record)
            elif record.what == "ended":
                self.ended = record
        self._pending.append(record)

    def tick(self, now: int) -> None:
        """Stop waiting if it is time; for a stream in which nothing more comes.

        Parameters
        ----------
        now : int
            Microseconds since 1970 in UTC.
        """
        # Half a second of grace for a record that was stamped in time and is still on its way: a
        # reader of the journal must come to the same decision.
        if self._is_due(now, 500_000):
            self.release()

    def _is_due(self, moment: int, grace: int) -> bool:
        """Whether waiting has been long enough, or can't be told: the clock was put back."""
        until = self._hold_until
        return until is not None and not until - 2 * HOLD_US - grace <= moment <= until + grace

    def release(self) -> None:
        """Stop waiting for the tracker list and the zone."""
        self._awaited.clear()

    @property
    def is_waiting(self) -> bool:
        """Whether messages wait for the tracker list or the zone."""
        return bool(self._awaited)

    # -- frames out -------------------------------------------------------------------------

    def decode(self) -> dict[str, pl.DataFrame]:
        """Decode what has come, unless it has to wait, and return the rows that are new.

        Returns
        -------
        dict of str to polars.DataFrame
            By event and by table (``connection``, ``gaps``, ``rejects``); only those with rows.
        """
        if not self._awaited:
            self._decode_pending()
        frames = {name: pl.concat(parts) for name, parts in self._frames.items()}
        if self._rejects.rows:
            frames["rejects"] = self._rejects.frame().sort("seq", maintain_order=True)
        if self.log.rows:
            frames["connection"] = table("connection", self.log.rows)
        if self.log.gaps:
            frames["gaps"] = table("gaps", self.log.gaps)
        self._frames = {}
        for rows in (self._rejects.rows, self.log.rows, self.log.gaps):
            rows.clear()
        return frames

    def checkpoint(self) -> dict[str, Any]:
        """Return all that the next record's rows depend on, JSON-able, less the trackers."""
        return {
            "settings": self.settings,
            "counts": dict(self.counts),
            **self.clock.state(),
            "awaited": sorted(self._awaited),
            "log": self.log.state(),
            "seen": {event: list(keys) for event, keys in self._seen.items()},
            "queues": self._iot.memory.dump(),
            "learned": {name: [*gate.learned] for name, gate in self._gates() if gate.learned},
            "rejects": self._rejects.listed,
            "last_at": self.last_at,
            "ended": None if self.ended is None else asdict(self.ended),
        }

    def _gates(self) -> Iterator[tuple[str, Gate]]:
        yield from ((event, states.gate) for event, states in self._states.items())
        yield "readings_batch", self._readings.gate
        yield "iot_monitor", self._iot.gate
        yield "lifecycle", self._lifecycle.gate

    # -- inside -----------------------------------------------------------------------------

    def _decode_pending(self) -> None:
        """Decode batch by batch; what is done is taken off, so that it can be interrupted."""
        while self._pending:
            batch = self._next_batch()
            if batch:
                self._decode_whole(batch)
            else:
                record = self._pending[0]
                if isinstance(record, RestRecord):
                    self._apply_rest(record)
                elif isinstance(record, ConnectionRecord):
                    self.log.add(record)
                    if record.what == "subscribing":
                        self._seen = {}
            del self._pending[: len(batch) or 1]

    def _next_batch(self) -> list[MessageRecord]:
        """Return the messages before the next record of another kind, up to a size."""
        messages: list[MessageRecord] = []
        size = 0
        for record in self._pending:
            if not isinstance(record, MessageRecord) or size >= BATCH_BYTES:
                break
            messages.append(record)
            size += len(record.data)
        return messages

    def _decode_whole(self, records: list[MessageRecord]) -> None:
        """Decode messages, or leave everything as it was."""
        if self._guesses:
            try:
                self._decode_or_undo(records)
            except UNREADABLE:  # one is not what it looked like
                self._guesses = False
            else:
                return
        self._decode_or_undo(records)

    def _decode_or_undo(self, records: list[MessageRecord]) -> None:
        seen = {event: set(keys) for event, keys in self._seen.items()}
        memory = self._iot.memory.copy()
        rejects, listed, gaps = len(self._rejects.rows), self._rejects.listed, len(self.log.gaps)
        frames = {event: list(parts) for event, parts in self._frames.items()}
        counts, offset = self.counts.copy(), self.clock.offset
        try:
            with _without_collection():
                self._decode_messages(records)
        except BaseException:
            self._seen, self._frames, self.counts = seen, frames, counts
            self.clock.offset = offset
            self._iot.memory = memory
            del self._rejects.rows[rejects:], self.log.gaps[gaps:]
            self._rejects.listed = listed
            raise

    def _apply_rest(self, record: RestRecord) -> None:
        reply = record.reply if isinstance(record.reply, dict) else {}
        if record.rest == "tracker/list":
            items = reply.get("list")
            self.directory.update(items if isinstance(items, list) else ())
            self._told |= self.strangers  # those still unknown now will be so next time
            self.strangers = set()
            self._awaited.discard("trackers")
        elif record.rest == "user/get_info":
            info = reply.get("user_info")
            zone = info.get("time_zone") if isinstance(info, dict) else None
            if self.clock.zone is None:
                self.clock.name(zone, "server")
            self._awaited.discard("zone")

    def _begin(self, record: ConnectionRecord) -> None:
        self.settings = {**self.settings, **record.facts}
        self._asked = Asked(self.settings.get("requests", ()))
        if self.clock.name(record.facts.get("timezone"), "argument"):
            self._awaited.discard("zone")

    def _decode_messages(self, records: list[MessageRecord]) -> None:
        messages: dict[str, list[Message]] = {}
        pieces: dict[str, list[Piece]] = {}
        for record in records:
            read: protocol.Incoming | None = protocol.guess(record.data) if self._guesses else None
            if read is None:
                read = protocol.read(record.data)
            if isinstance(read, protocol.Response):
                self.directory.answered(read.statuses)
            elif isinstance(read, protocol.Unreadable):
                origin = Origin(record.seq, record.at, None)
                self._rejects.add(origin, "$", read.reason, record.data)
            elif isinstance(read, protocol.EventMessage):
                self._open(record, read, messages, pieces)
        for event, opened in messages.items():
            self._decode_event(event, opened, pieces[event])

    def _open(
        self,
        record: MessageRecord,
        read: protocol.EventMessage,
        messages: dict[str, list[Message]],
        pieces: dict[str, list[Piece]],
    ) -> None:
        """Open one event message and put its pieces to those of the same event."""
        origin = Origin(record.seq, record.at, read.event)
        if read.event not in EVENTS:
            self._rejects.add(origin, "$.event", "an event that fleetlab doesn't know", read.event)
            return
        for fault in read.faults:
            self._rejects.add(origin, *fault)
        event, found, faulty = open_payload(read.event, read.data, guess=self._guesses)
        for item in faulty:
            where = Origin(record.seq, record.at, event)
            self._rejects.add(where, item.path, item.fault or "", bytes(item.raw))
        if not found:
            return
        server_time = self._server_time(origin, read.user_time)
        same = messages.setdefault(event, [])
        for piece in found:
            piece.message = len(same)
        pieces.setdefault(event, []).extend(found)
        same.append(Message(record.seq, record.at, server_time, self.clock.offset))

    def _server_time(self, origin: Origin, user_time: str | None) -> int | None:
        if user_time is None:
            return None
        self.clock.hear(user_time, origin.at)
        [moment], faults = self.clock.read([user_time], origin.at, self.clock.offset)
        for _, reason in faults:
            self._rejects.add(origin, "$.user_time", reason, f'"{user_time}"')
        return moment

    def _decode_event(self, event: str, messages: list[Message], pieces: list[Piece]) -> None:
        batch = Batch(
            recording=whole(self.settings.get("recording", "")),
            event=event,
            messages=messages,
            clock=self.clock,
            directory=self.directory,
            seen=self._seen.setdefault(event, set()),
            asked=self._asked.trackers(event),
            filtered=self._asked.is_filtered(event),
            rejects=self._rejects,
        )
        frame = self._frame(batch, pieces)
        if len(frame):
            self.counts[event] += len(frame)
            self._frames.setdefault(event, []).append(frame)

    def _frame(self, batch: Batch, pieces: list[Piece]) -> pl.DataFrame:
        if batch.event == "readings_batch":
            return self._readings.decode(batch, pieces)
        if batch.event == "iot_monitor":
            frame, overruns = self._iot.decode(batch, pieces)
            for message, overrun in overruns:
                self._overrun(batch.messages[message], overrun)
            return frame
        if batch.event == "lifecycle":
            return self._lifecycle.decode(batch, pieces)
        if batch.event == "logout":
            return decode_logout(batch, pieces)
        frame, unknown = self._states[batch.event].decode(batch, pieces)
        self.strangers |= unknown - self._told
        return frame

    def _overrun(self, message: Message, overrun: Overrun) -> None:
        texts = [overrun.known, overrun.oldest]
        moments, _ = self.clock.read(texts, message.at, message.offset)
        start, end = (message.at if moment is None else moment for moment in moments)
        where = ("iot_monitor", overrun.tracker_id, overrun.field)
        self.log.gap(start, end, "queue_overrun", *where)
