"""The panel of a capture in a real JupyterLab: alive while a cell blocks, and what it leaves."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time

import pytest

from tests.browser.conftest import TOKEN, end_kernels

IMPORT = "import fleetlab as fl"
PANEL = ".jp-Notebook .fleetlab-panel"
CAPTURE = 'fl.capture(server="demo", rate_limit="1s")'


def text_of(page, name: str) -> str:
    return page.locator(f'{PANEL} [data-is="{name}"]').first.text_content()


def number_of(page, name: str) -> int:
    return int(text_of(page, name).replace(",", "") or 0)


def wait_for_rows(page, more_than: int = 0) -> int:
    """Wait until more rows are shown, and return how many."""
    page.locator(PANEL).first.wait_for(timeout=60_000)
    page.wait_for_function(
        """([place, least]) => Number(
            document.querySelector(place)?.textContent.replaceAll(",", "")) > least""",
        arg=[f'{PANEL} [data-is="rows"]', more_than],
        timeout=30_000,
    )
    return number_of(page, "rows")


def wait_for_end(page, mood: str = "ended") -> float:
    """Wait until it is over, and return how many seconds that took."""
    began = time.monotonic()
    page.locator(f"{PANEL}.fleetlab-{mood}").first.wait_for(timeout=20_000)
    return time.monotonic() - began


def outputs_of(page, cell: int) -> list[str]:
    return page.locator(f".jp-CodeCell >> nth={cell} >> .jp-OutputArea-output").all_text_contents()


def height_of(page) -> float:
    return page.locator(PANEL).first.bounding_box()["height"]


@pytest.mark.alone
@pytest.mark.parametrize("call", [CAPTURE, f"await {CAPTURE.replace('capture', 'acapture')}"])
def test_it_lives_while_the_cell_blocks_and_stop_is_heard_within_a_second(notebook, call):
    page = notebook(IMPORT, call, name="blocking.ipynb")
    height = wait_for_rows(page) and height_of(page)
    wait_for_rows(page, number_of(page, "rows"))
    assert text_of(page, "state") == "subscribed"
    assert re.fullmatch(r"0:\d\d, until stopped", text_of(page, "clock"))
    assert "state_batch" in text_of(page, "rates")
    assert height_of(page) == height
    button = page.get_by_role("button", name="Stop")
    page.locator(".fleetlab-log").focus()
    page.keyboard.press("Shift+Tab")
    assert button.evaluate("node => node === document.activeElement")
    assert button.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert wait_for_end(page) < 1
    assert height_of(page) == height
    page.get_by_text("(ipykernel) | Idle").wait_for()
    summary, value = outputs_of(page, 1)
    assert "captured" in summary
    assert value.startswith("Recording 20")
    assert "statestopped" in value


@pytest.mark.alone
def test_the_interrupt_button_ends_it_and_the_recording_is_the_value(notebook):
    page = notebook(IMPORT, f"rec = {CAPTURE}", "rec.info.stopped_because", name="interrupt.ipynb")
    wait_for_rows(page)
    page.locator('[data-command="notebook:interrupt-kernel"]').first.click()
    assert wait_for_end(page) < 3
    page.get_by_text("(ipykernel) | Idle").wait_for()
    assert len(outputs_of(page, 1)) == 1


@pytest.mark.alone
def test_after_a_reload_it_comes_back_and_stop_works(notebook):
    page = notebook(IMPORT, f"job = {CAPTURE.replace('capture', 'start')}", name="reload.ipynb")
    wait_for_rows(page)
    save(page)
    page.reload()
    wait_for_rows(page, wait_for_rows(page))
    page.get_by_role("button", name="Stop").click()
    assert wait_for_end(page) < 1


ERROR = """
import pathlib, threading
from fleetlab.simulator import Simulator
sim = Simulator(vehicles=3).start()

def refuse():
    while not pathlib.Path("now").exists():
        threading.Event().wait(0.1)
    sim.refuse_next(4, f"what is {sim.api_key}?")
    sim.cut()

