"""Draw the README's picture: capture the simulated fleet for 100 s, and draw the speed of some.

Run it as ``python docs/speed.py``.
"""

from __future__ import annotations

from pathlib import Path

import altair as alt
import polars as pl

import fleetlab as fl

VEHICLES = 5


def main() -> None:
    """Record, draw, and save the picture beside this file."""
    rec = fl.capture(seconds=100, server="demo", rate_limit="1s", save_to=False)
    draw(rec, Path(__file__).with_name("speed.png"))


def draw(rec: fl.Recording, path: Path) -> None:
    """Draw the vehicles whose speed changed most."""
    states = rec.state_batch.filter(~pl.col("snapshot")).select(
        pl.col("received_at").alias("time"), "label", "speed_kmh"
    )
    livelier = states.group_by("label").agg(pl.col("speed_kmh").std()).sort("speed_kmh")
    chosen = livelier["label"].tail(VEHICLES).to_list()
    chart = (
        alt.Chart(states.filter(pl.col("label").is_in(chosen)))
        .mark_line(strokeWidth=2)
        .encode(
            alt.X("time", type="temporal", scale=alt.Scale(type="utc"), title="time, UTC"),
            alt.Y("speed_kmh", type="quantitative", title="speed, km/h"),
            alt.Color("label", type="nominal", title=None, scale=alt.Scale(scheme="dark2")),
        )
        .properties(width=720, height=260)
        .configure_axis(labelFontSize=12, titleFontSize=12)
        .configure_legend(labelFontSize=12)
    )
    chart.save(path, scale_factor=1.5)


if __name__ == "__main__":
    main()
