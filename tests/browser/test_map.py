"""The live map in a real JupyterLab: alive, moved by hand and keys, sought in, and large."""

from __future__ import annotations

import itertools
import json

import pytest

from tests.browser.test_fleet import ROOT, set_theme

MAP = ".jp-Notebook .fleetlab-map"
CANVAS = f"{MAP} canvas"
START = 'import fleetlab as fl\njob = fl.start(server="demo", rate_limit="1s", save_to=False)'
HOSTILE = "<img src=x onerror=alert(1)>"
MADE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import fleetlab as fl
from tests.charts.recordings import at, recording
from tests.live.fleets import add, job_of
from tests.live.maps import fix
"""
SMALL = f"""{MADE}
rec = recording(
    labels={{7: "Nowhere"}},
    state_batch=[
        *(fix(500 + n * 10, 1, n * 100, n * 100, speed_kmh=50.0, last_update=at(590))
          for n in range(9)),
        fix(590, 2, 3000, 3000, movement_status="stopped"),
        fix(590, 3, -3000, -2000, movement_status="parked"),
        fix(590, 4, -3000, 2000, movement_status="parked", connection_status="offline"),
        fix(590, 5, 2000, -3000, movement_status=None, heading_deg=None, alt_m=None),
        fix(590, 6, 3000, 3030, movement_status="parked", label={HOSTILE!r}),
    ],
)
view = fl.live.map(rec)
view
"""
LIVE = f"""{MADE}
job = job_of(("state_batch", [fix(1, 1), fix(1, 2, 500)]))
view = fl.live.map(job, every=0.1)
view"""
LARGE = f"""{MADE}
rec = recording(
    labels={{n: f"Truck {{n}}" for n in range(1, 12_001)}},
    state_batch=[
        fix(580 + 5 * k, n, n % 109 * 300 + k * 90, n // 109 * 300, heading_deg=float(n % 360),
            movement_status=["moving", "stopped", "parked"][n % 3])
        for k in range(3) for n in range(1, 12_001)
    ],
)
fl.live.map(rec)
"""


def data(page, name: str) -> str:
    return page.eval_on_selector(CANVAS, "(canvas, name) => canvas.dataset[name]", name)


def places(page) -> dict[int, tuple[int, int]]:
    """Where dots are in the picture, by id."""
    return {one: (left, top) for one, left, top in json.loads(data(page, "places"))}


def sight(page) -> tuple[float, float, float]:
    """Latitude and longitude of the middle, and pixels in a degree, once the picture is at rest."""
    page.wait_for_timeout(300)
    return tuple(map(float, data(page, "view").split()))


def colour(page, left: int, top: int) -> tuple[int, ...]:
    look = """(canvas, [left, top]) => {
        const ratio = canvas.width / canvas.clientWidth;
        return [...canvas.getContext("2d").getImageData(left * ratio, top * ratio, 1, 1).data];
    }"""
    return tuple(page.eval_on_selector(CANVAS, look, [left, top])[:3])


def opened(notebook, *code: str, name: str, dots: int, **more):
    page = notebook(*code, name=name, **more)
    page.locator(CANVAS).first.wait_for(timeout=60_000)
    page.wait_for_function(
        "([canvas, dots]) => Number(document.querySelector(canvas).dataset.dots) >= dots",
        arg=[CANVAS, dots],
        timeout=60_000,
    )
    return page


def tip(page) -> str:
    said = page.locator(f"{MAP} .fleetlab-tip")
    return said.inner_text() if said.is_visible() else ""


def point(page, left: float, top: float):
    page.locator(CANVAS).hover(position={"x": left, "y": top})


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
    page.wait_for_function(
        "(canvas) => Number(document.querySelector(canvas).dataset.lines) >= 4", arg=CANVAS
    )
    at = places(page)
    assert at[1][0] == at[2][0]
    metre = (at[1][1] - at[2][1]) / (500 - 8 * 12)
    assert colour(page, at[1][0], round(at[1][1] + 40 * metre))[1] > 100
    _, _, scale = sight(page)
    assert metre == pytest.approx(scale / 111_195 * 1.305, rel=0.02)  # 1 / cos 40°


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


def test_wheel_drag_and_buttons_move_it_and_fit_brings_it_back(notebook):
    page = opened(notebook, SMALL, name="mouse.ipynb", dots=6)
    start = sight(page)
    left, top = places(page)[2]
    point(page, left, top)
    page.mouse.wheel(0, -400)
    zoomed = sight(page)
    assert zoomed[2] == pytest.approx(start[2] * 1.822, rel=0.01)
    assert places(page)[2] == pytest.approx((left, top), abs=2)  # what was pointed at stays
    page.mouse.down()
    page.mouse.move(*(box_of(page, left - 100, top + 50)), steps=4)
    page.mouse.up()
    assert places(page)[2] == pytest.approx((left - 100, top + 50), abs=2)
    assert sight(page)[1] > zoomed[1]
    buttons = page.locator(MAP)
    buttons.get_by_role("button", name="Zoom out").click()
    assert sight(page)[2] == pytest.approx(zoomed[2] / 1.5)
    buttons.get_by_role("button", name="Fit all").click()
    assert sight(page) == pytest.approx(start)
    page.set_viewport_size({"width": 900, "height": 900})
    assert sight(page) != pytest.approx(start)  # as long as nobody moved it, it fits


def box_of(page, left: float, top: float) -> tuple[float, float]:
    box = page.locator(CANVAS).bounding_box()
    return box["x"] + left, box["y"] + top


def test_keys_move_it_and_go_from_dot_to_dot(notebook):
    page = opened(notebook, SMALL, name="keys.ipynb", dots=6)
    start = sight(page)
    page.locator(CANVAS).focus()
    page.keyboard.press("+")
    assert sight(page)[2] == pytest.approx(start[2] * 1.5)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    lat, lng, _ = sight(page)
    assert lat > start[0]
    assert lng > start[1]
    page.keyboard.press("-")
    page.keyboard.press("0")
    assert sight(page) == pytest.approx(start)
    page.keyboard.press("n")
    assert tip(page).startswith(HOSTILE)
    page.keyboard.press("n")
    assert tip(page).startswith("Truck 1")
    page.keyboard.press("Shift+N")
    assert tip(page).startswith(HOSTILE)
    assert page.locator(f"{MAP} .fleetlab-unseen").text_content().startswith(HOSTILE)
    page.keyboard.press("Escape")
    assert tip(page) == ""
    assert page.locator(".jp-CodeCell").count() == 1  # no key was the notebook's


def test_hover_and_tap_say_what_is_known_of_a_tracker(notebook):
    page = opened(notebook, SMALL, name="hover.ipynb", dots=6)
    at = places(page)
    point(page, *at[1])
    page.wait_for_timeout(300)
    assert tip(page).splitlines() == [
        "Truck 1",
        "1",
        "moving, 50 km/h",
        "heading 90° E",
        "altitude 600 m",
        "heard 20 s ago",
        "40.00720, -3.69061",
    ]
    point(page, *at[5])
    page.wait_for_timeout(300)
    assert tip(page).splitlines() == ["Truck 5", "5", "unknown", "heard 10 s ago", tip(page)[-18:]]
    page.locator(CANVAS).click(position={"x": at[2][0], "y": at[2][1]})
    point(page, 5, 5)
    page.wait_for_timeout(300)
    assert "1 more here" in tip(page)
    page.locator(CANVAS).click(position={"x": 5, "y": 5})
    page.wait_for_timeout(300)
    assert tip(page) == ""


def test_labels_stand_where_there_is_room(notebook):
    page = opened(notebook, SMALL, name="labels.ipynb", dots=6)
    labels = json.loads(data(page, "labels"))
    assert [one for one, *_ in labels] == [1, 2, 3, 4, 5]  # 6 is covered by 2
    boxes = [box for _, *box in labels]
    boxes += [[x - 6, y - 6, x + 6, y + 6] for x, y in places(page).values()]
    for (a, b, c, d), (e, f, g, h) in itertools.product(boxes[:5], boxes):
        assert (a, b, c, d) == (e, f, g, h) or not (a < g and e < c and b < h and f < d)


def test_search_centres_on_a_tracker(notebook):
    page = opened(notebook, SMALL, name="search.ipynb", dots=6)
    start = sight(page)
    search = page.locator(MAP).get_by_label("Search")
    search.fill("truck 4")
    assert sight(page) == start
    search.press("Enter")
    lat, lng, scale = sight(page)
    assert (lat, lng) == pytest.approx((40 - 3000 / 111_195, -3.7 + 0.02348), abs=1e-4)
    assert scale > start[2]
    assert tip(page).startswith("Truck 4\n4\noffline")
    search.fill("truck")
    search.press("Enter")
    search.press("Enter")
    assert "of 5; Enter shows the next" in page.locator(MAP).inner_text()
    search.fill("<b>")
    search.press("Enter")
    assert "No label or id has that in it." in page.locator(MAP).inner_text()
    search.fill("7")
    search.press("Enter")
    assert "Nowhere has told no position." in page.locator(MAP).inner_text()


def test_the_legend_counts_and_hides(notebook):
    page = opened(notebook, SMALL, name="legend.ipynb", dots=6)
    view = page.locator(MAP)
    words = [" ".join(text.split()) for text in view.locator(".fleetlab-state").all_inner_texts()]
    assert words == ["moving 1", "stopped 1", "parked 2", "offline 1", "unknown 1"]
    summary = view.get_by_role("img").get_attribute("aria-label")
    assert summary == (
        "Map of 6 trackers: 1 moving, 1 stopped, 2 parked, 1 offline, 1 unknown. "
        "1 without a position."
    )
    parked = view.get_by_role("button", name="parked")
    parked.focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    assert parked.get_attribute("aria-pressed") == "false"
    assert set(places(page)) == {1, 2, 4, 5}
    for word in ("moving", "stopped", "offline", "unknown"):
        view.get_by_role("button", name=word).click()
    assert view.get_by_text("All of them are hidden").is_visible()
    parked.click()
    page.wait_for_timeout(300)
    assert set(places(page)) == {3, 6}


def test_grid_and_bar_tell_where_and_how_far(notebook):
    page = opened(notebook, SMALL, name="bar.ipynb", dots=6)
    bar = page.locator(f"{MAP} .fleetlab-bar")
    number, unit = bar.inner_text().split()
    at = places(page)
    # Trackers 3 and 4 are 4,000 m apart.
    metres = 4000 / (at[4][0] - at[3][0]) * bar.bounding_box()["width"]
    assert metres == pytest.approx(float(number) * (1000 if unit == "km" else 1), rel=0.01)


def test_the_view_is_the_readers_once_it_was_moved(notebook):
    far = "add(job, fix({0}, 3, {0} * 1000))\nimport time; time.sleep(1)\n'told'"
    page = notebook(LIVE, name="moved.ipynb")
    page.wait_for_function(
        f"Number(document.querySelector('{CANVAS}')?.dataset.dots) === 2", timeout=60_000
    )
    start = sight(page)
    run(page, far.format(2), 1)
    page.wait_for_function(f"Number(document.querySelector('{CANVAS}').dataset.dots) === 3")
    fitted = sight(page)
    assert fitted[2] < start[2]
    page.locator(CANVAS).focus()
    page.keyboard.press("+")
    moved = sight(page)
    run(page, far.format(9), 2)
    page.wait_for_timeout(500)
    assert sight(page) == moved


def run(page, code: str, cell: int) -> None:
    """Run code in a new last cell."""
    page.locator(".jp-CodeCell .cm-content").last.click()
    page.keyboard.press("Shift+Enter")
    page.locator(".jp-CodeCell .cm-content").nth(cell).click()
    page.keyboard.insert_text(code)
    page.keyboard.press("Shift+Enter")
    page.get_by_text("'told'").nth(1).wait_for()


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
    page.wait_for_timeout(500)
    look = "(all) => all.map((canvas) => canvas.dataset.view)"
    first, second = page.eval_on_selector_all(CANVAS, look)
    assert first != second


def test_it_follows_the_theme_of_lab(notebook):
    page = opened(notebook, SMALL, name="mapped.ipynb", dots=6)
    found = {}
    for name in ("Dark", "Light"):
        set_theme(page, name)
        page.wait_for_timeout(1500)
        found[name] = colour(page, 3, 3), colour(page, *places(page)[3])
    assert found["Light"][0] == (255, 255, 255)
    assert max(found["Dark"][0]) < 60
    assert found["Dark"][1] == found["Light"][1] == (10, 79, 128)


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
    page.wait_for_timeout(500)
    assert tip(page).startswith("Truck 11999")
    assert int(data(page, "dots")) < 500