threading.Thread(target=refuse, daemon=True).start()
rec = fl.capture(server=sim.base_url, api_key=sim.api_key, save_to="refused")
"""


def test_an_error_of_the_stream_shows_in_the_users_own_cell(notebook, lab):
    page = notebook(IMPORT, ERROR, name="error.ipynb")
    wait_for_rows(page)
    (lab[0] / "now").touch()
    wait_for_end(page, "bad")
    page.locator(".jp-CodeCell >> nth=1 >> text=AuthenticationError").first.wait_for()
    assert text_of(page, "state") == "ended by an error"
    assert "FLEETLAB_API_KEY" in text_of(page, "log")
    log = page.locator(f"{PANEL} .fleetlab-log").first
    assert log.evaluate("(log) => log.clientHeight") >= 4 * 18  # room for the sentence, not its end


def test_a_saved_notebook_that_is_opened_without_its_kernel_tells_what_was_captured(
    notebook, open_page, lab
):
    folder, url = lab
    page = notebook(IMPORT, CAPTURE.replace(")", ", seconds=2)"), name="saved.ipynb")
    page.locator(".jp-RenderedHTML .fleetlab-panel").wait_for(timeout=60_000)
    page.locator(".jp-CodeCell .jp-OutputArea-executeResult").wait_for()
    save(page)
    saved = (folder / "saved.ipynb").read_text()
    assert "captured" in saved
    assert "widget-view" not in saved
    page.close()
    end_kernels(url)
    page = open_page(f"{url}lab/tree/saved.ipynb?token={TOKEN}&reset")
    page.locator(PANEL).wait_for(timeout=60_000)
    assert text_of(page, "state") == "captured"
    assert number_of(page, "rows") > 0
    page.get_by_text("What was recorded").click()
    assert page.get_by_text("the time asked for was over").first.is_visible()


def save(page) -> None:
    page.keyboard.press("Control+s")
    page.get_by_text("Saving completed").wait_for()


def test_a_notebook_that_is_executed_without_a_browser_keeps_what_was_captured(tmp_path):
    cells = [
        {"cell_type": "code", "id": f"cell{number}", "source": text, "outputs": []}
        | {"metadata": {}, "execution_count": None}
        for number, text in enumerate([IMPORT, CAPTURE.replace(")", ", seconds=1)")])
    ]
    made = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "made.ipynb").write_text(json.dumps(made))
    convert = [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--inplace"]
    subprocess.run([*convert, "made.ipynb"], check=True, cwd=tmp_path, capture_output=True)
    panel, value = json.loads((tmp_path / "made.ipynb").read_text())["cells"][1]["outputs"]
    assert "captured" in "".join(panel["data"]["text/html"])
    assert "application/vnd.jupyter.widget-view+json" not in panel["data"]
    assert value["output_type"] == "execute_result"


DEAF = """
from fleetlab.live.panel import Panel
Panel._on_message = lambda *_: None
"""


def test_where_stop_is_not_heard_the_panel_says_what_is(notebook):
    page = notebook(IMPORT + DEAF, CAPTURE, name="deaf.ipynb")
    wait_for_rows(page)
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("No answer yet; try ■ in the toolbar").wait_for()
    page.locator('[data-command="notebook:interrupt-kernel"]').first.click()
    wait_for_end(page)


def test_it_follows_the_theme_of_lab_and_is_shown_where_it_is_asked_for(notebook):
    start = f"job = {CAPTURE.replace('capture', 'start')}"
    page = notebook(IMPORT, start, "job.view", name="theme.ipynb")
    wait_for_rows(page)
    page.locator(PANEL).nth(1).wait_for()
    look = """() => {
        const look = getComputedStyle(document.querySelector(".fleetlab-panel"));
        return [look.backgroundColor, look.color];
    }"""
    light = page.evaluate(look)
    page.get_by_text("Settings", exact=True).first.click()
    page.get_by_text("Theme", exact=True).first.click()
    page.get_by_text("JupyterLab Dark", exact=True).first.click()
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    dark = page.evaluate(look)
    assert dark != light
    page.get_by_role("button", name="Stop").first.click()
    page.locator(".jp-RenderedHTML .fleetlab-panel").nth(1).wait_for()
    assert page.evaluate(look) == dark
