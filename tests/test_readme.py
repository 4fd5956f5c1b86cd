"""Every snippet of the README and of the docs runs as it stands there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

import fleetlab as fl
from fleetlab.cli import app
from fleetlab.simulator import Simulator

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
ACCOUNT = "<!-- account -->\n"
PYTHON = re.compile(rf"({re.escape(ACCOUNT)})?```python\n(.*?)```", re.DOTALL)
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)


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


DOCS = ROOT / "docs"
EXTRAS = tuple(  # they need what most people don't; tests/extras runs them
    DOCS / f"{name}.md" for name in ("engines", "coming-from/pandas", "coming-from/movingpandas")
)
PAGES = sorted(
    page
    for page in DOCS.rglob("*.md")
    if "```python" in page.read_text("utf-8") and page not in EXTRAS
)


@pytest.fixture
def account(monkeypatch):
    """An account in the environment, in the keyring, and in the mind of who is asked for it."""
    with Simulator(vehicles=3, seed=3) as sim:
        monkeypatch.setenv("FLEETLAB_SERVER", sim.base_url)
        monkeypatch.setenv("FLEETLAB_API_KEY", sim.api_key)
        monkeypatch.setattr("getpass.getpass", lambda _: sim.api_key)
        keyring = SimpleNamespace(get_password=lambda *_: sim.api_key)
        monkeypatch.setitem(sys.modules, "keyring", keyring)
        yield sim


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS))[:-3])
def test_the_snippets_of_a_page_run(page, request):
    snippets = PYTHON.findall(page.read_text("utf-8"))
    assert snippets
    names: dict[str, object] = {}
    sim = request.getfixturevalue("account") if any(mark for mark, _ in snippets) else None
    for mark, code in snippets:
        text = code.replace('server="eu"', f'server="{sim.base_url}"') if mark else code
        exec(compile(text, page.name, "exec"), names)


def test_the_commands_of_the_pages_are_there_with_their_options():
    commands = typer.main.get_command(app).commands
    lines = [
        line
        for page in DOCS.rglob("*.md")
        for block in CONSOLE.findall(page.read_text("utf-8"))
        for line in block.splitlines()
        if line.startswith("fleetlab ")
    ]
    assert len(lines) > 6
    for line in lines:
        _, name, *words = shlex.split(line, comments=True)
        commands[name].make_context(name, words)


def test_the_reference_has_every_public_name():
    pages = "\n".join(page.read_text("utf-8") for page in (DOCS / "api").glob("*.rst"))
    for name in set(fl.__all__) - {"__version__", "analysis"}:
        assert re.search(rf"^\.\. auto\w+:: fleetlab\.{name}(\(\))?$", pages, re.MULTILINE), name


def test_the_two_commands_are_targets_of_the_makefile():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for name in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert name in targets


@pytest.mark.parametrize("page", [ROOT / "README.md", *DOCS.rglob("*.md")], ids=lambda it: it.stem)
def test_what_it_links_to_is_there(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target
