"""Hostile messages between good ones, from the wire to the frames."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from fleetlab import protocol
from fleetlab.records import ConnectionRecord, MessageRecord, Record, RestRecord
from fleetlab.schemas import EVENTS, schema
from fleetlab.tables import payload
from fleetlab.tables.decoder import Decoder
from tests.fuzz.mutation import WORDS, documents

__all__ = ["LENGTH", "SEEDS", "WORDS", "check", "mutate"]

LENGTH = 20_000
BETWEEN = b"\x1e"
AT = 1_782_907_200_000_000
DATA = Path(__file__).parents[1] / "data"
TRACKERS = [
    {"id": 101, "label": "Ünal 1", "clone": False, "source": {"id": 10284}},
    {"id": 102, "label": "a clone", "clone": True, "source": {"id": 10284}},
    {"id": 7700101, "label": "good", "source": {"id": 7700284}},
]


def event(name: str, data: Any, clock: str | None = None) -> bytes:
    told = {} if clock is None else {"user_time": clock}
    parts = {"type": "event", "event": name, **told, "data": data}
    return json.dumps(parts, separators=(",", ":")).encode()


def seeds() -> list[bytes]:
    texts = [json.loads(path.read_text("utf-8")) for path in sorted(DATA.glob("*.json"))]
    known = [
        event(one["event"], one["data"], one.get("user_time")) for one in texts if "event" in one
    ]
    wrapped = {"type": "source_state_event", "state": texts[0], "mood": {"a": 1}}
    full = texts[0] | {
        "gsm": {"updated": "2026-07-01 13:00:00", "signal_level": 3, "network_name": "x"},
        "additional": {"hw": {"value": "01234567890123456789", "updated": "2026-07-01 13:00:00"}},
        "novelty": [1],
    }
    known += [
        event("state_batch", [full, wrapped, {"source_id": 5}], "2026-07-01 14:00:00"),
        event("readings_batch", {"101": {"counters": [{"type": "odometer", "value": 1}]}}),
        event("iot_monitor", {"iot_last_values": [device(5, 3), device(6, 12)]}),
        b'{"type":"response","data":{"state":{"success":true,"value":{"101":"normal","7":"x"}}}}',
        b'{"type":"error","action":"null","status":{"code":4,"description":"no"},"data":null}',
        b"X",
        b"b623a15d-1111|30000|X|",
    ]
    mixed = BETWEEN.join(known)
    return [bytes([head]) + text for head, text in enumerate([*known, mixed, mixed, mixed])]


def device(tracker: int, last: int, first: int = 0) -> dict[str, Any]:
    queue = [
        {
            "value": n,
            "msg_time": f"2026-07-01T12:00:{n:02}Z",
            "srv_time": f"2026-07-01T12:01:{n:02}Z",
        }
        for n in range(last, first, -1)
    ]
    return {"tracker_id": tracker, "nonnull_fields": {"speed": queue}, "all_fields": {"rpm": queue}}


def good(number: int) -> list[bytes]:
    """One message of each event, which no hostile one is likely to speak of."""
    state = {
        "source_id": 7700284 + number,
        "gps": {"updated": f"2026-07-01 14:00:0{number}", "location": {"lat": 1.5, "lng": -2}},
        "inputs": [True, False],
    }
    entry = {"field": "x", "value": "é\\", "update_time": "2026-07-01 14:00:00", "quality": 1}
    clock = f"2026-07-01 14:00:0{number}"
    return [
        event("state", state, clock),
        event("state_batch", [state, {"source_id": 7700900 + number}], clock),
        event("readings_batch", [{str(7700101 + number): {"states": [entry]}}], clock),
        event("iot_monitor", {"iot_last_values": [device(7700101, 3 + number)]}),
        event("lifecycle", {"source_id": 7700284, "lifecycle_event": "block"}),
        event("logout", "session closed"),
    ]


BEFORE, AFTER = good(0), good(1)
SEEDS = seeds()
Frames = dict[str, pl.DataFrame]
Asked = str | tuple[int, ...]


def check(data: bytes) -> None:
    if not data:
        return
    how, hostile = data[0], data[1:].split(BETWEEN)
    protocol._LARGE = (4_096, 10)[how & 1]
    payload.PIECE_BYTES, payload.PIECE = ((200_000, 500), (60, 2))[how >> 1 & 1]
    zone = (None, "Europe/Madrid")[how >> 2 & 1]
    asked = ("all", (101, 5, 7700101, 7700102))[how >> 3 & 1]
    texts = [*BEFORE, *hostile, *AFTER]
    messages = [MessageRecord(n, AT + n, text) for n, text in enumerate(texts, 1)]
    begin = beginning(zone, asked)
    whole = decoded(begin + messages, ())
    for name, frame in whole.items():
        assert frame.schema == schema(name), name
    first, last = len(BEFORE), len(texts) - len(AFTER)
    alone = undisturbed(how & 15, zone, asked, len(hostile))
    between = pl.col("seq").is_between(first + 1, last)
    for name in (*EVENTS, "rejects"):
        others = rows(whole, name).filter(~between)
        assert_same(others, rows(alone, name), f"good {name}")
    check_size(whole, sum(map(len, texts)))
    if asked == "all":
        check_counts(whole, dict(enumerate(hostile, first + 1)))
    # Whatever bits it is decoded in, one process or two.
    step = how >> 5
    cuts = [place for place in range(len(begin), len(begin) + len(texts)) if place % 8 == step]
    parts = decoded(begin + messages, cuts, split=bool(how >> 4 & 1))
    assert parts.keys() == whole.keys()
    for name, frame in whole.items():
        assert_same(parts[name], frame, f"{name} in bits")
    check_once(begin, hostile)


def beginning(zone: str | None, asked: Asked) -> list[Record]:
    return [
        ConnectionRecord(AT, "started", facts=facts(zone, asked)),
        RestRecord(AT, "tracker/list", {"success": True, "list": TRACKERS}),
        ConnectionRecord(AT, "zone_unavailable"),
        ConnectionRecord(AT, "subscribing"),
    ]


@cache
def undisturbed(_how: int, zone: str | None, asked: Asked, between: int) -> Frames:
    """Return what the good messages give without the others; ``_how`` tells the pieces apart."""
    numbers = [*range(1, len(BEFORE) + 1), *range(len(BEFORE) + between + 1, 10**6)]
    numbered = zip(numbers, (*BEFORE, *AFTER), strict=False)
    records = [MessageRecord(n, AT + n, text) for n, text in numbered]
    return decoded(beginning(zone, asked) + records, ())


def facts(zone: str | None, asked: Asked) -> dict[str, Any]:
    requests = [{"type": name, "trackers": asked, "filtered": asked != "all"} for name in EVENTS]
    return {"recording": "rec", "timezone": zone, "requests": requests}


def decoded(records: list[Record], cuts: Any, *, split: bool = False) -> Frames:
    """Decode, with a look at what has come at each cut, or another decoder from there on."""
    decoder = Decoder()
    found: dict[str, list[pl.DataFrame]] = {}
    for number, record in enumerate(records, 1):
        decoder.feed(record)
        if number in cuts or number == len(records):
            for name, frame in decoder.decode().items():
                found.setdefault(name, []).append(frame)
            if split and not decoder.is_waiting:  # else nothing is published
                state = json.loads(json.dumps(decoder.checkpoint()))
                decoder = Decoder(state, decoder.directory.frame)
    return {name: pl.concat(parts) for name, parts in found.items()}


def rows(frames: Frames, name: str) -> pl.DataFrame:
    return frames[name] if name in frames else pl.DataFrame(schema=schema(name))


def assert_same(one: pl.DataFrame, other: pl.DataFrame, what: str) -> None:
    if one.schema != other.schema or not one.equals(other):
        raise AssertionError(f"{what}: {one.rows()} {other.rows()}"[:4_000])


def check_size(frames: Frames, size: int) -> None:
    """Frames take no more memory than the bytes justify: `[{},{},…]` has a row in three of them."""
    taken = sum(frame.estimated_size() for frame in frames.values())
    assert taken < 1_000_000 + 1_000 * size, f"{taken:,} bytes from {size:,}"


def check_counts(frames: Frames, texts: dict[int, bytes]) -> None:
    """Every item gives a row, or a reject that says why not."""
    found = Counter(chain.from_iterable(rows(frames, name)["seq"] for name in (*EVENTS, "rejects")))
    for seq, text in texts.items():
        try:
            message = json.loads(text, object_pairs_hook=once, parse_constant=no)
        except (ValueError, RecursionError):
            continue
        if isinstance(message, dict) and message.get("type") == "event":
            least = wanted(message.get("event"), message.get("data"))
            assert found[seq] >= least, f"of {text[:400]!r} {found[seq]} rows"


def no(constant: str) -> None:
    raise ValueError(constant)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError
    return dict(pairs)


def wanted(name: Any, data: Any) -> int:
    items = data if isinstance(data, list) else [data]
    if name not in ("state", "state_batch", "readings_batch"):
        return int(name != "iot_monitor" and data != [])
    if all(isinstance(item, dict) and item and all(map(str.isdecimal, item)) for item in items):
        parts = [part for item in items for part in item.values() if isinstance(part, dict)]
        known = ("inputs", "states", "virtual_sensors", "counters")
        lists = [part.get(kind) for part in parts for kind in known]
        return sum(len(one) for one in lists if isinstance(one, list))
    return 0 if name == "readings_batch" else len(items)


def check_once(begin: list[Record], hostile: list[bytes]) -> None:
    """A message that comes again at once brings nothing new of its queues."""
    devices = [text for text in hostile if b"iot_monitor" in text]
    if not devices:
        return
    twice = [text for text in devices for _ in range(2)]
    records = [MessageRecord(n, AT + n, text) for n, text in enumerate(twice, 1)]
    again = rows(decoded([*begin, *records], ()), "iot_monitor").filter(pl.col("seq") % 2 == 0)
    for seq in again["seq"].unique():
        assert not is_plain(twice[seq - 1]), f"again {again.to_dicts()}"


def is_plain(text: bytes) -> bool:
    """Whether a message names no device and no queue twice."""
    try:
        devices = json.loads(text, object_pairs_hook=once)["data"]["iot_last_values"]
        ids = [one["tracker_id"] for one in devices]
    except (ValueError, RecursionError, KeyError, TypeError):
        return False
    return len(set(ids)) == len(ids)


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    return documents(data, BETWEEN, max_size, seed)
