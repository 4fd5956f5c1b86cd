"""Live maps in a notebook, and what is asked of their pictures."""

from __future__ import annotations

import json

from tests.browser.test_fleet import ROOT

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


def rest(page) -> None:
    """Wait until the picture has been the same for 300 ms of the page's own frames."""
    page.eval_on_selector(
        CANVAS,
        """async (canvas) => {
            const frame = () => new Promise(requestAnimationFrame);
            const look = () => ["dots", "lines", "view", "places", "labels"]
                .map((name) => canvas.dataset[name]).join();
            let [seen, since, frames] = ["", 0, 0];
            while (frames < 6 || performance.now() < since + 300) {
                await frame();
                frames += 1;
                if (look() !== seen) [seen, since, frames] = [look(), performance.now(), 0];
            }
        }""",
    )


def sight(page) -> tuple[float, float, float]:
    """Latitude and longitude of the middle, and pixels in a degree, once the picture is at rest."""
    rest(page)
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
    rest(page)
    return page


def tip(page) -> str:
    """What is said of a tracker, once the picture is at rest."""
    rest(page)
    said = page.locator(f"{MAP} .fleetlab-tip")
    return said.inner_text() if said.is_visible() else ""


def point(page, left: float, top: float):
    page.locator(CANVAS).hover(position={"x": left, "y": top})
