"""A real Chromium and a real JupyterLab, with every request beyond loopback refused."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import eventually

sync_api = pytest.importorskip("playwright.sync_api", reason="make test-browser installs it")

TOKEN = "only-for-this-test"
OLD_PYTHON = Path(sys.prefix, "old-kernel", "bin", "python")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium here; on Debian: apt install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Return a function that opens a page in a browser of some zone; asserts that it was quiet."""
    contexts, troubles = [], []

    def is_near(url: str) -> bool:
        parts = urlsplit(url)
        return parts.scheme in ("file", "data", "blob") or parts.hostname in (
            "127.0.0.1",
            "localhost",
        )

    def warn(kind: str, text: str) -> None:
        if kind == "error" or text.startswith("WARN"):  # so Vega begins its warnings
            troubles.append(text)

    def guard(route):
        if is_near(route.request.url):
            route.continue_()
        else:
            troubles.append(f"asked for {route.request.url}")
            route.abort()

    def make(url: str, timezone: str = "America/New_York", **more):
        context = browser.new_context(
            timezone_id=timezone, viewport={"width": 1200, "height": 900}, **more
        )
        context.route("**/*", guard)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: warn(said.type, said.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(url)
        return page

    yield make
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """Return folder and URL of a JupyterLab."""
    pytest.importorskip("jupyterlab", reason="make test-browser installs it")
    folder = tmp_path_factory.mktemp("lab")
    runtime = tmp_path_factory.mktemp("runtime")
    old = runtime / "data" / "kernels" / "old"
    old.mkdir(parents=True)
    argv = [str(OLD_PYTHON), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Old (ipykernel)", "language": "python"}
    (old / "kernel.json").write_text(json.dumps(spec))
    settings = {"JUPYTER_RUNTIME_DIR": str(runtime), "JUPYTER_CONFIG_DIR": str(runtime / "config")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"]
    options = [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"]
    with (runtime / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, *options],
            env={**os.environ, **settings, "JUPYTER_DATA_DIR": str(runtime / "data")},
            stdout=log,
            stderr=log,
        )
        try:
            yield folder, _address(process, runtime)
        finally:
            process.terminate()
            process.wait(20)


def _address(process: subprocess.Popen, runtime: Path) -> str:
    def told() -> str | None:
        assert process.poll() is None, (runtime / "log").read_text()
        for path in runtime.glob("jpserver-*.json"):
            # The file may be half written, and comes before the server listens.
            with contextlib.suppress(ValueError, OSError):
                url = json.loads(path.read_text())["url"]
                with urllib.request.urlopen(f"{url}api?token={TOKEN}"):
                    return url
        return None

    return eventually(told, "JupyterLab answers", 60)


def ask(url: str, method: str = "GET"):
    headers = {"Authorization": f"token {TOKEN}"}
    return urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers))


def end_kernels(url: str) -> None:
    for kernel in json.load(ask(f"{url}api/kernels")):
        ask(f"{url}api/kernels/{kernel['id']}", "DELETE")


@pytest.fixture
def _kernels(lab):
    """End those of a test after its pages: their captures would go on beside the next ones."""
    yield
    end_kernels(lab[1])


@pytest.fixture
def notebook(lab, _kernels, open_page):
    """Return a function that runs cells in a new notebook, and gives the page."""
    folder, url = lab

    def run(*cells: str, name: str = "test.ipynb", kernel: str = "python3", **more):
        made = [
            {
                "cell_type": "code",
                "id": f"cell{number}",
                "metadata": {},
                "source": text,
                "outputs": [],
                "execution_count": None,
            }
            for number, text in enumerate(cells)
        ]
        spec = {"name": kernel, "display_name": kernel, "language": "python"}
        content = {"cells": made, "metadata": {"kernelspec": spec}, "nbformat": 4}
        (folder / name).write_text(json.dumps({**content, "nbformat_minor": 5}))
        # Without what is still open of another test.
        page = open_page(f"{url}lab/tree/{name}?token={TOKEN}&reset", **more)
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
        page.get_by_text("(ipykernel) | Idle").wait_for(timeout=60_000)
        page.get_by_text("Run", exact=True).first.click()
        page.get_by_text("Run All Cells", exact=True).click()
        return page

    return run
