"""Recordings one after another, without an end: nothing lost between them, and somebody told."""

from __future__ import annotations

import json
import os
import signal
import threading
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import fleetlab as fl
from fleetlab import rotation as module
from fleetlab.rotation import Rotation, period_s
from fleetlab.simulator import Simulator
from fleetlab.status_file import StatusFile
from tests.conftest import eventually
from tests.test_cli import run, start


@pytest.fixture
def sim():
    with Simulator(vehicles=12, seed=3, tick=0.1) as made:
        yield made


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch):
    monkeypatch.setattr(module, "backoff", lambda: iter([0.05] * 1000))
    monkeypatch.setattr(module, "SHORT_S", 0.1)


class Service:
    """A rotation in a thread of its own, with what it told."""

    def __init__(self, sim: Simulator, every_s: float, total_s: float | None = None) -> None:
        self.recordings: list[fl.Recording] = []
        self.told: list[str] = []
        self.job: Any = None
        self.error: Exception | None = None
        arguments = {"server": sim.base_url, "api_key": sim.api_key, "rate_limit": "1s"}
        self.rotation = Rotation(
            arguments,
            every_s,
            total_s,
            Path("recordings"),
            done=self.recordings.append,
            tell=self.told.append,
            watch=lambda job: setattr(self, "job", job),
        )
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.rotation.run()
        except fl.FleetlabError as error:
            self.error = error

    def receives(self) -> None:
        eventually(
            lambda: self.error or (self.job and len(self.job.recording.state_batch)), "rows come"
        )

    def ends(self) -> list[fl.Recording]:
        self.thread.join(30)
        assert not self.thread.is_alive()
        return self.recordings

    def stop(self) -> list[fl.Recording]:
        self.rotation.stopping.set()
        return self.ends()


def subscribed_at(rec: fl.Recording):
    return rec.connection.filter(what="subscribed")["logged_at"][0]


@pytest.mark.parametrize(
    ("text", "seconds"), [("1h", 3600), ("15min", 900), ("6 h", 21_600), ("1d", 86_400), ("2s", 2)]
)
def test_periods_are_read(text, seconds):
    assert period_s(text) == seconds


@pytest.mark.parametrize("text", ["7h", "0h", "1", "hour", "-1h", "1.5h", "36h", ""])
def test_periods_that_no_day_begins_with_are_refused(text):
    with pytest.raises(fl.InvalidArgument, match="15min, 1h, 6h, 1d"):
        period_s(text)


def test_the_next_one_is_subscribed_before_the_former_ends_so_nothing_is_lost(sim):
    recordings = Service(sim, every_s=1, total_s=2.5).ends()
    assert len(recordings) >= 3
    for before, after in pairwise(recordings):
        assert subscribed_at(after) < before.info.ended_at
        assert before.info.stopped_because == "time"
    whole = fl.load([rec.info.path for rec in recordings])
    assert whole.gaps.is_empty()
    names = [rec.info.name for rec in recordings]
    assert names == sorted(path.name for path in Path("recordings").iterdir())


def test_the_former_waits_for_the_next_though_the_time_is_over_meanwhile(sim, monkeypatch):
    service = Service(sim, every_s=1_000_000, total_s=1_000)
    service.receives()

    def begun(**arguments: Any) -> fl.Job:
        service.rotation._until = 0.0
        return fl.start(**arguments)

    monkeypatch.setattr(module, "fleetlab", SimpleNamespace(start=begun))
    monkeypatch.setattr(service.rotation, "_slot", lambda: -1)
    former, last = service.ends()
    assert subscribed_at(last) < former.info.ended_at
    assert fl.load([former.info.path, last.info.path]).gaps.is_empty()


def test_they_begin_by_the_clock(sim):
    recordings = Service(sim, every_s=2, total_s=2.5).ends()
    assert len(recordings) >= 2
    for rec in recordings[1:]:
        assert rec.info.started_at.timestamp() % 2 < 1


def test_the_former_goes_on_while_the_next_cannot_begin(sim, monkeypatch):
    service = Service(sim, every_s=1_000_000)
    service.receives()
    former = service.job
    sim.refuse_next(1)
    sim.refuse_next(229)
    monkeypatch.setattr(service.rotation, "_slot", lambda: -1)
    eventually(lambda: not former.running, "the next one has taken over")
    first, second = service.stop()
    assert len(service.told) == 2
    assert all("Trying again in" in words for words in service.told)
    assert first.gaps.is_empty()
    assert subscribed_at(second) < first.info.ended_at
    assert second.info.stopped_because == "interrupt"
    assert len(list(Path("recordings").iterdir())) == 2, "no empty folders are left"


