"""When the trackers and the zone are read, and read again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import fleetlab as fl
from fleetlab import clocks, directory
from fleetlab.directory import DirectoryReader
from fleetlab.records import Record


class Rest:
    """Answers, or fails."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.down = False
        self.key = "hunter2"

    async def call(self, call: str) -> dict[str, Any]:
        self.calls.append(call)
        if self.down:
            raise fl.ServerUnavailable(f"down, says {self.key}", code=1)
        return {"success": True}


class Pipeline:
    """Takes records, and knows strangers."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.decoder = self
        self.clock = clocks.now
        self.strangers: set[int] = set()

    async def put(self, record: Record) -> None:
        self.records.append(record)


def run(test: Callable[[Rest, Pipeline], Any], *, wants_zone: bool = True) -> tuple[Rest, Pipeline]:
    async def main() -> tuple[Rest, Pipeline]:
        rest, pipeline = Rest(), Pipeline()
        reader = DirectoryReader(rest, pipeline, ())  # type: ignore[arg-type]
        steps = test(rest, pipeline)
        next(steps)
        task = asyncio.create_task(reader.run(wants_zone=wants_zone))
        async with asyncio.timeout(10):
            for condition in steps:
                while not condition():  # noqa: ASYNC110 - the loop is ours, and nothing is slow
                    await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return rest, pipeline

    return asyncio.run(main())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "LIST_SECONDS", 10_000.0)
    monkeypatch.setattr(directory, "RETRY_SECONDS", 10_000.0)
    monkeypatch.setattr(directory, "STRANGER_SECONDS", 0.0)
    monkeypatch.setattr(directory, "TICK_SECONDS", 0.001)


def test_the_list_and_the_zone_are_read_at_the_start_and_the_list_again_for_a_stranger():
    def steps(rest, pipeline):
        yield
        yield lambda: len(rest.calls) == 2
        pipeline.strangers = {5}
        yield lambda: len(rest.calls) == 3
        pipeline.strangers = set()

    rest, pipeline = run(steps)
    assert sorted(rest.calls[:2]) == ["tracker/list", "user/get_info"]
    assert rest.calls[2] == "tracker/list"
    assert {record.rest for record in pipeline.records} == {"tracker/list", "user/get_info"}


def test_the_list_is_read_again_from_time_to_time(monkeypatch):
    monkeypatch.setattr(directory, "LIST_SECONDS", 0.0)

    def steps(rest, _):
        yield
        yield lambda: len(rest.calls) >= 4

    rest, _ = run(steps)
    assert rest.calls.count("user/get_info") == 1


def test_a_zone_that_the_caller_named_is_not_asked_for():
    def steps(rest, _):
        yield
        yield lambda: rest.calls

    rest, _ = run(steps, wants_zone=False)
    assert rest.calls == ["tracker/list"]


def test_a_failure_is_logged_without_secrets_and_tried_again(monkeypatch):
    monkeypatch.setattr(directory, "RETRY_SECONDS", 0.0)

    def steps(rest, pipeline):
        rest.down = True
        yield
        yield lambda: len(pipeline.records) >= 2
        rest.down = False
        yield lambda: len(pipeline.records) >= 4

    rest, pipeline = run(steps)
    failures = pipeline.records[:2]
    assert [(record.what, record.code) for record in failures] == [
        ("trackers_unavailable", 1),
        ("zone_unavailable", 1),
    ]
    assert all(record.detail == "down, says [redacted]" for record in failures)
    assert rest.calls.count("user/get_info") >= 2


def test_the_times_are_those_that_are_documented(monkeypatch):
    monkeypatch.undo()
    assert directory.LIST_SECONDS == 15 * 60
