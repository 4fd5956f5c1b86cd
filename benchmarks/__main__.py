"""Measure, and print the tables: ``python -m benchmarks``; ``--quick`` for a look in a minute."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import sys
import time

from benchmarks import decode, end_to_end, figures
from benchmarks.wire import Wire, record

FIGURES = ("what", "against", "at least", "stretch", "measured", "reached")
WAYS = ("decoding", "way", "entries/CPU s", "MB/CPU s", "CPU s/million", "entries/s")
RECORDINGS = ("end to end", "entries/s", "MB/s", "CPU s/million", "peak MB")
DISK = ("raw JSON MB", "journal MB", "Parquet MB")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything: for a look")
    quick = parser.parse_args().quick
    repeats, runs, scale = (2, 1, 0.1) if quick else (7, 3, 1.0)
    say(f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.machine()}")
    say("recording the simulator")
    wires = {
        "states, 500 a frame": record("state_batch", 500, 9 if quick else 81),
        "states, 12,000 a frame": record("state_batch", 12_000, 2 if quick else 3),
        "readings": record("readings_batch", 500, 9 if quick else 120),
        "iot": record("iot_monitor", 10, 13 if quick else 121),
    }
    speeds = {what: _compare(what, wire, repeats) for what, wire in wires.items()}
    small, big, readings, iot = wires
    recorded = {
        what: _record(what, wire, int(count * scale), runs)
        for (what, wire), count in zip(
            wires.items(), (1_000_000, 1_000_000, 1_000_000, 5_000_000), strict=True
        )
    }
    alone = _record("journal alone", wires[small], int(2_000_000 * scale), runs, journal_only=True)
    beat = [
        *figures.states(small, wires[small], speeds[small]),
        *figures.states(big, wires[big], speeds[big]),
        *figures.readings(readings, speeds[readings]),
        *figures.iot(iot, speeds[iot]),
        figures.journal("journal alone, 500 a frame", alone),
        figures.to_parquet("socket to Parquet, 500 a frame", recorded[small]),
        figures.to_parquet("socket to Parquet, 12,000 a frame", recorded[big]),
        figures.memory("socket to Parquet, 12,000 a frame", recorded[big]),
    ]
    print(figures.table(FIGURES, [figure.row() for figure in beat]), end="\n\n")
    rows = [row for what in wires for row in figures.ways(what, wires[what], speeds[what])]
    print(figures.table(WAYS, rows), end="\n\n")
    rows = [figures.recordings(what, recorded[what], wires[what].event) for what in wires]
    rows.append(figures.recordings("journal alone, 500 a frame", alone, "none"))
    print(figures.table((*RECORDINGS, *DISK), rows))


def _compare(what: str, wire: Wire, repeats: int) -> dict[str, decode.Speed]:
    """Compare the ways in a process of its own, in which Polars has one thread."""
    say(f"decoding {what}: {wire.entries:,} entries, {repeats} times in turns")
    os.environ["POLARS_MAX_THREADS"] = "1"
    try:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(decode.compare, (wire, repeats))
    finally:
        del os.environ["POLARS_MAX_THREADS"]


def _record(
    what: str, wire: Wire, entries: int, runs: int, *, journal_only: bool = False
) -> list[end_to_end.Run]:
    say(f"end to end, {what}: {entries:,} entries, {runs} times")
    return [end_to_end.run(wire, entries, journal_only=journal_only) for _ in range(runs)]


def say(words: str) -> None:
    """Tell how far it is, apart from the tables."""
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
