"""What a server says it sent against what a recording holds: each message, once, in every form."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

import fleetlab as fl
from fleetlab.schemas import EVENTS
from tests.faults.server import TRACKERS, ZONE, Sent
from tests.reference import Reference, journal_lines
from tests.tables.test_decoder import comparable


def content(line: dict[str, Any]) -> bytes:
    """The bytes of a message in the journal."""
    return base64.b64decode(line["b64"]) if "b64" in line else line["text"].encode()


def check(rec: fl.Recording, ledger: Sequence[Sent]) -> None:
    """Everything in the ledger is in journal and frames once; the gaps agree with the log."""
    assert rec.info.path is not None
    lines = journal_lines(Path(rec.info.path))
    messages = [line for line in lines if "seq" in line]
    assert [content(line) for line in messages] == [sent.data for sent in ledger]
    assert [line["seq"] for line in messages] == list(range(1, len(ledger) + 1))
    knows = {line["rest"] for line in lines if "rest" in line}
    if {"tracker/list", "user/get_info"} <= knows:
        check_frames(rec, lines, [sent.good for sent in ledger])
    check_gaps(rec)


def check_frames(rec: fl.Recording, lines: list[dict[str, Any]], good: Sequence[bool]) -> None:
    """The frames are what a second decoder makes of the good messages of the journal."""
    plain = Reference(rec.info.name, ZONE, TRACKERS)
    for line in lines:
        if line.get("connection", {}).get("what") == "subscribing":
            plain.subscribed()
        if "text" in line and good[line["seq"] - 1]:
            plain.feed(line["seq"], line["at"], line["text"])
    bad = [number for number, is_good in enumerate(good, 1) if not is_good]
    for event in EVENTS:
        frame = rec.frames[event].filter(~pl.col("seq").is_in(bad))
        assert [comparable(row) for row in frame.to_dicts()] == [
            comparable({"extra": None} | row) for row in plain.rows.get(event, [])
        ], event
        assert rec.scan(event).collect().equals(rec.frames[event])


def check_gaps(rec: fl.Recording) -> None:
    """Each loss in the log of the connection is a gap until the return, and nothing else is."""
    losses = rec.connection.filter(pl.col("what") == "lost")
    gaps = rec.gaps.filter(pl.col("reason") == "disconnected")
    assert len(gaps) == len(losses)
    for lost, gap in zip(losses.to_dicts(), gaps.to_dicts(), strict=True):
        assert gap["started_at"] <= lost["logged_at"]
        assert gap["ended_at"] is not None
        back = rec.connection.filter(
            pl.col("what").is_in(["subscribed", "ended"]),
            pl.col("logged_at") >= lost["logged_at"],
        )
        assert gap["ended_at"] == back["logged_at"][0]


def losses(rec: fl.Recording) -> list[int | None]:
    """The codes of the losses, in order."""
    return rec.connection.filter(what="lost")["code"].to_list()
