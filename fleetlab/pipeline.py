"""From the receiver's hands to journal, rows and parts: two threads and the queues between them.

The receiver puts records into a queue bounded in bytes. One thread writes them to the journal and
hands them on; the other decodes them, and publishes parts that the journal is flushed past. Only
when the journal itself can't keep up does the receiver have to wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from fleetlab import clocks
from fleetlab.errors import FleetlabError, RecordingError
from fleetlab.intake import Intake
from fleetlab.memory import release_large_blocks
from fleetlab.recording.batches import read_batches
from fleetlab.recording.builder import Builder
from fleetlab.recording.journal import JournalWriter
from fleetlab.recording.told import decoded_info
from fleetlab.recording.writer import PART_BYTES, PART_ROWS, PART_SECONDS
from fleetlab.records import ConnectionRecord, MessageRecord, Record, RestRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import polars as pl

    from fleetlab.recording import Recording
    from fleetlab.recording.batches import Placed
    from fleetlab.recording.folder import Folder
    from fleetlab.recording.journal import Position
    from fleetlab.recording.manifest import Info

__all__ = ["MEMORY_LIMIT", "Pipeline"]

MEMORY_LIMIT: Final = 1_000_000_000
"""Bytes that a recording in memory may take."""

TICK_SECONDS: Final = 0.2
HANDED_BYTES: Final = 16_000_000
"""What may wait to be decoded; the rest is read from the journal again, and takes no memory."""

REDACTED: Final = b"[redacted]"
RECENT: Final = 256
"""Batches that wait for who watches."""


T = TypeVar("T")


class Pipeline:
    """Journal, decoder and parts of one recording.

    Parameters
    ----------
    folder : Folder
        Where the recording lives.
    info : Info
        What is known of it at the start.
    secrets : sequence of str
        What must not reach the journal, even if a server echoes it.
    on_error : callable
        Called from one of the threads, once or more, when the recording has to end.

    Attributes
    ----------
    clock : callable
        Returns the moment on the recording's clocks.
    """

    def __init__(
        self,
        folder: Folder,
        info: Info,
        secrets: Sequence[str],
        on_error: Callable[[FleetlabError], None],
    ) -> None:
        release_large_blocks()
        self.clock = clocks.starting_now()
        self._intake = Intake()
        self.messages = 0
        self.bytes = 0
        self.latest: ConnectionRecord | None = None
        self._decoding = Intake(HANDED_BYTES)
        self._folder = folder
        self._secrets = [secret.encode() for secret in secrets]
        self._on_error = on_error
        self._journal = JournalWriter(folder)
        self._builder = Builder(folder, info, _shielded)
        self.decoder = self._builder.decoder
        self._published = time.monotonic()
        self._recent: deque[Mapping[str, pl.DataFrame]] = deque(maxlen=0)
        # Between journal and decoder: whether the one's queue was full, so that it is to read from
        # the other's file what it could not be handed.
        self._handover = threading.Condition()
        self._is_behind = False
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name=name, daemon=True)
            for name, work in (("fleetlab-journal", self._keep), ("fleetlab-decoder", self._decode))
        ]
        for thread in self._threads:
            thread.start()

    async def put(self, record: Record) -> None:
        """Take a record from the receiver; waits only while the journal can't keep up."""
        if isinstance(record, MessageRecord):
            self.messages += 1
            self.bytes += len(record.data)
        elif isinstance(record, ConnectionRecord):
            self.latest = record
        if not self._intake.has_room:
            detail = "the disk is too slow for the journal, so reading waits for it"
            at, steady = self.clock()
            self._intake.put(ConnectionRecord(at, "paused", detail=detail, steady=steady))
            while not self._intake.has_room:  # noqa: ASYNC110 - what frees it is another thread
                await asyncio.sleep(0.02)
        self._intake.put(record)

    def put_last(self, record: Record) -> None:
        """Take a record from a thread that can't wait for room."""
        self._intake.put(record)

    def add_secret(self, secret: str) -> None:
        """Keep one more text out of the journal."""
        self._secrets.append(secret.encode())

    def finish(self, info: Info) -> Recording:
        """Write all that is left, and return the whole recording."""
        self._intake.close()
        for thread in self._threads:
            thread.join()
        self._builder.writer.finish(decoded_info(info, self.decoder))
        return _shielded(self.snapshot)

    def snapshot(self) -> Recording:
        """Return the recording as of now, at a message boundary."""
        return self._builder.writer.snapshot()

    @property
    def size(self) -> int:
        """Bytes on disk; in memory, all of them."""
        return self._builder.writer.size if self._folder.path is None else self._folder.size

    def recent(self) -> list[Mapping[str, pl.DataFrame]]:
        """Return the rows decoded since it was last asked, batch by batch, or the latest of them.

        Nothing is kept for that before the first call.
        """
        if not self._recent.maxlen:
            self._recent = deque(maxlen=RECENT)
        taken = []
        with contextlib.suppress(IndexError):
            while True:
                taken.append(self._recent.popleft())
        return taken

    def _guarded(self, work: Callable[[], None]) -> None:
        """Run one thread's work; an error in it ends the capture instead of vanishing."""
        try:
            work()
        except FleetlabError as error:
            self._on_error(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the user has to hear of it
            self._on_error(RecordingError(f"Recording failed: {type(error).__name__}: {error}"))
        finally:
            self._decoding.close()

    def _keep(self) -> None:
        """Write the journal, and hand on what was written."""
        try:
            while not self._intake.is_exhausted:
                for _, record in self._intake.take(TICK_SECONDS):
                    clean = _redacted(record, self._secrets)
                    with self._handover:
                        position = self._journal.append(clean)
                        self._is_behind = self._is_behind or not self._decoding.has_room
                        if not self._is_behind:
                            self._decoding.put(clean, position)
                self._journal.flush_due()
                with self._handover:
                    self._handover.notify_all()
        finally:
            self._intake.close()
            self._journal.close()

    def _decode(self) -> None:
        """Decode what comes, keep the rows, and publish them from time to time."""
        decoder = self.decoder
        for batch in self._batches():
            self._builder.take(batch)
            decoder.tick(self.clock().at)
            self._collect()
            age = time.monotonic() - self._published
            writer = self._builder.writer
            large = writer.pending_rows >= PART_ROWS or writer.pending_bytes >= PART_BYTES
            due = large or age >= PART_SECONDS
            if due and not decoder.is_waiting:
                self._publish()
        decoder.release()
        self._collect()
        # What the journal was given but could not hand on any more is left for a reader to find.
        self._publish(whole=self._builder.position == self._journal.appended)

    def _batches(self) -> Iterator[list[Placed]]:
        """Records in the order of the journal: handed over, or read from it after falling behind.

        An empty batch comes now and then where nothing else does.
        """
        while True:
            batch = self._decoding.take(TICK_SECONDS)
            if not batch and self._is_behind:
                yield from self._missed()
            elif not batch and self._decoding.is_exhausted:
                return
            else:
                yield batch

    def _missed(self) -> Iterator[list[Placed]]:
        """What was written while the queue was full; from now on it is handed over again."""
        with self._handover:
            self._is_behind = False
            last = self._journal.appended
        self._wait_for_flush(last)
        yield from read_batches(self._folder, self._builder.position, until=last)

    def _wait_for_flush(self, position: Position | None) -> None:
        def is_flushed() -> bool:
            return position is None or self._journal.flushed >= position

        with self._handover:
            while not is_flushed() and self._threads[0].is_alive():
                self._handover.wait(TICK_SECONDS)
        if not is_flushed():
            raise RecordingError("The journal was not written to its end.")

    def _collect(self) -> None:
        frames = self._builder.collect()
        if frames:
            self._recent.append(frames)
        if self._folder.path is None and self._builder.writer.size > MEMORY_LIMIT:
            # Told and not raised: what has come, and comes until the end, is kept as always.
            self._on_error(
                RecordingError(
                    f"The recording in memory has reached {MEMORY_LIMIT / 1e9:.0f} GB, its limit, "
                    "and was ended; what was caught is in the error's .recording. Record to disk "
                    "for more: leave out save_to=False."
                )
            )

    def _publish(self, *, whole: bool = False) -> None:
        self._wait_for_flush(self._builder.position)
        self._builder.publish(whole=whole)
        self._published = time.monotonic()


def _shielded(work: Callable[[], T]) -> T:
    """Do some work of Polars without being interrupted.

    Polars raises Ctrl-C in every thread that it is computing in. The main thread gets it as well,
    and ends the capture; here it would only tear what is to be kept. The work must leave
    everything as it was where it raises.
    """
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            return work()


def _redacted(record: Record, secrets: Sequence[bytes]) -> Record:
    """Return a record without the secrets that a server may have echoed."""
    if isinstance(record, MessageRecord):
        data = record.data
        for secret in secrets:
            if secret in data:
                data = data.replace(secret, REDACTED)
        return record if data is record.data else replace(record, data=data)
    if isinstance(record, RestRecord):
        text = msgspec.json.encode(record.reply)
        clean = text
        for secret in secrets:
            clean = clean.replace(secret, REDACTED)
        return record if clean == text else replace(record, reply=msgspec.json.decode(clean))
    return record
