"""What the doctor finds, and what it says to do; it is the same whatever the account."""

from __future__ import annotations

import os
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from fleetlab import doctor
from fleetlab.doctor import Finding
from fleetlab.doctor_server import clock, examine_server, permissions
from fleetlab.protocol import Response
from fleetlab.server import Credentials, resolve_server
from fleetlab.simulator import Simulator
from tests.test_cli import run

NEEDED = [
    "polars>=2.1",
    'backports.zstd>=1.0; python_version < "3.14"',
    'old>=9; python_version < "3"',
    "tzdata",
    'duckdb>=1.4; extra == "export"',
]


def by_name(findings) -> dict[str, Finding]:
    return {one.name: one for one in findings}


def examine(sim: Simulator, trackers="all", **who) -> dict[str, Finding]:
    credentials = Credentials(**(who or {"api_key": sim.api_key}))
    return by_name(examine_server(resolve_server(sim.base_url, {}), credentials, trackers))


# -- here --------------------------------------------------------------------------------------


def test_versions_that_are_new_enough_are_ok():
    versions = {"polars": "2.1.0", "backports.zstd": "1.0", "tzdata": "2026.1"}
    found = by_name(doctor.versions(versions.get, NEEDED))
    assert {one.mark for one in found.values()} == {"ok"}
    assert found["packages"].words == "polars 2.1.0, and 2 more"
    assert "only notebooks need it" in found["Jupyter"].words


def test_what_is_too_old_or_missing_is_named_with_the_way_to_get_it():
    found = by_name(doctor.versions({"polars": "1.30.0", "tzdata": "1"}.get, NEEDED))
    assert found["polars"].mark == found["backports.zstd"].mark == "problem"
    assert "1.30.0 is too old: 2.1 or newer" in found["polars"].words
    assert found["polars"].remedy == 'pip install --upgrade "polars>=2.1"'
    assert "not installed" in found["backports.zstd"].words
    assert not {"old", "duckdb"} & set(found)


def test_an_old_kernel_is_something_to_look_at():
    old = by_name(doctor.versions({"ipykernel": "6.29.5", "jupyterlab": "4.4.2"}.get, []))
    assert old["Jupyter"].mark == "attention"
    assert 'pip install --upgrade "ipykernel>=7.0"' in old["Jupyter"].remedy
    new = by_name(doctor.versions({"ipykernel": "7.1.0", "jupyterlab": "4.4.2"}.get, []))
    assert new["Jupyter"] == Finding("Jupyter", "ok", "ipykernel 7.1.0, jupyterlab 4.4.2")


def test_this_environment_has_what_it_needs():
    assert {one.mark for one in doctor.versions()} <= {"ok", "attention"}


def test_the_disk_is_looked_at_and_nothing_is_made_there(tmp_path, monkeypatch):
    found = doctor.disk(None)
    assert found.mark in ("ok", "attention")
    assert str(tmp_path / "recordings") in found.words
    assert doctor.disk(Path("deep/er/rec")).mark == found.mark
    assert not list(tmp_path.iterdir())
    (tmp_path / "rec").mkdir()
    (tmp_path / "rec" / "file").write_text("")
    taken = doctor.disk(Path("rec"))
    assert (taken.mark, "--save-to" in taken.remedy) == ("problem", True)
    monkeypatch.setattr(doctor, "DISK", (1 << 60, 1 << 61))
    full = doctor.disk(None)
    assert full.mark == "problem"
    assert full.words.startswith("only ")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_disk_that_cannot_be_written_is_a_problem(tmp_path):
    tmp_path.chmod(0o500)
    found = doctor.disk(None)
    assert (found.mark, "can't be written" in found.words) == ("problem", True)


def test_a_place_that_cannot_be_written_is_a_problem():
    found = doctor.disk(Path("/proc/recordings/rec"))
    assert (found.mark, "can't be written" in found.words) == ("problem", True)


def test_little_memory_is_told(monkeypatch):
    assert doctor.memory().mark in ("ok", "attention")
    monkeypatch.setattr(doctor, "MEMORY", (0, 1 << 60))
    assert doctor.memory().mark == "attention"
    assert doctor.memory().remedy


# -- there -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead", "mark", "words"),
    [
        (0.0, "ok", "agrees"),
        (2.9, "ok", "agrees"),
        (-1.9, "ok", "agrees"),
        (3.5, "attention", "2 s ahead of the server's"),
        (-60.0, "attention", "60 s behind the server's"),
        (7200.0, "attention", "7,199 s ahead"),
    ],
)
def test_clocks_that_differ_are_told_with_the_way_to_set_ours(ahead, mark, words):
    told = 1_795_475_700
    found = clock(formatdate(told, usegmt=True), told + ahead)
    assert found.mark == mark
    assert words in found.words
    assert ("Set it: " in found.remedy) == (mark == "attention")


@pytest.mark.parametrize("date", [None, "yesterday"])
def test_a_server_that_tells_no_time_is_no_problem(date):
    assert clock(date, time.time()).mark == "attention"


def test_permissions_are_counted_and_the_first_that_are_not_normal_named():
    words = dict.fromkeys(range(1, 11), "normal") | dict.fromkeys(range(11, 16), "blocked")
    answer = Response({"state_batch": words | {16: "disallowed"}}, {"iot_monitor": "tariff"})
    found = permissions("state_batch", answer, {11: "Truck 7"})
    assert found.mark == "attention"
    assert found.words == "10 normal; 5 blocked (11 Truck 7, 12, 13, …); 1 disallowed (16)"
    assert "unblocked on the platform" in found.remedy
    assert "account's owner" in found.remedy
    refused = permissions("iot_monitor", answer, {})
    assert (refused.mark, refused.words) == ("attention", "refused: tariff")
    nobody = Response({"state_batch": {1: "unknown"}})
    assert permissions("state_batch", nobody, {}).mark == "problem"
    assert permissions("readings_batch", nobody, {}).mark == "attention"


