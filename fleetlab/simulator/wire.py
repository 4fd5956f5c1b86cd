"""What goes over the wire: the JSON of states, readings, events, responses and errors."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from fleetlab.simulator.tour import Activity

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from fleetlab.simulator.clock import Clock
    from fleetlab.simulator.report import Moment
    from fleetlab.simulator.vehicle import Vehicle

_CELL_PRECISION = 900  # m, of a position from cell towers

__all__ = [
    "DESCRIPTIONS",
    "Times",
    "driver_key",
    "encode",
    "error",
    "event",
    "response",
    "state",
]

DESCRIPTIONS = {
    1: "Database error",
    3: "Wrong hash",
    4: "User or API key not found or session ended",
    5: "Wrong request format",
    6: "Unexpected error",
    7: "Invalid parameters",
    8: "Queue service error, try again later",
    11: "Access denied",
    13: "Operation not permitted",
    14: "Database unavailable",
    15: "Too many requests (rate limit exceeded)",
    102: "Wrong login or password",
    111: "Wrong handler",
    208: "Device blocked",
    229: "Not ready",
    236: "Feature unavailable due to tariff restrictions",
    275: "User blocked",
    276: "Forbidden for this kind of session",
}


def encode(message: Any) -> str:
    """Return JSON without blanks, with every script as it is."""
    return msgspec.json.encode(message).decode()


class Times:
    """How times are written: in the user's zone, to the second.

    Parameters
    ----------
    zone : zoneinfo.ZoneInfo
    iso : bool
        ISO 8601 with the offset, instead of no offset at all.
    """

    def __init__(self, zone: ZoneInfo, *, iso: bool) -> None:
        self.zone = zone
        self.iso = iso

    def text(self, us: int) -> str:
        """Return a moment, given in microseconds since 1970 UTC."""
        return _local(us // 1_000_000, self.zone, self.iso)


@lru_cache(maxsize=65_536)
def _local(seconds: int, zone: ZoneInfo, iso: bool) -> str:
    moment = datetime.fromtimestamp(seconds, UTC).astimezone(zone)
    return moment.isoformat() if iso else moment.strftime("%Y-%m-%d %H:%M:%S")


def state(
    vehicle: Vehicle,
    moment: Moment,
    connection: str,
    clock: Clock,
    times: Times,
    *,
    compact: bool,
) -> dict[str, Any]:
    """Return a source state."""

    def text(elapsed_s: float) -> str:
        return times.text(clock.moment_us(elapsed_s))

    fixed = text(moment.fixed_at)
    received = times.text(clock.told_us(moment.at))
    gps: dict[str, Any] = {
        "updated": fixed,
        "signal_level": min(100, moment.satellites * 7),
        "location": {"lat": moment.lat, "lng": moment.lng},
        "heading": moment.heading,
        "speed": moment.speed,
        "alt": moment.alt,
    }
    if vehicle.kind.chilled:
        gps |= {"precision": 3 + moment.satellites % 5, "gsm_lbs": False}
    elif vehicle.kind.cells:
        gps |= {
            "precision": _CELL_PRECISION if moment.from_cells else 5,
            "gsm_lbs": moment.from_cells,
        }
    result: dict[str, Any] = {
        "source_id": vehicle.source_id,
        "gps": gps,
        "connection_status": connection,
        "movement_status": moment.movement,
        "movement_status_update": text(moment.status_since),
        "ignition": moment.ignition,
        "ignition_update": text(moment.ignition_since),
        "last_update": received,
    }
    return result if compact else result | _rest_of_state(vehicle, moment, received, fixed)


def _rest_of_state(vehicle: Vehicle, moment: Moment, received: str, fixed: str) -> dict[str, Any]:
    doors = moment.activity is Activity.UNLOAD
    gsm = {
        "updated": received,
        "signal_level": 60 + (moment.satellites * 3) % 40,
        "network_name": "Movistar",
        "roaming": False,
    }
    on_battery = not vehicle.kind.tanks  # only the little trackers of cars have one of their own
    result: dict[str, Any] = {
        "gsm": None if vehicle.index % 4 == 3 else gsm,  # noqa: PLR2004 - some devices tell nothing
        "battery_level": 100 - int(moment.at // 600) % 40 if on_battery else None,
        "battery_update": received if on_battery else None,
        "inputs": [moment.ignition, doors, *[False] * 6],
        "inputs_update": fixed,
        "outputs": [False] * 8,
        "outputs_update": fixed,
        "actual_track_update": fixed,
    }
    if vehicle.kind.chilled:
        key = {"value": driver_key(moment.driver), "updated": fixed}
        result["additional"] = {"hardware_key": key}
    return result


def driver_key(driver: int) -> str:
    """Return what is on the key that a driver holds to the reader: twenty digits."""
    return f"{1_785_632_419 + driver:020d}"


def event(name: str, data: str, user_time: str | None) -> str:
    """Return an event around JSON that is encoded already."""
    clock = "" if user_time is None else f'"user_time":"{user_time}",'
    return f'{{"type":"event","event":"{name}",{clock}"data":{data}}}'


def response(action: str, values: dict[str, dict[str, str]]) -> str:
    """Return the answer to a request: for each event, what becomes of each tracker."""
    data = {name: {"success": True, "value": value} for name, value in values.items()}
    return encode(
        {
            "type": "response",
            "action": f"subscription/{action}",
            "events": list(values),
            "data": data,
        }
    )


def error(action: str | None, code: int, description: str | None = None) -> str:
    """Return an error; without a known action its action is the text null."""
    text = description if description is not None else DESCRIPTIONS[code]
    return encode(
        {
            "type": "error",
            "action": "null" if action is None else f"subscription/{action}",
            "status": {"code": code, "description": text},
            "data": None,
        }
    )
