"""Attributes of devices in a real JupyterLab: they come, flash, stand still, and are all there."""

from __future__ import annotations

import json
import re
from pathlib import Path

from fleetlab.live.words import NOTHING
from tests.browser.test_fleet import set_theme

ROOT = Path(__file__).parents[2]
VIEW = ".jp-Notebook .fleetlab-attributes"
ROWS = f"{VIEW} tbody tr[data-row]"
TIP = f"{VIEW} .fleetlab-tip"
START = """
import fleetlab as fl
from fleetlab.simulator import Simulator
sim = Simulator(vehicles=3, seed=3)
sim.start()
request = fl.IotMonitor(trackers=sim.tracker_ids[:2])
job = fl.start(
    server=sim.base_url, api_key=sim.api_key, rate_limit="1s", events=["state_batch", request],
    save_to=False, view=False,
)
"""
MADE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import fleetlab as fl
from tests.live.devices import job_with, tell, told
job = job_with(
    told(3, "9007199254740993", field="a2"),
    told(1, "1", field="a2"),
    told(2, "<b>two</b>", field="a2", value_type="string", srv_time=None),
    told(1, "5", field="a10"),
    told(1, None, field="a1", queue="all"),
    told(2, None, field="a10", queue="all"),
    told(1, "5", field="a10", queue="all"),
    told(4, "x" * 3000, 2, "a10", value_type="string"),
)
"""
SHOW = "view = fl.live.attributes(job, every=0.1)\nview"
LARGE = """
for n in range(10):
    tell(job, *(
        told(n * 20 + depth, f"{n}-{depth}", n + 1, f"attribute {field}", value_type="string")
        for field in range(300) for depth in range(13)
    ))
"""


def opened(notebook, *code: str, name: str, rows: int = 1, **more):
    page = notebook(*code, name=name, **more)
    page.locator(VIEW).first.wait_for(timeout=60_000)
    page.wait_for_function(
        "([rows, least]) => document.querySelectorAll(rows).length >= least",
        arg=[ROWS, rows],
        timeout=30_000,
    )
    return page


def table(page) -> list[list[str]]:
    """Texts of all rows in the page: name, depth, and a value each device."""
    return page.eval_on_selector_all(
        ROWS,
        """(rows) => rows.map((row) =>
            [...row.querySelectorAll("th span, td span")].map((one) => one.textContent))""",
    )


def wait_for(page, row: list[str]) -> None:
    page.wait_for_function(
        """([rows, row]) => [...document.querySelectorAll(rows)].some((one) =>
            [...one.querySelectorAll("th span, td span")].map((one) => one.textContent)
                .join("\\n") === row)""",
        arg=[ROWS, "\n".join(row)],
        timeout=30_000,
    )


def control(page, name: str):
    return page.locator(VIEW).get_by_label(name)


def run(page, code: str) -> None:
    """Run a cell more, which the notebook doesn't show."""
    page.locator(".jp-CodeCell .cm-content").last.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(code)
    page.keyboard.press("Control+Enter")


def test_values_come_flash_and_end_with_the_job(notebook):
    page = opened(notebook, START, "view = fl.live.attributes(job)\nview", "", name="come.ipynb")
    page.locator(f"{VIEW} td[data-new]").first.wait_for(timeout=30_000)
    look = """(cells) => getComputedStyle(cells[0]).animationName"""
    assert page.eval_on_selector_all(f"{VIEW} td[data-new]", look).startswith("fleetlab-flash-")
    assert {"altitude", "ble_beacon_id"} <= {row[0] for row in table(page)}
    body = page.locator(f"{VIEW} tbody")
    page.wait_for_function(
        "([body, was]) => document.querySelector(body).textContent !== was",
        arg=[f"{VIEW} tbody", body.text_content()],
    )
    heads = page.locator(f"{VIEW} thead th").all_text_contents()
    assert len(heads) == 3
    assert all(re.search(r"\d+ (s|min) ago$", text) for text in heads[1:])
    run(page, "job.stop(); sim.stop()")
    page.locator(VIEW).get_by_text("ended, as of").wait_for(timeout=30_000)
    page.wait_for_function(f"!document.querySelector('{VIEW} td[data-new]')")
    assert page.locator(VIEW).get_by_role("button", name="Pause").is_disabled()


