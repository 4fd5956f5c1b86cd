"""Errors in the words of where they are read, and what a recording lacks in those of a terminal."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

import fleetlab as fl
from fleetlab.errors import InvalidArgument, Words, argument
from fleetlab.simulator import Simulator
from tests.test_cli import run

# How Python users write arguments and calls, which no terminal takes.
PYTHON_WORDS = ("fl.", "save_to", "server=", "server='", "api_key", "timezone=", "trackers=", "=[")


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("words") / "rec"
    fl.capture(seconds=1, server="demo", save_to=folder, view=False)
    return folder


def test_an_error_has_the_words_of_python_and_those_of_the_terminal():
    error = InvalidArgument(
        "Name a folder with ", argument("save_to"), ", such as ", argument("save_to", "my rec"), "."
    )
    assert str(error) == "Name a folder with save_to=, such as save_to='my rec'."
    assert error.in_terminal == "Name a folder with --save-to, such as --save-to 'my rec'."
    assert str(InvalidArgument("Plain.")) == InvalidArgument("Plain.").in_terminal == "Plain."
    assert InvalidArgument(Words("here", "there"), code=7).code == 7


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["capture"], "--server or set FLEETLAB_SERVER: eu, us or me"),
        (["capture", "--server", "europe"], "--server europe is no server. Use eu, us or me"),
        (["capture", "--server", "http://x.org"], "--server http://x.org is not encrypted"),
        (["capture", "--server", "eu"], "or use --login"),
        (["capture", "--server", "eu", "--login", "me"], "Set FLEETLAB_PASSWORD"),
        (["capture", "--server", "demo", "--minutes", "0"], "--minutes 0.0: a capture needs"),
        (
            ["capture", "--server", "demo", "--minutes", "1", "--seconds", "2"],
            "--minutes 1.0 and --seconds 2.0",
        ),
        (["capture", "--server", "demo", "--timezone", "Madrid"], "--timezone Europe/Madrid"),
        (["capture", "--server", "demo", "--rate-limit", ""], "--rate-limit must be text"),
        (["capture", "--server", "demo", "--trackers", "0"], "--trackers: 0 is not a tracker id"),
        (
            ["capture", "--server", "demo", "--events", "iot_monitor", "--trackers"]
            + [",".join(map(str, range(1, 12)))],
            "11 were given. Name the ones to watch, for example --trackers 1,2.",
        ),
        (
            ["capture", "--server", "demo", "--events", "iot_monitor"],
            "for example --trackers 101,102",
        ),
        (["capture", "--server", "demo", "--events", ","], "--events is empty"),
        (["capture", "--server", "demo", "--events", "speed"], "iot_monitor."),
        (["doctor", "--server", "demo", "--every", "often"], "--every takes a part of a day"),
    ],
)
def test_wrong_usage_is_told_in_options(command, arguments, words):
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert not [word for word in PYTHON_WORDS if word in err], err
    assert len(err.splitlines()) == 1


def test_files_are_named_by_options(command, recording):
    Path("rec.html").write_text("mine")
    Path("rec-parquet").write_text("mine")
    for arguments, words in (
        (["report", str(recording)], "with --out, or replace it with --force."),
        (["report", str(recording), "--trackers", "1", "--out", "x"], "fleetlab info rec --rows"),
        (["export", str(recording)], "name another one with --to."),
        (["export", str(recording), "--format", "csv", "--timezone", "UTC"], "--timezone UTC is"),
        (["share", str(recording), "out", "--cut-ends-m", "0"], "--cut-ends-m 0.0 doesn't fit"),
        (["replay", str(recording), "--speed", "0"], "--speed must be a number above 0"),
    ):
        code, _, err = command(*arguments)
        assert code == 2
        assert words in err
        assert "rec.trackers" not in err


def test_a_folder_of_ones_own_choice_is_not_told_how_to_be_chosen(command, recording, tmp_path):
    Path("file").write_text("")
    for arguments in (
        ["capture", "--server", "demo", "--save-to", str(recording)],
        ["share", str(recording), str(recording)],
        ["share", str(recording), "file"],
    ):
        code, _, err = command(*arguments)
        assert code == 1
        assert "A recording needs a folder of its own" in err
        assert "save" not in err.replace(str(recording), "").replace(str(tmp_path), "")


def test_the_place_that_nobody_chose_is_told_with_the_option(command):
    Path("recordings").write_text("a file")
    code, _, err = command("capture", "--server", "demo", "--seconds", "1")
    assert code == 1
    assert "or choose another place, with --save-to." in err
    with pytest.raises(fl.RecordingError, match="another place, with save_to="):
        fl.capture(seconds=1, server="demo", view=False)


def test_a_server_from_the_environment_is_told_by_its_name_there(command):
    code, _, err = command("capture", FLEETLAB_SERVER="europe")
    assert code == 2
    assert "FLEETLAB_SERVER=europe is no server" in err


def test_a_wrong_key_is_told_with_what_a_key_looks_like():
    with Simulator(3, seed=1) as sim:
        arguments = ["capture", "--server", sim.base_url, "--seconds", "1"]
        code, _, err = run(*arguments, FLEETLAB_API_KEY=sim.api_key[:-1])
    assert code == 1
    assert "A key has 32 digits and letters" in err
    assert "use --login" in err
    assert sim.api_key[:-1] not in err


def test_a_path_that_is_not_the_api_is_the_addresss_fault_and_not_the_keys():
    with Simulator(3, seed=1) as sim:
        wrong = sim.base_url.replace("/v2", "/api")
        code, out, _ = run("doctor", "--server", wrong, FLEETLAB_API_KEY=sim.api_key)
    assert code == 1
    assert "problem    server          The server has no such call at that address" in out
    assert "it ends in /v2 on the platform's regions" in out
    assert "key" not in out.split("problem")[1]


@pytest.mark.parametrize("name", ["info", "rebuild", "replay", "report", "export"])
def test_no_folder_and_a_folder_without_a_recording_are_told_apart(name, command):
    Path("empty").mkdir()
    code, _, err = command(name, "nowhere")
    assert (code, "There is no folder" in err, "such as recordings/" in err) == (1, True, True)
    code, _, err = command(name, "empty")
    assert (code, "There is no folder" in err) == (1, False)
    assert "it has no recording.json" in err or "has no journal" in err


def test_a_recording_json_that_is_damaged_without_a_journal_is_told_with_what_is_left(recording):
    shutil.copytree(recording, "broken")
    shutil.rmtree("broken/raw")
    Path("broken/recording.json").write_text("{")
    code, _, err = run("info", "broken")
    assert code == 1
    assert "recording.json can't be read" in err
    assert "read its Parquet files one by one" in err


def test_what_is_not_in_the_frames_is_told_in_the_terminal(recording):
    with Simulator(3, seed=1) as sim:
        known = sim.tracker_ids[0]
        arguments = ["--server", sim.base_url, "--seconds", "1", "--trackers", f"1,2,{known}"]
        code, out, _ = run("capture", *arguments, FLEETLAB_API_KEY=sim.api_key)
    assert code == 0
    assert "2 unknown, see rec.trackers" in out
    assert "\nNot sent\n  1: unknown\n  2: unknown\n" in out
    shutil.copytree(recording, "damaged")
    Path("damaged/state_batch/00000001.parquet").write_bytes(b"PAR1")
    code, out, _ = run("info", "damaged")
    assert code == 0
    assert "\nNot readable\n  state_batch/00000001.parquet is damaged" in out
    assert "fleetlab rebuild makes the part again" in out
    assert "Not re" not in run("info", str(recording))[1]


def test_a_capture_that_was_never_subscribed_does_not_say_that_nothing_was_lost():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"http://127.0.0.1:{silent.getsockname()[1]}"
        job = fl.start(server=server, api_key="0" * 32, save_to=False, view=False)
        rec = job.stop()
    assert "no subscription was answered, see rec.connection" in repr(rec)
    assert "no gaps" not in repr(rec)
    assert "no subscription was answered" in rec._repr_html_()


def test_load_takes_the_patterns_that_scan_takes(recording, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(recording, tmp_path / "several" / name)
    (tmp_path / "several" / "notes").mkdir()
    both = fl.load("several/*")
    assert both.state_batch["recording"].n_unique() == 1  # copies of one recording
    assert len(both.state_batch) == 2 * len(fl.load(recording).state_batch)
    with pytest.raises(fl.RecordingError, match=r"No recording matches none/\*; name those"):
        fl.load("none/*")
    with pytest.raises(fl.RecordingError, match="an empty list"):
        fl.load([])
    with pytest.raises(fl.InvalidArgument, match="None is no folder"):
        fl.load(None)
