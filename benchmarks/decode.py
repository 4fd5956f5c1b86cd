"""Decoding alone: every way on the same text, one thread each, in turns."""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import pandas_ways, polars_ways, ways
from fleetlab.tables.decoder import BATCH_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.wire import Wire

PARSERS = ("json", "orjson", "msgspec")


@dataclass(frozen=True)
class Speed:
    """What one way took.

    Attributes
    ----------
    cpu, wall : list of float
        Seconds, one of each repeat.
    rows : int
        Rows that it made.
    """

    cpu: list[float]
    wall: list[float]
    rows: int


def ways_for(wire: Wire) -> dict[str, Callable[[], ways.Way]]:
    """Return the ways to compare for an event, fleetlab's first."""
    pandas, polars = {
        "state_batch": (pandas_ways.States, polars_ways.States),
        "readings_batch": (pandas_ways.Readings, polars_ways.Readings),
        "iot_monitor": (pandas_ways.Iot, polars_ways.Iot),
    }[wire.event]
    found: dict[str, Callable[[], ways.Way]] = {
        "fleetlab": lambda: ways.Fleetlab(wire),
        "json_normalize": lambda: pandas(wire),
        "pl.DataFrame(dicts)": lambda: polars(wire),
    }
    return found | {f"{name} parse": lambda name=name: ways.Parse(name) for name in PARSERS}


def compare(wire: Wire, repeats: int) -> dict[str, Speed]:
    """Measure every way in turns, so that what else the machine does meets all of them alike.

    The first message, which came because it was subscribed to, is decoded beforehand: what counts
    is the stream that follows.
    """
    speeds = {name: Speed([], [], 0) for name in ways_for(wire)}
    batches = _batches(wire.messages[1:])
    for _ in range(repeats):
        for name, make in ways_for(wire).items():
            way = make()
            way.feed(wire.messages[:1])
            gc.collect()
            cpu, wall = time.process_time(), time.perf_counter()
            rows = sum(way.feed(batch) for batch in batches)
            speeds[name].cpu.append(time.process_time() - cpu)
            speeds[name].wall.append(time.perf_counter() - wall)
            speeds[name] = Speed(speeds[name].cpu, speeds[name].wall, rows)
    rows = {name: speed.rows for name, speed in speeds.items() if not name.endswith("parse")}
    if len(set(rows.values())) > 1:
        raise AssertionError(f"The ways do not do the same work: {rows} rows.")
    return speeds


def ratio(speeds: dict[str, Speed], other: str) -> float:
    """Return how many times as fast fleetlab is, in CPU time: the median of the repeats."""
    pairs = zip(speeds["fleetlab"].cpu, speeds[other].cpu, strict=True)
    return statistics.median(theirs / ours for ours, theirs in pairs)


def _batches(messages: list[bytes]) -> list[list[bytes]]:
    """Cut a stream as fleetlab's pipeline does, which suits the other ways as well."""
    batches: list[list[bytes]] = [[]]
    for message in messages:
        if sum(map(len, batches[-1])) >= BATCH_BYTES:
            batches.append([])
        batches[-1].append(message)
    return batches
