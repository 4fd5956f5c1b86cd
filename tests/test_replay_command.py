"""`fleetlab replay` as a person and a machine see it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

import fleetlab as fl
from fleetlab.simulator import Simulator
from tests.test_cli import run, start


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("replay") / "rec"
    fl.capture(seconds=1, server="demo", save_to=folder, view=False)
    return folder


def told(process: subprocess.Popen[str]) -> tuple[str, str]:
    """The base URL and the key that were printed."""
    assert process.stdout is not None
    lines = dict(process.stdout.readline().split("  ", 1) for _ in range(2))
    return lines["base URL"].strip(), lines["API key"].strip()


def test_once_ends_after_the_last_message(recording):
    arguments = ["replay", str(recording), "--speed", "max", "--once"]
    with start(*arguments, PYTHONUNBUFFERED="1") as process:
        url, key = told(process)
        job = fl.start(server=url, api_key=key, view=False, save_to=False)
        assert process.wait(30) == 0
        rec = job.stop()
        assert process.stdout is not None
        assert process.stderr is not None
        out, err = process.stdout.read(), process.stderr.read()
    assert "rec, at speed max" in out
    assert [line.split()[1] for line in err.splitlines()] in (["playing", "finished"], ["finished"])
    original = fl.load(recording)
    assert len(rec.state_batch) == len(original.state_batch) > 0


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped(recording, number):
    with start("replay", str(recording), "--speed", "100", PYTHONUNBUFFERED="1") as process:
        url, key = told(process)
        for _ in range(2):  # also after the last message
            rec = fl.capture(seconds=0.5, server=url, api_key=key, view=False, save_to=False)
            assert rec.info.stopped_because == "time"
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "finished" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--speed", "fast"], 2, ["--speed", "max"]),
        (["--speed", "0"], 2, ["speed", "max"]),
        (["--gaps", "maybe"], 2, ["--gaps", "skip"]),
    ],
)
def test_a_mistake_is_told_with_what_would_fit(recording, arguments, code, words):
    returned, out, err = run("replay", str(recording), *arguments)
    assert (returned, out) == (code, "")
    for word in words:
        assert word in err


def test_what_is_no_recording_and_a_port_that_is_taken_are_told_in_a_line(recording):
    code, _, err = run("replay", "nowhere")
    assert code == 1
    assert err.startswith("fleetlab: ")
    assert "There is no folder" in err
    with Simulator(vehicles=1) as sim:
        port = sim.base_url.removesuffix("/v2").rpartition(":")[2]
        code, _, err = run("replay", str(recording), "--port", port)
    assert code == 1
    assert port in err


def test_help_teaches_by_example():
    code, out, _ = run("replay", "--help")
    assert code == 0
    assert "fleetlab replay" in out.split("Example")[1]
