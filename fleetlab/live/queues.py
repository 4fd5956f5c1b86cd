"""The last values of each attribute of each device, kept up with a recording that grows.

Each look takes only rows that are new since the last one. A look that fails leaves everything as it
was, and can be done again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl

from fleetlab.live.news import pieces

if TYPE_CHECKING:
    from datetime import datetime

    from fleetlab.recording import Recording

__all__ = ["DEPTHS", "MOST", "QUEUES", "Device", "Look", "Queues"]

QUEUES: Final = ("nonnull", "all")
DEPTHS: Final = 13
"""Values of an attribute that are kept: the newest, and twelve before it."""

MOST: Final = 10
"""Devices that are shown at most, as many as can be asked for."""

_EVENT: Final = "iot_monitor"
_PLACE: Final = ("tracker_id", "queue", "field")
_TIME: Final = pl.Datetime("us", "UTC")
_VALUES: Final = pl.DataFrame(
    schema={
        "tracker_id": pl.Int64,
        "queue": pl.String,
        "field": pl.String,
        "t": _TIME,
        "msg_time": _TIME,
        "srv_time": _TIME,
        "value": pl.Float64,
        "value_text": pl.String,
        "value_type": pl.String,
        "look": pl.Int64,
    }
)
_HEARD: Final = pl.DataFrame(schema={"tracker_id": pl.Int64, "told": pl.String, "heard_at": _TIME})


class Device(NamedTuple):
    """A device that is shown.

    Attributes
    ----------
    tracker_id : int
        Of its tracker.
    label : str
        Of its tracker.
    heard_at : datetime.datetime or None
        When the platform received its newest value, in UTC; None where nothing came of it.
    """

    tracker_id: int
    label: str
    heard_at: datetime | None


class Look(NamedTuple):
    """What is known after a look.

    Attributes
    ----------
    number : int
        Of the look, from 1.
    devices : list of Device
        Those that are shown, ten at most, in the order of their columns.
    values : polars.DataFrame
        Their last values, the oldest first: ``tracker_id``, ``queue``, ``field``, ``t`` (by which
        they are in order), ``msg_time``, ``srv_time`` (UTC), ``value``, ``value_text``,
        ``value_type``, and ``look``, the number of the look that brought it.
    notice : str
        A sentence on what is not there; empty where nothing is to be said.
    """

    number: int
    devices: list[Device]
    values: pl.DataFrame
    notice: str


class Queues:
    """Follows one recording; :meth:`look` gives its devices, and their last values.

    Parameters
    ----------
    trackers : tuple of int and str, or None
        Ids and labels of those to be shown; None for the first that were asked for, or heard.
    """

    def __init__(self, trackers: tuple[int | str, ...] | None) -> None:
        self._trackers = trackers
        self._taken = 0
        self._number = 0
        self._values = _VALUES
        self._heard = _HEARD

    def look(self, recording: Recording) -> Look:
        """Take what is new, and return what is known now.

        Parameters
        ----------
        recording : Recording
            A later snapshot of the one that it was given the last time.
        """
        self._number += 1
        for rows, taken in pieces(recording, _EVENT, self._taken):
            self._take(rows, taken)
        devices = self._devices(recording)
        ids = [device.tracker_id for device in devices]
        values = self._values.filter(pl.col("tracker_id").is_in(ids))
        notice = self._notice(recording, devices, is_empty=values.is_empty())
        return Look(self._number, devices, values, notice)

    def _take(self, rows: pl.LazyFrame, taken: int) -> None:
        t = pl.coalesce("msg_time", "event_time")
        came = pl.coalesce("srv_time", t)
        look = pl.lit(self._number, pl.Int64).alias("look")
        new = rows.select(t.alias("t"), look, *set(_VALUES.columns) - {"t", "look"})
        values = pl.concat([self._values.lazy(), new.select(_VALUES.columns)])
        # The sort is stable: of the same moment, what came later is newer.
        depth = pl.int_range(pl.len()).reverse().over(_PLACE)
        values = values.sort("t", maintain_order=True).filter(depth < DEPTHS)
        told = rows.select(
            "tracker_id", told="label", heard_at=pl.min_horizontal(came, "received_at")
        )
        heard = (
            pl.concat([self._heard.lazy(), told])
            .group_by("tracker_id", maintain_order=True)
            .agg(pl.col("told").drop_nulls().last(), pl.col("heard_at").max())
        )
        self._values, self._heard = pl.collect_all([values, heard])
        self._taken = taken

    def _devices(self, recording: Recording) -> list[Device]:
        heard = {who: heard_at for who, _, heard_at in self._heard.rows()}
        labels = {who: label for who, label, _ in self._heard.rows() if label is not None}
        listed = recording.trackers.select("tracker_id", "label").drop_nulls()
        labels |= dict(listed.iter_rows())
        if self._trackers is None:
            chosen = [*_asked_for(recording), *heard]
        else:
            chosen = [one for name in self._trackers for one in _meant(name, labels)]
        return [
            Device(who, labels.get(who, f"tracker {who}"), heard.get(who))
            for who in list(dict.fromkeys(chosen))[:MOST]
        ]

    def _notice(self, recording: Recording, devices: list[Device], *, is_empty: bool) -> str:
        known = {device.label for device in devices}
        unknown = [one for one in self._trackers or () if isinstance(one, str) and one not in known]
        if unknown:
            return f"No tracker is known by the label {' or '.join(map(repr, unknown))}."
        if not is_empty:
            return ""
        if self._taken:
            return "No attributes have come of these devices."
        if _EVENT not in {request["type"] for request in recording.info.requests}:
            return "No attributes were recorded: capture with events=[fl.IotMonitor(trackers=[…])]."
        return (
            "No attributes have come yet."
            if recording.info.ended_at is None
            else ("No attributes came of the devices that were asked for.")
        )


def _meant(name: int | str, labels: dict[int, str]) -> list[int]:
    """Return the trackers that a name means: an id its own, a label all that have it."""
    return [name] if isinstance(name, int) else [who for who in labels if labels[who] == name]


def _asked_for(recording: Recording) -> list[int]:
    asked = [
        request.get("trackers") for request in recording.info.requests if request["type"] == _EVENT
    ]
    return [one for trackers in asked if isinstance(trackers, list | tuple) for one in trackers]
