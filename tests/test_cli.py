"""The command line as a person and a machine see it: words, files and exit codes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

import fleetlab as fl
from fleetlab import cli
from fleetlab.options import credentials
from fleetlab.simulator import Simulator
from tests.conftest import eventually


def start(*arguments: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "fleetlab", *arguments],
        env={**os.environ, "COLUMNS": "110", **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def run(*arguments: str, **environ: str) -> tuple[int, str, str]:
    with start(*arguments, **environ) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "rec"
    fl.capture(seconds=1, server="demo", save_to=folder, view=False)
    return folder


@contextlib.contextmanager
def endless(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], Simulator]]:
    """A capture without an end, once its first rows are in the journal."""
    with (
        Simulator(vehicles=12, seed=3) as sim,
        start(
            *["capture", "--server", sim.base_url, "--save-to", "rec", *arguments],
            FLEETLAB_API_KEY=sim.api_key,
        ) as process,
    ):

        def is_decoded() -> bool:
            with contextlib.suppress(fl.RecordingError):
                return len(fl.load("rec").state_batch) > 0
            return False

        eventually(is_decoded, "rows are in the journal")
        yield process, sim


def test_a_capture_of_the_demo_prints_what_came_and_where_it_is(tmp_path):
    code, out, err = run("capture", "--server", "demo", "--seconds", "1", "--rate-limit", "1s")
    assert code == 0, err
    [folder] = (tmp_path / "recordings").iterdir()
    for word in ("state_batch, the last rows", "readings_batch, the last rows", str(folder)):
        assert word in out
    assert "DuckDB" in out
    assert len(fl.load(folder).state_batch) >= 12
    assert "\x1b" not in out + err, "no control codes where no terminal is"


def test_quiet_prints_the_folder_and_nothing_else():
    code, out, err = run("capture", "--server", "demo", "--seconds", "0.5", "--quiet")
    assert (code, err) == (0, "")
    assert fl.load(out.strip()).info.stopped_because == "time"


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_stops_it_keeps_everything_and_exits_with_130(number):
    with endless() as (process, _):
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "interrupted" in out
    assert "Traceback" not in err
    rec = fl.load("rec")
    assert rec.info.stopped_because == "interrupt"
    assert len(rec.state_batch) >= 12


def test_the_end_of_the_session_is_told_and_the_recording_kept():
    with endless("--quiet") as (process, sim):
        sim.logout()
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert fl.load(out.strip()).info.stopped_because == "logout"


def test_an_error_that_ends_it_is_one_line_and_says_where_the_rest_is():
    with endless("--quiet") as (process, sim):
        sim.refuse_next(4)
        sim.cut()
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    [line] = err.splitlines()
    assert line.startswith("fleetlab: ")
    assert "FLEETLAB_API_KEY" in line
    assert line.endswith(f"What was caught is in {Path('rec').resolve()}.")


def test_an_error_is_one_line_though_the_server_tells_it_in_several(monkeypatch, capsys):
    def refused(**_: object) -> None:
        raise fl.RequestRefused("The server says: no\r\n and\nno again")

    monkeypatch.setattr(cli, "app", lambda **_: refused())
    with pytest.raises(SystemExit, match="1"):
        cli.main()
    assert capsys.readouterr().err == "fleetlab: The server says: no  and no again\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["capture"], 2, ["FLEETLAB_SERVER", "demo"]),
        (["capture", "--server", "eu"], 2, ["FLEETLAB_API_KEY"]),
        (["capture", "--server", "demo", "--minutes", "-1"], 2, ["minutes"]),
        (["capture", "--server", "demo", "--trackers", "a,b"], 2, ["--trackers", "101,102"]),
        (["capture", "--server", "demo", "--events", "comet"], 2, ["comet", "state_batch"]),
        (["capture", "--server", "demo", "--flow-id", "5"], 2, ["iot_monitor"]),
        (["capture", "--server", "http://127.0.0.1:1"], 1, ["refuses connections"]),
        (["info", "nowhere"], 1, ["nowhere", "There is no folder"]),
        (["rebuild", "nowhere"], 1, ["nowhere", "There is no folder"]),
        (["export", "nowhere"], 1, ["nowhere"]),
    ],
)
def test_a_mistake_is_told_in_one_line_with_the_right_exit_code(arguments, code, words):
    key = {"FLEETLAB_API_KEY": "0" * 32} if "http://127.0.0.1:1" in arguments else {}
    returned, out, err = run(*arguments, **key)
    assert (returned, out) == (code, "")
    [line] = err.splitlines()
    assert line.startswith("fleetlab: ")
    for word in words:
        assert word in line


def test_an_unknown_option_is_wrong_usage():
    code, _, err = run("capture", "--sever", "demo")
    assert code == 2
    assert "--server" in err


def test_the_key_is_no_option():
    code, out, _ = run("capture", "--help")
    assert code == 0
    assert "FLEETLAB_API_KEY" in out
    assert "--api-key" not in out
    assert "--password" not in out


def test_a_key_that_the_environment_lacks_is_asked_for_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("getpass.getpass", lambda _: "hunter2")
    assert credentials("eu", None) == {"api_key": "hunter2"}
    assert credentials("eu", "me") == {"login": "me", "password": "hunter2"}
    prompts = capsys.readouterr()
    assert (prompts.out, prompts.err.split(":")[:2]) == ("", ["API key", "Password"])
    monkeypatch.setenv("FLEETLAB_API_KEY", "0" * 32)
    assert credentials("eu", None) == {}
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    assert credentials("eu", "me") == {"login": "me", "password": None}
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("command", ["capture", "demo", "info", "rebuild", "export"])
def test_help_teaches_by_example(command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"fleetlab {command}" in out.split("Example")[1]


def test_info_tells_what_a_recording_holds(recording):
    code, out, err = run("info", str(recording), "--rows", "2")
    assert code == 0, err
    rec = fl.load(recording)
    assert repr(rec) in out
    assert "state_batch, the last rows" in out


def test_rebuild_prints_what_the_recording_holds_then(recording, tmp_path):
    rec = fl.load(recording).save(tmp_path / "copy")
    before = repr(rec)
    (tmp_path / "copy" / "recording.json").unlink()
    code, out, err = run("rebuild", str(tmp_path / "copy"))
    assert code == 0, err
    assert out.startswith(before)
    assert repr(fl.load(tmp_path / "copy")) == before


def test_rebuild_gives_up_rows_only_where_that_is_told(recording, tmp_path):
    fl.load(recording).save(tmp_path / "copy")
    for path in (tmp_path / "copy" / "raw").iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    code, out, err = run("rebuild", str(tmp_path / "copy"))
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "--force" in err
    code, _, err = run("rebuild", "--force", str(tmp_path / "copy"))
    assert (code, err) == (0, "")


def test_labels_that_the_terminal_does_not_know_are_no_reason_to_fail(recording):
    code, out, err = run(
        "info", str(recording), "--rows", "20", PYTHONIOENCODING="ascii", PYTHONUTF8="0"
    )
    assert code == 0, err
    assert "?" in out


def test_export_prints_what_it_wrote_and_replaces_nothing(recording, tmp_path):
    code, out, err = run("export", str(recording), "--format", "parquet", "--to", "out")
    assert code == 0, err
    assert out.strip() == "out"
    written = pl.read_parquet(tmp_path / "out" / "state_batch.parquet")
    assert written.equals(fl.load(recording).state_batch)
    code, _, err = run("export", str(recording), "--to", "out")
    assert code == 2
    assert "there already" in err


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_serves_what_it_prints_until_it_is_stopped(number):
    with start("demo", "--vehicles", "3", "--seed", "5", PYTHONUNBUFFERED="1") as process:
        assert process.stdout is not None
        told = dict(process.stdout.readline().split("  ", 1) for _ in range(2))
        url, key = told["base URL"].strip(), told["API key"].strip()
        rec = fl.capture(seconds=0.5, server=url, api_key=key, view=False, save_to=False)
        assert rec.state_batch["source_id"].n_unique() == 3
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")


def test_the_demo_takes_oddities_and_faults():
    arguments = ["--vehicles", "3", "--timezone", "Asia/Kathmandu", "--oddity", "wrapped_states"]
    arguments += ["--fault", "hang_up", "--every", "0.3"]
    with start("demo", *arguments, PYTHONUNBUFFERED="1") as process:
        assert process.stdout is not None
        told = dict(process.stdout.readline().split("  ", 1) for _ in range(2))
        url, key = told["base URL"].strip(), told["API key"].strip()
        rec = fl.capture(seconds=1.5, server=url, api_key=key, view=False, save_to=False)
        process.terminate()
        _, err = process.communicate(timeout=30)
    assert rec.info.timezone == "Asia/Kathmandu"
    assert len(rec.gaps) >= 1
    assert rec.state_batch["source_id"].n_unique() == 3
    assert "fault: hang_up" in err


@pytest.mark.parametrize("option", ["--fault", "--oddity", "--timezone"])
def test_the_demo_tells_what_it_does_not_know(option):
    code, out, err = run("demo", option, "earthquake")
    assert (code, out) == (2, "")
    [line] = err.splitlines()
    assert "earthquake" in line


def test_a_port_that_is_taken_is_told():
    with Simulator(vehicles=1) as sim:
        port = sim.base_url.removesuffix("/v2").rpartition(":")[2]
        code, _, err = run("demo", "--port", port)
    assert code == 1
    assert port in err
    assert "--port" in err


def test_the_version_is_told():
    assert run("--version") == (0, f"fleetlab {fl.__version__}\n", "")