def test_only_what_is_new_flashes_and_without_motion_where_that_is_wished(notebook):
    page = opened(notebook, MADE, SHOW, "", name="flash.ipynb", rows=2, reduced_motion="reduce")
    assert page.locator(f"{VIEW} td[data-new]").count() == 0
    run(page, 'tell(job, told(9, "77", field="a10"))')
    page.locator(f"{VIEW} td[data-new]").wait_for()
    assert page.locator(f"{VIEW} td[data-new]").all_text_contents() == ["77"]
    look = """(cells) => {
        const look = getComputedStyle(cells[0]);
        return [look.animationName, look.boxShadow];
    }"""
    [motion, mark] = page.eval_on_selector_all(f"{VIEW} td[data-new]", look)
    assert motion == "none"
    assert "3px" in mark
    page.wait_for_function(f"!document.querySelector('{VIEW} td[data-new]')")
    control(page, "Depth").select_option("2")
    control(page, "Depth").select_option("0")
    assert page.locator(f"{VIEW} td[data-new]").count() == 0


def test_depth_queue_null_and_search_choose_the_rows(notebook):
    page = opened(notebook, MADE, SHOW, name="rows.ipynb", rows=2)
    long = "x" * 200 + "…"
    assert table(page) == [
        ["a1", "", NOTHING, NOTHING],
        ["a2", "", "9007199254740993", NOTHING],
        ["a10", "", "5", long],
    ]
    control(page, "Depth").select_option("2")
    assert table(page)[3:6] == [
        ["a2", "0", "9007199254740993", NOTHING],
        ["a2", "1", "<b>two</b>", NOTHING],
        ["a2", "2", "1", NOTHING],
    ]
    control(page, "Hide null").check()
    assert [row[:2] for row in table(page)] == [["a2", "0"], ["a2", "1"], ["a2", "2"], ["a10", "0"]]
    control(page, "Queue").select_option("all")
    assert table(page) == [["a10", "1", "5", NOTHING]]
    control(page, "Hide null").uncheck()
    control(page, "Depth").select_option("0")
    assert table(page) == [
        ["a1", "", "null", NOTHING],
        ["a2", "", NOTHING, NOTHING],
        ["a10", "", "null", NOTHING],
    ]
    control(page, "Search").fill("A10")
    assert [row[0] for row in table(page)] == ["a10"]
    assert page.locator(VIEW).get_by_text("1 of 3 attributes").is_visible()
    control(page, "Search").fill("<b>")
    assert page.locator(VIEW).get_by_text("No attribute has that").is_visible()


