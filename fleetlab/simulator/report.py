"""What is true of a vehicle at a moment, and what its device reports of it."""

from __future__ import annotations

from typing import Final

import msgspec

from fleetlab.simulator.tour import Activity

__all__ = ["Moment", "Quirk", "Where"]


class Quirk:
    """What is odd about one vehicle's device or sensors."""

    ZERO_AT_IGNITION: Final = "zero_at_ignition"
    STICKS: Final = "sticks"
    DRIFTS: Final = "drifts"
    COLD_START: Final = "cold_start"


class Where(msgspec.Struct, frozen=True, gc=False):
    """What is true of a vehicle: metres from the centre of the city, speed in m/s.

    `moves_since` is since when it has moved, stood or been parked; `sky_lost` when it went into the
    tunnel that it is in.
    """

    x: float
    y: float
    speed: float
    heading: float
    metres: float
    engine_s: float
    activity: Activity
    ignition: bool
    moves_since: float
    ignition_since: float
    sky_lost: float | None


class Moment(msgspec.Struct, frozen=True, gc=False):
    """A report of a vehicle's device.

    Times are simulated seconds: `made` when the device made it, `at` when the platform got it,
    `fixed_at` of the position. Positions in degrees, `speed` in km/h, `levels` in litres or percent
    as the sensors show them.
    """

    made: float
    at: float
    fixed_at: float
    lat: float
    lng: float
    alt: int
    heading: int
    speed: int
    activity: Activity
    ignition: bool
    status_since: float
    ignition_since: float
    odometer_km: float
    engine_hours: float
    levels: tuple[float, ...]
    rpm: int
    cargo_temperature: float | None
    satellites: int
    from_cells: bool
    driver: int

    @property
    def movement(self) -> str:
        """Return moving, stopped (ignition on) or parked (ignition off)."""
        if self.activity is Activity.DRIVE:
            return "moving"
        return "stopped" if self.ignition else "parked"
