"""The table of the fleet in a real JupyterLab: alive, sorted, sought in, and large."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FLEET = ".jp-Notebook .fleetlab-fleet"
ROWS = f"{FLEET} tbody tr[data-row]"
START = 'import fleetlab as fl\njob = fl.start(server="demo", rate_limit="1s", save_to=False)'
LARGE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import fleetlab as fl
from tests.charts.recordings import at, recording
rec = recording(
    labels={{n: f"Truck {{n}}" for n in range(1, 12_001)}},
    state_batch=[
        {{"tracker_id": n, "event_time": at(600 - n % 700), "speed_kmh": float(n % 90),
          "movement_status": ["moving", "stopped", "parked"][n % 3],
          "connection_status": "offline" if n % 11 == 0 else "active", "ignition": n % 3 == 0}}
        for n in range(1, 12_001)
    ],
)
fl.live.fleet(rec)
"""


def cells(page, column: int) -> list[str]:
    """Texts of a column, from the top of what is in the page."""
    return page.eval_on_selector_all(
        ROWS,
        """(rows, n) => rows.map((row) =>
            row.children[n].querySelector("span:not([class])").textContent)""",
        column,
    )


def numbers(page, column: int) -> list[int]:
    return [int(text) for text in cells(page, column) if text.isdigit()]


def head(page, name: str):
    return page.locator(FLEET).get_by_role("columnheader", name=name)


def opened(notebook, *code: str, name: str, rows: int, **more):
    page = notebook(*code, name=name, **more)
    page.locator(FLEET).first.wait_for(timeout=60_000)
    page.wait_for_function(
        "([rows, least]) => document.querySelectorAll(rows).length >= least",
        arg=[ROWS, rows],
        timeout=30_000,
    )
    return page


def test_rows_appear_change_and_end_with_the_job(notebook):
    code = [START, "fleet = fl.live.fleet(job, every=0.2)\nfleet", "import time; time.sleep(3)"]
    page = opened(notebook, *code, "job.stop();", "fleet.errors", name="fleet.ipynb", rows=12)
    body = page.locator(f"{FLEET} tbody")
    first = body.text_content()
    page.wait_for_function(
        "([body, first]) => document.querySelector(body).textContent !== first",
        arg=[f"{FLEET} tbody", first],
    )
    assert {"moving", "parked"} <= set(cells(page, 1))
    heights = page.eval_on_selector_all(ROWS, "rows => rows.map((row) => row.offsetHeight)")
    assert set(heights) == {26}  # in whatever script the labels are
    assert any(re.fullmatch(r"\d+\.\d (litre|%)", text) for text in cells(page, 5))
    page.locator(FLEET).get_by_text("ended, as of").wait_for(timeout=30_000)
    ages = cells(page, 4)
    page.locator(".jp-CodeCell >> nth=4 >> text=()").wait_for()
    page.wait_for_timeout(1500)
    assert cells(page, 4) == ages


def test_sort_and_search_by_mouse_and_keyboard(notebook):
    page = opened(notebook, LARGE, name="sorted.ipynb", rows=20)
    assert cells(page, 0)[:3] == ["Truck 1", "Truck 2", "Truck 3"]
    assert head(page, "Tracker").get_attribute("aria-sort") == "ascending"
    head(page, "Speed").get_by_role("button").click()
    assert numbers(page, 2)[:3] == [0, 0, 0]
    page.keyboard.press("Enter")
    assert numbers(page, 2)[:3] == [89, 89, 89]
    assert head(page, "Speed").get_attribute("aria-sort") == "descending"
    assert head(page, "Tracker").get_attribute("aria-sort") == "none"
    page.locator(FLEET).get_by_label("Search").fill("12000")
    assert cells(page, 0) == ["Truck 12000"]
    assert page.locator(FLEET).get_by_text("1 of 12,000 trackers").is_visible()
    page.locator(FLEET).get_by_label("Search").fill("<b>")
    assert cells(page, 0) == []
    assert page.locator(FLEET).get_by_text("No label or id").is_visible()


