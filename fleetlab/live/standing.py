"""The last that is known of each tracker, kept up with a recording that grows.

Each look takes only rows that are new since the last one, so its cost goes with the fleet and not
with the recording. A look that fails leaves everything as it was, and can be done again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from fleetlab.live.news import pieces
from fleetlab.tables.asked import Asked

if TYPE_CHECKING:
    from fleetlab.recording import Recording

__all__ = ["STATUS", "Standing"]

STATUS: Final = ("moving", "stopped", "parked", "offline", "unknown")
"""What a tracker can be said to do."""

_UNHEARD: Final = ("offline", "signal_lost")
_NEVER_HEARD: Final = ("just_registered", "just_replaced")
_VALUES: Final = ("movement_status", "connection_status", "speed_kmh", "ignition")
_SENSOR: Final = ("tracker_id", "reading")
_LEVEL: Final = ("value", "units", "sensor_id", "composite")
_HEARD: Final = {
    "state": ("last_update", "gps_updated"),
    "state_batch": ("last_update", "gps_updated"),
    "readings_batch": ("updated_at",),
    "iot_monitor": ("srv_time", "msg_time"),
}
"""What tells in an event when the device was heard."""

_TIME: Final = pl.Datetime("us", "UTC")
_NAMES: Final = pl.DataFrame(schema={"tracker_id": pl.Int64, "told": pl.String, "heard_at": _TIME})
_STATES: Final = pl.DataFrame(
    schema={
        "tracker_id": pl.Int64,
        "t": _TIME,
        "movement_status": pl.String,
        "connection_status": pl.String,
        "speed_kmh": pl.Float64,
        "ignition": pl.Boolean,
    }
)
_LEVELS: Final = pl.DataFrame(
    schema={
        "tracker_id": pl.Int64,
        "reading": pl.String,
        "t": _TIME,
        "value": pl.Float64,
        "units": pl.String,
        "sensor_id": pl.Int64,
        "composite": pl.Boolean,
    }
)


class Standing:
    """Follows one recording; :meth:`look` gives its trackers, and what is known of them."""

    def __init__(self) -> None:
        self._taken = dict.fromkeys(_HEARD, 0)
        self._heard = _NAMES
        self._states = _STATES
        self._levels = _LEVELS
        self._order = pl.DataFrame(schema={"tracker_id": pl.Int64})

    def look(self, recording: Recording) -> pl.DataFrame:
        """Take what is new, and return what is known now.

        Parameters
        ----------
        recording : Recording
            A later snapshot of the one that it was given the last time.

        Returns
        -------
        polars.DataFrame
            A row a tracker, each in the place that it had before, new ones last: ``tracker_id``,
            ``label``, ``status`` (of :data:`STATUS`), ``speed_kmh``, ``ignition``, ``heard_at``
            (UTC), ``fuel``, ``fuel_units``.
        """
        for event in _HEARD:
            for rows, taken in pieces(recording, event, self._taken[event]):
                self._take(event, rows, taken)
        trackers = _asked_for(recording)
        known = pl.concat([trackers["tracker_id"], self._heard["tracker_id"].sort()])
        added = (
            known.unique(maintain_order=True)
            .to_frame()
            .join(self._order, on="tracker_id", how="anti", maintain_order="left")
        )
        if len(added):
            self._order = pl.concat([self._order, added])
        table = self._order
        for more in (trackers, self._heard, self._states, _fuel(self._levels)):
            table = table.join(more, on="tracker_id", how="left", maintain_order="left")
        return table.select(
            "tracker_id",
            pl.coalesce("label", "told", pl.format("tracker {}", "tracker_id")).alias("label"),
            _status().alias("status"),
            "speed_kmh",
            "ignition",
            "heard_at",
            "fuel",
            "fuel_units",
        )

    def _take(self, event: str, rows: pl.LazyFrame, taken: int) -> None:
        # A device's clock may be ahead; then the row speaks of the moment that it came.
        moment = pl.min_horizontal("event_time", "received_at").alias("t")
        came = pl.when(~pl.col("snapshot")).then("received_at")
        told = pl.coalesce(pl.max_horizontal(_HEARD[event]), came)
        known = pl.when(told.is_not_null()).then(pl.min_horizontal(told, "received_at"))
        heard = rows.select("tracker_id", told="label", heard_at=known)
        heard = _last_heard(pl.concat([self._heard.lazy(), heard]))
        states, levels = self._states.lazy(), self._levels.lazy()
        if event in ("state", "state_batch"):
            new = rows.select("tracker_id", moment, *_VALUES)
            states = _last(pl.concat([states, new]), ("tracker_id",), _VALUES)
        elif event == "readings_batch":
            composite = (pl.col("composite_sensor_ids").list.len() > 0).fill_null(value=False)
            new = rows.filter(
                pl.col("type") == "fuel",
                pl.col("kind").fill_null("input").is_in(("input", "virtual_sensor")),
                pl.col("value").is_not_null(),
            ).select(*_SENSOR, moment, "value", "units", "sensor_id", composite=composite)
            levels = _last(pl.concat([levels, new]), _SENSOR, _LEVEL)
        found = pl.collect_all([heard, states, levels])
        self._heard, self._states, self._levels = found
        self._taken[event] = taken


def _last(rows: pl.LazyFrame, by: tuple[str, ...], values: tuple[str, ...]) -> pl.LazyFrame:
    """Return the last of each value that tells something; of the same moment, what came last."""
    held = rows.sort("t", maintain_order=True).group_by(by)
    return held.agg(pl.col("t").last(), pl.col(values).drop_nulls().last())


def _last_heard(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.group_by("tracker_id").agg(
        pl.col("told").drop_nulls().last(), pl.col("heard_at").max()
    )


def _fuel(levels: pl.DataFrame) -> pl.DataFrame:
    """Return a level a tracker: of a sensor that is not made of others, the one of the least id."""
    order = ("tracker_id", "composite", "sensor_id", "reading")
    first = levels.sort(order, nulls_last=True).unique("tracker_id", keep="first")
    return first.select("tracker_id", fuel="value", fuel_units="units")


def _status() -> pl.Expr:
    connection, movement = pl.col("connection_status"), pl.col("movement_status")
    return (
        pl.when(connection.is_in(_UNHEARD))
        .then(pl.lit("offline"))
        .when(movement.is_in(STATUS[:3]) & ~connection.is_in(_NEVER_HEARD).fill_null(value=False))
        .then(movement)
        .otherwise(pl.lit("unknown"))
    )


def _asked_for(recording: Recording) -> pl.DataFrame:
    """Return the listed trackers that a recording asked for, with their labels."""
    requests = [one for one in recording.info.requests if "trackers" in one]
    asked = Asked(requests).trackers("lifecycle")  # it comes for those of all
    listed = recording.trackers.select("tracker_id", "label")
    return listed if asked is None else listed.filter(pl.col("tracker_id").is_in(list(asked)))
