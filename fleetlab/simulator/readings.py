"""What a vehicle's sensors read, and which of it is news."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleetlab.simulator.tour import Activity

if TYPE_CHECKING:
    from fleetlab.simulator.fleet import Tracker
    from fleetlab.simulator.vehicle import Moment, Vehicle

__all__ = ["Reading", "ReadingLog"]

_SENSORS_PER_TRACKER = 20


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading as it stands: the part it belongs to, its fields, and when it last changed.

    `fields` lacks update_time, which depends on who asks; `update` is the number of the update in
    which the value became news, `updated_s` the simulated second of the report it came with.
    """

    part: str
    fields: dict[str, Any]
    component: bool
    update: int
    updated_s: float


class ReadingLog:
    """The readings of one tracker, compared with what they were when last looked at."""

    def __init__(self, vehicle: Vehicle, tracker: Tracker, place: int) -> None:
        self._vehicle = vehicle
        self._tracker = tracker
        self._first_sensor = 37_000 + _SENSORS_PER_TRACKER * place
        self._readings: list[Reading] = []
        self._seen = -1

    def at(self, moment: Moment, update: int) -> list[Reading]:
        """Return all readings; those that changed since the last call carry this update."""
        if update != self._seen:
            self._seen = update
            before = self._readings or None
            after = []
            for n, (part, fields, component) in enumerate(self._measure(moment)):
                if before is not None and before[n].fields == fields:
                    after.append(before[n])
                else:
                    after.append(Reading(part, fields, component, update, moment.fixed_at))
            self._readings = after
        return self._readings

    def _measure(self, moment: Moment) -> list[tuple[str, dict[str, Any], bool]]:
        measured = [("inputs", fields, inner) for fields, inner in self._inputs(moment)]
        measured += [("states", fields, False) for fields in _states(moment)]
        doors = "Open" if moment.activity is Activity.UNLOAD else "Closed"
        virtual = (("Puertas", doors), ("Modo", moment.activity.value))
        for n, (label, value) in enumerate(virtual):
            sensor_id = self._first_sensor + 15 + n
            fields = {"sensor_id": sensor_id, "label": label, "value": value, "type": "state"}
            measured.append(("virtual_sensors", fields, False))
        counters = (("odometer", moment.odometer_km), ("engine_hours", moment.engine_hours))
        measured += [
            ("counters", {"type": kind, "value": value}, False) for kind, value in counters
        ]
        return measured

    def _inputs(self, moment: Moment) -> list[tuple[dict[str, Any], bool]]:
        """Return the sensors of the inputs, and which are components of another."""
        tanks = self._vehicle.kind.tanks
        several = len(tanks) > 1
        inputs: list[tuple[dict[str, Any], bool]] = []
        for n, (tank, level) in enumerate(zip(tanks, moment.levels, strict=True)):
            fields = self._input(
                n,
                f"Tank {n + 1}",
                f"lls_level_{n + 1}",
                "fuel",
                units_type="litre",
                limits=(0.0, tank),
                value=level,
            )
            inputs.append((fields, several))
        if several:
            fields = self._input(
                5,
                "Fuel, all tanks",
                "lls_total",
                "fuel",
                units_type="litre",
                limits=(0.0, sum(tanks)),
                value=round(sum(moment.levels), 2),
            )
            fields["composite_sensor_ids"] = [self._first_sensor + n for n in range(len(tanks))]
            inputs.append((fields, False))
        fields = self._input(
            6,
            "Engine",
            "can_engine_rpm",
            "rpm",
            units_type="rpm",
            limits=(0.0, 8000.0),
            value=moment.rpm,
        )
        inputs.append((fields, False))
        degrees = moment.cargo_temperature
        if degrees is not None:
            fields = self._input(
                7,
                "Груз",
                "ext_temp_sensor_1",
                "temperature",
                units_type="celsius",
                limits=(-55.0, 125.0),
                value=degrees,
            )
            fields["converted_units_type"] = "fahrenheit"
            fields["converted_value"] = round(degrees * 9 / 5 + 32, 2)
            inputs.append((fields, False))
        return inputs

    def _input(
        self,
        n: int,
        label: str,
        name: str,
        kind: str,
        *,
        units_type: str,
        limits: tuple[float, float],
        value: float,
    ) -> dict[str, Any]:
        return {
            "sensor_id": self._first_sensor + n,
            "label": label,
            "units": "",
            "name": name,
            "type": kind,
            "min_value": limits[0],
            "max_value": limits[1],
            "value": value,
            "units_type": units_type,
            "converted_units_type": None,
            "converted_value": None,
        }


def _states(moment: Moment) -> list[dict[str, Any]]:
    """Return discrete states, one of every JSON type."""
    gear: str | None = None
    if moment.ignition:
        gear = "D" if moment.speed else "N"
    coolant = 88.5 + (moment.speed % 7) / 2 if moment.ignition else 21.0
    doors = moment.activity is Activity.UNLOAD
    values: tuple[tuple[str, Any], ...] = (
        ("input_status", int(moment.ignition) + 2 * int(doors)),
        ("obd_mil_status", False),
        ("can_gear", gear),
        ("can_coolant_t", coolant),
        ("obd_vin", "VF1FL000064512387"),
    )
    return [{"field": field, "value": value} for field, value in values]
