"""Live views in a notebook: a capture's panel, the fleet as a table, charts that move."""

from fleetlab.live.fleet import Fleet, fleet
from fleetlab.live.over_time import FuelLevel, Speed, Status, fuel_level, speed, status
from fleetlab.live.view import PanelView

__all__ = [
    "Fleet",
    "FuelLevel",
    "PanelView",
    "Speed",
    "Status",
    "fleet",
    "fuel_level",
    "speed",
    "status",
]
