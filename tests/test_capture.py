"""capture, start and acapture: from scripts, loops and threads; how they end; what they leave."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import polars as pl
import pytest

import fleetlab as fl
from fleetlab import pipeline
from fleetlab.schemas import EVENTS, TABLES, schema
from fleetlab.simulator import Simulator
from tests.conftest import eventually
from tests.reference import journal_lines


def at(sim: Simulator, **more):
    """Address a simulator."""
    return {"server": sim.base_url, "api_key": sim.api_key, "view": False, **more}


def heard(job: fl.Job) -> int:
    return sum(job.progress().rows.values())


# -- the ways to call it -----------------------------------------------------------------------


def test_the_demo_needs_no_account_and_gives_typed_frames(tmp_path):
    rec = fl.capture(seconds=1, server="demo", rate_limit="1s", view=False)
    assert rec.info.stopped_because == "time"
    assert rec.info.server == "demo"
    assert rec.info.timezone == "Europe/Madrid"
    assert rec.info.timezone_source == "server"
    assert Path(rec.info.path).parent == tmp_path / "recordings"
    assert not rec.state_batch.is_empty()
    assert not rec.readings_batch.is_empty()
    for event in EVENTS:
        assert rec.frames[event].schema == schema(event)
    for table in TABLES:
        assert getattr(rec, table).schema == schema(table)
    assert rec.state_batch["recording"].unique().to_list() == [rec.info.name]
    assert dict(rec.frames).keys() == EVENTS.keys()


def test_the_time_counts_from_the_accepted_subscription(simulator):
    rec = fl.capture(minutes=1 / 60, **at(simulator))
    subscribed = rec.connection.filter(what="subscribed")["logged_at"].item()
    assert 0.9 <= (rec.info.ended_at - subscribed).total_seconds() < 2.5


def test_start_returns_at_once_and_stop_returns_what_was_caught(simulator):
    job = fl.start(**at(simulator))
    assert job.running
    eventually(lambda: heard(job), "rows are decoded")
    assert re.fullmatch(r"Job\(subscribed, 0:\d\d, \d+ rows\)", repr(job))
    rec = job.stop()
    assert not job.running
    assert repr(job).startswith("Job(ended, ")
    assert rec.info.stopped_because == "stop"
    assert len(rec.state_batch) == 12
    assert job.result().state_batch.equals(rec.state_batch)


def test_a_snapshot_does_not_change_under_its_readers_hands(simulator):
    job = fl.start(**at(simulator, rate_limit="1s"))
    eventually(lambda: len(job.recording.state_batch), "rows are decoded")
    early = job.recording
    assert early.info.stopped_because is None
    rows, text = len(early.state_batch), repr(early)
    simulator.step(1.0)
    eventually(lambda: len(job.recording.state_batch) > rows, "more rows are decoded")
    rec = job.stop()
    assert len(early.state_batch) == rows
    assert repr(early) == text
    assert len(rec.state_batch) > rows


def test_async_code_awaits_it_and_its_own_tasks_go_on(simulator):
    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        task = asyncio.create_task(tick())
        rec = await fl.acapture(seconds=0.5, **at(simulator))
        task.cancel()
        return rec, ticks

    rec, ticks = asyncio.run(main())
    assert len(rec.state_batch) == 12
    assert ticks > 10


def test_cancelling_the_awaited_capture_keeps_what_was_caught(simulator, tmp_path):
    async def main():
        task = asyncio.create_task(fl.acapture(**at(simulator, save_to=tmp_path / "rec")))
        await asyncio.to_thread(eventually, lambda: simulator.requests, "the client subscribes")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    done = eventually(
        lambda: (rec := fl.load(tmp_path / "rec")).info.ended_at and rec, "it is written"
    )
    assert done.info.stopped_because == "interrupt"


def test_it_can_be_called_from_a_thread(simulator):
    caught = []
    thread = threading.Thread(
        target=lambda: caught.append(fl.capture(seconds=0.3, **at(simulator)))
    )
    thread.start()
    thread.join()
    assert len(caught[0].state_batch) == 12


def test_it_can_be_called_where_a_loop_already_runs(simulator):
    async def main():
        return fl.capture(seconds=0.3, **at(simulator))

    assert len(asyncio.run(main()).state_batch) == 12


RE_ENTRANT = """
import asyncio, sys
import fleetlab as fl
ticks = 0
async def tick():
    global ticks
    while True:
        await asyncio.sleep(0.01)
        ticks += 1
async def main():
    task = asyncio.create_task(tick())
    rec = fl.capture(seconds=0.5, server=sys.argv[1], view=False, reentrant=REENTRANT)
    print(len(rec.state_batch), ticks > 10)
    task.cancel()
