"""The part of the world that a map shows, in Mercator's projection.

Both axes count degrees: ``x`` is the longitude, ``y`` is the latitude stretched as Mercator does,
so that a pixel is as long upwards as sideways. The scales are plain linear ones; that lets a
reader zoom and pan, while the grid, its labels and the scale bar are computed in the browser from
what is in view.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import altair as alt
import polars as pl

from fleetlab.charts.theme import WIDTH
from fleetlab.fixes import METRES

__all__ = ["LIMIT", "View", "stretched"]

LIMIT: Final = 85.0
"""Latitudes beyond are drawn here: Mercator stretches the poles without end."""

_LEAST_M: Final = 200.0  # that a map is wide
_MARGIN: Final = 0.08  # of the extent, on each side
_HEIGHTS: Final = (300, 520)  # least and greatest, in pixels
_LINES: Final = 9  # of the grid, at most, about
_COARSEST: Final = 30  # degrees between lines
_BAR: Final = 140  # pixels of the scale bar, at most

_LEFT, _RIGHT = "domain('x')[0]", "domain('x')[1]"
_LOW, _HIGH = "domain('y')[0]", "domain('y')[1]"


def stretched(lat: pl.Expr) -> pl.Expr:
    """Return the place on the y axis of latitudes."""
    within = lat.clip(-LIMIT, LIMIT)
    return (within * (math.pi / 360) + math.pi / 4).tan().log() * (180 / math.pi)


@dataclass(frozen=True)
class View:
    """What is drawn of the world.

    Attributes
    ----------
    x, y : tuple of float
        The axes' domains.
    height : int
        Pixels; the width is the theme's.
    cut : float
        The longitude where the map is cut open: those less than it are drawn 360° further east.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    height: int
    cut: float

    @classmethod
    def around(cls, points: pl.DataFrame) -> View:
        """Return the view that shows all points: rows of ``lat`` and ``lng``, at least one.

        It has a margin, is 200 m wide or more, and is cut open where nothing is, so that what lies
        on both sides of the antimeridian is shown together.
        """
        cut = _cut(points["lng"])
        whole = cls((0, 0), (0, 0), 0, cut)
        low_x, high_x, low_y, high_y = points.select(
            whole.across(pl.col("lng")).min().alias("low_x"),
            whole.across(pl.col("lng")).max().alias("high_x"),
            stretched(pl.col("lat").min()).alias("low_y"),
            stretched(pl.col("lat").max()).alias("high_y"),
        ).row(0)
        middle_x, middle_y = (low_x + high_x) / 2, (low_y + high_y) / 2
        least = _LEAST_M / METRES * math.cosh(math.radians(middle_y))
        wide = max(high_x - low_x, least) * (1 + 2 * _MARGIN)
        high = (high_y - low_y) * (1 + 2 * _MARGIN)
        height = round(min(max(WIDTH * high / wide, _HEIGHTS[0]), _HEIGHTS[1]))
        pixel = min(max(wide / WIDTH, high / height), 360 / WIDTH)
        half_x, half_y = pixel * WIDTH / 2, pixel * height / 2
        return cls(
            (middle_x - half_x, middle_x + half_x),
            (middle_y - half_y, middle_y + half_y),
            height,
            cut,
        )

    @property
    def pixel(self) -> float:
        """Degrees of the axes in a pixel."""
        return (self.x[1] - self.x[0]) / WIDTH

    def across(self, lng: pl.Expr) -> pl.Expr:
        """Return the place on the x axis of longitudes."""
        return lng + 360 * (lng < self.cut).cast(pl.Float64)

    def pixels(self, points: pl.DataFrame) -> list[tuple[float, float]]:
        """Return where points are in the picture, from its upper left."""
        x = (self.across(pl.col("lng")) - self.x[0]) / self.pixel
        y = (self.y[1] - stretched(pl.col("lat"))) / self.pixel
        return points.select(x.alias("x"), y.alias("y")).rows()

    def placed(self, lat: str = "lat", lng: str = "lng", end: str = "") -> dict[str, str]:
        """Return the calculation of ``x`` and ``y`` (with ``end`` after them) in the browser."""
        rad = f"clamp(datum.{lat},-{LIMIT:g},{LIMIT:g})*PI/360"
        return {
            f"x{end}": f"datum.{lng}+(datum.{lng}<{self.cut!r}?360:0)",
            f"y{end}": f"log(tan(PI/4+{rad}))*180/PI",
        }

    def axes(self) -> tuple[alt.X, alt.Y]:
        """Return the axes: a grid of round degrees, whatever is in view."""
        digits = f"max(0,ceil(-log({_STEP})/LN10-0.001))"

        def label(degrees: str, plus: str, minus: str) -> str:
            number = f"format(abs({degrees}),'.'+{digits}+'f')"
            side = f"abs({degrees})<{_STEP}/2?'':{degrees}<0?'{minus}':'{plus}'"
            return f"{number}+'°'+({side})"

        east = "((datum.value+900)%360-180)"
        x = alt.X(
            "x:Q",
            scale=alt.Scale(domain=list(self.x), nice=False, zero=False),
            axis=_axis(
                f"sequence(ceil({_LEFT}/{_STEP})*{_STEP},{_RIGHT},{_STEP})", label(east, "E", "W")
            ),
        )
        first = f"floor({_latitude(_LOW)}/{_STEP})"
        ticks = ",".join(
            f"log(tan(PI/4+clamp(({first}+{n})*{_STEP},-89,89)*PI/360))*180/PI"
            for n in range(2 * _LINES)
        )
        y = alt.Y(
            "y:Q",
            scale=alt.Scale(domain=list(self.y), nice=False, zero=False),
            axis=_axis(f"[{ticks}]", label(_latitude("datum.value"), "N", "S")),
        )
        return x, y

    def scale_bar(self) -> list[alt.Chart]:
        """Return a bar of a round length in m or km, true in the middle of the map."""
        middle = f"(({_LOW}+{_HIGH})*PI/360)"
        metres = f"({METRES!r}*2/(exp({middle})+exp(-{middle}))*({_RIGHT}-{_LEFT})/width)"
        longest = f"({_BAR}*{metres})"
        power = f"pow(10,floor(log({longest})/LN10))"
        round_ = f"({power}*({longest}/{power}>=5?5:{longest}/{power}>=2?2:1))"
        words = f"{round_}>=1000?format({round_}/1000,',')+' km':format({round_},'~r')+' m'"
        end = alt.value(alt.ExprRef(f"width-{round_}/{metres}"))
        base = alt.Chart(alt.InlineData(values=[{}]))
        below = self.height + 26
        bar: alt.Chart = base.mark_rule(strokeWidth=3, clip=False).encode(
            x=end, x2=alt.value("width"), y=alt.value(below)
        )
        text: alt.Chart = base.mark_text(
            align="right", baseline="middle", dx=-6, clip=False
        ).encode(x=end, y=alt.value(below), text=alt.TextValue(alt.ExprRef(words)))
        return [bar, text]


def _step() -> str:
    """Return an expression for the degrees between lines of the grid: 1, 2 or 5 of a power."""
    wanted = f"(({_RIGHT}-{_LEFT})/{_LINES})"
    power = f"pow(10,floor(log({wanted})/LN10))"
    return f"min({_COARSEST},{power}*({wanted}<=2*{power}?2:{wanted}<=5*{power}?5:10))"


_STEP: Final = _step()


def _latitude(y: str) -> str:
    """Return an expression for the latitude of a place on the y axis."""
    return f"((atan(exp({y}*PI/180))*2-PI/2)*180/PI)"


def _axis(values: str, label: str) -> alt.Axis:
    return alt.Axis(
        values=alt.ExprRef(values), labelExpr=label, title=None, domain=False, ticks=False
    )


def _cut(lngs: pl.Series) -> float:
    """Return where to cut the map open so that it is least wide; at 180° unless that helps."""
    places = ((lngs * 100).floor().cast(pl.Int32).unique().sort() + 0.5) / 100
    ways = places.diff().slice(1)
    widest = ways.arg_max()
    around = places[-1] - places[0]
    if widest is None or 360 - ways[widest] >= around:
        return -180.0
    return float(places[widest] + ways[widest] / 2)
