"""A fleet of 12,000 at full rate, watched for a minute: neither browser nor kernel grows.

`LIVE_MINUTES` makes it longer (`make soak`: five), and `pytest -s` shows the figures.
"""

from __future__ import annotations

import os
import time

import pytest

from tests.browser.test_fleet import FLEET, ROWS
from tests.browser.test_panel import number_of, outputs_of, wait_for_rows
from tests.soak.__main__ import Child, memory

MINUTES = float(os.environ.get("LIVE_MINUTES", "1"))
TRACKERS = 12_000
WARM_S = 20.0
GROWTH = 1.15
"""How much more the last third may take than the one before."""

VIEWS = """
import ipywidgets
views = [fl.live.fleet(job), fl.live.speed(job), fl.live.status(job)]
ipywidgets.VBox(views)
"""


class Watched:
    """What browser and kernel take, in MB, and how long the page stood still."""

    def __init__(self, page, kernel: int) -> None:
        self._tools = page.context.new_cdp_session(page)
        self._kernel = kernel
        self.heap: list[float] = []
        self.kernel: list[float] = []

    def look(self) -> None:
        self._tools.send("HeapProfiler.collectGarbage")
        self.heap.append(self._tools.send("Runtime.getHeapUsage")["usedSize"] / 1e6)
        self.kernel.append(memory(self._kernel))


@pytest.mark.alone
@pytest.mark.timeout(300 + MINUTES * 90)
def test_12_000_trackers_at_full_rate_leave_browser_and_kernel_as_large_as_they_were(
    notebook, tmp_path
):
    sender = Child("-m", "tests.soak.sender", str(tmp_path / "ledger"), str(TRACKERS))
    try:
        where = f"server={sender.hear()!r}, api_key={'0' * 32!r}, rate_limit='1s'"
        start = f"job = fl.start({where}, save_to={str(tmp_path / 'rec')!r})"
        code = ["import fleetlab as fl, os; os.getpid()", start, VIEWS]
        page = notebook(*code, name="load.ipynb")
        wait_for_rows(page, 2 * TRACKERS)
        page.wait_for_function(
            "(rows) => document.querySelectorAll(rows).length > 20", arg=ROWS, timeout=30_000
        )
        watched = Watched(page, int(outputs_of(page, 0)[0]))
        page.evaluate(STALLS)
        began, rows = time.monotonic(), number_of(page, "rows")
        while time.monotonic() < began + WARM_S + MINUTES * 60:
            page.locator(f"{FLEET} .fleetlab-rows").hover()
            page.mouse.wheel(0, 400)
            page.wait_for_timeout(2000)
            watched.look()
        took, rows = time.monotonic() - began, number_of(page, "rows") - rows
        stalls = page.evaluate("window.stalls")
        page.get_by_role("button", name="Stop").click()
        page.locator(".fleetlab-ended").first.wait_for(timeout=60_000)
        sender.tell()
        sender.tell()
    finally:
        sender.end()
    figures = {"heap": watched.heap, "kernel": watched.kernel}
    for name, several in figures.items():
        third = (len(several) - round(WARM_S / 2.5)) // 2
        middle, last = max(several[-2 * third : -third]), max(several[-third:])
        print(f"{name}: {several[0]:.0f} MB, later {middle:.0f}, at the end {last:.0f}")  # noqa: T201
        assert last <= GROWTH * middle + 2, name
    print(f"{rows / took:,.0f} rows/s; longest task {max(stalls, default=0):.0f} ms")  # noqa: T201
    assert rows / took > TRACKERS / 2


STALLS = """() => {
    window.stalls = [];
    const note = (list) => window.stalls.push(...list.getEntries().map((one) => one.duration));
    new PerformanceObserver(note).observe({ entryTypes: ["longtask"] });
}"""
