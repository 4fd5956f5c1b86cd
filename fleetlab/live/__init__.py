"""Live views in a notebook: the panel of a capture, and the fleet as a table."""

from fleetlab.live.fleet import Fleet, fleet
from fleetlab.live.view import PanelView

__all__ = ["Fleet", "PanelView", "fleet"]