def test_a_server_in_order_is_all_ok(simulator):
    found = examine(simulator)
    assert {one.mark for one in found.values()} == {"ok"}, found
    assert list(found) == [
        *("server", "key", "clock", "zone", "trackers"),
        *("events", "state_batch", "readings_batch", "iot_monitor"),
    ]
    assert found["zone"].words == "Europe/Madrid"
    assert found["state_batch"].words == "13 normal"
    assert found["iot_monitor"].words == "10 normal of the 10 that were tried"
    assert simulator.api_key not in repr(found)


def test_trackers_that_are_blocked_unknown_or_not_allowed_are_named(simulator):
    blocked, other = simulator.tracker_ids[0], simulator.tracker_ids[3]
    foreign = simulator.foreign_tracker_ids[0]
    simulator.block(blocked)
    found = examine(simulator, (blocked, other, foreign, 5))
    for event in ("state_batch", "readings_batch", "iot_monitor"):
        words = found[event].words
        assert found[event].mark == "attention"
        assert words.startswith("1 normal")
        assert f"1 blocked ({blocked} Furgón 1 · Lavapiés)" in words
        assert f"1 disallowed ({foreign})" in words
        assert "1 unknown (5)" in words


def test_a_wrong_key_is_told_and_nothing_else_is_tried(simulator):
    key = "f" * 32
    found = examine(simulator, api_key=key)
    assert list(found) == ["server", "key"]
    assert (found["server"].mark, found["key"].mark) == ("ok", "problem")
    assert "FLEETLAB_API_KEY" in found["key"].remedy
    assert key not in repr(found)


def test_a_login_is_a_key_too(simulator):
    who = {"login": simulator.login, "password": simulator.password}
    found = examine(simulator, **who)
    assert {one.mark for one in found.values()} == {"ok"}
    assert simulator.password not in repr(found)
    wrong = examine(simulator, login=simulator.login, password="wrong-password")
    assert wrong["key"].mark == "problem"
    assert "wrong-password" not in repr(wrong)


def test_a_server_that_is_down_or_not_there_is_a_problem(simulator):
    simulator.rest_down = True
    [found] = examine(simulator).values()
    assert (found.name, found.mark) == ("server", "problem")
    assert "503" in found.words
    nowhere = resolve_server("http://127.0.0.1:1", {})
    [found] = examine_server(nowhere, Credentials(api_key="0" * 32))
    assert (found.name, found.mark) == ("server", "problem")
    assert "refuses connections" in found.words
    assert found.remedy


def test_a_subscription_that_is_refused_or_not_answered_is_a_problem(simulator, monkeypatch):
    simulator.refuse_next(236)
    found = examine(simulator)
    assert found["events"].mark == "problem"
    assert "tariff" in found["events"].words
    simulator.hanging = True
    monkeypatch.setattr("fleetlab.doctor_server.ANSWER_S", 0.3)
    found = examine(simulator)
    assert found["events"].mark == "problem"
    assert "not answered within" in found["events"].words


def test_raw_attributes_that_are_refused_are_no_problem_of_the_rest(simulator, monkeypatch):
    def refusing(event, *arguments):
        if event == "readings_batch":  # the last before raw attributes are asked for
            simulator.refuse_next(7)
        return permissions(event, *arguments)

    monkeypatch.setattr("fleetlab.doctor_server.permissions", refusing)
    found = examine(simulator)
    assert found["events"].mark == found["state_batch"].mark == "ok"
    assert found["iot_monitor"].mark == "attention"
    assert "code 7" in found["iot_monitor"].remedy


# -- in a terminal -----------------------------------------------------------------------------


def test_without_an_account_the_simulator_is_checked_and_said_so():
    code, out, err = run("doctor")
    assert (code, err) == (0, "")
    assert "embedded simulator is checked" in out
    assert "FLEETLAB_SERVER" in out
    assert "iot_monitor" in out
    assert not Path("recordings").exists()


def test_each_check_is_a_line_with_a_mark_and_what_to_do_below():
    with Simulator(vehicles=12, seed=3) as sim:
        sim.block(sim.tracker_ids[0])
        code, out, err = run("doctor", "--server", sim.base_url, FLEETLAB_API_KEY=sim.api_key)
        assert sim.api_key not in out
    assert (code, err) == (0, "")
    lines = out.splitlines()
    checks = [line.split()[0] for line in lines[:-2] if not line.startswith(" ")]
    assert set(checks) <= {"ok", "attention"}
    [at] = [n for n, line in enumerate(lines) if line.startswith("attention  state_batch")]
    assert "2 blocked" in lines[at]
    assert lines[at + 1].strip().startswith("Blocked ones send nothing")
    assert "to look at" in lines[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["--server", "http://127.0.0.1:1"], 1, "refuses connections"),
        (["--save-to", "/proc/recordings"], 1, "can't be written"),
    ],
)
def test_a_problem_is_exit_code_1(arguments, code, word):
    key = {"FLEETLAB_API_KEY": "0" * 32} if "--server" in arguments else {}
    returned, out, err = run("doctor", *arguments, **key)
    assert (returned, err) == (code, "fleetlab: 1 problem to solve first.\n")
    assert word in out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--server", "eu"], "FLEETLAB_API_KEY"),
        (["--server", "mars"], "mars"),
        (["--trackers", "a,b"], "--trackers"),
        (["--login", "me"], "FLEETLAB_SERVER"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_one_line(arguments, word):
    code, out, err = run("doctor", *arguments)
    assert (code, out) == (2, "")
    [line] = err.splitlines()
    assert word in line
