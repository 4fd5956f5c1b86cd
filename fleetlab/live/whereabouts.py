"""Where each tracker is and was lately, kept up with a recording that grows.

Each look takes only rows that are new since the last one. Positions count as in
:func:`fleetlab.charts.map`: those of cell towers, and snapshots, are last positions and no part of
a tail. What comes after something newer of the same tracker is left out.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from fleetlab.fixes import breaks, is_placed, is_silent, is_towers
from fleetlab.live.news import pieces

if TYPE_CHECKING:
    from datetime import datetime

    from fleetlab.recording import Recording

__all__ = ["Whereabouts", "chosen"]

POINTS: Final = 300_000
"""Points of tails that are kept, of all trackers together: what a page draws smoothly."""

_EVENTS: Final = ("state_batch", "state")  # where both were recorded, the first counts
_WHO: Final = "tracker_id"
_TIME: Final = pl.Datetime("us", "UTC")
_PLACE: Final = ("lat", "lng", "heading_deg", "alt_m")
_PLACES: Final = pl.DataFrame(
    schema={_WHO: pl.Int64, "event_time": _TIME, **dict.fromkeys(_PLACE, pl.Float64)}
)
_POINTS: Final = pl.DataFrame(
    schema={
        _WHO: pl.Int64,
        "event_time": _TIME,
        "lat": pl.Float64,
        "lng": pl.Float64,
        "begins": pl.Boolean,
    }
)
_CARRIED: Final = pl.DataFrame(
    schema={
        _WHO: pl.Int64,
        "event_time": _TIME,
        "received_at": _TIME,
        "lat": pl.Float64,
        "lng": pl.Float64,
        "silent": pl.Boolean,
        "on_track": pl.Boolean,
    }
)


class Whereabouts:
    """Follows one recording.

    Parameters
    ----------
    minutes : float
        How long tails are, before :attr:`newest`.
    trackers : tuple of int or str, optional
        Ids or labels of those to follow; all if left out.

    Attributes
    ----------
    places : polars.DataFrame
        The last position of each: ``tracker_id``, ``event_time`` (UTC), ``lat``, ``lng`` (°),
        ``heading_deg`` (°), ``alt_m`` (m).
    points : polars.DataFrame
        Those of tails, each tracker's in time: ``tracker_id``, ``event_time`` (UTC), ``lat``,
        ``lng`` (°), and whether a piece of the tail ``begins`` there.
    newest : datetime.datetime or None
        The newest moment that any of them told. A clock that is ahead does not count: a row's
        moment is never later than the server's time, or than when it came.
    since : datetime.datetime or None
        When tails begin.
    """

    def __init__(self, minutes: float, trackers: tuple[int | str, ...] | None = None) -> None:
        self._length = timedelta(minutes=minutes)
        self._chosen = pl.lit(value=True) if trackers is None else chosen(trackers)
        self._begin(_EVENTS[0])

    def _begin(self, event: str) -> None:
        self._event, self._taken = event, 0
        self.places, self.points, self._carried = _PLACES, _POINTS, _CARRIED
        self.newest: datetime | None = None
        self.since: datetime | None = None
        self._grew: list[pl.DataFrame] = []  # since the last look that found its end

    def look(self, recording: Recording) -> pl.DataFrame | None:
        """Take what is new in a later snapshot of the same recording.

        Returns
        -------
        polars.DataFrame or None
            The points that tails grew by, as :attr:`points` has them; None where all that was
            known before no longer holds.
        """
        event = next((one for one in _EVENTS if recording._rows(one)), _EVENTS[0])  # noqa: SLF001
        anew = event != self._event
        if anew:
            self._begin(event)
        ends = _ends_of_gaps(recording)
        for rows, taken in pieces(recording, self._event, self._taken):
            self._take(rows, ends, taken)
        grew, self._grew = pl.concat([_POINTS, *self._grew]), []
        if anew or self.since is None:
            return None if anew else grew
        return grew.filter(pl.col("event_time") >= self.since)

    def _take(self, new: pl.LazyFrame, ends: pl.Series, taken: int) -> None:
        moment = pl.min_horizontal("event_time", "received_at")
        rows = (
            new.filter(self._chosen)
            .select(
                *(_WHO, "received_at", *_PLACE, "server_time"),
                event_time=moment,
                silent=is_silent(),
                placed=is_placed(),
                on_track=is_placed() & ~is_silent() & ~is_towers() & ~pl.col("snapshot"),
            )
            .collect()
        )
        told = rows.select(pl.min_horizontal("event_time", "server_time").max()).item()
        newest = max((one for one in (self.newest, told) if one is not None), default=None)
        since = None if newest is None else newest - self._length
        places = _last(pl.concat([self.places, rows.filter("placed").select(_PLACES.columns)]))
        points, carried = _grown(self._carried, rows.select(_CARRIED.columns), ends)
        kept = pl.concat([self.points, points], rechunk=True)
        if since is not None:
            kept = kept.filter(pl.col("event_time") >= since)
        if len(kept) > POINTS:
            since = kept["event_time"].top_k(POINTS).min()
            kept = kept.filter(pl.col("event_time") >= since)
        self._taken, self.newest, self.since = taken, newest, since
        self.places, self.points, self._carried = places, kept, carried
        self._grew.append(points)


def chosen(trackers: tuple[int | str, ...]) -> pl.Expr:
    """Whether a row is of one of these, by ``tracker_id`` or ``label``."""
    ids = [one for one in trackers if isinstance(one, int)]
    labels = [one for one in trackers if isinstance(one, str)]
    return (pl.col(_WHO).is_in(ids) | pl.col("label").is_in(labels)).fill_null(value=False)


def _ends_of_gaps(recording: Recording) -> pl.Series:
    """Return when nothing of anything had come for a while, and it came again."""
    of_all = (pl.col(name).is_null() for name in ("tracker_id", "field", "event"))
    return recording.gaps.filter(*of_all)["ended_at"].drop_nulls().sort()


def _last(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the last row of each; of the same moment, what came last."""
    return rows.sort("event_time", maintain_order=True).unique(
        _WHO, keep="last", maintain_order=True
    )


def _grown(
    carried: pl.DataFrame, rows: pl.DataFrame, ends: pl.Series
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the points that tails grow by, and the rows that the next ones are judged by.

    Those are of each tracker the last point, and that it was silent since.
    """
    marked = pl.concat([carried.with_columns(new=False), rows.with_columns(new=True)])
    ordered = marked.sort(_WHO, maintain_order=True).with_columns(
        silences=pl.col("silent").cum_sum(),
        gaps=pl.lit(ends).search_sorted(pl.col("received_at"), side="right"),
    )
    moment = pl.col("event_time")
    # Of the same moment, what came first: most often the same position with other news.
    late = (moment <= moment.cum_max().shift(1).over(_WHO)).fill_null(value=False)
    track = ordered.filter("on_track").filter(~late)
    track = track.with_columns(begins=breaks(_WHO, "gaps", "silences"))
    last = track.unique(_WHO, keep="last", maintain_order=True)
    silences = ordered.filter("silent").unique(_WHO, keep="last", maintain_order=True)
    before = last.select(_WHO, before="silences")
    silences = silences.join(before, on=_WHO).filter(pl.col("silences") > pl.col("before"))
    columns = carried.columns
    carried = pl.concat([last.select(columns), silences.select(columns)])
    return track.filter("new").select(_POINTS.columns), carried
