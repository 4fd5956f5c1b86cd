"""What a capture shows in a notebook; imported only in a Jupyter kernel."""

from fleetlab.live.view import PanelView

__all__ = ["PanelView"]
