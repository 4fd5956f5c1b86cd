"""From the receiver's hands to rows: nothing is lost when one thread is slower than another."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, datetime

import pytest

import fleetlab as fl
from fleetlab.intake import Intake
from fleetlab.pipeline import TICK_SECONDS, Pipeline
from fleetlab.recording.folder import MemoryFolder
from fleetlab.recording.journal import JournalWriter, read_journal
from fleetlab.recording.manifest import Info
from fleetlab.records import ConnectionRecord, MessageRecord, Record, RestRecord
from tests.conftest import eventually

AT = 1_780_000_000_000_000
KEY = "0123456789abcdef0123456789abcdef"


def pipeline(errors: list[fl.FleetlabError] | None = None, **more) -> Pipeline:
    info = Info(name="rec", started_at=datetime(2026, 7, 1, tzinfo=UTC), server="demo", **more)
    made = Pipeline(MemoryFolder("rec"), info, [KEY], ([] if errors is None else errors).append)
    put(made, ConnectionRecord(AT, "started", facts={"recording": "rec", "timezone": "UTC"}))
    put(made, RestRecord(AT, "tracker/list", {"list": []}))
    return made


def state(number: int, text: str = "") -> MessageRecord:
    data = {"source_id": number, "movement_status": text}
    body = {"type": "event", "event": "state", "data": data}
    return MessageRecord(number, AT + number, json.dumps(body).encode())


def put(made: Pipeline, *records: Record) -> None:
    async def main() -> None:
        for record in records:
            await made.put(record)

    asyncio.run(main())


def finished(made: Pipeline) -> fl.Recording:
    info = Info(
        name="rec",
        started_at=datetime(2026, 7, 1, tzinfo=UTC),
        server="demo",
        stopped_because="stop",
    )
    return made.finish(info)


def test_a_message_is_flushed_within_a_second_even_if_no_other_comes():
    made = pipeline()
    put(made, state(1))
    eventually(lambda: any(record == state(1) for _, record in read_journal(made._folder)), "it is")
    assert JournalWriter.__init__.__kwdefaults__["flush_seconds"] + TICK_SECONDS <= 1
    finished(made)


def test_a_decoder_that_falls_behind_catches_up_from_the_journal():
    made = pipeline()
    going_on = threading.Event()
    decode = made.decoder.decode

    def slow():
        going_on.wait()
        return decode()

    made.decoder.decode = slow  # type: ignore[method-assign]
    made._decoding._limit = 2_000  # a handful of messages
    put(made, *(state(number) for number in range(1, 501)))
    eventually(lambda: made._is_behind, "the decoder's queue is full")
    # The journal went on all the same.
    eventually(
        lambda: made._journal.appended == made._journal.flushed, "the journal is written to its end"
    )
    going_on.set()
    put(made, *(state(number) for number in range(501, 1_001)))
    rec = finished(made)
    assert rec.state["seq"].to_list() == list(range(1, 1_001))
    assert rec.state["source_id"].to_list() == list(range(1, 1_001))


def test_a_journal_that_cannot_keep_up_makes_reading_wait_and_the_log_says_so():
    made = pipeline()
    going_on = threading.Event()
    append = made._journal.append

    def slow(record):
        going_on.wait()
        return append(record)

    made._journal.append = slow  # type: ignore[method-assign]
    made._intake._limit = 2_000
    waiting = threading.Thread(
        target=lambda: put(made, *(state(number) for number in range(1, 101)))
    )
    waiting.start()
    eventually(lambda: not made._intake.has_room, "the journal's queue is full")
    assert made.messages < 100
    going_on.set()
    waiting.join()
    rec = finished(made)
    assert rec.state["seq"].to_list() == list(range(1, 101))
    assert "paused" in rec.connection["what"].to_list()


def test_an_error_of_the_decoder_is_told_and_the_journal_has_everything():
    errors: list[fl.FleetlabError] = []
    made = pipeline(errors)

    def broken():
        raise RuntimeError("a bug")

    made.decoder.decode = broken  # type: ignore[method-assign]
    put(made, state(1))
    eventually(lambda: errors, "the error is told")
    assert isinstance(errors[0], fl.RecordingError)
    assert "RuntimeError: a bug" in str(errors[0])


def test_the_key_is_taken_out_of_everything_that_comes_before_it_is_written():
    made = pipeline()
    made.add_secret("hunter2")
    put(
        made,
        state(1, f"echo {KEY} and hunter2"),
        RestRecord(AT, "user/get_info", {"user_info": {"echo": KEY}}),
    )
    rec = finished(made)
    assert rec.state["movement_status"].to_list() == ["echo [redacted] and [redacted]"]
    told = str([record for _, record in read_journal(made._folder)])
    assert KEY not in told
    assert "hunter2" not in told


def test_a_closed_queue_takes_nothing_more_and_gives_what_it_has():
    intake = Intake()
    intake.put(state(1))
    intake.close()
    intake.put(state(2))
    assert not intake.is_exhausted
    assert [record for _, record in intake.take(0)] == [state(1)]
    assert intake.is_exhausted


def test_a_snapshot_of_many_small_pieces_is_in_few(monkeypatch):
    monkeypatch.setattr("fleetlab.recording.writer.MANY", 5)
    made = pipeline()
    for number in range(1, 30):
        put(made, state(number))
        eventually(lambda n=number: len(made.snapshot().state) == n, "the row is decoded")
    assert len(made.snapshot()._tail["state"]) <= 5
    assert finished(made).state["seq"].to_list() == list(range(1, 30))


def test_rows_that_are_few_and_huge_become_parts_before_they_fill_the_memory(monkeypatch):
    monkeypatch.setattr("fleetlab.pipeline.PART_BYTES", 100_000)
    made = pipeline()
    for number in range(1, 6):
        put(made, state(number, "x" * 60_000))
        eventually(lambda n=number: len(made.snapshot().state) == n, "the row is decoded")
    assert made._builder.writer.pending_bytes < 200_000
    assert len(made.snapshot()._parts["state"]) >= 2
    assert finished(made).state["seq"].to_list() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("rows", [0, 3])
def test_an_event_that_was_asked_for_has_a_part_even_without_rows(rows):
    made = pipeline(requests=[{"type": "state", "trackers": [1]}])
    put(made, *(state(number) for number in range(1, rows + 1)))
    rec = finished(made)
    assert [part.rows for part in rec._parts["state"]] == [rows]
    assert [part.rows for part in rec._parts["lifecycle"]] == [0]
    assert "iot_monitor" not in rec._parts
