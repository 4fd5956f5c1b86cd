"""A time axis shows the zone that was asked for, in whatever zone it is drawn."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetlab import charts
from fleetlab.charts.theme import WIDTH
from fleetlab.charts.time_axis import Zone, milliseconds
from fleetlab.errors import InvalidArgument
from tests.charts.pictures import labels_of, moments_of, states, svg_of, utc

SPANS = [
    ("2026-07-01T09:00:00", timedelta(seconds=20)),
    ("2026-07-01T09:00:00", timedelta(minutes=10)),
    ("2026-07-01T09:00:00", timedelta(hours=26)),
    ("2026-10-24T18:00:00", timedelta(hours=17)),  # Madrid's clocks are put back
    ("2026-03-28T20:00:00", timedelta(hours=12)),  # and forward
    ("2026-10-20T00:00:00", timedelta(days=30)),
]


def drawn(start, span, timezone):
    begin = utc(start)
    rows = [{"event_time": begin + span * n / 20, "speed_kmh": float(n)} for n in range(21)]
    return charts.speed(states(rows), timezone=timezone), begin, begin + span


@pytest.mark.parametrize("timezone", ["Europe/Madrid", "Asia/Kathmandu", "America/St_Johns", "UTC"])
@pytest.mark.parametrize(("start", "span"), SPANS)
def test_each_label_is_what_clocks_there_show_at_that_moment(start, span, timezone):
    chart, begin, end = drawn(start, span, timezone)
    labels = moments_of(chart, begin, end, WIDTH)
    assert 3 <= len(labels) <= 12
    form = "%H:%M:%S" if span < timedelta(minutes=5) else "%H:%M"
    form = "%a %d %b" if span >= timedelta(days=8) else form
    for moment, text in labels:
        assert text == moment.astimezone(ZoneInfo(timezone)).strftime(form)
    assert timezone.replace("_", " ") in svg_of(chart)


@pytest.mark.parametrize("timezone", ["Europe/Madrid", "Asia/Kathmandu", "America/St_Johns", "UTC"])
@pytest.mark.parametrize(("start", "span"), SPANS)
def test_ticks_of_what_vega_does_not_draw_are_the_same(start, span, timezone):
    chart, begin, end = drawn(start, span, timezone)
    ticks = Zone.over(timezone, begin, end).ticks(milliseconds(begin), milliseconds(end))
    drawn_by_vega = moments_of(chart, begin, end, WIDTH)
    assert [time or date for _, time, date in ticks] == [text for _, text in drawn_by_vega]
    for (at, _, _), (moment, _) in zip(ticks, drawn_by_vega, strict=True):
        assert abs(at - milliseconds(moment)) < span / timedelta(milliseconds=1) / WIDTH + 1000
    assert ticks[0][2]


@pytest.mark.parametrize("start", ["2026-10-24T18:00:00", "2026-03-28T20:00:00"])
def test_ticks_are_round_on_both_sides_of_a_change_of_the_clocks(start):
    chart, *_ = drawn(start, timedelta(hours=17), "Europe/Madrid")
    hours = {int(text[:2]) for _, text in labels_of(chart)}
    assert hours <= {0, 3, 6, 9, 12, 15, 18, 21}


def test_the_labels_do_not_depend_on_the_zone_of_the_computer():
    code = (
        "from tests.charts.test_time_axis import *\n"
        "print(labels_of(drawn('2026-10-24T18:00:00', timedelta(hours=17), 'Europe/Madrid')[0]))"
    )
    shown = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "TZ": zone},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for zone in ("America/New_York", "Asia/Kathmandu")
    }
    assert len(shown) == 1


ZONES = ["Europe/Madrid", "America/Sao_Paulo", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]


@settings(max_examples=50)
@given(
    st.sampled_from(ZONES),
    st.datetimes(utc("2015-01-01").replace(tzinfo=None), utc("2026-01-01").replace(tzinfo=None)),
    st.integers(1, 400 * 86_400),
    st.floats(0, 1),
)
def test_a_zone_knows_its_offset_at_every_moment(name, start, seconds, part):
    begin = start.replace(tzinfo=utc("2026-01-01").tzinfo)
    zone = Zone.over(name, begin, begin + timedelta(seconds=seconds))
    moment = begin + timedelta(seconds=int(seconds * part))
    offset = [by for since, by in zone.offsets if since <= moment.timestamp() * 1000][-1:]
    there = moment.astimezone(ZoneInfo(name)).utcoffset()
    assert offset in ([there / timedelta(milliseconds=1)], [])
    assert offset or moment.timestamp() * 1000 < zone.offsets[0][0] + 1


def test_an_offset_is_a_zone_too():
    chart, begin, end = drawn("2026-07-01T09:00:00", timedelta(minutes=10), "+05:45")
    [(moment, text), *_] = moments_of(chart, begin, end, WIDTH)
    assert text == (moment + timedelta(hours=5, minutes=45)).strftime("%H:%M")


def test_a_zone_that_is_none_is_told():
    with pytest.raises(InvalidArgument, match=r"timezone='Madrid' .* 'Europe/Madrid'"):
        drawn("2026-07-01T09:00:00", timedelta(minutes=10), "Madrid")