def test_of_12_000_rows_only_those_in_sight_are_in_the_page(notebook):
    page = opened(notebook, LARGE, name="large.ipynb", rows=20)
    assert page.locator(f"{FLEET} tr").count() < 100
    page.locator(f"{FLEET} .fleetlab-rows").focus()
    page.keyboard.press("End")
    page.locator(ROWS).get_by_text("Truck 12000", exact=True).wait_for()
    assert page.locator(f"{FLEET} tr").count() < 100
    box = page.locator(f"{FLEET} .fleetlab-rows").bounding_box()
    last = page.locator(ROWS).last.bounding_box()
    assert last["y"] + last["height"] <= box["y"] + box["height"] + 1
    assert page.locator(f"{FLEET} table").get_attribute("aria-rowcount") == "12001"
    assert page.locator(ROWS).last.get_attribute("aria-rowindex") == "12001"


def test_silence_fades_row_by_row(notebook):
    page = opened(notebook, LARGE, name="faded.ipynb", rows=20)
    head(page, "Last heard").get_by_role("button").click()
    look = """(rows) => getComputedStyle(
        rows[0].querySelector("td span")).opacity"""
    fresh = float(page.eval_on_selector_all(ROWS, look))
    page.keyboard.press("Enter")
    silent = float(page.eval_on_selector_all(ROWS, look))
    assert cells(page, 4)[0] == "11 min"
    assert (fresh, silent) == (1.0, 0.5)


def test_a_page_that_missed_something_asks_and_one_that_is_reloaded_has_it_all(notebook):
    missed = """
from IPython.display import display
import polars as pl
job.stop()
fleet._thread.join()
fleet._sent = (99, fleet._sent[1].with_columns(label=pl.lit("told <i>later</i>")))
fleet.send({"of": 99, "now": 0, "rows": []})
"""
    code = [START, "fleet = fl.live.fleet(job)\nfleet", missed]
    page = opened(notebook, *code, name="missed.ipynb", rows=12)
    page.locator(ROWS).get_by_text("told <i>later</i>").first.wait_for()
    page.keyboard.press("Control+s")
    page.get_by_text("Saving completed").wait_for()
    page.reload()
    page.locator(ROWS).get_by_text("told <i>later</i>").first.wait_for(timeout=60_000)
    assert set(cells(page, 0)) == {"told <i>later</i>"}


def test_two_views_of_it_are_sorted_each_by_itself_and_a_trouble_is_shown(notebook):
    code = [LARGE.replace("fl.live.fleet(rec)", "fleet = fl.live.fleet(rec)\nfleet"), "fleet"]
    page = opened(notebook, *code, 'fleet._tell("<b>no</b>")', name="twice.ipynb", rows=40)
    page.locator(FLEET).get_by_text("<b>no</b>").nth(1).wait_for()
    second = page.locator(FLEET).nth(1)
    second.get_by_role("columnheader", name="Speed").get_by_role("button").click()
    sorts = [
        page.locator(FLEET).nth(n).locator("[aria-sort=ascending]").text_content() for n in (0, 1)
    ]
    assert sorts == ["Tracker", "Speed, km/h"]


def test_it_follows_the_theme_of_lab(notebook):
    page = opened(notebook, LARGE, name="theme.ipynb", rows=20)
    look = """() => {
        const look = getComputedStyle(document.querySelector(".fleetlab-fleet"));
        return [look.backgroundColor, look.color];
    }"""
    found = [set_theme(page, name) or page.evaluate(look) for name in ("Dark", "Light")]
    assert found[1][0] == "rgb(255, 255, 255)"
    assert found[0][0] != found[1][0]
    assert found[0][1] != found[1][1]


def set_theme(page, name: str) -> None:
    page.get_by_text("Settings", exact=True).first.click()
    page.get_by_text("Theme", exact=True).first.click()
    page.get_by_text(f"JupyterLab {name}", exact=True).first.click()
    is_light = "true" if name == "Light" else "false"
    page.wait_for_function(f"document.body.dataset.jpThemeLight === '{is_light}'")
