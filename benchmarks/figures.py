"""The figures to beat, one function a row or a few, and how they are shown."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.decode import Speed, ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from benchmarks.end_to_end import Run
    from benchmarks.wire import Wire

PLATFORM = 12_000
"""State entries a second that the platform documents."""


@dataclass(frozen=True)
class Figure:
    """One figure, and what it has to be.

    Attributes
    ----------
    what, against : str
        What was measured, and against what.
    value : float
    least, stretch : float or None
        What it must reach, and what would be better still.
    unit : str
        ``"times"`` stands before the value, others behind it.
    less : bool
        Whether less is better.
    """

    what: str
    against: str
    value: float
    least: float | None
    stretch: float | None = None
    unit: str = "times"
    less: bool = False

    def row(self) -> list[str]:
        """Return it as a row of the table, what it must reach beside it."""
        shown = ["" if one is None else self._show(one) for one in (self.least, self.stretch)]
        return [self.what, self.against, *shown, self._show(self.value), self._reached()]

    def _show(self, value: float) -> str:
        return f"{value:.2f} x" if self.unit == "times" else f"{value:,.0f} {self.unit}"

    def _reached(self) -> str:
        def met(wanted: float) -> bool:
            return self.value <= wanted if self.less else self.value >= wanted

        if self.stretch is not None and met(self.stretch):
            return "yes, stretch"
        return "" if self.least is None else "yes" if met(self.least) else "NO"


def states(what: str, wire: Wire, speeds: Mapping[str, Speed]) -> list[Figure]:
    """Decoding states: 6 and 5 times as fast as what analysts write, 100,000 rows/s a thread."""
    rows = wire.entries / statistics.median(speeds["fleetlab"].cpu)
    return [
        *_against(what, speeds, 6, 5),
        Figure(what, "rows a second and thread", rows, 100_000, unit="/s"),
        Figure(what, "orjson.loads", ratio(speeds, "orjson parse"), None, 2),
    ]


def readings(what: str, speeds: Mapping[str, Speed]) -> list[Figure]:
    """Decoding readings."""
    limit = Figure(what, "orjson.loads", ratio(speeds, "orjson parse"), None, 1)
    return [*_against(what, speeds, 5, 2.5), limit]


def iot(what: str, speeds: Mapping[str, Speed]) -> list[Figure]:
    """Decoding queues, with exact de-duplication."""
    limit = Figure(what, "orjson.loads", ratio(speeds, "orjson parse"), None, 2)
    return [*_against(what, speeds, 20, 10), limit]


def journal(what: str, runs: Sequence[Run]) -> Figure:
    """Receiving and journal alone: 25 times the platform's rate."""
    return Figure(what, "states a second", _rate(runs), 25 * PLATFORM, unit="/s")


def to_parquet(what: str, runs: Sequence[Run]) -> Figure:
    """Socket to Parquet, journal and strict checks on: 5 times the platform's rate, or 10."""
    return Figure(what, "states a second", _rate(runs), 5 * PLATFORM, 10 * PLATFORM, "/s")


def memory(what: str, runs: Sequence[Run]) -> Figure:
    """Peak memory: 600 MB, or 400."""
    peak = max(run.took.peak for run in runs) / 1e6
    return Figure(what, "peak memory", peak, 600, 400, "MB", less=True)


def _against(what: str, speeds: Mapping[str, Speed], pandas: float, polars: float) -> list[Figure]:
    return [
        Figure(what, "json_normalize", ratio(speeds, "json_normalize"), pandas),
        Figure(what, "pl.DataFrame(dicts)", ratio(speeds, "pl.DataFrame(dicts)"), polars),
    ]


def _rate(runs: Sequence[Run]) -> float:
    return statistics.median(run.entries / run.took.seconds for run in runs)


def ways(what: str, wire: Wire, speeds: Mapping[str, Speed]) -> list[list[str]]:
    """Return what each way of decoding took, one row each."""
    rows = []
    for name, speed in speeds.items():
        cpu, wall = statistics.median(speed.cpu), statistics.median(speed.wall)
        rows.append(
            [
                what,
                name,
                f"{wire.entries / cpu:,.0f}",
                f"{wire.size / cpu / 1e6:,.0f}",
                f"{cpu / wire.entries * 1e6:.2f}",
                f"{wire.entries / wall:,.0f}",
            ]
        )
    return rows


def recordings(what: str, runs: Sequence[Run], event: str) -> list[str]:
    """Return what recordings end to end took, as one row."""
    middle = sorted(runs, key=lambda run: run.took.seconds)[len(runs) // 2]
    took = middle.took
    raw, parts = (took.disk.get(part) for part in ("raw", event))
    return [
        what,
        f"{middle.entries / took.seconds:,.0f}",
        f"{middle.size / took.seconds / 1e6:,.0f}",
        f"{took.cpu / middle.entries * 1e6:.2f}",
        f"{max(run.took.peak for run in runs) / 1e6:,.0f}",
        f"{middle.size / 1e6:,.0f}",
        "" if raw is None else f"{raw / 1e6:,.1f} (1/{middle.size / raw:.0f})",
        "" if parts is None else f"{parts / 1e6:,.1f} (1/{middle.size / parts:.0f})",
    ]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown, its columns in line."""
    lines = [list(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    )
