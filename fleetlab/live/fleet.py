"""The fleet as a table that keeps up with a capture: one self-contained widget.

The whole table travels when a page asks for it, and after that only rows that look different. Ages
tick in the browser.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import traitlets

from fleetlab.colours import STATES
from fleetlab.live.arguments import checked
from fleetlab.live.assets import script, style
from fleetlab.live.following import Following
from fleetlab.live.standing import STATUS, Standing

if TYPE_CHECKING:
    from fleetlab.job import Job
    from fleetlab.recording import Recording

__all__ = ["Fleet", "fleet"]

_SHOWN: Final = {
    "status": pl.col("status").replace_strict(
        STATUS, list(range(len(STATUS))), return_dtype=pl.Int64
    ),
    "speed": pl.col("speed_kmh").round().cast(pl.Int64, strict=False),
    "ignition": pl.col("ignition"),
    "heard": pl.col("heard_at").dt.epoch("s"),
    "fuel": pl.col("fuel").round(1),
    "units": pl.col("fuel_units"),
    "id": pl.col("tracker_id"),
    "label": pl.col("label"),
}
"""What a row shows; a change of anything else does not travel."""

_NAMING: Final = 2
"""The last columns, which travel only with a row that is new or has a new name."""


def fleet(source: Job | Recording, *, every: float = 1.0) -> Fleet:
    """Show all trackers in a table, a row each, that keeps up with a capture.

    Columns: label and id; status (``moving``, ``stopped``, ``parked``, ``offline`` where the
    platform does not hear the device, else ``unknown``); speed in km/h; ignition; how long ago the
    device was last heard, which fades from 1, 5 and 10 minutes on; fuel in the unit of its sensor.
    All is the last that was told, snapshots included; with several tanks, fuel is of the sensor of
    the least id that is not made of others. Click on a column's head to sort by it.

    Parameters
    ----------
    source : Job or Recording
        A capture that goes on, as :func:`fleetlab.start` gives it; the view ends with it. Or a
        recording: its last states, and ages as of its end.
    every : float
        Seconds between two looks at what is new; 0.1 to 3,600.

    Returns
    -------
    Fleet
        Shows itself in Jupyter. ``fleet.frame`` is the table for Polars; ``fleet.stop()`` ends the
        updates.

    Raises
    ------
    InvalidArgument
        If the source is something else, or ``every`` out of bounds.
    RecordingError
        If the recording's files are gone.
    """
    return Fleet(*checked("fleet", source, every))


class Fleet(Following):
    """A table of trackers; made by :func:`fleet`, which says what it shows.

    Attributes
    ----------
    frame : polars.DataFrame
        The same table: ``tracker_id``, ``label``, ``status``, ``speed_kmh`` (km/h), ``ignition``,
        ``heard_at`` (UTC), ``age_s`` (s), ``fuel``, ``fuel_units``.
    errors : tuple of str
        What went wrong while it kept up, the last of it.
    """

    _esm = script("fleet")
    _css = style("fleet")

    # Asked for whenever a page builds the view, and never sent by itself: the rows travel alone.
    whole = traitlets.Any().tag(sync=True, to_json=lambda _, self: self._whole())
    states: traitlets.List[dict[str, str]] = traitlets.List().tag(sync=True)

    def __repr__(self) -> str:
        """Say how many trackers there are, and as of when."""
        return f"Fleet({len(self._table):,} trackers, {self.words})"

    @property
    def frame(self) -> pl.DataFrame:
        """The table as of the last look; ages as of now, or as of the end."""
        at = datetime.now(UTC) if self.until is None else datetime.fromtimestamp(self.until, UTC)
        age = (pl.lit(at) - pl.col("heard_at")).dt.total_milliseconds() / 1000
        table = self._table.with_columns(age_s=age.clip(0))
        return table.select(*table.columns[:6], "age_s", "fuel", "fuel_units")

    # -- in the thread ----------------------------------------------------------------------

    def _prepare(self) -> dict[str, Any]:
        self._standing = Standing()
        self._table = self._standing.look(self._recording())
        self._sent = (0, self._table.select(**_SHOWN))
        return {"states": [{"word": word, "colour": STATES[word]} for word in STATUS]}

    def _look(self) -> None:
        """Look at what is new, and send the rows that look different."""
        self._table = self._standing.look(self._recording())
        (of, before), shown = self._sent, self._table.select(**_SHOWN)
        rows = _changed(before, shown)
        if rows:
            self._sent = (of + 1, shown)
            self.send({"of": of + 1, "now": time.time(), "rows": rows})

    def _latest(self) -> datetime | None:
        heard = self._table["heard_at"].max()
        return heard if isinstance(heard, datetime) else None

    # -- to the browser ---------------------------------------------------------------------

    def _whole(self) -> dict[str, Any]:
        of, shown = self._sent
        return {"of": of, "now": time.time(), "columns": shown.to_dict(as_series=False)}

    def _on_message(self, _: Any, content: Any, __: Any) -> None:
        if content == {"ask": "whole"}:
            self.send(self._whole())


def _changed(before: pl.DataFrame, shown: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Return the rows that differ: place, what they show, and their name where that is new."""
    old = shown[: len(before)]

    def differs(columns: list[str]) -> pl.Series:
        pairs = ((old[name], before[name]) for name in columns)
        return (
            pl.DataFrame([a.ne_missing(b).alias(a.name) for a, b in pairs])
            .select(pl.any_horizontal(pl.all()))
            .to_series()
        )

    indexed = shown.with_row_index("n")
    values, names = shown.columns[:-_NAMING], shown.columns[-_NAMING:]
    renamed, moved = differs(names), differs(values)
    changed = indexed[: len(before)].filter(moved & ~renamed).select("n", *values).rows()
    named = indexed[: len(before)].filter(renamed).rows() + indexed[len(before) :].rows()
    return changed + named
