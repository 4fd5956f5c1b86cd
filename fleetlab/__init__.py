"""Record and study the live event stream of a vehicle fleet on the Navixy platform.

The names here are the public ones::

    import fleetlab as fl

    rec = fl.capture(seconds=30, server="demo")
    rec.state_batch

``fl.charts`` is imported when it is first asked for, for Altair takes a while.
"""

from importlib import import_module
from typing import Any

from fleetlab._version import __version__
from fleetlab.capture import Job, acapture, capture, start
from fleetlab.errors import (
    AuthenticationError,
    FleetlabError,
    InvalidArgument,
    ProtocolError,
    RecordingError,
    RequestRefused,
    ServerUnavailable,
)
from fleetlab.recording import Recording, load, rebuild, scan
from fleetlab.replay import replay
from fleetlab.requests import IotMonitor, ReadingsBatch, State, StateBatch

__all__ = [
    "AuthenticationError",
    "FleetlabError",
    "InvalidArgument",
    "IotMonitor",
    "Job",
    "ProtocolError",
    "ReadingsBatch",
    "Recording",
    "RecordingError",
    "RequestRefused",
    "ServerUnavailable",
    "State",
    "StateBatch",
    "__version__",
    "acapture",
    "capture",
    "charts",
    "load",
    "rebuild",
    "replay",
    "scan",
    "start",
]


def __getattr__(name: str) -> Any:
    if name == "charts":
        return import_module("fleetlab.charts")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
