"""What is kept of a recording that grows is no more than what is shown."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import psutil
import pytest

from fleetlab.live.queues import Queues
from fleetlab.live.standing import Standing
from fleetlab.live.window import Window
from tests.charts.recordings import at, recording, rows_of
from tests.live.devices import told
from tests.live.fleets import fuel, state

LOOKS, ROWS, LENGTH = 60, 1000, 6000
ALL_TEXTS_MB = LOOKS * ROWS * LENGTH / 1e6


def window() -> Window:
    one = Window({"state_batch": pl.lit(value=True)}, timedelta(minutes=60))
    one.trackers = frozenset({1})
    return one


CASES = {
    "states": (Standing, "state_batch", [state(0, who) for who in range(ROWS)]),
    "readings": (Standing, "readings_batch", [fuel(0, 1.0, who=who) for who in range(ROWS)]),
    "values": (Queues, "iot_monitor", [told(0, "1") for _ in range(ROWS)]),
    "window": (window, "state_batch", [state(0, who) for who in range(ROWS)]),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_texts_that_are_not_kept_leave_the_memory(case):
    made, event, rows = CASES[case]
    follows = made(None) if made is Queues else made()
    rss, batch = psutil.Process().memory_info, rows_of(event, rows)
    at_first = 0
    for look in range(LOOKS):
        news = batch.with_columns(
            pl.format(f"{look} {{}} {'x' * LENGTH}", pl.int_range(pl.len())).alias("label"),
            pl.col("event_time") + timedelta(seconds=look),
        )
        rec = recording()
        rec._tail = {event: [pl.DataFrame({"": range(look * ROWS)}), news]}
        follows.look(rec, at=at(look)) if made is window else follows.look(rec)
        at_first = at_first or (rss().rss if look == LOOKS // 6 else 0)
    assert (rss().rss - at_first) / 1e6 < ALL_TEXTS_MB / 4
