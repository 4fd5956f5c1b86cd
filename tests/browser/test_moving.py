"""Charts that move in a real JupyterLab: lines, bands, gaps, what pointer and keyboard tell."""

from __future__ import annotations

import re
from pathlib import Path

from tests.browser.test_fleet import set_theme

ROOT = Path(__file__).parents[2]
CHART = ".jp-Notebook .fleetlab-moving"
START = """
import fleetlab as fl
from fleetlab.simulator import Simulator
sim = Simulator(vehicles=20, seed=5).start()
job = fl.start(server=sim.base_url, api_key=sim.api_key, rate_limit="1s", save_to=False, view=False)
"""
MADE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import fleetlab as fl
from tests.charts.recordings import at, recording
def row(n, who, **more):
    told = {{"movement_status": "moving", "connection_status": "active", "ignition": True}}
    return {{"tracker_id": who, "event_time": at(n), "speed_kmh": 10.0 * who, **told, **more}}
rows = [row(n, who) for n in range(0, 600, 10) for who in (1, 2)]
rows = [one for one in rows if not at(300) <= one["event_time"] < at(360)]
rec = recording(state_batch=rows, gaps=[(300, 360, "disconnected")], notes=[(400, "<b>shift</b>")])
"""


def paths(page) -> list[str]:
    return page.eval_on_selector_all(
        f"{CHART} path.fleetlab-line", "paths => paths.map((one) => one.getAttribute('d'))"
    )


def wait_for_lines(page, least: int = 1) -> None:
    page.locator(CHART).first.wait_for(timeout=60_000)
    page.wait_for_function(
        "([lines, least]) => document.querySelectorAll(lines).length >= least",
        arg=[f"{CHART} path.fleetlab-line", least],
        timeout=30_000,
    )


def tip_of(page) -> str:
    return page.locator(f"{CHART} .fleetlab-tip").first.inner_text()


def test_lines_grow_by_themselves_end_with_the_job_and_come_back_after_a_reload(notebook):
    code = [START, "view = fl.live.speed(job, minutes=1, every=0.2)\nview", "import time"]
    code += ["time.sleep(4)", "job.stop();"]
    page = notebook(*code, name="moving.ipynb")
    wait_for_lines(page, 2)
    first = paths(page)
    page.wait_for_function(
        """([lines, first]) =>
            document.querySelector(lines)?.getAttribute("d") !== first""",
        arg=[f"{CHART} path.fleetlab-line", first[0]],
    )
    assert re.fullmatch(r"M[-\d.]+ [-\d.]+([HV][-\d.]+)+", paths(page)[0])
    page.locator(CHART).get_by_text("ended, as of").wait_for(timeout=30_000)
    assert page.locator(CHART).get_by_text("Speed, last 1 minute").is_visible()
    last = paths(page)
    page.keyboard.press("Control+s")
    page.get_by_text("Saving completed").wait_for()
    page.reload()
    wait_for_lines(page, 2)
    assert paths(page) == last


def test_a_gap_is_a_gap_and_the_pointer_tells_what_there_is(notebook):
    page = notebook(MADE, "fl.live.speed(rec)", name="told.ipynb")
    wait_for_lines(page, 2)
    assert [path.count("M") for path in paths(page)] == [2, 2]
    gap = page.locator(f"{CHART} rect.fleetlab-gap")
    assert gap.text_content() == "gap: disconnected"
    shade = gap.bounding_box()
    middle = {"x": shade["x"] + shade["width"] / 2, "y": shade["y"] + 50}
    page.mouse.move(middle["x"], middle["y"])
    assert tip_of(page).count("not known") == 2
    page.mouse.move(middle["x"] + shade["width"], middle["y"])
    told = tip_of(page)
    assert re.search(r"2026-07-01 11:0\d:\d\d", told)  # in the recording's zone
    assert "Truck 1" in told
    assert "20 km/h" in told
    assert page.locator(f"{CHART} text").get_by_text("<b>shift</b>").is_visible()
    labels = page.locator(f"{CHART} .fleetlab-label").all_text_contents()
    assert "Time (Europe/Madrid)" in labels
    assert "Speed (km/h)" in labels
    assert "11:02" in labels
    page.mouse.move(5, 5)
    assert page.locator(f"{CHART} .fleetlab-tip").is_hidden()


def test_arrow_keys_tell_and_leave_the_notebook_alone(notebook):
    page = notebook(MADE, "fl.live.status(rec)", name="keys.ipynb")
    page.locator(f"{CHART} .fleetlab-band").first.wait_for(timeout=60_000)
    page.locator(f"{CHART} .fleetlab-stage").focus()
    page.keyboard.press("ArrowLeft")
    first = tip_of(page)
    assert "Truck 1" in first
    assert "moving" in first
    assert "ignition on" in first
    page.keyboard.press("ArrowDown")
    assert "Truck 2" in tip_of(page)
    for _ in range(26):
        page.keyboard.press("ArrowLeft")
    assert "unknown: not received: disconnected" in tip_of(page)
    page.keyboard.press("Escape")
    assert page.locator(f"{CHART} .fleetlab-tip").is_hidden()
    states = page.eval_on_selector_all(
        f"{CHART} .fleetlab-band", "bands => bands.map((one) => one.dataset.state)"
    )
    assert {"moving", "unknown", "ignition on", "active"} == set(states)


def test_a_click_in_the_legend_fades_the_others(notebook):
    page = notebook(MADE, "fl.live.speed(rec)", name="picked.ipynb")
    wait_for_lines(page, 2)
    key = page.locator(CHART).get_by_role("button", name="Truck 2")
    assert "20 km/h" in key.text_content()
    key.click()
    faded = page.locator(f"{CHART} path.fleetlab-faded")
    assert faded.get_attribute("data-line") == "Truck 1"
    assert key.get_attribute("aria-pressed") == "true"
    page.keyboard.press("Enter")
    assert faded.count() == 0


def test_views_go_together_in_a_box_and_follow_the_theme(notebook):
    box = "import ipywidgets\nipywidgets.VBox([fl.live.speed(rec), fl.live.fleet(rec)])"
    page = notebook(MADE, box, name="box.ipynb")
    wait_for_lines(page, 2)
    page.locator(".jp-Notebook .fleetlab-fleet tbody tr[data-row]").first.wait_for()
    look = """() => {
        const label = document.querySelector(".fleetlab-moving .fleetlab-label");
        return getComputedStyle(label).fill;
    }"""
    found = [set_theme(page, name) or page.evaluate(look) for name in ("Dark", "Light")]
    assert found[0] != found[1]
