"""A few things side by side as bars with their figures written on them.

The bars' lengths are pixels, computed here, so that these panels have no scale of their own: they
stand among time panels, which share theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import altair as alt
import polars as pl

from fleetlab.charts import frame

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["bars"]

_STEP: Final = 20  # pixels a bar
_WORDS: Final = 76  # pixels that a bar's figure takes
_NAMES: Final = 150  # pixels that the names take


def bars(
    rows: pl.DataFrame,
    *,
    length: pl.Expr,
    width: int,
    words: str,
    colour: alt.Color | alt.Value,
    tooltip: Sequence[alt.Tooltip],
    title: alt.TitleParams | str,
    clock: dict[str, str] | None = None,
) -> alt.LayerChart:
    """Draw bars, from the top in the order of the rows.

    Parameters
    ----------
    rows : polars.DataFrame
        ``line``, what each bar is called, and what is told of it.
    length : polars.Expr
        What the bars' lengths are in proportion to. Bars of negative values go to the left.
    width : int
        Pixels of the whole.
    words : str
        A column: what is written at the end of each bar.
    colour : altair.Color or altair.Value
        Colour of the bars.
    tooltip : sequence of altair.Tooltip
        What is told of a bar.
    title : altair.TitleParams or str
        What the bars are.
    clock : dict of str to str, optional
        Texts of moments for the tooltip, as expressions by name.
    """
    value = rows.select(length.cast(pl.Float64).alias("value"))["value"]
    lowest, highest = value.min(), value.max()
    assert isinstance(lowest, float)
    assert isinstance(highest, float)
    left, right = min(0.0, lowest), max(0.0, highest)
    room = width - _NAMES - _WORDS * ((left < 0) + (right > 0 or left == 0))
    scale = room / (right - left or 1.0)
    origin = _NAMES + (_WORDS if left < 0 else 0) - left * scale
    drawn = rows.with_columns((origin + value * scale).alias("_to"), pl.lit(origin).alias("_from"))
    base = (
        alt.Chart(frame.rows(drawn))
        .transform_calculate(**(clock or {}))
        .encode(y=alt.Y("line:N", sort=None, axis=None), tooltip=list(tooltip))
    )
    x, x2 = alt.X("_to:Q", scale=None, axis=None), alt.X2("_from:Q")
    bar = base.mark_bar(height={"band": 0.7}).encode(x=x, x2=x2, color=colour)
    names = base.mark_text(align="left", limit=_NAMES - 8).encode(
        x=alt.value(0), text=alt.Text("line:N")
    )
    layers = [bar, names]
    sides: dict[str, Any] = {"": {"align": "left", "dx": 4}, "!": {"align": "right", "dx": -4}}
    for sign, side in sides.items():
        text = base.transform_filter(f"{sign}(datum._to >= datum._from)")
        layers.append(text.mark_text(**side).encode(x=x, text=alt.Text(f"{words}:N")))
    return alt.LayerChart(layer=layers, width=width, height=_STEP * len(rows), title=title)
