"""Recording a replay gives the recording: every message, and every value in its cell."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import fleetlab as fl
from fleetlab.schemas import EVENTS
from fleetlab.simulator import Oddity, Simulator
from fleetlab.simulator.replay import Replay
from tests.conftest import eventually
from tests.reference import journal_lines
from tests.test_round_trip import everything, steps


def said(folder: str | Path) -> list[str]:
    """Every frame of a recording in order, with its number; a handshake's uuid is any."""
    return [
        f"{line['seq']} {line.get('b64', line.get('text'))}"
        for line in journal_lines(Path(folder))
        if "seq" in line and "|30000|" not in line.get("text", "")
    ]


def timeless(frame: pl.DataFrame) -> pl.DataFrame:
    """A frame without its own name and times of arrival, and what is only known from them."""
    if "event_time" in frame.columns:
        arrival = pl.col("event_time") == pl.col("received_at")
        frame = frame.with_columns(event_time=pl.when(~arrival).then("event_time"))
    return frame.drop("received_at", "recording", strict=False)


def assert_same(first: fl.Recording, second: fl.Recording, *, but: tuple[str, ...] = ()) -> None:
    for event in EVENTS:
        before, after = timeless(first.frames[event]), timeless(second.frames[event])
        assert before.drop(but, strict=False).equals(after.drop(but, strict=False)), event
    before, after = timeless(first.rejects), timeless(second.rejects)
    assert before.drop(but, strict=False).equals(after.drop(but, strict=False))
    assert first.trackers.equals(second.trackers)


def recorded(sim: Simulator, folder: Path, *happens: Any) -> fl.Recording:
    """Record all four events while things happen, ten updates after each."""
    job = fl.start(**everything(sim, save_to=folder))
    eventually(lambda: sim.requests, "the client subscribes")
    steps(sim, 10)
    for happen in happens:
        asked = len(sim.requests)
        eventually(lambda: job.progress().messages == len(sim.ledger), "what was sent has arrived")
        happen()
        if happen in (sim.cut, sim.hang_up):
            eventually(partial(_has_asked, sim, asked), "the client subscribes again")
        steps(sim, 10)
    if sim.logout in happens:
        return job.result()
    eventually(lambda: job.progress().messages == len(sim.ledger), "what was sent has arrived")
    return job.stop()


def _has_asked(sim: Simulator, times: int) -> bool:
    return len(sim.requests) > times


class Played:
    """A replay that is asked for what a simulator was asked for."""

    def __init__(self, replay: Replay, sim: Simulator) -> None:
        self.base_url, self.api_key = replay.base_url, replay.api_key
        self.tracker_ids = sim.tracker_ids


def captured(replay: Replay, sim: Simulator, folder: Path, *, ends: bool = False) -> fl.Recording:
    """Record a replay from beginning to end; one that ends by itself is waited for."""
    job = fl.start(**everything(Played(replay, sim), save_to=folder))
    assert replay.wait(60)
    if ends:
        return job.result()
    eventually(lambda: job.progress().messages == len(sim.ledger), "all has arrived")
    return job.stop()


@pytest.mark.parametrize(
    "oddities",
    [
        (),
        ("wrapped_states", "mislabelled_readings", "iot_lists", "binary_frames", "no_nulls"),
        tuple(Oddity),
    ],
    ids=["plain", "odd", "all"],
)
def test_recording_a_replay_gives_the_recording_cell_by_cell(tmp_path, oddities):
    with Simulator(12, seed=3, tick=None, record=True, oddities=oddities) as sim:
        one = sim.tracker_ids[1]
        first = recorded(
            sim,
            tmp_path / "first",
            lambda: sim.block(one),
            lambda: sim.unblock(one),
            lambda: sim.say("rubbish"),
            lambda: sim.say('{"type":"event","event":"state_batch","data":[{"source_id":"x"}]}'),
            lambda: sim.say("X"),
            sim.logout,
        )
    for event in EVENTS:
        assert len(first.frames[event]), f"{event} is not tested"
    assert len(first.rejects) == 2
    with fl.replay(tmp_path / "first", speed="max") as replay:
        second = captured(replay, sim, tmp_path / "second", ends=True)
    assert_same(first, second)
    assert said(tmp_path / "first") == said(tmp_path / "second")
    assert first.info.stopped_because == second.info.stopped_because == "logout"
    assert second.gaps.is_empty()


