"""Charts of what was recorded: one function a chart, each returning plain Altair."""

from fleetlab.charts.attribute import attribute
from fleetlab.charts.display import offline
from fleetlab.charts.fuel_level import fuel_level
from fleetlab.charts.map import map  # noqa: A004 - the chart's name in the contract
from fleetlab.charts.overview import overview
from fleetlab.charts.quality import quality
from fleetlab.charts.speed import speed
from fleetlab.charts.status import status
from fleetlab.charts.theme import register

__all__ = ["attribute", "fuel_level", "map", "offline", "overview", "quality", "speed", "status"]

register()
