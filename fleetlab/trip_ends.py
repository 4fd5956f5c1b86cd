"""Where trips began and ended, to be left out of what is shared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from fleetlab.analysis.checks import number
from fleetlab.analysis.trips import trips
from fleetlab.schemas import empty

if TYPE_CHECKING:
    from fleetlab.recording import Recording

__all__ = ["TripEnds"]

_STATES: Final = ("state", "state_batch")
_HIDDEN: Final = ("lat", "lng", "heading_deg", "alt_m")
_FREE: Final = ("additional", "extra")
_WORDS: Final = ("name", "reading", "sensor_label")
_VALUES: Final = ("value", "value_text", "converted_value")
_PLACES: Final = (
    r"(?i)latitude|longitude|"
    r"(?:^|[^a-z])(?:lat|lng|lon|alt|altitude|heading|course|position|gps)(?:$|[^a-z])"
)

_M_PER_DEG: Final = 111_194.9
_GRID: Final = 4  # decimals of a degree that ends are told apart by
_SLACK_M: Final = 8.0  # half the diagonal of such a cell


class TripEnds:
    """The places where each tracker began or ended a trip, was parked, first and last seen.

    Parameters
    ----------
    recording : Recording
        Whose trips.
    metres : float
        How far around them nothing is to be seen.

    Attributes
    ----------
    metres : float
        The same.
    """

    def __init__(self, recording: Recording, metres: float) -> None:
        self.metres = number("cut_ends_m", metres, 1, 100_000, "m")
        self._reach = self.metres + _SLACK_M
        self._band = self._reach / _M_PER_DEG  # height of the bands that are compared, in degrees
        found = trips(recording)
        ends = [
            found.lazy().select("tracker_id", lat=f"{end}_lat", lng=f"{end}_lng")
            for end in ("start", "end")
        ]
        for event in _STATES:
            rows = recording.scan(event).drop_nulls(["tracker_id", "lat", "lng"])
            ends += [
                one.select("tracker_id", "lat", "lng")
                for one in (
                    rows.filter(movement_status="parked"),
                    rows.unique("tracker_id", keep="first", maintain_order=True),
                    rows.unique("tracker_id", keep="last", maintain_order=True),
                )
            ]
        self._ends = (
            pl.concat(ends)
            .drop_nulls()
            .with_columns(pl.col("lat", "lng").round(_GRID))
            .unique()
            .select(
                "tracker_id",
                end_lat="lat",
                end_lng="lng",
                band=pl.concat_list((pl.col("lat") / self._band).floor() + n for n in (-1, 0, 1)),
            )
            .explode("band")
            .collect()
        )

    def cut(self, name: str, frame: pl.DataFrame) -> pl.DataFrame:
        """Return a frame without what tells these places.

        Of states, position, course and altitude near them, and all of it where the tracker isn't
        known; fields that nobody knows. Of device attributes everything: which of them tell a place
        is for the device to say.
        """
        if name == "iot_monitor":
            return empty(name)
        free = [one for one in _FREE if one in frame.columns]
        frame = frame.with_columns(pl.lit(None, frame.schema[one]).alias(one) for one in free)
        if name in _STATES:
            return self._far(frame)
        if name == "readings_batch":
            words = (pl.col(one).fill_null("").str.contains(_PLACES) for one in _WORDS)
            is_place = pl.any_horizontal(words)
            return frame.with_columns(pl.when(~is_place).then(one).alias(one) for one in _VALUES)
        return frame

    def _far(self, states: pl.DataFrame) -> pl.DataFrame:
        """Return states without the positions that are near an end, or nobody's."""
        place = ["tracker_id", "lat", "lng"]
        north = pl.col("lat") - pl.col("end_lat")
        east = (pl.col("lng") - pl.col("end_lng") + 180) % 360 - 180
        east = east * pl.col("lat").radians().cos()
        near = (
            states.lazy()
            .select(place)
            .drop_nulls()
            .unique()
            .with_columns(band=(pl.col("lat") / self._band).floor())
            .join(self._ends.lazy(), on=["tracker_id", "band"])
            .filter((north**2 + east**2).sqrt() * _M_PER_DEG <= self._reach)
            .select(*place, _near=pl.lit(value=True))
            .unique()
            .collect()
        )
        is_far = pl.col("_near").is_null() & pl.col("tracker_id").is_not_null()
        return (
            states.join(near, on=place, how="left", maintain_order="left")
            .with_columns(pl.when(is_far).then(one).alias(one) for one in _HIDDEN)
            .drop("_near")
        )
