"""Live views in a notebook: a capture's panel, the fleet as a table, attributes of devices."""

from fleetlab.live.attributes import Attributes, attributes
from fleetlab.live.fleet import Fleet, fleet
from fleetlab.live.view import PanelView

__all__ = ["Attributes", "Fleet", "PanelView", "attributes", "fleet"]