asyncio.run(main())
"""


def run_script(sim: Simulator, text: str, **options):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", text, sim.base_url],
        env=os.environ | {"FLEETLAB_API_KEY": sim.api_key},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="nest-asyncio ends with Python 3.13")
@pytest.mark.parametrize("reentrant", [True, False])
def test_a_loop_that_already_runs_goes_on_only_where_it_was_asked_for(simulator, reentrant):
    # In a process of its own: nest-asyncio patches asyncio for good.
    with run_script(simulator, RE_ENTRANT.replace("REENTRANT", str(reentrant))) as script:
        out, err = script.communicate(timeout=30)
    assert out.split() == ["12", str(reentrant)], err


def test_without_a_running_loop_reentrant_changes_nothing(simulator):
    rec = fl.capture(seconds=0.3, reentrant=True, **at(simulator))
    assert len(rec.state_batch) == 12
    assert "nest_asyncio" not in sys.modules


def test_several_captures_run_at_once(simulator):
    jobs = [fl.start(**at(simulator)) for _ in range(3)]
    for job in jobs:
        eventually(lambda job=job: heard(job), "rows are decoded")
    recs = [job.stop() for job in jobs]
    assert [len(rec.state_batch) for rec in recs] == [12, 12, 12]
    assert len({rec.info.path for rec in recs}) == 3


# -- how it ends -------------------------------------------------------------------------------

INTERRUPTED = """
import sys
import fleetlab as fl
rec = fl.capture(server=sys.argv[1], view=False, save_to="rec")
print(rec.info.stopped_because, len(rec.state_batch), flush=True)
"""


def is_decoded(folder: Path) -> bool:
    with contextlib.suppress(fl.RecordingError):
        return len(fl.load(folder).state_batch) > 0
    return False


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_ctrl_c_returns_what_was_caught(simulator, tmp_path):
    with run_script(simulator, INTERRUPTED) as script:
        eventually(lambda: is_decoded(tmp_path / "rec"), "rows are in the journal")
        script.send_signal(signal.SIGINT)
        out, err = script.communicate(timeout=30)
    assert out.split() == ["interrupt", "12"], err
    assert err == ""


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_sigterm_ends_it_in_good_order(simulator, tmp_path):
    with run_script(simulator, INTERRUPTED) as script:
        eventually(lambda: is_decoded(tmp_path / "rec"), "rows are in the journal")
        script.terminate()
        script.communicate(timeout=30)
    assert script.returncode == -signal.SIGTERM
    rec = fl.load(tmp_path / "rec")
    assert rec.info.stopped_because == "stop"
    assert len(rec.state_batch) == 12


LEFT = """
import sys
import fleetlab as fl
job = fl.start(server=sys.argv[1], save_to="rec")
while not sum(job.progress().rows.values()):
    pass
