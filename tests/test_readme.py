"""Every snippet of the README and of the docs runs as it stands there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fleetlab.simulator import Simulator

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
ACCOUNT = "<!-- account -->\n"
PYTHON = re.compile(rf"({re.escape(ACCOUNT)})?```python\n(.*?)```", re.DOTALL)
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)


@pytest.mark.timeout(180)
def test_the_tour_runs_from_top_to_bottom(monkeypatch):
    snippets = PYTHON.findall(README)
    assert len(snippets) > 8
    names: dict[str, object] = {}
    with Simulator(vehicles=3, seed=3) as sim:
        ids = ", ".join(map(str, sim.tracker_ids[:2]))
        for account, code in snippets:
            text = code
            if account:
                monkeypatch.setenv("FLEETLAB_SERVER", sim.base_url)
                monkeypatch.setenv("FLEETLAB_API_KEY", sim.api_key)
                text = code.replace("101, 102", ids).replace("[101]", f"[{sim.tracker_ids[0]}]")
                assert text != code
            exec(compile(text, "README.md", "exec"), names)
    assert Path("speed.png").stat().st_size > 1_000
    rec = names["rec"]
    assert not rec.iot_monitor.is_empty()
    assert rec.info.note == "depot north"


def test_the_commands_run_one_after_the_other():
    lines = [
        line
        for block in CONSOLE.findall(README)
        for line in block.splitlines()
        if line.startswith("fleetlab ")
    ]
    assert len(lines) == 8
    for line in lines:
        words = shlex.split(line)
        done = subprocess.run(
            [sys.executable, "-m", *words], check=False, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, (line, done.stderr)
    assert Path("first-csv/state_batch.csv").exists()
    assert Path("first.html").exists()
    assert Path("for-others/recording.json").exists()


EXTRAS = ROOT / "docs" / "engines.md"  # needs what most people don't; tests/extras runs it
PAGES = sorted(
    page
    for page in (ROOT / "docs").glob("*.md")
    if "```python" in page.read_text("utf-8") and page != EXTRAS
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_snippets_of_a_page_run(page):
    snippets = PYTHON.findall(page.read_text("utf-8"))
    assert snippets
    names: dict[str, object] = {}
    for _, code in snippets:
        exec(compile(code, page.name, "exec"), names)


def test_the_two_commands_are_targets_of_the_makefile():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for name in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert name in targets


def test_what_it_links_to_is_there():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).is_file(), target
