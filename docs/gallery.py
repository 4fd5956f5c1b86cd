"""Draw the pictures of docs/charts.md: record the simulated fleet, with a fault, and draw it.

Run it as ``python docs/gallery.py`` (ten minutes), or with the folder of a recording to draw.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import altair as alt

import fleetlab as fl
from fleetlab import charts  # noqa: F401 - makes its themes known
from fleetlab.simulator import Simulator

HERE = Path(__file__).parent
SNIPPET = re.compile(r"```python\n([^`]*)```\n\n!\[[^\]]*\]\((pictures/[a-z-]+\.png)\)")


def main() -> None:
    """Record, unless a recording is named, and draw."""
    if len(sys.argv) > 1:
        draw(fl.load(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        draw(record(Path(folder) / "ten-minutes"))


def record(folder: Path) -> fl.Recording:
    """Record ten minutes of twelve vehicles; the server is away for a while, and one is blocked."""
    with Simulator(12, seed=5) as sim:
        job = fl.start(
            minutes=10,
            server=sim.base_url,
            api_key=sim.api_key,
            rate_limit="1s",
            events=["state_batch", "readings_batch", fl.IotMonitor(trackers=sim.tracker_ids[:3])],
            save_to=folder,
            view=False,
        )
        time.sleep(250)
        sim.restart(40)
        time.sleep(120)
        sim.block(sim.tracker_ids[3])
        time.sleep(60)
        sim.unblock(sim.tracker_ids[3])
        rec = job.result()
    rec.annotate(rec.info.started_at + timedelta(minutes=7), "shift begins")
    return rec


def draw(rec: fl.Recording) -> None:
    """Run each snippet of the page, and save what it evaluates to beside it."""
    alt.theme.enable("fleetlab")
    page = (HERE / "charts.md").read_text("utf-8")
    for code, picture in SNIPPET.findall(page):
        chart = eval(code, {"fl": fl, "rec": rec})
        path = HERE / picture
        path.parent.mkdir(exist_ok=True)
        chart.save(path, scale_factor=1.25)


if __name__ == "__main__":
    main()