"""


def test_a_job_that_a_script_leaves_running_ends_in_good_order(simulator, tmp_path):
    with run_script(simulator, LEFT) as script:
        _, err = script.communicate(timeout=30)
    assert err == ""
    rec = fl.load(tmp_path / "rec")
    assert rec.info.stopped_because == "stop"
    assert len(rec.state_batch) == 12


def test_a_logout_ends_it_with_everything_kept(simulator):
    job = fl.start(**at(simulator))
    eventually(lambda: heard(job), "rows are decoded")
    simulator.logout()
    rec = job.result()
    assert rec.info.stopped_because == "logout"
    assert rec.logout["reason"].to_list() == ["session closed"]


def test_a_session_that_ends_while_we_are_away_is_an_error_that_carries_the_recording(simulator):
    job = fl.start(**at(simulator))
    eventually(lambda: heard(job), "rows are decoded")
    simulator.refuse_next(4)
    simulator.cut()
    with pytest.raises(fl.AuthenticationError) as caught:
        job.result()
    rec = caught.value.recording
    assert len(rec.state_batch) == 12
    assert rec.info.stopped_because == "error"
    assert "FLEETLAB_API_KEY" in rec.info.error
    assert fl.load(rec.info.path).state_batch.equals(rec.state_batch)
    assert job.stop().state_batch.equals(rec.state_batch)


def test_a_wrong_key_fails_fast_and_leaves_no_folder(simulator, tmp_path):
    began = time.monotonic()
    with pytest.raises(fl.AuthenticationError, match="FLEETLAB_API_KEY") as caught:
        fl.capture(minutes=1, **at(simulator, api_key="0" * 32))
    assert time.monotonic() - began < 15
    assert caught.value.recording is None
    assert list((tmp_path / "recordings").iterdir()) == []


def test_a_refused_empty_folder_of_the_users_own_stays(simulator, tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(fl.AuthenticationError):
        fl.capture(minutes=1, **at(simulator, api_key="0" * 32, save_to=tmp_path / "mine"))
    assert list((tmp_path / "mine").iterdir()) == []


def test_login_and_password_are_exchanged_for_a_session(simulator):
    rec = fl.capture(
        seconds=0.3,
        server=simulator.base_url,
        login=simulator.login,
        password=simulator.password,
        view=False,
    )
    assert len(rec.state_batch) == 12


def test_a_session_that_the_platform_ends_is_renewed_from_login_and_password(simulator):
    job = fl.start(
        server=simulator.base_url, login=simulator.login, password=simulator.password, view=False
    )
    eventually(lambda: heard(job), "rows are decoded")
    simulator.logout()
    eventually(lambda: len(simulator.requests) == 2, "it subscribes again", 10)
    assert [asked.action for asked in simulator.rest_requests].count("user/auth") == 2
    eventually(lambda: len(job.recording.gaps) and job.recording.gaps["ended_at"][0], "it is back")
    rec = job.stop()
    assert rec.info.stopped_because == "stop"
    assert rec.logout["reason"].to_list() == ["session closed"]


def test_a_wrong_password_fails_fast(simulator):
    with pytest.raises(fl.AuthenticationError, match="Login or password"):
        fl.capture(
            seconds=1, server=simulator.base_url, login=simulator.login, password="x", view=False
        )


@pytest.mark.parametrize("session", [False, True], ids=["key", "login"])
def test_the_key_is_in_no_file_repr_or_error(simulator, tmp_path, session):
    secrets = (
        {"login": simulator.login, "password": simulator.password}
        if session
        else {"api_key": simulator.api_key}
    )
    job = fl.start(server=simulator.base_url, save_to=tmp_path / "rec", **secrets)
    eventually(lambda: heard(job), "rows are decoded")
    simulator.refuse_next(7, f"what is {simulator.api_key}?")
    simulator.cut()
    with pytest.raises(fl.RequestRefused) as caught:
        job.result()
    shown = repr(caught.value) + repr(job) + repr(job.recording) + repr(job.recording.info)
    held = b"".join(path.read_bytes() for path in (tmp_path / "rec").rglob("*") if path.is_file())
    told = shown + str(job.recording.connection.rows()) + str(journal_lines(tmp_path / "rec"))
    for secret in secrets.values():
        if secret != simulator.login:
            assert secret not in told
            assert secret.encode() not in held


def test_without_the_rest_side_the_stream_is_recorded_and_the_log_says_what_is_missing():
    with Simulator(vehicles=12, seed=3, rest_down=True) as sim:
        job = fl.start(**at(sim))
        eventually(lambda: heard(job), "rows are decoded, 2 s later", 10)
        rec = job.stop()
    states = rec.state_batch
    assert states["tracker_id"].null_count() == len(states)
    assert {"trackers_unavailable", "zone_unavailable"} <= set(rec.connection["what"])
    assert rec.info.timezone is None
    assert rec.info.timezone_source == "inferred"
    assert rec.info.utc_offset in ("+01:00", "+02:00")
    assert not states["gps_updated"].has_nulls()


# -- arguments ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"server": None}, ["eu", "us", "me", "demo", "FLEETLAB_SERVER", "URL"]),
        ({"minutes": 1, "seconds": 1}, ["minutes", "seconds"]),
        ({"seconds": 0}, ["seconds"]),
        ({"minutes": "ten"}, ["minutes"]),
        ({"seconds": float("nan")}, ["seconds"]),
        ({"timezone": "Mars/Olympus"}, ["Mars/Olympus", "Europe/Madrid"]),
        ({"trackers": [1.5]}, ["1.5"]),
        ({"events": ["comet"]}, ["comet", "state_batch"]),
        ({"events": [fl.IotMonitor(trackers=[1])], "rate_limit": 5}, ["rate_limit", "5s"]),
        ({"events": ["iot_monitor"], "trackers": list(range(1, 12))}, ["10", "11"]),
        ({"save_to": True}, ["save_to"]),
        ({"view": "maybe"}, ["view", "auto"]),
        ({"note": 5}, ["note"]),
        ({"server": "eu"}, ["FLEETLAB_API_KEY"]),
    ],
)
def test_an_argument_that_does_not_fit_is_told_before_anything_is_written(
    tmp_path, arguments, words
):
    with pytest.raises(fl.InvalidArgument) as caught:
        fl.capture(**({"server": "demo", "view": False} | arguments))
    for word in words:
        assert word in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_argument_is_a_type_error_that_names_it():
    with pytest.raises(TypeError, match="minuets"):
        fl.start(minuets=5)


def test_a_folder_that_holds_anything_is_refused(tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("mine")
    with pytest.raises(fl.RecordingError, match="not empty"):
        fl.capture(seconds=1, server="demo", save_to=tmp_path / "used", view=False)
    assert (tmp_path / "used" / "file").read_text() == "mine"


@pytest.mark.parametrize("folder", ["used", "used/file", "used/file/rec", "/proc/fleetlab"])
def test_a_folder_that_cannot_be_used_is_refused_before_anything_is_connected(
    simulator, tmp_path, folder
):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("mine")
    with pytest.raises(fl.RecordingError, match=r"name a new one|name one that is|another place"):
        fl.capture(seconds=1, save_to=tmp_path / folder, **at(simulator))
    assert not simulator.requests
    assert not simulator.rest_requests
    assert [path.name for path in tmp_path.rglob("*")] == ["used", "file"]


def test_the_zone_of_the_caller_comes_before_the_servers(simulator):
    rec = fl.capture(seconds=0.3, timezone="Asia/Kathmandu", **at(simulator))
    assert (rec.info.timezone, rec.info.timezone_source) == ("Asia/Kathmandu", "argument")


def test_only_the_trackers_asked_for_are_asked_for(simulator):
    ids = simulator.tracker_ids[:2]
    rec = fl.capture(seconds=0.5, trackers=ids, note="two", **at(simulator))
    assert sorted(rec.state_batch["tracker_id"].unique()) == sorted(ids)
    [asked] = [body for action, body in simulator.requests if action == "subscribe"]
    assert {tuple(request["target"]["tracker_ids"]) for request in asked["requests"]} == {ids}
    assert rec.info.note == "two"
    said = rec.trackers.filter(pl.col("state_batch").is_not_null())
    assert dict(said.select("tracker_id", "state_batch").iter_rows()) == dict.fromkeys(
        ids, "normal"
    )


def test_above_500_ids_all_are_asked_for_and_the_recording_says_that_its_journal_holds_more(
    simulator,
):
    ids = [*simulator.tracker_ids[:3], *range(10**9, 10**9 + 500)]
    rec = fl.capture(seconds=0.5, trackers=ids, **at(simulator))
    assert sorted(rec.state_batch["tracker_id"].unique()) == sorted(simulator.tracker_ids[:3])
    assert "journal" in rec.info.remark
    assert "503" in rec.info.remark


def test_500_ids_of_two_events_are_too_long_for_one_message_and_come_all_the_same(simulator):
    ids = [*simulator.tracker_ids[:3], *range(10**9, 10**9 + 497)]
    rec = fl.capture(seconds=0.5, trackers=ids, **at(simulator))
    for frame in (rec.state_batch, rec.readings_batch):
        assert sorted(frame["tracker_id"].unique()) == sorted(simulator.tracker_ids[:3])
    assert "lost" not in rec.connection["what"].to_list()


# -- in memory ---------------------------------------------------------------------------------


def test_in_memory_nothing_is_written_until_it_is_saved(simulator, tmp_path):
    job = fl.start(**at(simulator, save_to=False, rate_limit="1s"))
    eventually(lambda: heard(job), "rows are decoded")
    simulator.step(1.0)
    with pytest.raises(fl.RecordingError, match="still runs"):
        job.recording.save(tmp_path / "early")
    rec = job.stop()
    assert list(tmp_path.iterdir()) == []
    assert rec.info.path is None
    saved = rec.save(tmp_path / "saved")
    for event in EVENTS:
        assert saved.frames[event].equals(rec.frames[event])
    assert fl.load(tmp_path / "saved").info.path == str(tmp_path / "saved")
    with pytest.raises(fl.RecordingError, match="not empty"):
        rec.save(tmp_path / "saved")


def test_in_memory_a_limit_ends_it_with_everything_kept(simulator, monkeypatch, tmp_path):
    monkeypatch.setattr(pipeline, "MEMORY_LIMIT", 10_000)
    job = fl.start(**at(simulator, save_to=False))
    with pytest.raises(fl.RecordingError, match="limit") as caught:
        job.result()
    rec = caught.value.recording
    assert len(rec.state_batch) == 12
    saved = rec.save(tmp_path / "saved")
    assert pl.read_parquet(tmp_path / "saved" / "state_batch" / "*.parquet").equals(rec.state_batch)
    assert {f"{name}.parquet" for name in TABLES} < {path.name for path in saved_files(saved)}
    (tmp_path / "saved" / "recording.json").unlink()
    again = fl.load(tmp_path / "saved").info  # of the journal alone
    assert (again.stopped_because, again.error) == ("error", str(caught.value))


def saved_files(saved):
    return Path(saved.info.path).iterdir()
