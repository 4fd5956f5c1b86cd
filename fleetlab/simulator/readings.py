"""What a vehicle's sensors read, and which of it is news.

All but the value of a reading stays the same for ever, so its JSON is written once, and afterwards
only the value and the time go between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fleetlab.simulator.tour import Activity
from fleetlab.simulator.wire import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleetlab.simulator.report import Moment
    from fleetlab.simulator.vehicle import Vehicle

__all__ = ["PARTS", "Channel", "ReadingLog"]

PARTS: Final = ("inputs", "states", "virtual_sensors", "counters")
_SENSORS_PER_TRACKER: Final = 20


class Channel(NamedTuple):
    """One reading of a tracker, but for its value and time."""

    part: str
    kind: str | None
    component: bool
    head: str
    measure: Callable[[Moment], Any]
    convert: Callable[[Any], Any] | None = None

    def text(self, value: str, converted: str, updated: str) -> str:
        """Return the JSON of the reading."""
        more = f',"converted_value":{converted}' if self.part == "inputs" else ""
        return f'{{{self.head},"value":{value}{more},"update_time":"{updated}"}}'


class ReadingLog:
    """The readings of one tracker, compared with what they were when last looked at.

    Attributes
    ----------
    channels : tuple of Channel
    values, converted : list of str
        The JSON of each channel's value, as it is and in other units.
    updates : list of int
        The number of the update in which each value became news.
    updated_s : list of float
        The simulated second of the report that it came with.
    """

    def __init__(self, vehicle: Vehicle, place: int) -> None:
        self.channels = tuple(_channels(vehicle, 37_000 + _SENSORS_PER_TRACKER * place))
        self.values = [""] * len(self.channels)
        self.converted = ["null"] * len(self.channels)
        self.updates = [0] * len(self.channels)
        self.updated_s = [0.0] * len(self.channels)
        self._seen: Moment | None = None

    def look(self, moment: Moment, update: int) -> None:
        """Take in the latest report."""
        if moment is self._seen:
            return
        self._seen = moment
        for n, channel in enumerate(self.channels):
            measured = channel.measure(moment)
            value = repr(measured) if type(measured) is float else encode(measured)
            if value != self.values[n]:
                self.values[n] = value
                self.updates[n] = update
                self.updated_s[n] = moment.fixed_at
                if channel.convert is not None:
                    self.converted[n] = encode(channel.convert(measured))


def _channels(vehicle: Vehicle, first: int) -> list[Channel]:
    channels = _tanks(vehicle, first)
    channels.append(_input(first + 6, "Engine", "can_engine_rpm", "rpm", "rpm", 8000.0, _rpm))
    if vehicle.kind.chilled:
        names = ("Груз", "ext_temp_sensor_1", "temperature", "celsius")
        channels.append(
            _input(first + 7, *names, 125.0, lambda m: m.cargo_temperature, lowest=-55.0)
        )
    for field, measure in _STATES:
        channels.append(Channel("states", None, False, f'"field":"{field}"', measure))
    virtual: tuple[tuple[str, Callable[[Moment], Any]], ...] = (
        ("Puertas", lambda m: "Open" if m.activity is Activity.UNLOAD else "Closed"),
        ("Modo", lambda m: m.activity.value),
    )
    for n, (label, measure) in enumerate(virtual):
        head = f'"sensor_id":{first + 15 + n},"label":"{label}","type":"state"'
        channels.append(Channel("virtual_sensors", "state", False, head, measure))
    for counter in ("odometer", "engine_hours"):
        head = f'"type":"{counter}"'
        channels.append(Channel("counters", None, False, head, _COUNTERS[counter]))
    return channels


def _tanks(vehicle: Vehicle, first: int) -> list[Channel]:
    """Return the fuel sensors: one for each tank, of which several have their sum on top."""
    tanks = vehicle.kind.tanks
    if vehicle.kind.percent:
        names = ("Kraftstoff, %", "can_fuel_level", "fuel", "percent")
        return [_input(first, *names, 100.0, lambda m: m.levels[0])]
    several = len(tanks) > 1
    channels = []
    for n, tank in enumerate(tanks):
        names = (f"Tank {n + 1}", f"lls_level_{n + 1}", "fuel", "litre")

        def level(moment: Moment, n: int = n) -> float:
            return moment.levels[n]

        channels.append(_input(first + n, *names, tank, level, component=several))
    if several:
        names = ("Fuel, all tanks", "lls_total", "fuel", "litre")
        parts = [first + n for n in range(len(tanks))]
        channels.append(
            _input(first + 5, *names, sum(tanks), lambda m: round(sum(m.levels), 2), parts=parts)
        )
    return channels


def _input(
    sensor_id: int,
    label: str,
    name: str,
    kind: str,
    units_type: str,
    highest: float,
    measure: Callable[[Moment], Any],
    *,
    lowest: float = 0.0,
    component: bool = False,
    parts: list[int] | None = None,
) -> Channel:
    celsius = units_type == "celsius"
    fields = {
        "sensor_id": sensor_id,
        "label": label,
        "units": "%" if units_type == "percent" else "",
        "name": name,
        "type": kind,
        "min_value": lowest,
        "max_value": highest,
        "units_type": units_type,
        "converted_units_type": "fahrenheit" if celsius else None,
    }
    if parts is not None:
        fields["composite_sensor_ids"] = parts
    convert = _fahrenheit if celsius else None
    return Channel("inputs", kind, component, encode(fields)[1:-1], measure, convert)


def _fahrenheit(celsius: float) -> float:
    return round(celsius * 9 / 5 + 32, 2)


def _rpm(moment: Moment) -> int:
    return moment.rpm


def _gear(moment: Moment) -> str | None:
    if not moment.ignition:
        return None
    return "D" if moment.speed else "N"


def _coolant(moment: Moment) -> float:
    return 88.5 + (moment.speed % 7) / 2 if moment.ignition else 21.0


def _input_status(moment: Moment) -> int:
    return int(moment.ignition) + 2 * int(moment.activity is Activity.UNLOAD)


# Discrete states, one of every JSON type.
_STATES: Final[tuple[tuple[str, Callable[[Moment], Any]], ...]] = (
    ("input_status", _input_status),
    ("obd_mil_status", lambda _: False),
    ("can_gear", _gear),
    ("can_coolant_t", _coolant),
    ("obd_vin", lambda _: "VF1FL000064512387"),
)
_COUNTERS: Final[dict[str, Callable[[Moment], float]]] = {
    "odometer": lambda m: m.odometer_km,
    "engine_hours": lambda m: m.engine_hours,
}
