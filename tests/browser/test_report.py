"""A report in a real browser, opened from a file."""

from __future__ import annotations

import pytest

from fleetlab.report import write_report
from tests.charts.recordings import recording
from tests.test_report import HOSTILE, state


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    rows = [
        state(second, second % 60, who, label=HOSTILE) for who in (1, 2) for second in range(600)
    ]
    rec = recording(state_batch=rows, notes=[(60, HOSTILE)], gaps=[(100, 150, "disconnected")])
    return write_report(rec, tmp_path_factory.mktemp("report") / "report.html").as_uri()


ALL_DRAWN = """document.querySelectorAll('figure svg').length ===
    document.querySelectorAll('figure').length"""


def test_every_chart_is_drawn_in_the_recordings_zone_with_the_network_off(open_page, report):
    page = open_page(report, timezone="Asia/Tokyo", offline=True)
    page.wait_for_function(ALL_DRAWN)
    assert page.locator("figure").count() == 2 + 2 * 2
    axes = page.locator("figure svg .role-axis-title").all_text_contents()
    assert [axis for axis in axes if axis.startswith("Time")] == ["Time (Europe/Madrid)"] * 6
    assert page.locator(f"h2:has-text({HOSTILE[:9]!r})").count() == 2
    assert page.evaluate("document.scripts.length") == 2 + 6
    assert page.title() == "Recording made"  # text from outside was not executed
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_charts_follow_the_readers_theme_and_are_light_in_print(open_page, report):
    page = open_page(report, color_scheme="dark")
    page.wait_for_function(ALL_DRAWN)
    ink = "getComputedStyle(document.querySelector('figure svg text')).fill"
    paper = "getComputedStyle(document.body).backgroundColor"
    assert (page.evaluate(ink), page.evaluate(paper)) == ("rgb(230, 230, 230)", "rgb(17, 17, 17)")
    page.emulate_media(media="print", color_scheme="dark")
    assert (page.evaluate(ink), page.evaluate(paper)) == ("rgb(31, 35, 40)", "rgb(255, 255, 255)")
    page.emulate_media(media="screen", color_scheme="light")
    assert page.evaluate(ink) == "rgb(31, 35, 40)"


def test_zooming_one_panel_zooms_those_under_it(open_page, report):
    page = open_page(report)
    page.wait_for_function(ALL_DRAWN)
    quality = page.locator("#quality figure svg")
    quality.scroll_into_view_if_needed()
    before = quality.locator(".role-axis-label").all_text_contents()
    panel = quality.locator(".role-mark path, .role-mark rect").first.bounding_box()
    page.mouse.move(panel["x"] + 200, panel["y"] + 5)
    page.mouse.wheel(0, -300)
    page.wait_for_function(
        """before => document.querySelector('#quality svg .role-axis-label') &&
        [...document.querySelectorAll('#quality svg .role-axis-label')].map(
            node => node.textContent).join() !== before""",
        arg=",".join(before),
    )
