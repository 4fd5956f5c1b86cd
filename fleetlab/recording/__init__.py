"""A recording: its journal, its finished parts, and the frames that its readers see."""

from fleetlab.recording.load import load, scan
from fleetlab.recording.manifest import Info
from fleetlab.recording.rebuilding import rebuild
from fleetlab.recording.recording import Frames, Recording

__all__ = ["Frames", "Info", "Recording", "load", "rebuild", "scan"]