def test_a_cell_tells_both_times_under_the_pointer_and_the_focus(notebook):
    page = opened(notebook, MADE, SHOW, name="tip.ipynb", rows=2)
    cell = page.locator(f"{VIEW} td")
    cell.nth(2).hover()
    page.locator(TIP).wait_for()
    text = page.locator(TIP).inner_text()
    times = ("2026-07-01 09:00:03 UTC", "2026-07-01 09:00:04 UTC")
    assert all(one in text for one in ("a2 of a", "9007199254740993", *times, "1 s", "int"))
    assert cell.nth(2).get_attribute("aria-describedby") == page.locator(TIP).get_attribute("id")
    cell.nth(3).hover()  # of what is not there nothing is to be told
    page.locator(TIP).wait_for(state="hidden")
    cell.nth(5).hover()
    page.get_by_text("string, 3,000 characters").wait_for()
    box = page.locator(TIP).bounding_box()
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= 1200
    assert box["y"] + box["height"] <= 900
    page.mouse.move(5, 5)
    page.locator(TIP).wait_for(state="hidden")
    control(page, "Depth").select_option("2")
    control(page, "Hide null").focus()
    page.keyboard.press("Tab")  # to the table
    for key in ("End", "Home", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    page.locator(TIP).wait_for()
    text = page.locator(TIP).inner_text()
    assert "a2 of a, 1 before the newest" in text
    assert "<b>two</b>" in text
    assert text.count("unknown") == 2  # no server time, no difference
    grid = page.locator(f"{VIEW} table")
    active = page.locator(f"#{grid.get_attribute('aria-activedescendant')}")
    assert active.text_content() == "<b>two</b>"
    page.keyboard.press("ArrowRight")
    page.locator(TIP).wait_for(state="hidden")
    page.keyboard.press("ArrowLeft")
    page.locator(TIP).wait_for()
    page.keyboard.press("Escape")
    page.locator(TIP).wait_for(state="hidden")


def test_a_pause_stands_still_while_rows_come_and_json_holds_what_is_shown(notebook):
    page = opened(notebook, MADE, SHOW, "", name="pause.ipynb", rows=2)
    page.locator(VIEW).get_by_role("button", name="Pause").click()
    page.locator(VIEW).get_by_text(re.compile(r"paused at \d\d:\d\d:\d\d UTC")).wait_for()
    held = page.locator(VIEW).inner_text()
    run(page, 'tell(job, told(9, "77", field="a10"))\nsent = view._queues.look(job.rec)')
    page.wait_for_timeout(1500)
    assert page.locator(VIEW).inner_text() == held
    with page.expect_download() as waited:
        page.locator(VIEW).get_by_role("button", name="JSON").click()
    assert re.fullmatch(r"attributes-\d{4}-\d\d-\d\dT\d{6}Z\.json", waited.value.suggested_filename)
    rows = json.loads(Path(waited.value.path()).read_text("utf-8"))
    texts = [row["value_text"] for row in rows if row["field"] == "a2"]
    assert texts == ["9007199254740993", "<b>two</b>", "1"]
    assert "77" not in [row["value_text"] for row in rows]
    page.locator(VIEW).get_by_role("button", name="Play").click()
    wait_for(page, ["a10", "", "77", "x" * 200 + "…"])
    run(page, "view.pause()")
    page.locator(VIEW).get_by_text("paused at").wait_for()
    run(page, "view.play()")
    page.locator(VIEW).get_by_text("live", exact=True).wait_for()


def test_of_300_attributes_with_13_values_only_rows_in_sight_are_in_the_page(notebook):
    page = opened(notebook, MADE + LARGE, SHOW, name="large.ipynb", rows=20)
    control(page, "Depth").select_option("12")
    control(page, "Search").fill("attribute")
    assert page.locator(f"{VIEW} table").get_attribute("aria-rowcount") == str(300 * 13 + 1)
    assert page.locator(f"{VIEW} tr").count() < 100
    assert table(page)[1][:4] == ["attribute 0", "1", "0-11", "1-11"]
    page.locator(f"{VIEW} table").focus()
    for key in ("End", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert table(page)[-1] == ["attribute 299", "12", *(f"{n}-0" for n in range(10))]
    assert page.locator(f"{VIEW} tr").count() < 100
    view = page.locator(f"{VIEW} .fleetlab-rows").bounding_box()
    corner = page.locator(f"{VIEW} thead th").first.bounding_box()
    name = page.locator(f"{ROWS} th").last.bounding_box()
    active = page.locator(f"{VIEW} td[id]").bounding_box()
    assert corner["x"] == name["x"] == view["x"] + 1
    assert abs(corner["y"] - view["y"] - 1) < 1
    assert active["x"] >= name["x"] + name["width"] - 1
    assert active["x"] + active["width"] <= view["x"] + view["width"]
    assert active["y"] + active["height"] <= view["y"] + view["height"]


def test_a_page_that_missed_something_or_is_reloaded_has_it_all_in_order(notebook):
    missed = """
tell(job, *(told(2.5, text, field="a2", value_type="string") for text in ("late", "later")))
tell(job, told(1, "1", 9, "<img src=x>", label="<u>nine</u>"))
view.stop()
view._look()
view._shown = (99, view._shown[1])
view.send({"of": 99, "now": 0, "devices": [], "notice": "", "rows": {}})
"""
    page = opened(notebook, MADE, SHOW, missed, name="missed.ipynb", rows=2)
    control(page, "Depth").select_option("3")
    values = ["9007199254740993", "later", "late", "<b>two</b>"]

    def is_whole() -> None:
        wait_for(page, ["<img src=x>", "0", NOTHING, NOTHING, "1"])
        assert [row[2] for row in table(page) if row[0] == "a2"] == values
        assert page.locator(f"{VIEW} thead th").last.text_content().startswith("<u>nine</u>9")

    is_whole()
    page.keyboard.press("Control+s")
    page.get_by_text("Saving completed").wait_for()
    page.reload()
    page.locator(ROWS).first.wait_for(timeout=60_000)
    control(page, "Depth").select_option("3")
    is_whole()


def test_what_is_not_recorded_is_told_and_all_follows_the_theme(notebook):
    code = [MADE + "job = job_with(asked=())", SHOW]
    page = notebook(*code, name="none.ipynb")
    page.locator(VIEW).get_by_text("capture with events=[fl.IotMonitor(trackers=[…])]").wait_for(
        timeout=60_000
    )
    look = """(query) => {
        const look = getComputedStyle(document.querySelector(query));
        return [look.backgroundColor, look.color];
    }"""
    found = [
        set_theme(page, name) or [page.evaluate(look, one) for one in (VIEW, f"{VIEW} thead th")]
        for name in ("Dark", "Light")
    ]
    assert found[1][0][0] == "rgb(255, 255, 255)"
    for dark, light in zip(*found, strict=True):
        assert dark[0] != light[0]
        assert dark[1] != light[1]
