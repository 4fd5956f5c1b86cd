"""Live views in a notebook: a capture's panel; the fleet as a table, on a map, and over time."""

from fleetlab.live.attributes import Attributes, attributes
from fleetlab.live.fleet import Fleet, fleet
from fleetlab.live.map import Map, map  # noqa: A004 - as the chart is called
from fleetlab.live.over_time import FuelLevel, Speed, Status, fuel_level, speed, status
from fleetlab.live.view import PanelView

__all__ = [
    "Attributes",
    "Fleet",
    "FuelLevel",
    "Map",
    "PanelView",
    "Speed",
    "Status",
    "attributes",
    "fleet",
    "fuel_level",
    "map",
    "speed",
    "status",
]
