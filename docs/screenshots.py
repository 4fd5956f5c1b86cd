"""Take the pictures of docs/live.md in a real JupyterLab and Chromium, light and dark.

Run it as ``python docs/screenshots.py`` where ``make test-browser`` has run (ten minutes), or with
the names of those to take.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

PICTURES = Path(__file__).parent / "pictures"
START = """
import fleetlab as fl
from fleetlab.simulator import Simulator
sim = Simulator(60, seed=5).start()
at = {"server": sim.base_url, "api_key": sim.api_key, "rate_limit": "1s", "save_to": False}
"""
JOB = START + "job = fl.start(**at, view=False)"
FEW = JOB.replace("60", "36")  # so few that a map names them
WATCHED = (
    START
    + """
watched = fl.IotMonitor(trackers=sim.tracker_ids[:5])
job = fl.start(**at, events=["state_batch", watched], view=False)
"""
)
AWAY = "import time\ntime.sleep(25)\nsim.restart(8)\ntime.sleep(15)"
DARK = '{"theme": "JupyterLab Dark", "adaptive-theme": false}'


@dataclass(frozen=True)
class Shot:
    """A picture of what the cells show, a while after they ran."""

    cells: tuple[str, ...]
    place: str
    seconds: float = 5
    hover: str | None = None
    at: tuple[float, float] = (300, 100)


SHOTS = {
    "live": Shot((START, "fl.capture(seconds=40, **at)"), ".fleetlab-panel", 20),
    "live-ended": Shot((START, "rec = fl.capture(seconds=8, **at)"), ".fleetlab-ended", 1),
    "live-fleet": Shot((JOB, "fl.live.fleet(job)"), ".fleetlab-fleet", 20),
    "live-attributes": Shot(
        (WATCHED, "fl.live.attributes(job)"),
        ".fleetlab-attributes",
        20,
        ".fleetlab-attributes td[data-type]",
        (12, 8),
    ),
    "live-map": Shot(
        (FEW, "fl.live.map(job)"), ".fleetlab-map", 40, ".fleetlab-map canvas", (420, 200)
    ),
    "live-speed": Shot(
        (JOB, "fl.live.speed(job, minutes=1)", AWAY), ".fleetlab-moving", 48, ".fleetlab-stage"
    ),
    "live-fuel-level": Shot(
        (JOB, "fl.live.fuel_level(job, minutes=1)", AWAY), ".fleetlab-moving", 48
    ),
    "live-status": Shot(
        (JOB, "fl.live.status(job, minutes=1)", AWAY), ".fleetlab-moving", 48, ".fleetlab-stage"
    ),
}


def main() -> None:
    """Take all pictures, or those that are named."""
    names = sys.argv[1:] or list(SHOTS)
    for theme in ("light", "dark"):
        with sync_playwright() as playwright, lab(dark=theme == "dark") as (folder, url):
            browser = playwright.chromium.launch(
                executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
                args=["--no-sandbox"],
            )
            for name in names:
                take(browser, SHOTS[name], folder, url, PICTURES / f"{name}-{theme}.png")
            browser.close()


@contextlib.contextmanager
def lab(*, dark: bool):  # noqa: ANN201
    """A JupyterLab of its own: its folder and URL."""
    with tempfile.TemporaryDirectory() as made:
        home = Path(made)
        settings = home / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
        if dark:
            (settings / "themes.jupyterlab-settings").write_text(DARK)
        folder = home / "work"
        folder.mkdir()
        places = {
            f"JUPYTER_{one.upper()}_DIR": str(home / one) for one in ("runtime", "config", "data")
        }
        options = ["--no-browser", "--allow-root", "--port=0", "--IdentityProvider.token=local"]
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options, f"--ServerApp.root_dir={folder}"],
            env={**os.environ, **places},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield folder, address(home / "runtime")
        finally:
            process.terminate()
            process.wait()


def address(runtime: Path) -> str:
    """Wait until it answers, and return its URL."""
    while True:
        for path in runtime.glob("jpserver-*.json"):
            with contextlib.suppress(ValueError, OSError):
                url = json.loads(path.read_text())["url"]
                urllib.request.urlopen(f"{url}api?token=local")
                return str(url)
        time.sleep(0.2)


def take(browser: Browser, shot: Shot, folder: Path, url: str, path: Path) -> None:
    """Run the cells, wait, and take the picture."""
    about = {"metadata": {}, "outputs": [], "execution_count": None, "cell_type": "code"}
    cells = [{**about, "id": f"c{n}", "source": code.strip()} for n, code in enumerate(shot.cells)]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = {"cells": cells, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}
    (folder / f"{path.stem}.ipynb").write_text(json.dumps(book))
    page = browser.new_page(viewport={"width": 1400, "height": 1100}, device_scale_factor=1.5)
    page.goto(f"{url}lab/tree/{path.stem}.ipynb?token=local&reset")
    page.get_by_text("(ipykernel) | Idle").wait_for(timeout=60_000)
    page.get_by_text("Run", exact=True).first.click()
    page.get_by_text("Run All Cells", exact=True).click()
    place = page.locator(f".jp-Notebook {shot.place}").first
    place.wait_for(timeout=60_000)
    page.wait_for_timeout(shot.seconds * 1000)
    point(page, shot)
    place.screenshot(path=path)
    page.close()
    for kernel in json.load(ask(f"{url}api/kernels")):
        ask(f"{url}api/kernels/{kernel['id']}", "DELETE")


def ask(url: str, method: str = "GET"):  # noqa: ANN201
    """Ask JupyterLab's API."""
    headers = {"Authorization": "token local"}
    return urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers))


def point(page: Page, shot: Shot) -> None:
    """Have the pointer where the picture is to show what it tells."""
    page.mouse.move(2, 2)
    if shot.hover:
        x, y = shot.at
        page.locator(shot.hover).first.hover(position={"x": x, "y": y})
        page.wait_for_timeout(300)


if __name__ == "__main__":
    main()
