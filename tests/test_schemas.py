"""What the data dictionary says of null is so, and its page says what the schemas say."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import polars as pl
import pytest

from fleetlab.records import ConnectionRecord, MessageRecord, RestRecord
from fleetlab.schemas import EVENTS, FRAMES, NEVER, Column
from fleetlab.tables.decoder import Decoder
from tests.faults.test_hostile import HOSTILE

DOCS = Path(__file__).parent.parent / "docs"
AT = 1_782_907_200_000_000
FULL_READING = {"sensor_id": 1, "name": "lls", "value": 1, "update_time": "2026-07-01 14:00:00"}
LEAST = {
    "state": {"source_id": 9},
    "state_batch": [{"source_id": 9}],
    "readings_batch": [
        {
            "101": {
                "inputs": [FULL_READING, {"label": "x", "value": []}],
                "states": [{"field": "mil"}],
                "virtual_sensors": [{"sensor_id": 3, "value": None}],
                "counters": [{"type": "odometer"}],
            }
        }
    ],
    "iot_monitor": {
        "iot_last_values": [
            {"tracker_id": 101, "nonnull_fields": {"rpm": [{"value": {}}, {"value": None}]}}
        ]
    },
    "lifecycle": {},
    "logout": 7,
}
"""Of every event one that says as little as it may."""


@pytest.fixture(scope="module")
def frames():
    """Frames of messages that say little, and of all that are malformed and hostile."""
    decoder = Decoder()
    facts = {"recording": "rec", "timezone": "Europe/Madrid", "requests": []}
    decoder.feed(ConnectionRecord(AT, "started", facts=facts))
    decoder.feed(RestRecord(AT, "tracker/list", {"list": [{"id": 5}]}))
    least = [{"type": "event", "event": name, "data": data} for name, data in LEAST.items()]
    words = {"state_batch": {"success": True, "value": {"101": "normal"}}}
    response = {"type": "response", "action": "subscription/subscribe", "data": words}
    texts = [json.dumps(one).encode() for one in (response, *least)]
    for seq, data in enumerate([*texts, *HOSTILE.values()], 1):
        decoder.feed(MessageRecord(seq, AT + seq, data))
    decoder.feed(ConnectionRecord(AT + 10**6, "lost"))
    made = decoder.decode()
    made["gaps"] = decoder.log.open_gap(None)
    return made | {"trackers": decoder.directory.frame}


@pytest.mark.parametrize("name", sorted(FRAMES.keys() - {"notes"}))
def test_a_column_is_null_where_it_may_be_and_nowhere_else(name, frames):
    frame = frames[name]
    assert len(frame)
    for column in FRAMES[name]:
        nulls = frame[column.name].null_count()
        if column.null == NEVER:
            assert not nulls, column.name
        elif column.null.startswith("always"):
            assert nulls == len(frame), column.name
        elif name in EVENTS or name == "trackers":
            assert nulls, column.name


def test_what_is_said_of_null_follows_from_the_source_unless_it_is_said():
    assert Column("a", pl.String(), "x").null == NEVER
    assert Column("a", pl.String(), "x", "field").null == "not sent"
    assert Column("a", pl.String(), "x", "field", null="at night").null == "at night"


def test_the_page_is_what_the_schemas_say():
    spec = importlib.util.spec_from_file_location("dictionary", DOCS / "dictionary.py")
    dictionary = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(dictionary)
    stale = "docs/data.md is stale: run python docs/dictionary.py"
    assert (DOCS / "data.md").read_text("utf-8") == dictionary.page(), stale
