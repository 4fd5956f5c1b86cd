"""Charts in a real JupyterLab, without the network, in a browser of another zone."""

from __future__ import annotations

import re

import pytest

import fleetlab as fl
from tests.charts.pictures import utc


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded") / "rec"
    return fl.capture(seconds=4, server="demo", rate_limit="1s", save_to=folder, view=False)


def test_a_plot_is_drawn_in_jupyterlab_in_its_zone_and_theme(notebook, recorded):
    page = notebook(
        f"import fleetlab as fl\nrec = fl.load({recorded.info.path!r})",
        "rec.plot.speed()",
        name="speed.ipynb",
    )
    chart = page.locator(".jp-OutputArea svg.marks")
    chart.wait_for(timeout=60_000)
    words = chart.evaluate("node => node.textContent")
    assert "Time (Europe/Madrid)" in words
    hour = recorded.info.started_at.astimezone(utc("2026-07-01").tzinfo)
    shown = re.search(r"(\d\d):\d\d:\d\d", words)
    assert (int(shown[1]) - hour.hour) % 24 in (1, 2)  # Madrid is one or two hours ahead of UTC
    assert paper_of(page) == "rgb(255, 255, 255)"
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    page.wait_for_function(f"{PAPER} === 'rgb(17, 17, 17)'")


PAPER = "document.querySelector('.jp-OutputArea svg.marks')?.style.backgroundColor"


def paper_of(page):
    return page.evaluate(PAPER)


@pytest.fixture
def drawn(open_page, recorded, tmp_path):
    """A page with a plot, opened from a file."""
    path = tmp_path / "plot.html"
    path.write_text(recorded.plot.speed()._repr_mimebundle_()["text/html"], "utf-8")
    page = open_page(path.as_uri(), timezone="Asia/Kathmandu")
    page.locator("svg.marks").wait_for()
    return page


def times_of(page) -> list[str]:
    words = page.evaluate("""[...document.querySelectorAll('.role-axis-label text')].map(
        node => node.textContent)""")
    return sorted(found[0] for word in words if (found := re.match(r"[\d:]{5,8}", word)))


def step_of(page) -> int:
    first, second = [
        sum(60**n * int(part) for n, part in enumerate(reversed(text.split(":"))))
        for text in times_of(page)[:2]
    ]
    return second - first


def test_turning_the_wheel_zooms_on_time_and_the_ticks_follow(drawn):
    before, labels = step_of(drawn), times_of(drawn)
    drawn.locator("svg.marks").hover(position={"x": 400, "y": 150})
    drawn.mouse.wheel(0, 2_000)
    drawn.wait_for_function(
        """before => {
            const words = [...document.querySelectorAll('.role-axis-label text')];
            return words.length && !words.some(node => node.textContent.startsWith(before));
        }""",
        arg=next(text for text in labels if not text.endswith(("0", "5"))),
    )
    assert step_of(drawn) > before


def test_a_click_in_the_legend_picks_a_line(drawn):
    opacity = (
        "[...document.querySelectorAll('.mark-line path')]"
        ".map(node => node.style.opacity || node.getAttribute('opacity'))"
    )
    assert set(drawn.evaluate(opacity)) == {"1"}
    drawn.locator(".role-legend-symbol path").first.click()
    drawn.wait_for_function(f"{opacity}.filter(one => one === '1').length === 1")
    assert set(drawn.evaluate(opacity)) == {"1", "0.1"}
