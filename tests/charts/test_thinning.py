"""Thinned lines look the same: no peak, end or break is lost."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetlab.charts import thinning
from fleetlab.charts.thinning import thinned
from tests.charts.pictures import utc

START = utc("2026-07-01T00:00:00")


def points(values):
    """Lines one after another, a value a second."""
    rows = [
        (line, START + timedelta(seconds=n), value)
        for line, found in enumerate(values)
        for n, value in enumerate(found)
    ]
    return pl.LazyFrame(
        rows,
        schema={"line": pl.Int64, "event_time": pl.Datetime("us", "UTC"), "value": pl.Float64},
        orient="row",
    )


VALUES = st.lists(
    st.one_of(st.none(), st.floats(-100, 100), st.sampled_from([0.0, 1.0])),
    min_size=1,
    max_size=400,
)


@settings(max_examples=100)
@given(st.lists(VALUES, min_size=1, max_size=3))
def test_every_line_keeps_its_extremes_ends_and_breaks(values):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thinning, "BUDGET", 40)
        end = START + timedelta(seconds=400)
        frame, left_out = thinned(points(values), "value", START, end, lines=len(values))
    assert len(frame) + left_out == sum(map(len, values))
    for line, found in enumerate(values):
        kept = frame.filter(line=line)["value"].to_list()
        known = [value for value in found if value is not None]
        assert (kept[0], kept[-1]) == (found[0], found[-1])
        assert kept.count(None) == found.count(None)
        if known:
            shown = [value for value in kept if value is not None]
            assert (min(shown), max(shown)) == (min(known), max(known))
            beside = [(a, b) for a, b in pairwise(found) if (a is None) != (b is None)]
            still = list(pairwise(kept))
            assert all(pair in still for pair in beside)


def test_one_peak_among_a_million_points_stays():
    values = [0.0] * 1_000_000
    values[777_777] = 1.0
    end = START + timedelta(seconds=len(values))
    frame, left_out = thinned(points([values]), "value", START, end, lines=1)
    assert len(frame) <= thinning.BUDGET + 4
    assert left_out == len(values) - len(frame)
    [(at, peak)] = frame.filter(pl.col("value") > 0).select("event_time", "value").rows()
    assert (at, peak) == (START + timedelta(seconds=777_777), 1.0)


def test_what_fits_is_left_as_it_is():
    frame, left_out = thinned(points([[1.0, 2.0]]), "value", START, START, lines=1)
    assert (len(frame), left_out) == (2, 0)