def test_what_can_only_fail_ends_it_with_everything_saved(sim, monkeypatch):
    service = Service(sim, every_s=1_000_000)
    service.receives()
    sim.refuse_next(4)
    monkeypatch.setattr(service.rotation, "_slot", lambda: -1)
    [first] = service.ends()
    assert isinstance(service.error, fl.AuthenticationError)
    assert len(first.state_batch) >= 12
    assert [path.name for path in Path("recordings").iterdir()] == [first.info.name]


def test_a_first_one_that_cannot_begin_fails_at_once_and_leaves_nothing(sim):
    sim.refuse_next(1)
    service = Service(sim, every_s=3600)
    assert service.ends() == []
    assert isinstance(service.error, fl.ServerUnavailable)
    assert not list(Path("recordings").iterdir())


def test_a_session_that_the_platform_ends_is_begun_anew(sim):
    service = Service(sim, every_s=1_000_000)
    service.receives()
    sim.logout()  # with it the API key's session: what follows can only fail
    [first] = service.ends()
    assert first.info.stopped_because == "logout"
    assert isinstance(service.error, fl.AuthenticationError)


def test_the_status_file_tells_how_it_is(sim, monkeypatch):
    monkeypatch.setattr("fleetlab.status_file.EVERY_S", 0.05)
    path = Path("status.json")
    file = StatusFile(path)
    assert json.loads(path.read_text())["state"] == "connecting"
    job = fl.start(
        server=sim.base_url, api_key=sim.api_key, rate_limit="1s", minutes=1, save_to="rec"
    )

    def state() -> Any:
        file.update(job)
        return json.loads(path.read_text())

    told = eventually(lambda: (now := state())["state"] == "receiving" and now["rows"] and now, "")
    assert told["recording"] == str(Path("rec").resolve())
    assert (told["gaps"], told["finished"], told["pid"]) == (0, 0, os.getpid())
    assert told["bytes"] > 0
    assert 0 <= told["silent_s"] < 20
    sim.restart(3)
    eventually(lambda: state()["state"] == "lost", "the loss is told")
    eventually(lambda: state()["state"] == "receiving", "the return is told")
    assert state()["gaps"] == 1
    job.stop()
    file.end("stopped")
    told = json.loads(path.read_text())
    assert (told["state"], told["detail"], told["gaps"]) == ("ended", "stopped", 1)
    assert '\n "state": "ended",\n' in path.read_text(), "grep finds it"


# -- in a terminal -----------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_stops_it_saves_the_last_one_and_exits_with_130(sim, number):
    arguments = ["capture", "--server", sim.base_url, "--every", "1h", "--status", "st.json"]
    with start(*arguments, "--quiet", FLEETLAB_API_KEY=sim.api_key) as process:
        eventually(
            lambda: Path("st.json").exists() and '"receiving"' in Path("st.json").read_text(),
            "it receives",
        )
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")
    rec = fl.load(out.strip())
    assert rec.info.stopped_because == "interrupt"
    assert len(rec.state_batch) >= 12
    assert json.loads(Path("st.json").read_text())["detail"] == "stopped"


def test_each_that_is_whole_is_a_line(sim):
    code, out, err = run(
        *["capture", "--server", sim.base_url, "--every", "1s", "--seconds", "1.5"],
        *["--save-to", "data"],
        FLEETLAB_API_KEY=sim.api_key,
    )
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) >= 2
    assert [Path(line.split()[0]).name for line in lines] == sorted(
        path.name for path in Path("data").iterdir()
    )
    assert all(line.endswith("0 gaps") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["--server", "demo", "--every", "7h"], 2, "15min"),
        (["--server", "demo", "--status", "st.json"], 2, "--every"),
        (["--server", "demo", "--every", "1h", "--status", "no/st.json"], 2, "no/st.json"),
        (["--server", "demo", "--every", "1h", "--minutes", "-1"], 2, "minutes"),
        (["--server", "eu", "--every", "1h"], 2, "FLEETLAB_API_KEY"),
        (["--server", "http://127.0.0.1:1", "--every", "1h"], 1, "refuses connections"),
    ],
)
def test_a_mistake_is_told_in_one_line(arguments, code, word):
    key = {"FLEETLAB_API_KEY": "0" * 32} if code == 1 else {}
    returned, out, err = run("capture", *arguments, **key)
    assert (returned, out) == (code, "")
    [line] = err.splitlines()
    assert word in line
    assert not Path("recordings").exists() or not list(Path("recordings").iterdir())
