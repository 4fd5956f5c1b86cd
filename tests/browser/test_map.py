"""The live map in a real JupyterLab: what it draws, in what colours, and of how many."""

from __future__ import annotations

import itertools
import json

import pytest

from tests.browser.maps import (
    CANVAS,
    LARGE,
    LIVE,
    MADE,
    MAP,
    SMALL,
    START,
    colour,
    data,
    opened,
    places,
    rest,
    sight,
    tip,
)
from tests.browser.test_fleet import set_theme
from tests.conftest import eventually


def test_dots_of_a_capture_appear_and_it_ends_with_the_job(notebook):
    code = [START, "view = fl.live.map(job, every=0.2)\nview", "import time; time.sleep(3)"]
    page = opened(notebook, *code, "job.stop();", "view.errors", name="map.ipynb", dots=12)
    box = page.locator(CANVAS).bounding_box()
    assert all(0 <= x <= box["width"] and 0 <= y <= box["height"] for x, y in places(page).values())
    page.locator(MAP).get_by_text("ended, as of").wait_for(timeout=30_000)
    page.locator(".jp-CodeCell >> nth=4 >> text=()").wait_for()


def test_dots_move_and_draw_tails(notebook):
    code = [LIVE, *(f"add(job, fix({n}, 1, {n} * 12), fix({n}, 2, 500))" for n in range(2, 9))]
    page = opened(notebook, *code, name="moving.ipynb", dots=2)

    def metre() -> float | None:
        """Pixels in one, once the last of the fixes is drawn."""
        _, _, scale = sight(page)
        at = places(page)
        drawn = (at[1][1] - at[2][1]) / (500 - 8 * 12)
        wanted = pytest.approx(scale / 111_195 * 1.305, rel=0.02)  # 1 / cos 40°
        return drawn if at[1][0] == at[2][0] and drawn == wanted else None

    pixels = eventually(metre, "the last fixes are drawn, and their distance is true")
    assert int(data(page, "lines")) >= 4
    left, top = places(page)[1]
    assert colour(page, left, round(top + 40 * pixels))[1] > 100


def test_dots_have_the_colours_of_their_status_at_any_sharpness(notebook):
    page = opened(notebook, SMALL, name="colour.ipynb", dots=6, device_scale_factor=2)
    assert page.eval_on_selector(CANVAS, "(canvas) => canvas.width / canvas.clientWidth") == 2
    at = places(page)
    colours = {one: colour(page, *at[one]) for one in (2, 3, 4)}
    assert colours == {2: (230, 159, 0), 3: (10, 79, 128), 4: (143, 138, 134)}
    # An arrow is hollow behind; just before its middle it is full.
    assert colour(page, at[1][0] + 3, at[1][1]) == (0, 158, 115)
    tail = colour(page, at[1][0] - 10, at[1][1] + 10)
    assert tail[1] > tail[0] + 20


def test_labels_stand_where_there_is_room(notebook):
    page = opened(notebook, SMALL, name="labels.ipynb", dots=6)
    labels = json.loads(data(page, "labels"))
    assert [one for one, *_ in labels] == [1, 2, 3, 4, 5]  # 6 is covered by 2
    boxes = [box for _, *box in labels]
    boxes += [[x - 6, y - 6, x + 6, y + 6] for x, y in places(page).values()]
    for (a, b, c, d), (e, f, g, h) in itertools.product(boxes[:5], boxes):
        assert (a, b, c, d) == (e, f, g, h) or not (a < g and e < c and b < h and f < d)


def test_grid_and_bar_tell_where_and_how_far(notebook):
    page = opened(notebook, SMALL, name="bar.ipynb", dots=6)
    bar = page.locator(f"{MAP} .fleetlab-bar")
    number, unit = bar.inner_text().split()
    at = places(page)
    # Trackers 3 and 4 are 4,000 m apart.
    metres = 4000 / (at[4][0] - at[3][0]) * bar.bounding_box()["width"]
    assert metres == pytest.approx(float(number) * (1000 if unit == "km" else 1), rel=0.01)


