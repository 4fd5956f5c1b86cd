"""docs/unattended.md: its unit, its check and its clean-up do what the page says."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fleetlab.status_file import StatusFile

PAGE = (Path(__file__).parent.parent / "docs" / "unattended.md").read_text("utf-8")
[UNIT] = re.findall(r"```ini\n(# /etc/systemd.*?)```", PAGE, re.DOTALL)
[CHECK] = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
[CLEAN] = re.findall(r"^find /var/lib/fleetlab .*$", PAGE, re.MULTILINE)

posix = pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_no_fault_with_the_unit(tmp_path):
    program = Path(sys.executable).with_name("fleetlab")
    unit = tmp_path / "fleetlab.service"
    unit.write_text(UNIT.replace("/opt/fleetlab/bin/fleetlab", str(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_commands_of_the_page_have_options_that_exist():
    lines = re.findall(r"^(?:ExecStart=\S*/)?fleetlab (capture|doctor)( .*)$", PAGE, re.MULTILINE)
    assert len(lines) >= 4
    for command, line in lines:
        helped = subprocess.run(
            [sys.executable, "-m", "fleetlab", command, "--help"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for word in shlex.split(line):
            assert not word.startswith("-") or word in helped, line


@posix
@pytest.mark.parametrize(
    ("state", "age_s", "code"),
    [("receiving", 0, 0), ("lost", 0, 1), ("ended", 0, 1), ("receiving", 600, 2), (None, 0, 2)],
)
def test_the_check_tells_how_it_is(tmp_path, state, age_s, code):
    path = tmp_path / "status.json"
    if state is not None:
        file = StatusFile(path)
        file._told["state"] = state
        file._write()
        os.utime(path, (time.time() - age_s,) * 2)
    script = CHECK.replace("/run/fleetlab/status.json", str(path))
    done = subprocess.run(["sh", "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == code
    assert done.stdout.split(":")[0] == ("OK", "WARNING", "CRITICAL")[code]


def test_the_sample_of_the_status_has_the_keys_that_are_written(tmp_path):
    [sample] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    StatusFile(tmp_path / "status.json")
    written = json.loads((tmp_path / "status.json").read_text())
    told = json.loads(sample)
    assert set(written) <= set(told)
    for key in told:
        assert re.search(rf"^\|.*`{key}`.*\|", PAGE, re.MULTILINE), key


@posix
def test_the_clean_up_takes_old_recordings_and_nothing_else(tmp_path):
    old = time.time() - 31 * 86_400
    for name in ("2026-10-01T000000Z", "2026-10-02T000000Z-2", "2026-11-29T000000Z", "mine"):
        (tmp_path / name / "raw").mkdir(parents=True)
    for name in ("2026-10-01T000000Z", "2026-10-02T000000Z-2", "mine"):
        os.utime(tmp_path / name, (old, old))
    script = CLEAN.replace("/var/lib/fleetlab", str(tmp_path))
    subprocess.run(["sh", "-c", script], check=True)
    assert {path.name for path in tmp_path.iterdir()} == {"2026-11-29T000000Z", "mine"}
