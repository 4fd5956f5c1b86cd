"""Where the fleet is, on a map that keeps up with a capture: one self-contained widget.

The whole travels when a page asks for it, and after that only rows that look different and the
points that tails grow by. The page keeps tails, and drops what is too old.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import traitlets

from fleetlab.colours import STATES
from fleetlab.live.arguments import checked, named, number
from fleetlab.live.assets import script, style
from fleetlab.live.changes import changed
from fleetlab.live.following import Following
from fleetlab.live.standing import STATUS, Standing
from fleetlab.live.whereabouts import Whereabouts, chosen

if TYPE_CHECKING:
    from collections.abc import Iterable

    import altair as alt

    from fleetlab.job import Job
    from fleetlab.recording import Recording

__all__ = ["Map", "map"]

LONGEST: Final = 1_440.0
"""Minutes of the longest tails."""

_WHO: Final = "tracker_id"
_SHOWN: Final = {
    "status": pl.col("status").replace_strict(
        STATUS, list(range(len(STATUS))), return_dtype=pl.Int64
    ),
    "speed": pl.col("speed_kmh").round().cast(pl.Int64, strict=False),
    "heading": pl.col("heading_deg").round().cast(pl.Int64, strict=False),
    "alt": pl.col("alt_m").round().cast(pl.Int64, strict=False),
    "heard": pl.col("heard_at").dt.epoch("s"),
    "id": pl.col(_WHO),
    "label": pl.col("label"),
}
"""What is told of a tracker; a change of anything else but its place does not travel."""

_LONE: Final = 2  # a position that is no part of a tail; 1 begins a piece of one, 0 goes on
_STEP: Final = timedelta(seconds=1)


def map(  # noqa: A001 - as the chart is called
    source: Job | Recording,
    *,
    trackers: Iterable[int | str] | int | str | None = None,
    minutes: float = 10.0,
    every: float = 1.0,
) -> Map:
    """Show where trackers are and were lately, on a map that keeps up with a capture.

    A dot is a tracker's last position, coloured by status as in :func:`fleetlab.live.fleet`; of
    one that moves, an arrow in its heading. A line is where it was in the last minutes. The map is
    of degrees in Mercator's projection: there are no streets, and nothing is asked of the network.

    Positions count and tails break as in :func:`fleetlab.charts.map`: a tail breaks in a gap of the
    connection, while the platform does not hear the device, after 20 minutes without a position,
    and where it would be faster than 300 km/h; snapshots and positions of cell towers are last
    positions only; 0, 0 is no position. What comes after something newer is left out.

    Tails are of the fleet's own time: they end with the newest moment that any tracker told, so
    those of a replay are as long as those of a capture, and one that has been parked longer has
    none. They have 300,000 points at most, of all trackers together; beyond that they are shorter.

    Parameters
    ----------
    source : Job or Recording
        A capture that goes on, as :func:`fleetlab.start` gives it; the view ends with it. Or a
        recording: its last positions, and ages as of its end.
    trackers : int, str, or iterable of them, optional
        Ids or labels; all if left out.
    minutes : float
        How long tails are; 0 to 1,440, 0 for none.
    every : float
        Seconds between two looks at what is new; 0.1 to 3,600.

    Returns
    -------
    Map
        Shows itself in Jupyter. ``view.frame`` is what it shows for Polars, ``view.chart()`` the
        same in Altair; ``view.stop()`` ends the updates.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    RecordingError
        If the recording's files are gone.
    """
    followed, pace = checked("map", source, every)
    return Map(followed, pace, named(trackers), number("minutes", minutes, 0, LONGEST, "minutes"))


class Map(Following):
    """Trackers on a map; made by :func:`map`, which says what it shows.

    Attributes
    ----------
    frame : polars.DataFrame
        A row a tracker: ``tracker_id``, ``label``, ``status``; ``lat`` and ``lng`` (°, WGS 84),
        ``heading_deg`` (°), ``speed_kmh`` (km/h), ``alt_m`` (m), ``fixed_at`` (UTC), the moment of
        the position, all null where none is known; ``heard_at`` (UTC).
    errors : tuple of str
        What went wrong while it kept up, the last of it.
    """

    _esm = script("rows", "mercator", "tails", "painting", "dot", "hands", "map")
    _css = style("map")

    # Asked for whenever a page builds the view, and never sent by itself: news travel alone.
    whole = traitlets.Any().tag(sync=True, to_json=lambda _, self: self._whole())
    states: traitlets.List[dict[str, str]] = traitlets.List().tag(sync=True)
    minutes = traitlets.Float().tag(sync=True)

    def __init__(
        self,
        source: Job | Recording,
        every: float,
        trackers: tuple[int | str, ...] | None,
        minutes: float,
    ) -> None:
        self._trackers = trackers
        self._minutes = minutes
        self._standing = Standing()
        self._whereabouts = Whereabouts(minutes, trackers)
        self._order = pl.DataFrame(schema={_WHO: pl.Int64})
        super().__init__(source, every)

    def __repr__(self) -> str:
        """Say how many trackers there are, and as of when."""
        return f"Map({len(self.frame):,} trackers, {self.words})"

    @property
    def frame(self) -> pl.DataFrame:
        """What the map shows, as of the last look."""
        return self._table.select(
            *(_WHO, "label", "status", "lat", "lng", "heading_deg", "speed_kmh", "alt_m"),
            *("fixed_at", "heard_at"),
        )

    def chart(self) -> alt.LayerChart | alt.Chart:
        """Return the same in Altair: last positions and tails as of the last look.

        Returns
        -------
        altair.LayerChart
            As :func:`fleetlab.charts.map` draws it.
        """
        from fleetlab import charts  # noqa: PLC0415 - they take long to import

        start, end = self._whereabouts.since, self._latest("fixed_at")
        if start is not None and end is not None:
            start = min(start, end - _STEP)
        return charts.map(
            self._seen, trackers=self._trackers, start=start, end=end, colour="status"
        )

    # -- in the thread ----------------------------------------------------------------------

    def _prepare(self) -> dict[str, Any]:
        self._take()
        self._sent = self._as_sent(0)
        states = [{"word": word, "colour": STATES[word]} for word in STATUS]
        return {"states": states, "minutes": self._minutes}

    def _take(self) -> pl.DataFrame | None:
        """Look at what is new; return the points that tails grew by, None if all is another."""
        seen = self._recording()
        table = self._standing.look(seen)
        grew = self._whereabouts.look(seen)
        if self._trackers is not None:
            mine = chosen(self._trackers) | pl.col(_WHO).is_in(self._order[_WHO].implode())
            table = table.filter(mine)
        # Each keeps its place, also where one gets a label that was asked for.
        order = pl.concat([self._order, table.select(_WHO)]).unique(maintain_order=True)
        places = self._whereabouts.places.rename({"event_time": "fixed_at"})
        for more in (table, places):
            order = order.join(more, on=_WHO, how="left", maintain_order="left")
        self._seen, self._table, self._order = seen, order, order.select(_WHO)
        return grew

    def _as_sent(self, of: int) -> _Sent:
        return of, self._table.select(**_SHOWN), self._table, self._whereabouts.points

    def _look(self) -> None:
        """Look at what is new, and send it."""
        of, shown, table, _ = self._sent
        grew = self._take()
        if grew is None:  # a page that misses a number asks for the whole
            self._sent = self._as_sent(of + 2)
            self.send({"of": of + 2, "now": time.time()})
            return
        rows = changed(shown, self._table.select(**_SHOWN))
        points = self._told(grew, _moved(table, self._table))
        if rows or points["n"]:
            self._sent = self._as_sent(of + 1)
            news = {"rows": rows, "points": points, "since": self._since()}
            self.send({"of": of + 1, "now": time.time(), **news})

    def _latest(self, column: str = "heard_at") -> datetime | None:
        latest = self._table[column].max()
        return latest if isinstance(latest, datetime) else None

    # -- to the browser ---------------------------------------------------------------------

    def _told(self, points: pl.DataFrame, places: pl.DataFrame) -> dict[str, list[Any]]:
        """Return points of tails, and then last positions, as columns; ``n`` is whose."""
        kind = pl.col("begins").cast(pl.Int64)
        lone = places.select(_WHO, "lat", "lng", event_time="fixed_at", kind=_LONE)
        points = points.select(*(_WHO, "lat", "lng", "event_time"), kind=kind)
        of = ["tracker_id", "event_time"]
        lone = lone.cast({"kind": pl.Int64}).drop_nulls("lat").join(points, on=of, how="anti")
        place = self._order.with_row_index("n")
        told = pl.concat([points, lone]).join(place, on=_WHO, maintain_order="left")
        return told.select(
            "n",
            "kind",
            pl.col("lat", "lng").round(6),
            t=pl.col("event_time").dt.epoch("s"),
        ).to_dict(as_series=False)

    def _since(self) -> int | None:
        since = self._whereabouts.since
        return None if since is None else int(since.timestamp())

    def _whole(self) -> dict[str, Any]:
        of, shown, table, points = self._sent
        columns = shown.to_dict(as_series=False)
        told = {"points": self._told(points, table), "since": self._since()}
        return {"of": of, "now": time.time(), "columns": columns, **told}

    def _on_message(self, _: Any, content: Any, __: Any) -> None:
        if content == {"ask": "whole"}:
            self.send(self._whole())


_Sent = tuple[int, pl.DataFrame, pl.DataFrame, pl.DataFrame]
"""The number of what was sent last, and what rows, places and tails were then."""


def _moved(before: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """Return the rows whose position is another than before."""
    where = [_WHO, "fixed_at", "lat", "lng"]
    return table.join(before.select(where), on=where, how="anti", nulls_equal=True)