@pytest.mark.parametrize("how", ["cut", "hang_up"])
def test_a_gap_is_replayed_as_a_gap_of_the_same_kind(tmp_path, how):
    with Simulator(12, seed=3, tick=None, record=True) as sim:
        first = recorded(sim, tmp_path / "first", getattr(sim, how))
    assert len(first.gaps) == 1
    with fl.replay(tmp_path / "first", speed="max") as replay:
        second = captured(replay, sim, tmp_path / "second")
    assert_same(first, second)
    assert said(tmp_path / "first") == said(tmp_path / "second")
    assert second.gaps["reason"].to_list() == ["disconnected"]
    log = ["what", "code"]
    assert first.connection.select(log).equals(second.connection.select(log))


def test_a_refusal_that_was_recorded_is_given_again(tmp_path):
    with Simulator(12, seed=3, tick=None, record=True) as sim:

        def refuse_once() -> None:
            asked = len(sim.requests)
            sim.refuse_next(6)
            sim.cut()
            eventually(lambda: len(sim.requests) >= asked + 2, "it subscribes once more")

        first = recorded(sim, tmp_path / "first", refuse_once)
    with fl.replay(tmp_path / "first", speed="max") as replay:
        second = captured(replay, sim, tmp_path / "second")
    assert_same(first, second)
    assert said(tmp_path / "first") == said(tmp_path / "second")
    log = second.connection["what"].to_list()
    assert log == first.connection["what"].to_list()
    assert "failed" in log


def test_gaps_that_are_skipped_leave_the_connection_alone(tmp_path):
    with Simulator(12, seed=3, tick=None, record=True) as sim:
        first = recorded(sim, tmp_path / "first", sim.cut, sim.hang_up)
    assert len(first.gaps) == 2
    with fl.replay(tmp_path / "first", speed="max", gaps="skip") as replay:
        job = fl.start(**everything(Played(replay, sim), save_to=tmp_path / "second"))
        assert replay.wait(60)
        rows = sum(len(first.frames[event]) for event in EVENTS)
        eventually(lambda: sum(job.progress().rows.values()) == rows, "all has arrived")
        second = job.stop()
    assert second.gaps.is_empty()
    assert second.connection["what"].to_list().count("connected") == 1
    # The states that came because the recording subscribed again are none here: we did not.
    assert_same(first, second, but=("seq", "snapshot"))


def test_a_part_of_the_events_can_be_asked_for(tmp_path):
    with Simulator(12, seed=3, tick=None, record=True, oddities=["mislabelled_readings"]) as sim:
        first = recorded(sim, tmp_path / "first")
    assert len(first.state_batch)
    with fl.replay(tmp_path / "first", speed="max") as replay:
        job = fl.start(
            server=replay.base_url, api_key=replay.api_key, events=["readings_batch"], view=False
        )
        assert replay.wait(60)
        rows = len(first.readings_batch)
        eventually(lambda: job.progress().rows.get("readings_batch") == rows, "all has arrived")
        second = job.stop()
    assert (
        timeless(second.readings_batch)
        .drop("seq")
        .equals(timeless(first.readings_batch).drop("seq"))
    )
    for event in ("state", "state_batch", "iot_monitor"):
        assert second.frames[event].is_empty()


def test_an_unfinished_recording_is_replayed_as_far_as_it_goes(tmp_path):
    with Simulator(12, seed=3, tick=None, record=True) as sim:
        job = fl.start(**everything(sim, save_to=tmp_path / "first"))
        eventually(lambda: sim.requests, "the client subscribes")
        steps(sim, 10)

        def is_written() -> bool:
            with contextlib.suppress(EOFError, FileNotFoundError):  # a block is being written
                return len(said(tmp_path / "first")) == len(sim.ledger) - 1
            return False

        eventually(is_written, "all is in the journal")
        first = fl.load(tmp_path / "first")
        with fl.replay(tmp_path / "first", speed="max") as replay:
            second = captured(replay, sim, tmp_path / "second")
        job.stop()
    assert first.info.stopped_because is None
    assert_same(first, second)
