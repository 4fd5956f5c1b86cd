"""A capture of a server with faults: quick in its times, and never waited for without an end."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import fleetlab as fl
from fleetlab.timeouts import Timeouts
from tests.conftest import eventually
from tests.faults.server import KEY, FaultServer

QUICK = Timeouts(answer=5.0, ping=0.2, pong=0.5, close=0.3, delays=lambda: itertools.repeat(0.02))


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set the connection's patience for this test."""

    def change(**changes: Any) -> None:
        monkeypatch.setattr("fleetlab.connection.Timeouts", lambda: replace(QUICK, **changes))

    change()
    return change


@pytest.fixture
def start(times: Any, tmp_path: Path) -> Callable[..., fl.Job]:  # noqa: ARG001 - sets them
    """Begin to record a server into `rec`."""

    def begin(server: FaultServer, **more: Any) -> fl.Job:
        more = {"save_to": tmp_path / "rec", "view": False, "api_key": KEY} | more
        return fl.start(server=server.base_url, **more)

    return begin


def ended(job: fl.Job, seconds: float = 20.0) -> fl.Recording:
    """The recording of a capture that ends by itself; nothing may hang."""
    eventually(lambda: not job.running, "the capture has ended", seconds)
    return job.result()


def stopped(job: fl.Job, seconds: float = 10.0) -> fl.Recording:
    """The recording of a capture that is stopped; that may not hang either."""
    job._session.stop("stop")
    eventually(lambda: not job.running, "the capture has ended", seconds)
    return job.stop()
