"""What a panel shows is what a capture counted, and what its rows tell."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from fleetlab.live import words
from fleetlab.live.figures import HEIGHT, LINES, POINTS, WIDTH, Figures
from fleetlab.progress import Progress
from fleetlab.schemas import table
from tests.charts.recordings import at, micros, recording, rows_of

NOTHING = Progress()


def made(*, trackers: object = "all", labels=None, log=(), **more):
    """A recording that asked for some trackers."""
    rec = recording(labels=labels, **more)
    rec.info = replace(rec.info, requests=[{"type": "state_batch", "trackers": trackers}])
    entries = [(micros(second), what, None, code, text, None) for second, what, code, text in log]
    rec._tables["connection"] = table("connection", entries)
    return rec


def texts(figures: Figures, now: float = 0.0, progress: Progress = NOTHING, rec=None, size=0):
    return figures.shown(now, progress, rec or made(), size).texts


def states(*rows, **more):
    """One batch of states: of whom, and how long they took."""
    return {
        "state_batch": rows_of(
            "state_batch",
            [
                {"tracker_id": who, "event_time": at(0), "received_at": at(delay), **more}
                for who, delay in rows
            ],
        )
    }


def readings(count: int, **more):
    rows = [{"event_time": at(0), **more}] * count
    return {"readings_batch": rows_of("readings_batch", rows)}


def test_rates_are_means_of_the_last_ten_seconds_event_by_event():
    figures = Figures()
    for second in range(31):
        batch = readings(4) | (states(*[(1, 0.0)] * 5) if second <= 20 else {})
        figures.take(float(second), [batch, readings(36), readings(1000, snapshot=True)])
    assert figures.rates() == {"state_batch": 0.0, "readings_batch": 40.0}
    assert texts(figures)["rates"] == "readings_batch 40   state_batch 0"
    assert texts(figures)["peak"] == "45"


def test_rows_and_rates_before_anything_came_are_not_a_fault():
    figures = Figures()
    assert figures.rates() == {}
    figures.take(0.0, ())
    shown = texts(figures)
    assert (shown["rates"], shown["delay"], shown["rows"]) == (words.NOTHING, words.NOTHING, "0")


def test_the_delay_is_the_median_of_what_is_new_in_the_last_seconds():
    figures = Figures()
    figures.take(0.0, [states((1, 90.0), (2, 90.0), (3, 90.0))])
    figures.take(20.0, [states((1, 1.0), (2, 2.0)), states((3, 9.0))])
    figures.take(21.0, [states((4, 5000.0), (5, 5000.0), snapshot=True)])
    assert texts(figures)["delay"] == "2.0 s"
    figures.take(40.0, ())
    assert texts(figures)["delay"] == words.NOTHING


def test_a_large_batch_costs_no_more_samples_than_a_small_one():
    figures = Figures()
    figures.take(0.0, [states(*((who, 3.0) for who in range(5000)))])
    assert len(figures._delays[0][1]) <= 500
    assert figures.delay_s() == 3.0
    assert figures.heard(0.0) == 5000


def test_who_told_nothing_new_for_five_minutes_is_silent():
    figures = Figures()
    rec = made(labels={1: "a", 2: "b", 3: "c"})
    figures.take(0.0, [states((1, 1.0), (2, 1.0)), states((3, 1.0), snapshot=True)])
    assert [texts(figures, 1.0, rec=rec)[name] for name in ("heard", "silent")] == ["2", "1"]
    figures.take(200.0, [states((2, 1.0), (None, 1.0))])
    assert [texts(figures, 301.0, rec=rec)[name] for name in ("heard", "silent")] == ["1", "2"]


def test_of_trackers_asked_for_the_others_are_not_silent_and_a_clone_never_is():
    rec = made(trackers=[1, 2], labels=dict.fromkeys(range(1, 10), "x"))
    assert texts(Figures(), rec=rec)["silent"] == "2"
    rec = made(labels=dict.fromkeys(range(1, 10), "x"))
    trackers = rec.trackers
    rec._tables["trackers"] = trackers.with_columns(clone=trackers["tracker_id"] == 9)
    assert texts(Figures(), rec=rec)["silent"] == "8"


def test_gaps_size_messages_and_time_are_those_of_the_capture():
    progress = Progress(elapsed_s=15.2, total_s=60, state="zone_unavailable", messages=1234)
    shown = Figures().shown(0.0, progress, made(gaps=[(1, 2, "disconnected")]), 1_234_567)
    assert shown.percent == pytest.approx(25.3)
    wanted = {
        "state": "zone unavailable",
        "clock": "0:15 of 1:00, 0:45 left",
        "messages": "1,234",
        "gaps": "1",
        "size": "1.2 MB",
    }
    assert wanted.items() <= shown.texts.items()


def test_nobody_knows_how_much_is_over_of_what_goes_on_until_it_is_stopped():
    shown = Figures().shown(0.0, replace(NOTHING, elapsed_s=3725), made(), 0)
    assert shown.percent is None
    assert shown.texts["clock"] == "1:02:05, until stopped"


def points(figures: Figures, total_s: float | None) -> list[tuple[float, float]]:
    line = figures.shown(0.0, replace(NOTHING, total_s=total_s), made(), 0).line
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.]+),([\d.]+)", line)]


def test_the_line_is_bounded_and_stays_in_its_box():
    figures = Figures()
    for second in range(1000):
        figures.take(float(second), [states((1, 0.0))] * (second % 7))
    line = points(figures, None)
    assert len(line) == POINTS
    assert all(0 <= x <= WIDTH and 0 < y < HEIGHT for x, y in line)
    assert line[0][0] == 0
    assert line[-1][0] == WIDTH
    assert min(y for _, y in line) == 1.0
    assert len(figures._counted) < 15


def test_the_line_of_a_short_capture_goes_along_with_its_bar():
    figures = Figures()
    for second in range(6):
        figures.take(float(second), ())
    assert points(figures, 10)[-1][0] == WIDTH / 2


def test_the_log_is_the_last_of_the_connection_one_line_each():
    log = [(second, "retry", None, f"in {second} s") for second in range(60)]
    rec = made(log=[*log, (61, "subscribing", None, "[{...}]"), (62, "lost", 1006, "cut\noff")])
    lines = texts(Figures(), rec=rec)["log"].split("\n")
    assert len(lines) == LINES
    assert lines[-3:] == [
        "09:00:59 retry in 59 s",
        "09:01:01 subscribing",
        "09:01:02 lost cut off (code 1006)",
    ]


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (123_456, "123 kB"), (2.5e9, "2.5 GB")],
)
def test_sizes_are_short(count, text):
    assert words.size(count) == text


@pytest.mark.parametrize(
    ("delay", "text"),
    [(0.04, "0.0 s"), (-2.25, "-2.2 s"), (59.6, "60 s"), (7200, "120 min"), (None, words.NOTHING)],
)
def test_delays_are_short(delay, text):
    assert words.seconds(delay) == text


def test_the_time_left_says_zero_when_it_is_over_and_not_before():
    told = [
        words.time_left(Progress(elapsed_s=elapsed, total_s=10)) for elapsed in (0, 9.1, 9.99, 10)
    ]
    assert [text.rsplit(", ", 1)[1] for text in told] == [
        *["0:10 left", "0:01 left", "0:01 left", "0:00 left"]
    ]


def test_a_word_on_the_connection_has_a_mood():
    moods = [words.mood_of(state) for state in ("subscribed", "lost", "connecting", "new word")]
    assert moods == ["good", "bad", "busy", "busy"]
