"""What all tests share: a clean environment, a folder of their own, and a wait for conditions."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import Phase, settings

from fleetlab.cli import main
from fleetlab.simulator import Simulator

# How long an example takes is the machine's matter.
settings.register_profile("default", deadline=None)
# For mutation testing: the same few examples each time, and no search for the smallest that fails.
settings.register_profile(
    "mutation", derandomize=True, max_examples=30, phases=[Phase.explicit, Phase.generate]
)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """No key or server of the person who runs the tests, and no recordings in her folder."""
    for name in ("FLEETLAB_SERVER", "FLEETLAB_API_KEY", "FLEETLAB_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def eventually(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """Wait until another thread or process has made a condition true; fail with a sentence."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (met := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        pause.wait(0.01)
    return met


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs the command line here, as tests.test_cli.run does outside.

    A process takes most of a second to begin, which is much where only words are looked at.
    """

    def run(*arguments: str, **environ: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fleetlab", *arguments])
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A fleet that moves when the test says so, and remembers every frame that it sent."""
    with Simulator(vehicles=12, seed=3, tick=None, record=True) as made:
        yield made
