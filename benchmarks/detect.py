"""Detectors against movingpandas on the same points, and how their time and memory grow.

``python -m benchmarks.detect``; each measurement is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from datetime import timedelta

import polars as pl

import fleetlab as fl
from benchmarks.figures import table

_PER_TRACKER = 10_000  # rows: a bit over a day of one each ten seconds
_SIZES = (100_000, 1_000_000, 10_000_000, 30_000_000)
_THEIRS = (10_000, 40_000)  # points that movingpandas is given
_QUICK = (100_000, 1_000_000)
_LEG, _CYCLE = 120, 180  # rows of driving, and with the standing after them


def points(rows: int) -> pl.DataFrame:
    """Trackers that drive for 20 minutes and stand for 10, a row each ten seconds."""
    n = pl.int_range(rows)
    step, who = n % _PER_TRACKER, n // _PER_TRACKER
    place = step % _CYCLE
    drives = place < _LEG
    wobble = (n * 7919 % 101 - 50) * 1e-7  # metres at most, as of a real fix
    return pl.select(
        tracker_id=who,
        event_time=(1_780_000_000_000_000 + step * 10_000_000).cast(pl.Datetime("us", "UTC")),
        lat=51.5 + who % 100 * 0.01 + wobble,
        lng=10.0 + pl.min_horizontal(place, pl.lit(_LEG)) * 0.0015,
        speed_kmh=pl.when(drives).then(40.0 + place % 7).otherwise(0.0),
        movement_status=pl.when(drives).then(pl.lit("moving")).otherwise(pl.lit("stopped")),
    )


def measure(way: str, rows: int) -> dict[str, float]:
    """Return seconds, findings and the most memory in MB."""
    frame = points(rows)
    ways = {"trips": lambda: fl.trips(frame), "stops": lambda: fl.stops(frame)}
    run = ways.get(way) or _movingpandas(frame)
    before = time.perf_counter()
    found = len(run())
    return {
        "seconds": time.perf_counter() - before,
        "found": found,
        "points_mb": frame.estimated_size("mb"),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _movingpandas(frame: pl.DataFrame):  # noqa: ANN202 - its classes are there only in the benchmark
    import movingpandas  # noqa: PLC0415 - the other ways do without it
    import pandas as pd  # noqa: PLC0415

    table = pd.DataFrame(
        {
            "tracker": frame["tracker_id"].to_numpy(),
            "t": pd.to_datetime(frame["event_time"].to_numpy()),
            "lat": frame["lat"].to_numpy(),
            "lng": frame["lng"].to_numpy(),
        }
    )
    tracks = movingpandas.TrajectoryCollection(
        table, traj_id_col="tracker", t="t", x="lng", y="lat", crs="EPSG:4326"
    )

    def run():  # noqa: ANN202
        detector = movingpandas.TrajectoryStopDetector(tracks)
        return detector.get_stop_segments(
            max_diameter=50, min_duration=timedelta(seconds=300)
        ).trajectories

    return run


def apart(way: str, rows: int) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.detect", "--one", way, str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def tables(*, quick: bool) -> str:
    """Measure everything and return the tables."""
    sizes = _QUICK if quick else _SIZES
    grown, rows = {}, []
    for way in ("trips", "stops"):
        for size in sizes:
            one = grown[way, size] = apart(way, size)
            before = grown.get((way, sizes[sizes.index(size) - 1])) if size != sizes[0] else None
            share = "" if before is None else _growth(one, before, size, sizes)
            rows.append(
                (
                    way,
                    f"{size:,}",
                    f"{one['seconds']:.2f}",
                    f"{size / one['seconds']:,.0f}",
                    share,
                    f"{one['points_mb']:,.0f}",
                    f"{one['peak_mb']:,.0f}",
                )
            )
    head = ("detector", "points", "seconds", "points/s", "of n log n", "points MB", "peak MB")
    growth = table(head, rows)
    rows = []
    size = sizes[-1] if quick else 10_000_000
    ours = grown["stops", size]
    for theirs in _THEIRS[:1] if quick else _THEIRS:
        one = apart("movingpandas", theirs)
        ratio = (one["seconds"] / theirs) / (ours["seconds"] / size)
        rows.append(
            (
                f"{theirs:,}",
                f"{one['seconds']:.1f}",
                f"{one['found']:,.0f} of {len(points(theirs)) // _CYCLE:,}",
                f"{one['peak_mb']:,.0f}",
                f"{ratio:,.0f} times",
            )
        )
    head = (
        "movingpandas, points",
        "seconds",
        "stops found",
        "peak MB",
        f"ours at {size:,} is faster",
    )
    return growth + "\n\n" + table(head, rows)


def _growth(one: dict, before: dict, size: int, sizes: tuple[int, ...]) -> str:
    smaller = sizes[sizes.index(size) - 1]
    expected = size * math.log(size) / (smaller * math.log(smaller))
    return f"{one['seconds'] / before['seconds'] / expected:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detect", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything: for a look")
    parser.add_argument("--one", nargs=2, metavar=("WAY", "ROWS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(asked.one[0], int(asked.one[1]))))
    else:
        print(tables(quick=asked.quick))


if __name__ == "__main__":
    main()
