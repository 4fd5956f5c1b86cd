"""Record and study the live event stream of a vehicle fleet on the Navixy platform.

The names here are the public ones::

    import fleetlab as fl

    rec = fl.capture(seconds=30, server="demo")
    rec.state_batch

``fl.charts``, ``fl.live`` and the detectors, such as ``fl.trips``, are imported when they are first
asked for, for what they need takes a while.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from fleetlab import analysis, charts, live
    from fleetlab.analysis.aligning import align
    from fleetlab.analysis.comparison import compare_trips
    from fleetlab.analysis.fleet_summary import fleet_summary
    from fleetlab.analysis.fuel_consumption import fuel_consumption
    from fleetlab.analysis.fuel_events import fuel_events
    from fleetlab.analysis.idling import idling
    from fleetlab.analysis.latency import latency
    from fleetlab.analysis.mileage import mileage
    from fleetlab.analysis.positions import clean_positions
    from fleetlab.analysis.resampling import resample
    from fleetlab.analysis.silences import silences
    from fleetlab.analysis.speeding import speeding
    from fleetlab.analysis.status_spans import status_spans
    from fleetlab.analysis.stops import stops
    from fleetlab.analysis.trips import trips
    from fleetlab.analysis.visits import within
    from fleetlab.geo import to_geopandas
    from fleetlab.tracks import read_track

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
    "align",
    "analysis",
    "capture",
    "charts",
    "clean_positions",
    "compare_trips",
    "fleet_summary",
    "fuel_consumption",
    "fuel_events",
    "idling",
    "latency",
    "live",
    "load",
    "mileage",
    "read_track",
    "rebuild",
    "replay",
    "resample",
    "scan",
    "silences",
    "speeding",
    "start",
    "status_spans",
    "stops",
    "to_geopandas",
    "trips",
    "within",
]

_HOMES = {
    "read_track": "fleetlab.tracks",
    "to_geopandas": "fleetlab.geo",
}


def __getattr__(name: str) -> Any:
    if name in ("analysis", "charts", "live"):
        return import_module(f"fleetlab.{name}")
    if name in __all__:
        return getattr(import_module(_HOMES.get(name, "fleetlab.analysis")), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