def test_where_nothing_is_known_a_sentence_says_so(notebook):
    code = f"{MADE}\nfl.live.map(recording(labels={{1: 'a', 2: 'b'}}))"
    page = notebook(code, name="none.ipynb")
    page.locator(MAP).get_by_text(
        "No position is known: none of 2 trackers has told one."
    ).wait_for(timeout=60_000)


def test_it_fits_across_the_antimeridian(notebook):
    place = '{"lat": -17.0, "lng": %s}'
    rows = ", ".join(f"fix(1, {n}) | {place % lng}" for n, lng in enumerate((179.9, -179.9), 1))
    code = f"{MADE}\nfl.live.map(recording(state_batch=[{rows}]))"
    page = opened(notebook, code, name="fiji.ipynb", dots=2)
    at = places(page)
    assert abs(sight(page)[1]) == pytest.approx(180, abs=0.01)
    assert at[2][0] - at[1][0] > 300


def test_a_page_that_missed_something_asks_and_one_that_is_reloaded_has_it_all(notebook):
    missed = """
import polars as pl
job.runs.clear()
view._thread.join()
view._sent = (99, view._sent[1].with_columns(label=pl.lit("<i>later</i>")), *view._sent[2:])
view.send({"of": 99, "now": 0, "rows": []})
"""
    code = [LIVE, "add(job, fix(2, 1, 20), fix(3, 1, 40))", missed]
    page = opened(notebook, *code, name="missed.ipynb", dots=2)
    search = page.locator(MAP).get_by_label("Search")
    search.fill("<i>later</i>")
    page.wait_for_function(
        """([search, tip]) => {
            document.querySelector(search).dispatchEvent(
                new KeyboardEvent("keydown", { key: "Enter" }));
            return document.querySelector(tip).textContent.includes("<i>later</i>");
        }""",
        arg=[f"{MAP} input", f"{MAP} .fleetlab-tip"],
    )
    page.keyboard.press("Control+s")
    page.get_by_text("Saving completed").wait_for()
    page.reload()
    page.wait_for_function(
        f"Number(document.querySelector('{CANVAS}')?.dataset.dots) >= 2", timeout=60_000
    )
    assert int(data(page, "lines")) > 0


def test_two_views_are_moved_each_by_itself_and_a_trouble_is_shown(notebook):
    page = opened(notebook, SMALL, "view", 'view._tell("<b>no</b>")', name="two.ipynb", dots=6)
    page.locator(MAP).get_by_text("<b>no</b>").nth(1).wait_for()
    page.locator(CANVAS).nth(1).focus()
    page.keyboard.press("+")
    look = "(all) => new Set(all.map((canvas) => canvas.dataset.view)).size"
    eventually(lambda: page.eval_on_selector_all(CANVAS, look) == 2, "only one is larger")


def test_it_follows_the_theme_of_lab(notebook):
    page = opened(notebook, SMALL, name="mapped.ipynb", dots=6)
    for name, is_paper in (
        ("Dark", lambda one: max(one) < 60),
        ("Light", lambda one: min(one) == 255),
    ):
        set_theme(page, name)
        eventually(lambda fits=is_paper: fits(colour(page, 3, 3)), f"the paper is {name.lower()}")
        rest(page)
        assert colour(page, *places(page)[3]) == (10, 79, 128)


@pytest.mark.alone
def test_12_000_trackers_move_smoothly(notebook):
    page = opened(notebook, LARGE, name="crowd.ipynb", dots=12_000)
    assert data(page, "labels") == "[]"
    frames = """async (canvas) => {
        const times = [];
        let last = performance.now();
        for (let n = 0; n < 40; n++) {
            const key = n % 2 ? "ArrowLeft" : "ArrowRight";
            canvas.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
            await new Promise(requestAnimationFrame);
            times.push(performance.now() - last);
            last = performance.now();
        }
        return times.sort((a, b) => a - b)[20];
    }"""
    assert page.eval_on_selector(CANVAS, frames) < 50
    assert page.locator(f"{MAP} *").count() < 100
    page.locator(MAP).get_by_label("Search").fill("11999")
    page.locator(MAP).get_by_label("Search").press("Enter")
    assert tip(page).startswith("Truck 11999")
    assert int(data(page, "dots")) < 500
