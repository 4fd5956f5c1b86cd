"""The live map in a real JupyterLab, moved and asked by mouse, keys and search."""

from __future__ import annotations

import pytest

from tests.browser.maps import (
    CANVAS,
    HOSTILE,
    LIVE,
    MAP,
    SMALL,
    opened,
    places,
    point,
    rest,
    sight,
    tip,
)
from tests.conftest import eventually


def test_wheel_drag_and_buttons_move_it_and_fit_brings_it_back(notebook):
    page = opened(notebook, SMALL, name="mouse.ipynb", dots=6)
    start = sight(page)
    left, top = places(page)[2]
    point(page, left, top)
    page.mouse.wheel(0, -400)
    wanted = pytest.approx(start[2] * 1.822, rel=0.01)
    eventually(lambda: sight(page)[2] == wanted, "the wheel zooms")
    zoomed = sight(page)
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
    # As long as nobody moved it, it fits.
    eventually(lambda: sight(page) != pytest.approx(start), "it fits anew")


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
    assert tip(page).splitlines() == ["Truck 5", "5", "unknown", "heard 10 s ago", tip(page)[-18:]]
    page.locator(CANVAS).click(position={"x": at[2][0], "y": at[2][1]})
    point(page, 5, 5)
    assert "1 more here" in tip(page)
    page.locator(CANVAS).click(position={"x": 5, "y": 5})
    assert tip(page) == ""


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
    assert view.get_by_text("Tails: the last 10 min").is_visible()
    summary = view.get_by_role("img").get_attribute("aria-label")
    assert summary == (
        "Map of 6 trackers: 1 moving, 1 stopped, 2 parked, 1 offline, 1 unknown. "
        "1 without a position."
    )
    parked = view.get_by_role("button", name="parked")
    parked.focus()
    page.keyboard.press("Enter")
    rest(page)
    assert parked.get_attribute("aria-pressed") == "false"
    assert set(places(page)) == {1, 2, 4, 5}
    for word in ("moving", "stopped", "offline", "unknown"):
        view.get_by_role("button", name=word).click()
    assert view.get_by_text("All of them are hidden").is_visible()
    parked.click()
    rest(page)
    assert set(places(page)) == {3, 6}


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
    assert sight(page) == moved


def run(page, code: str, cell: int) -> None:
    """Run code in a new last cell."""
    page.locator(".jp-CodeCell .cm-content").last.click()
    page.keyboard.press("Shift+Enter")
    page.locator(".jp-CodeCell .cm-content").nth(cell).click()
    page.keyboard.insert_text(code)
    page.keyboard.press("Shift+Enter")
    page.get_by_text("'told'").nth(1).wait_for()


def test_two_fingers_zoom_and_a_tap_asks(notebook):
    page = opened(notebook, SMALL, name="touch.ipynb", dots=6, has_touch=True)
    hand = page.context.new_cdp_session(page)
    _, _, start = sight(page)
    x, y = box_of(page, 300, 200)

    def touch(what: str, *fingers: tuple[float, float]) -> None:
        points = [{"x": left, "y": top, "id": n} for n, (left, top) in enumerate(fingers)]
        hand.send("Input.dispatchTouchEvent", {"type": what, "touchPoints": points})

    touch("touchStart", (x - 40, y), (x + 40, y))
    touch("touchMove", (x - 60, y), (x + 60, y))
    touch("touchMove", (x - 80, y), (x + 80, y))
    touch("touchEnd")
    assert sight(page)[2] == pytest.approx(start * 2, rel=0.05)
    assert tip(page) == ""
    page.locator(MAP).get_by_role("button", name="Fit all").tap()
    rest(page)
    page.touchscreen.tap(*box_of(page, *places(page)[5]))
    assert tip(page).startswith("Truck 5")
