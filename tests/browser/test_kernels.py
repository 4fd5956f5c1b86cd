"""A kernel without subshells, a kernel that is restarted, and several captures in one."""

from __future__ import annotations

import pytest

import fleetlab as fl
from fleetlab.live.view import HINT
from tests.browser.conftest import OLD_PYTHON
from tests.browser.test_panel import CAPTURE, IMPORT, PANEL, outputs_of, wait_for_end, wait_for_rows
from tests.conftest import eventually

old_kernel = pytest.mark.skipif(not OLD_PYTHON.exists(), reason="make test-browser installs it")


@pytest.mark.alone
@old_kernel
def test_an_old_kernel_says_what_stops_a_blocking_capture_and_that_does(notebook):
    page = notebook(IMPORT, CAPTURE, "import ipykernel; ipykernel.__version__", kernel="old")
    wait_for_rows(page, wait_for_rows(page))  # it lives while the cell blocks
    assert page.get_by_text(HINT).is_visible()
    assert page.locator(PANEL).get_by_role("button", name="Stop").count() == 0
    page.locator('[data-command="notebook:interrupt-kernel"]').first.click()
    assert wait_for_end(page) < 1
    page.get_by_text("(ipykernel) | Idle").wait_for()
    value = outputs_of(page, 1)[-1]
    assert value.startswith("Recording 20")
    assert "interrupt" in value


@pytest.mark.alone
@old_kernel
def test_an_old_kernel_hears_stop_of_a_capture_in_the_background(notebook):
    job = f"job = {CAPTURE.replace('capture', 'start')}"
    page = notebook(IMPORT, job, "import ipykernel; ipykernel.__version__", kernel="old")
    wait_for_rows(page)
    assert "6.29.5" in outputs_of(page, 2)[0]
    page.locator(PANEL).get_by_role("button", name="Stop").click()
    assert wait_for_end(page) < 1


def test_several_captures_go_on_at_once_and_each_is_stopped_by_its_own_button(notebook):
    start = CAPTURE.replace("capture", "start")
    told = "first.result().info.stopped_because, second.running"
    page = notebook(IMPORT, f"first = {start}", f"second = {start}", told, name="several.ipynb")
    panels = page.locator(PANEL)
    panels.nth(1).wait_for(timeout=60_000)
    wait_for_rows(page)
    panels.nth(0).get_by_role("button", name="Stop").click()
    page.locator(f"{PANEL}.fleetlab-ended").wait_for()
    assert "fleetlab-ended" in panels.nth(0).get_attribute("class")
    rows = panels.nth(1).locator('[data-is="rows"]')
    before = rows.text_content()
    eventually(lambda: rows.text_content() != before, "the other goes on")
    assert outputs_of(page, 3) == ["('stop', True)"]
    panels.nth(1).get_by_role("button", name="Stop").click()
    page.locator(f"{PANEL}.fleetlab-ended").nth(1).wait_for()


def test_a_kernel_that_is_restarted_ends_its_capture_and_the_recording_is_whole(notebook, tmp_path):
    folder = tmp_path / "restarted"
    start = f'job = fl.start(server="demo", rate_limit="1s", save_to={str(folder)!r})'
    page = notebook(IMPORT, start, name="restarted.ipynb")
    shown = wait_for_rows(page, wait_for_rows(page))
    page.locator('[data-command="notebook:restart-kernel"]').first.click()
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    rec = eventually(lambda: ended(folder), "the capture has ended")
    assert rec.info.stopped_because == "stop"
    assert sum(map(len, rec.frames.values())) >= shown
    page.get_by_text("(ipykernel) | Idle").wait_for()


def ended(folder) -> fl.Recording | None:
    rec = fl.load(folder)
    return rec if rec.info.stopped_because not in (None, "unfinished") else None
