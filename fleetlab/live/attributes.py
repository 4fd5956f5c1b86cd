"""Raw attributes of devices, as they come: one self-contained widget.

All values travel when a page asks for them, and after that only new ones; the browser keeps the
queues. Values travel as texts, so that no digit is lost on the way.
"""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import traitlets

from fleetlab.errors import InvalidArgument, RecordingError
from fleetlab.live import picture
from fleetlab.live.arguments import checked, named
from fleetlab.live.assets import script, style
from fleetlab.live.following import Following
from fleetlab.live.queues import MOST, QUEUES, Queues

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleetlab.job import Job
    from fleetlab.recording import Recording

__all__ = ["Attributes", "attributes"]


def attributes(
    source: Job | Recording,
    *,
    trackers: Iterable[int | str] | int | str | None = None,
    queue: str = "nonnull",
    every: float = 1.0,
) -> Attributes:
    """Show the raw attributes of up to ten devices, with their last values, as they come.

    A column is a device, a row an attribute; more rows tell what it was before, up to twelve values
    back (depth 0 is the newest). The order is that of the devices' clocks. A value that is new
    flashes; both its times, in UTC, and its type show where the pointer or the focus is. Of what
    the platform calls queues, ``nonnull`` leaves out nulls, and ``all`` has one wherever a message
    lacked the attribute.

    Parameters
    ----------
    source : Job or Recording
        A capture that goes on, as :func:`fleetlab.start` gives it; the view ends with it. Or a
        recording: its last values. It has to be recorded with :class:`fleetlab.IotMonitor`.
    trackers : int, str, or iterable of them, optional
        Ids or labels of up to ten devices; the first that were asked for, or heard, if left out.
    queue : {"nonnull", "all"}
        Which is shown first; the view can show the other one.
    every : float
        Seconds between two looks at what is new; 0.1 to 3,600.

    Returns
    -------
    view : Attributes
        Shows itself in Jupyter. ``view.frame`` is what it shows for Polars, ``view.to_json()`` as
        JSON; ``view.pause()`` and ``view.play()`` hold it and let it go on; ``view.stop()`` ends
        the updates.

    Raises
    ------
    InvalidArgument
        If the source is something else, an argument doesn't fit, or more than ten devices are
        named.
    RecordingError
        If the recording's files are gone.
    """
    followed, pace = checked("attributes", source, every)
    if queue not in QUEUES:
        raise InvalidArgument(f'queue= is "nonnull" or "all", not {queue!r}.')
    chosen = named(trackers)
    if chosen is not None and not 0 < len(chosen) <= MOST:
        raise InvalidArgument(
            f"attributes shows from 1 to {MOST} devices, and trackers= names {len(chosen):,}; make "
            "another view for the others."
        )
    return Attributes(followed, pace, chosen, queue)


