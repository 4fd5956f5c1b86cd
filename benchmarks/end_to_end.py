"""From a loopback WebSocket to files: a sender and a recorder, each in a process of its own."""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

import fleetlab as fl
from benchmarks import sender
from benchmarks.wire import KEY, Wire
from fleetlab.connection import Connection
from fleetlab.intake import Intake
from fleetlab.recording.folder import DiskFolder
from fleetlab.recording.journal import JournalWriter
from fleetlab.records import MessageRecord
from fleetlab.requests import resolve_requests
from fleetlab.server import resolve_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection as Pipe

    from fleetlab.records import Record


def run(wire: Wire, entries: int, *, journal_only: bool = False) -> Run:
    """Send at least so many entries to a recorder, and wait until it has written them all."""
    spawn = multiprocessing.get_context("spawn")
    sent, ours = spawn.Pipe()
    server = spawn.Process(target=sender.serve, args=(wire, entries, ours), daemon=True)
    server.start()
    port = sent.recv()
    talk, theirs = spawn.Pipe()
    work = _journal if journal_only else _capture
    recorder = spawn.Process(target=work, args=(port, wire.event, sorted(wire.trackers), theirs))
    recorder.start()
    try:
        messages, size = sent.recv()
        talk.send(messages)
        took: Took = talk.recv()
    finally:
        recorder.join()
        server.kill()
        server.join()
    expected = sum(wire.counts) * sender.passes_of(wire, entries)
    if took.rows is not None and wire.event != "iot_monitor" and took.rows != expected:
        raise AssertionError(f"{expected:,} entries were sent, and {took.rows:,} became rows.")
    return Run(expected, messages, size, took)


@dataclass(frozen=True)
class Took:
    """What a recorder tells of itself.

    Attributes
    ----------
    seconds, cpu : float
        From the first message until all was written: on the clock, and of processors, in all
        threads.
    peak : int
        Most memory in use, in bytes.
    disk : dict of str to int
        Bytes on disk, by folder.
    rows : int or None
        Rows of the event; None where only the journal was written.
    """

    seconds: float
    cpu: float
    peak: int
    disk: dict[str, int]
    rows: int | None = None


@dataclass(frozen=True)
class Run:
    """One recording.

    Attributes
    ----------
    entries, messages, size : int
        What was sent, in how many messages of how many bytes.
    took : Took
        What the recorder took for it.
    """

    entries: int
    messages: int
    size: int
    took: Took


class _Meter:
    """Time and processor time from the first event on."""

    def __init__(self, count: Callable[[], int], talk: Pipe) -> None:
        self._count = count
        self._talk = talk

    def wait(self) -> None:
        """Return when everything has arrived."""
        self._until(2)  # the first one answers the subscription
        self._seconds, self._cpu = time.perf_counter(), time.process_time()
        self._until(self._talk.recv() + 1)

    def _until(self, messages: int) -> None:
        while self._count() < messages:
            time.sleep(0.005)

    def stop(self, folder: Path) -> dict[str, Any]:
        """Return what it took, now that everything is written."""
        took = time.perf_counter() - self._seconds, time.process_time() - self._cpu
        disk: dict[str, int] = {}
        for path in folder.rglob("*"):
            if path.is_file():
                part = path.relative_to(folder).parts[0]
                disk[part] = disk.get(part, 0) + path.stat().st_size
        status = Path("/proc/self/status").read_text("ascii")
        peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
        return {"seconds": took[0], "cpu": took[1], "peak": peak, "disk": disk}


def _capture(port: int, event: str, trackers: list[int], talk: Pipe) -> None:
    """Record with fleetlab, as a user does."""
    request = fl.IotMonitor(trackers=trackers) if event == "iot_monitor" else event
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, "recording")
        server = f"http://127.0.0.1:{port}/v2"
        job = fl.start(server=server, api_key=KEY, events=[request], save_to=folder, view=False)
        meter = _Meter(lambda: job.progress().messages, talk)
        meter.wait()
        rec = job.stop()
        took = meter.stop(folder)
        assert rec.rejects.is_empty(), rec.rejects
        rows = rec.scan(event).select(pl.len()).collect().item()
        talk.send(Took(rows=rows, **took))


def _journal(port: int, event: str, trackers: list[int], talk: Pipe) -> None:
    """Receive and write the journal, and nothing else: the receiver's and the journal's threads."""
    del trackers
    with tempfile.TemporaryDirectory() as root:
        folder = DiskFolder(root)
        sink = _Sink(folder)
        receiving = threading.Thread(target=lambda: asyncio.run(sink.receive(port, event)))
        writing = threading.Thread(target=sink.write)
        for thread in (receiving, writing):
            thread.start()
        meter = _Meter(lambda: sink.messages, talk)
        meter.wait()
        sink.stop()
        for thread in (receiving, writing):
            thread.join()
        talk.send(Took(**meter.stop(folder.path)))


class _Sink:
    """What fleetlab's pipeline does before it decodes."""

    def __init__(self, folder: DiskFolder) -> None:
        self.messages = 0
        self._journal = JournalWriter(folder)
        self._intake = Intake()

    async def receive(self, port: int, event: str) -> None:
        server = resolve_server(f"http://127.0.0.1:{port}/v2", {})
        self._connection = Connection(server, KEY, resolve_requests([event], "all", "5s"), self)
        self._loop = asyncio.get_running_loop()
        await self._connection.run()
        self._intake.close()

    async def put(self, record: Record) -> None:
        while not self._intake.has_room:  # noqa: ASYNC110 - what frees it is another thread
            await asyncio.sleep(0.02)
        self._intake.put(record)
        self.messages += isinstance(record, MessageRecord)

    def write(self) -> None:
        while not self._intake.is_exhausted:
            for _, record in self._intake.take(0.2):
                self._journal.append(record)
            self._journal.flush_due()
        self._journal.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._connection.stop)
