"""Speed, fuel level and status of the last minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import polars as pl

from fleetlab import charts
from fleetlab.live import plots
from fleetlab.live.moving import ALL, Moving, arguments

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleetlab.charts.source import Source
    from fleetlab.job import Job
    from fleetlab.recording import Recording

__all__ = ["FuelLevel", "Speed", "Status", "fuel_level", "speed", "status"]

ROWS: Final = 12
"""Rows of a chart of status whose trackers nobody chose."""

_NEWS: Final = ~pl.col("snapshot")
_STATES: Final = {"state_batch": ALL, "state": ALL}


class Speed(Moving):
    """Speed of the last minutes."""

    _what = "Speed"
    _events = _STATES
    _change = pl.col("speed_kmh").filter(_NEWS).max() - pl.col("speed_kmh").filter(_NEWS).min()

    def _panels(self, source: Source) -> tuple[list[dict[str, Any]], str | None]:
        return plots.speed(source, self._place), None

    def _drawn(self, **more: Any) -> Any:
        return charts.speed(self.recording, **more)


class FuelLevel(Moving):
    """Fuel level of the last minutes."""

    _what = "Fuel level"
    _events: ClassVar = {"readings_batch": pl.col("type") == "fuel"}
    _change = pl.col("value").filter(_NEWS).n_unique() - 1
    _parts = pl.col("reading").n_unique()

    def __init__(self, *made_with: Any, sensors: object, composite: bool) -> None:
        self._which: dict[str, Any] = {"sensors": sensors, "composite": composite}
        super().__init__(*made_with)

    def _panels(self, source: Source) -> tuple[list[dict[str, Any]], str | None]:
        return plots.fuel_levels(source, self._place, **self._which)

    def _drawn(self, **more: Any) -> Any:
        return charts.fuel_level(self.recording, **self._which, **more)


class Status(Moving):
    """Status of the last minutes."""

    _what = "Status"
    _events: ClassVar = {**_STATES, "lifecycle": ALL}
    # Rows tell something even where nothing changes; then what moves comes first.
    _change = (
        pl.col("movement_status").n_unique()
        + pl.col("ignition").n_unique()
        + (pl.col("movement_status").last() == "moving").fill_null(value=False)
    )
    _most = ROWS

    def _panels(self, source: Source) -> tuple[list[dict[str, Any]], str | None]:
        return plots.statuses(source, self._place), None

    def _drawn(self, **more: Any) -> Any:
        return charts.status(self.recording, **more)


def speed(
    source: Job | Recording,
    *,
    trackers: Iterable[int | str] | int | str | None = None,
    minutes: float = 10,
    timezone: str | None = None,
    every: float = 1.0,
) -> Speed:
    """Show the speed of the last minutes as a chart that moves, a line a tracker, in km/h.

    It is the chart of :func:`fleetlab.charts.speed`, less what detectors find: a speed holds until
    the next one; the line breaks in a gap, and while the platform does not hear the device.

    Parameters
    ----------
    source : Job or Recording
        A capture that goes on, as :func:`fleetlab.start` gives it; the view ends with it. Or a
        recording: its last minutes.
    trackers : int, str, or iterable of them, optional
        Ids or labels. If left out, the first eight whose speed changes; after a minute, places that
        are free go to others.
    minutes : float
        How far it looks back; 0.1 to 1,440.
    timezone : str, optional
        IANA name of the axis's zone; the recording's if left out.
    every : float
        Seconds between two looks at what is new; 0.1 to 3,600.

    Returns
    -------
    Speed
        Shows itself in Jupyter. ``.chart()`` is the same for Altair, ``.recording`` its rows;
        ``.stop()`` ends the updates.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    RecordingError
        If the recording's files are gone.
    """
    return Speed(*arguments("speed", source, every, minutes, trackers, timezone))


def fuel_level(
    source: Job | Recording,
    *,
    trackers: Iterable[int | str] | int | str | None = None,
    sensors: Iterable[int | str] | int | str | None = None,
    composite: bool = False,
    minutes: float = 10,
    timezone: str | None = None,
    every: float = 1.0,
) -> FuelLevel:
    """Show the fuel level of the last minutes as a chart that moves, a line a tank.

    It is the chart of :func:`fleetlab.charts.fuel_level`, less fills and drains: levels in the
    unit of their sensor, the full tank dashed, a panel a unit.

    Parameters
    ----------
    source : Job or Recording
        As of :func:`speed`.
    trackers : int, str, or iterable of them, optional
        Ids or labels. If left out, as many as have eight tanks, those first whose level changes.
    sensors : int, str, or iterable of them, optional
        Ids, labels or names of fuel sensors, composite ones too; if left out, all.
    composite : bool
        Whether sensors are shown that are made of others, such as the sum of all tanks.
    minutes, timezone, every
        As of :func:`speed`.

    Returns
    -------
    FuelLevel
        As of :func:`speed`.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    RecordingError
        If the recording's files are gone.
    """
    made_with = arguments("fuel_level", source, every, minutes, trackers, timezone)
    return FuelLevel(*made_with, sensors=sensors, composite=composite)


def status(
    source: Job | Recording,
    *,
    trackers: Iterable[int | str] | int | str | None = None,
    minutes: float = 10,
    timezone: str | None = None,
    every: float = 1.0,
) -> Status:
    """Show the status of the last minutes as a chart that moves, a row a tracker.

    It is the chart of :func:`fleetlab.charts.status`, less trips: the broad band is movement, the
    two thin ones are ignition and, lowest, connection; grey is what is not known.

    Parameters
    ----------
    source : Job or Recording
        As of :func:`speed`.
    trackers : int, str, or iterable of them, optional
        Ids or labels. If left out, twelve: those whose movement or ignition changed, and those that
        moved, as the view was made.
    minutes, timezone, every
        As of :func:`speed`.

    Returns
    -------
    Status
        As of :func:`speed`.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    RecordingError
        If the recording's files are gone.
    """
    return Status(*arguments("status", source, every, minutes, trackers, timezone))