class Attributes(Following):
    """Raw attributes of devices; made by :func:`attributes`, which says what it shows.

    Attributes
    ----------
    frame : polars.DataFrame
        What is shown, of both queues, a row a value: ``tracker_id``, ``label``, ``queue``
        (``nonnull``, ``all``), ``field``, ``depth`` (0: the newest), ``msg_time`` and ``srv_time``
        (the clocks of device and platform, UTC), ``delay_s`` (s, from the first to the second),
        ``value`` (of a number, or a string that is one), ``value_text``, ``value_type``.
    paused : bool
        Whether the picture stands still.
    errors : tuple of str
        What went wrong while it kept up, the last of it.
    """

    _esm = script("queues", "tip", "controls", "attributes")
    _css = style("attributes")

    # Asked for whenever a page builds the view, and never sent by itself: the values travel alone.
    whole = traitlets.Any().tag(sync=True, to_json=lambda _, self: self._whole())
    queue = traitlets.Enum(QUEUES).tag(sync=True)
    paused_at = traitlets.Float(None, allow_none=True).tag(sync=True)

    def __init__(
        self,
        source: Job | Recording,
        every: float,
        trackers: tuple[int | str, ...] | None,
        queue: str,
    ) -> None:
        self._lock = threading.RLock()
        self._queues = Queues(trackers)
        self._begins_with = queue
        super().__init__(source, every)

    def __repr__(self) -> str:
        """Say how much there is, and as of when."""
        _, look = self._shown
        fields = look.values["field"].n_unique()
        words = f"paused at {self._moment():%H:%M:%S} UTC" if self.paused else self.words
        return f"Attributes({len(look.devices)} devices, {fields:,} attributes, {words})"

    # -- the picture ------------------------------------------------------------------------

    @property
    def paused(self) -> bool:
        """Whether the picture stands still."""
        return self.paused_at is not None

    def pause(self) -> None:
        """Let the picture stand still; what comes meanwhile is shown after :meth:`play`."""
        with self._lock:
            if not self.paused:
                self.paused_at = time.time()

    def play(self) -> None:
        """Catch up with what came, and go on."""
        with self._lock:
            if self.paused:
                self.paused_at = None
                self._guarded(self._look if self.until is None else self._show)

    @property
    def frame(self) -> pl.DataFrame:
        """What is shown, of both queues; see :class:`Attributes`."""
        return picture.frame(self._shown[1])

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """Return what is shown as JSON, or write it to a file.

        A list of objects with the columns of :attr:`frame`: times in ISO 8601 and UTC, and each
        ``value`` with all the digits that were sent.

        Parameters
        ----------
        path : str or os.PathLike, optional
            A file, which is replaced if it is there.

        Returns
        -------
        str or None
            The text, unless it went to a file.

        Raises
        ------
        InvalidArgument
            If the path is none.
        RecordingError
            If the file can't be written.
        """
        text = picture.json(self.frame)
        if path is None:
            return text
        if not isinstance(path, str | os.PathLike):
            raise InvalidArgument(f"path= is the name of a file, not {path!r}.")
        try:
            Path(path).expanduser().write_text(text, "utf-8")
        except OSError as error:
            raise RecordingError(
                f"{path} can't be written: {error.strerror or error}. Name another file."
            ) from error
        return None

    # -- in the thread ----------------------------------------------------------------------

    def _prepare(self) -> dict[str, Any]:
        self._seen = self._queues.look(self._recording())
        self._shown = (0, self._seen)
        return {"queue": self._begins_with}

    def _look(self) -> None:
        """Look at what is new, and show it unless the picture stands still."""
        with self._lock:
            self._seen = self._queues.look(self._recording())
            if not self.paused:
                self._show()

    def _show(self) -> None:
        """Send what is new since the last time."""
        (of, before), look = self._shown, self._seen
        news = look.values.filter(pl.col("look") > before.number)
        if news.is_empty() and (look.devices, look.notice) == (before.devices, before.notice):
            return
        self._shown = (of + 1, look)
        if [one.tracker_id for one in look.devices] != [one.tracker_id for one in before.devices]:
            self.send(self._whole())
        else:
            self.send({**picture.head(look), "of": of + 1, "rows": picture.messages(news)})

    def _latest(self) -> datetime | None:
        heard = [one.heard_at for one in self._seen.devices if one.heard_at is not None]
        return max(heard, default=None)

    # -- to the browser ---------------------------------------------------------------------

    def _whole(self) -> dict[str, Any]:
        of, look = self._shown
        return {**picture.head(look), "of": of, "columns": picture.messages(look.values)}

    def _on_message(self, _: Any, content: Any, __: Any) -> None:
        match content:
            case {"ask": "whole"}:
                with self._lock:
                    self.send(self._whole())
            case {"ask": "pause"}:
                self.pause()
            case {"ask": "play"}:
                self.play()
            case {"ask": "json", "by": by}:
                name = f"attributes-{self._moment():%Y-%m-%dT%H%M%SZ}.json"
                self.send({"json": self.to_json(), "name": name, "by": by})

    def _moment(self) -> datetime:
        """Return the moment that is shown."""
        moments = [at for at in (self.paused_at, self.until) if at is not None]
        return datetime.fromtimestamp(min(moments, default=time.time()), UTC)
