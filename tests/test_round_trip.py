"""What the simulator says it sent is what the frames hold, cell by cell, for every event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import fleetlab as fl
from fleetlab.schemas import EVENTS, schema
from fleetlab.simulator import Oddity, Simulator
from tests.conftest import eventually
from tests.reference import Reference, journal_lines
from tests.tables.test_decoder import comparable


def everything(sim: Simulator, **more: Any) -> dict[str, Any]:
    """Ask for all four kinds of events."""
    ids = sim.tracker_ids
    return {
        "server": sim.base_url,
        "api_key": sim.api_key,
        "rate_limit": "1s",
        "view": False,
        "events": [
            fl.State(trackers=ids[:5]),
            "state_batch",
            "readings_batch",
            fl.IotMonitor(trackers=ids[:10]),
        ],
        **more,
    }


def steps(sim: Simulator, count: int) -> None:
    for _ in range(count):
        sim.step(1.0)


def expected_rows(rec: fl.Recording) -> dict[str, list[dict[str, Any]]]:
    """Decode the recording's journal a second time, slowly and plainly."""
    assert rec.info.path is not None
    lines = journal_lines(Path(rec.info.path))
    trackers = next(line["reply"]["list"] for line in lines if line.get("rest") == "tracker/list")
    zone = next(
        line["reply"]["user_info"]["time_zone"]
        for line in lines
        if line.get("rest") == "user/get_info"
    )
    plain = Reference(rec.info.name, zone, trackers)
    for line in lines:
        if line.get("connection", {}).get("what") == "subscribing":
            plain.subscribed()
        if "seq" in line:
            plain.feed(line["seq"], line["at"], line["text"])
    return plain.rows


def check(rec: fl.Recording) -> None:
    expected = expected_rows(rec)
    for event in EVENTS:
        rows = expected.get(event, [])
        if event == "iot_monitor":
            rows = sorted(rows, key=lambda row: (row["seq"], row["event_time"]))
        assert [comparable(row) for row in rec.frames[event].to_dicts()] == [
            comparable({"extra": None} | row) for row in rows
        ], event


@pytest.mark.parametrize(
    "oddities",
    [
        (),
        ("wrapped_states", "mislabelled_readings", "iot_lists", "binary_frames", "no_nulls"),
        ("position_beside", "one_map", "unknown_fields"),
        tuple(Oddity),
    ],
    ids=["plain", "odd", "odder", "all"],
)
def test_every_frame_sent_is_in_the_journal_and_every_value_in_its_cell(tmp_path, oddities):
    with Simulator(vehicles=12, seed=3, tick=None, record=True, oddities=oddities) as sim:
        job = fl.start(**everything(sim, save_to=tmp_path / "rec"))
        eventually(lambda: sim.requests, "the client subscribes")
        steps(sim, 20)
        blocked = sim.tracker_ids[1]
        sim.block(blocked)
        steps(sim, 2)
        sim.unblock(blocked)
        steps(sim, 10)
        sim.logout()
        rec = job.result()
        sent = [frame.text for frame in sim.ledger]
    assert rec.info.stopped_because == "logout"
    journal = journal_lines(tmp_path / "rec")
    assert [line["text"] for line in journal if "seq" in line] == sent
    assert [line["seq"] for line in journal if "seq" in line] == list(range(1, len(sent) + 1))
    check(rec)
    assert rec.rejects.is_empty()
    assert rec.gaps.is_empty()
    for event in EVENTS:
        frame = rec.frames[event]
        assert frame.schema == schema(event)
        assert not frame.is_empty(), f"{event} was not tested"
    assert rec.lifecycle["lifecycle_event"].to_list() == ["block", "unblock"]
    # Every label of the account has come through, whatever its script.
    assert set(rec.state_batch["label"]) == set(rec.trackers.filter(clone=False)["label"])


def test_a_cut_connection_is_a_gap_and_the_rest_is_whole(simulator, tmp_path):
    job = fl.start(**everything(simulator, save_to=tmp_path / "rec"))
    eventually(lambda: simulator.requests, "the client subscribes")
    steps(simulator, 5)
    before = len(simulator.ledger)
    eventually(lambda: job.progress().messages == before, "what was sent has arrived")
    simulator.cut()
    eventually(lambda: len(simulator.requests) == 2, "the client subscribes again")
    steps(simulator, 5)
    eventually(
        lambda: job.progress().messages == len(simulator.ledger), "what was sent has arrived"
    )
    rec = job.stop()
    assert rec.info.stopped_because == "stop"
    sent = [frame.text for frame in simulator.ledger]
    assert [line["text"] for line in journal_lines(tmp_path / "rec") if "seq" in line] == sent
    check(rec)
    [gap] = rec.gaps.to_dicts()
    assert gap["reason"] == "disconnected"
    log = rec.connection
    assert log["what"].to_list() == [
        *["started", "connected", "subscribing", "subscribed"],
        *["lost", "retry", "connected", "subscribing", "subscribed"],
        *["closed", "ended"],
    ]
    # It begins with the last sign of life: nothing that came is in it, and the loss is found later.
    came = rec.state_batch.filter(pl.col("received_at") < gap["ended_at"])["received_at"]
    assert came.max() <= gap["started_at"] <= log.filter(what="lost")["logged_at"].item()
    assert gap["ended_at"] == log.filter(what="subscribed")["logged_at"][1]
    # The states that came because we subscribed again are told from those that changed.
    again = rec.state_batch.filter(pl.col("received_at") >= gap["ended_at"])
    assert again.filter("snapshot")["source_id"].n_unique() == 12


def test_the_recording_read_from_disk_is_the_one_that_was_returned(simulator, tmp_path):
    job = fl.start(**everything(simulator, save_to=tmp_path / "rec", note="a note"))
    eventually(lambda: simulator.requests, "the client subscribes")
    steps(simulator, 5)
    eventually(
        lambda: job.progress().messages == len(simulator.ledger), "what was sent has arrived"
    )
    rec = job.stop()
    again = fl.load(tmp_path / "rec")
    for event in EVENTS:
        assert again.frames[event].equals(rec.frames[event])
        assert again.scan(event).collect().equals(rec.frames[event])
    for table in ("trackers", "connection", "gaps", "rejects", "notes"):
        assert getattr(again, table).equals(getattr(rec, table))
    assert again.info == rec.info
    assert again.info.note == "a note"
    assert json.loads((tmp_path / "rec" / "recording.json").read_text("utf-8"))["format_version"]


def test_rubbish_between_messages_costs_nothing_and_is_named(simulator):
    job = fl.start(**everything(simulator))
    eventually(lambda: simulator.requests, "the client subscribes")
    rubbish = ["rubbish", "{", '{"type":"event","event":"comet","data":1}', "\u0000\u0001"]
    for text in rubbish:
        simulator.say(text)
        simulator.step(1.0)
    eventually(
        lambda: job.progress().messages == len(simulator.ledger), "what was sent has arrived"
    )
    rec = job.stop()
    assert sorted(rec.rejects["raw"]) == sorted(["rubbish", "{", "comet", "\u0000\u0001"])
    said = {frame.number: frame.text for frame in simulator.ledger}
    for seq, raw in rec.rejects.select("seq", "raw").iter_rows():
        assert raw in said[seq]
    clean = Reference(rec.info.name, "Europe/Madrid")
    for number, text in said.items():
        if text not in rubbish:
            clean.feed(number, 0, text)
    for event in ("state", "state_batch", "readings_batch", "iot_monitor"):
        assert rec.frames[event]["seq"].to_list() == [row["seq"] for row in clean.rows[event]]
