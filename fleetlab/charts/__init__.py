"""Charts of what was recorded: one function a chart, each returning plain Altair."""

from fleetlab.charts.speed import speed

__all__ = ["speed"]
