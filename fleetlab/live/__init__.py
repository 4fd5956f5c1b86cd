"""Live views in a notebook: the panel of a capture, the fleet as a table and on a map."""

from fleetlab.live.fleet import Fleet, fleet
from fleetlab.live.map import Map, map  # noqa: A004 - as the chart is called
from fleetlab.live.view import PanelView

__all__ = ["Fleet", "Map", "PanelView", "fleet", "map"]
