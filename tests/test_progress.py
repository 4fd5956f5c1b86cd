"""What is shown of a capture on a terminal, and where nothing is shown."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

import fleetlab as fl
from fleetlab import progress
from fleetlab.progress import Progress, TerminalView, choose_view


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_and_nothing_else_does(monkeypatch):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert choose_view("auto") is None
    assert choose_view(view=False) is None
    monkeypatch.setattr("sys.stderr", Terminal())
    view = choose_view("auto")
    assert isinstance(view, TerminalView)
    view.close()


def test_any_other_view_is_refused():
    with pytest.raises(fl.InvalidArgument, match="auto"):
        choose_view("maybe")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Progress(), ["connecting", "0 messages"]),
        (
            Progress(
                elapsed_s=61.5,
                total_s=600,
                state="subscribed",
                messages=1234,
                rows={"state_batch": 5000, "readings_batch": 678},
            ),
            ["subscribed", "1:01 / 10:00", "1,234 messages", "5,678 rows"],
        ),
        (Progress(elapsed_s=3725, state="lost"), ["lost", "1:02:05"]),
    ],
)
def test_the_bar_tells_the_state_the_time_and_what_was_caught(told, words, monkeypatch):
    output = io.StringIO()
    made = Console(file=output, force_terminal=True, width=120, color_system=None)
    monkeypatch.setattr("rich.console.Console", lambda **_: made)
    view = TerminalView()
    view.update(told)
    view.close()
    for word in words:
        assert word in output.getvalue()


def test_times_read_like_a_clock():
    assert [progress.clock(seconds) for seconds in (0, 59.9, 60, 3599, 3600)] == [
        *["0:00", "0:59", "1:00", "59:59"],
        "1:00:00",
    ]
