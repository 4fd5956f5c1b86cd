"""Charts of what was recorded: one function a chart, each returning plain Altair."""

from fleetlab.charts.display import offline
from fleetlab.charts.speed import speed
from fleetlab.charts.theme import register

__all__ = ["offline", "speed"]

register()
