"""The fleet as a table that keeps up with a capture: one self-contained widget.

The whole table travels when a page asks for it, and after that only rows that look different. Ages
tick in the browser. Nothing here prints; what fails is kept and shown in a line of the view.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anywidget
import polars as pl
import traitlets

from fleetlab.colours import STATES
from fleetlab.errors import FleetlabError, InvalidArgument
from fleetlab.job import Job
from fleetlab.live.comm import answer_where_asked
from fleetlab.live.standing import STATUS, Standing
from fleetlab.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Fleet", "fleet"]

STEP_S: Final = 0.1
PATIENCE_S: Final = 2.0
SOONEST_S: Final = 0.1
LATEST_S: Final = 3600.0

_HERE: Final = Path(__file__).parent
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
    if not isinstance(source, Job | Recording):
        raise InvalidArgument(
            f"fleet takes a job of fl.start or a recording, not a {type(source).__name__}; to "
            "watch a replay, capture from it: fl.start(server=replay.base_url, "
            "api_key=replay.api_key)."
        )
    if isinstance(every, bool) or not isinstance(every, int | float):
        raise InvalidArgument(f"every= is a number of seconds, not {every!r}.")
    if not SOONEST_S <= every <= LATEST_S:
        raise InvalidArgument(
            f"every= must be from {SOONEST_S:g} to {LATEST_S:,.0f} seconds, not {every!r}."
        )
    return Fleet(source, float(every))


class Fleet(anywidget.AnyWidget):
    """A table of trackers; made by :func:`fleet`, which says what it shows.

    Attributes
    ----------
    frame : polars.DataFrame
        The same table: ``tracker_id``, ``label``, ``status``, ``speed_kmh`` (km/h), ``ignition``,
        ``heard_at`` (UTC), ``age_s`` (s), ``fuel``, ``fuel_units``.
    errors : tuple of str
        What went wrong while it kept up, the last of it.
    """

    _esm = (_HERE / "fleet.js").read_text("utf-8")
    _css = (_HERE / "fleet.css").read_text("utf-8")

    # Asked for whenever a page builds the view, and never sent by itself: the rows travel alone.
    whole = traitlets.Any().tag(sync=True, to_json=lambda _, self: self._whole())
    states: traitlets.List[dict[str, str]] = traitlets.List().tag(sync=True)
    words = traitlets.Unicode().tag(sync=True)
    trouble = traitlets.Unicode().tag(sync=True)
    until = traitlets.Float(None, allow_none=True).tag(sync=True)

    def __init__(self, source: Job | Recording, every: float) -> None:
        self._source = source
        self._every = every
        self._standing = Standing()
        self._errors: deque[str] = deque(maxlen=20)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        runs = isinstance(source, Job) and source.running
        self._table = self._standing.look(self._recording())
        self._sent = (0, self._table.select(**_SHOWN))
        super().__init__(states=[{"word": word, "colour": STATES[word]} for word in STATUS])
        self.on_msg(self._on_message)
        answer_where_asked(self)
        if runs:
            self.words = "live"
            self._thread = threading.Thread(target=self._follow, name="fleetlab-fleet", daemon=True)
            self._thread.start()
        else:
            self._end()

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

    @property
    def errors(self) -> tuple[str, ...]:
        """What went wrong while it kept up, the last of it."""
        return tuple(self._errors)

    def stop(self) -> None:
        """End the updates; the view stays as it is, and so do its ages."""
        self._stopping.set()
        if self._thread not in (None, threading.current_thread()):
            self._thread.join(PATIENCE_S)

    def close(self) -> None:
        """End the updates, and take the view away."""
        self._stopping.set()
        super().close()

    def _recording(self) -> Recording:
        return self._source.recording if isinstance(self._source, Job) else self._source

    # -- in the thread ----------------------------------------------------------------------

    def _follow(self) -> None:
        assert isinstance(self._source, Job)
        runs = True
        while runs and not self._stopping.is_set():
            self._pause(self._source)
            runs = self._source.running  # before the look, so that the last one sees everything
            if runs and self._stopping.is_set():
                break
            self._guarded(self._look)
        self._guarded(self._end)

    def _pause(self, job: Job) -> None:
        until = time.monotonic() + self._every
        while job.running and (left := until - time.monotonic()) > 0:
            if self._stopping.wait(min(left, STEP_S)):
                return

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do a part of the work; what fails is told in the view, if that can be shown."""
        while True:
            try:
                return work()
            except KeyboardInterrupt:  # Polars raises it in every thread that it computes in
                continue
            except Exception as error:  # noqa: BLE001 - nobody else would hear of it
                self._tell(f"{type(error).__name__}: {error}")
                return None

    def _tell(self, sentence: str) -> None:
        self._errors.append(f"{datetime.now(UTC):%H:%M:%S} UTC: {sentence}")
        try:
            self.trouble = self._errors[-1]
        except Exception as error:  # noqa: BLE001 - it can't be shown, only kept
            self._errors.append(f"It can't be shown: {type(error).__name__}: {error}")

    def _look(self) -> None:
        """Look at what is new, and send the rows that look different."""
        self._table = self._standing.look(self._recording())
        (of, before), shown = self._sent, self._table.select(**_SHOWN)
        rows = _changed(before, shown)
        if rows:
            self._sent = (of + 1, shown)
            self.send({"of": of + 1, "now": time.time(), "rows": rows})

    def _end(self) -> None:
        """Say as of when it is, and let the ages stand."""
        info = self._recording().info
        is_over = info.ended_at is not None
        ended = info.ended_at or (datetime.now(UTC) if self._thread else self._last_heard())
        if isinstance(self._source, Job) and is_over:
            try:
                self._source.result()
            except FleetlabError as error:
                self._tell(str(error))
        why = "ended" if is_over else "stopped" if self._thread else "still written"
        with self.hold_sync():
            self.until = ended.timestamp()
            self.words = f"{why}, as of {ended:%Y-%m-%d %H:%M:%S} UTC"

    def _last_heard(self) -> datetime:
        heard = self._table["heard_at"].max()
        return heard if isinstance(heard, datetime) else self._recording().info.started_at

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
