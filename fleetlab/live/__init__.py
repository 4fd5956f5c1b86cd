"""Live views in a notebook: a capture's panel, the fleet, devices' attributes, moving charts."""

from fleetlab.live.attributes import Attributes, attributes
from fleetlab.live.fleet import Fleet, fleet
from fleetlab.live.over_time import FuelLevel, Speed, Status, fuel_level, speed, status
from fleetlab.live.view import PanelView

__all__ = [
    "Attributes",
    "Fleet",
    "FuelLevel",
    "PanelView",
    "Speed",
    "Status",
    "attributes",
    "fleet",
    "fuel_level",
    "speed",
    "status",
]
