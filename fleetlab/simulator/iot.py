"""The queues of raw attributes that a device sent: twelve of each, resent whole."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fleetlab.simulator.wire import driver_key

if TYPE_CHECKING:
    from fleetlab.simulator.clock import Clock
    from fleetlab.simulator.report import Moment
    from fleetlab.simulator.vehicle import Vehicle

__all__ = ["LONGEST", "IotQueues"]

LONGEST = 12
_PULSES_PER_M = 4  # of a wheel sensor, whose counter of 16 bits soon begins anew
_DRIVERS = ("Иван Ñúñez", "Ana O'Neil", "José María Ruiz-Álvarez", "李伟", "Łukasz Żak")
_PAST_EXACT_FLOATS = 2**53 + 1  # a double can't tell it from its neighbour


class IotQueues:
    """The attribute queues of one vehicle, newest first.

    Whoever asks for the first time finds them full: earlier reports are computed, as the platform
    would have stored them.
    """

    def __init__(self, vehicle: Vehicle, clock: Clock, moment: Moment, *, twice: bool) -> None:
        self._vehicle = vehicle
        self._twice = twice
        self._clock = clock
        self._nonnull: dict[str, deque[dict[str, Any]]] = {}
        self._all: dict[str, deque[dict[str, Any]]] = {}
        past = [moment]
        while len(past) < 2 * LONGEST:  # some lack an attribute
            past.append(vehicle.report(vehicle.previous(past[-1].made)))
        for earlier in reversed(past):
            self.add(earlier)

    def add(self, moment: Moment) -> None:
        """Take in a report, with the second message that devices may send with every seventh."""
        self._push(moment, _attributes(self._vehicle, moment))
        if self._twice and int(moment.made) % 7 == 0:
            again = {"event_code": 9, "speed": moment.speed + 1, "input_status": 3}
            self._push(moment, again)

    def _push(self, moment: Moment, values: dict[str, Any]) -> None:
        stamps = {
            "msg_time": _utc(self._clock.moment_us(moment.made - self._vehicle.lag_s)),
            "srv_time": _utc(self._clock.told_us(moment.at)),
        }
        for name in values.keys() | self._all.keys():
            entry = {**stamps, "value": values.get(name)}
            self._all.setdefault(name, deque(maxlen=LONGEST)).appendleft(entry)
            if entry["value"] is not None:
                self._nonnull.setdefault(name, deque(maxlen=LONGEST)).appendleft(entry)

    def content(self, tracker_id: int) -> dict[str, Any]:
        """Return the queues as the platform sends them."""
        return {
            "tracker_id": tracker_id,
            "nonnull_fields": {name: list(self._nonnull[name]) for name in sorted(self._nonnull)},
            "all_fields": {name: list(self._all[name]) for name in sorted(self._all)},
        }


def _utc(us: int) -> str:
    return datetime.fromtimestamp(us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _attributes(vehicle: Vehicle, moment: Moment) -> dict[str, Any]:
    """Return the attributes of one message; null where this message lacks one."""
    second = int(moment.made)
    volts = 27.9 if moment.ignition else 25.2
    values: dict[str, Any] = {
        "latitude": f"{moment.lat:.7f}",
        "longitude": f"{moment.lng:.7f}",
        "altitude": moment.alt,
        "speed": moment.speed,
        "heading": moment.heading,
        "satellites": moment.satellites,
        "hdop": f"{0.7 + (second % 5) / 10:.1f}",
        "ignition": moment.ignition,
        "moving": moment.movement == "moving",
        "event_code": 2,
        "input_status": int(moment.ignition),
        "board_voltage": f"{volts + (second % 11) / 100:.3f}",
        "odometer_m": int(moment.odometer_km * 1000),
        "pulse_counter": int(moment.odometer_km * 1000 * _PULSES_PER_M) % 2**16,
        "can_engine_rpm": moment.rpm if moment.ignition else None,
        "ble_beacon_id": _PAST_EXACT_FLOATS + 2 * vehicle.index,
        "iccid": f"893407{vehicle.source_id:013d}",
        "driver_name": _DRIVERS[moment.driver % len(_DRIVERS)] if moment.ignition else None,
        "ibutton": driver_key(moment.driver) if moment.ignition else None,
    }
    if vehicle.kind.percent:
        values["can_fuel_level"] = f"{moment.levels[0]:.1f}"
        return values
    for n, level in enumerate(moment.levels):
        lacks = second % 4 == 3  # noqa: PLR2004 - every fourth message comes without fuel
        values[f"lls_level_{n + 1}"] = None if lacks else f"{level:.4f}"
    return values
