"""A recording, served again: the one part of the simulator that reads what the client wrote."""

from fleetlab.simulator.replay.replay import Replay

__all__ = ["Replay"]
