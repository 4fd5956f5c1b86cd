"""Pictures of the ground under a map, from a server that the caller names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import altair as alt

from fleetlab.charts.theme import WIDTH
from fleetlab.errors import InvalidArgument

if TYPE_CHECKING:
    from fleetlab.charts.mercator import View

__all__ = ["ground", "host_of"]

_PLACES: Final = ("{z}", "{x}", "{y}")
_SIZE: Final = 256  # pixels that a tile is made for
_DEEPEST: Final = 19


def host_of(template: str) -> str:
    """Return the host of a template of tiles' addresses.

    Raises
    ------
    InvalidArgument
        If it is no such template.
    """
    parts = urlsplit(template)
    missing = [place for place in _PLACES if place not in template]
    if missing or parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidArgument(
            f"tiles={template!r} is no address of tiles; write one such as "
            "'https://tile.example/{z}/{x}/{y}.png'."
        )
    return parts.hostname


def ground(template: str, view: View) -> alt.Chart:
    """Return the tiles that fill a view. They grow as the reader zooms in, and end where it ended.

    Parameters
    ----------
    template : str
        Address of a tile (Web Mercator, 256 pixels) with ``{z}``, ``{x}`` and ``{y}``.
    view : View
        What is drawn.
    """
    wide = view.x[1] - view.x[0]
    level = min(max(round(math.log2(360 * WIDTH / (_SIZE * wide))), 0), _DEEPEST)
    many = 2**level
    size = 360 / many  # of a tile, in degrees of the axes
    columns = range(math.floor((view.x[0] + 180) / size), math.ceil((view.x[1] + 180) / size))
    first, last = math.floor((180 - view.y[1]) / size), math.ceil((180 - view.y[0]) / size)
    tiles = [
        {
            "url": template.replace("{z}", str(level))
            .replace("{x}", str(column % many))
            .replace("{y}", str(row)),
            "x": column * size - 180,
            "y": 180 - row * size,
        }
        for column in columns
        for row in range(max(first, 0), min(last, many))
    ]
    pixels = alt.ExprRef(f"{size!r}/(domain('x')[1]-domain('x')[0])*width")
    x, y = view.axes()
    picture = alt.Chart(alt.InlineData(values=tiles)).mark_image(
        width=pixels, height=pixels, align="left", baseline="top", aspect=False, clip=True
    )
    chart: alt.Chart = picture.encode(x=x, y=y, url=alt.Url("url:N"))
    return chart
