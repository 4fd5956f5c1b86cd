"""Detectors: what happened to the vehicles, found in a recording or in any frame.

Each is a function of states, and returns one row a finding. All are written once, on Narwhals lazy
frames, and run where the rows are: in Polars, in DuckDB, or on a Spark cluster.
"""

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

__all__ = [
    "align",
    "clean_positions",
    "compare_trips",
    "fleet_summary",
    "fuel_consumption",
    "fuel_events",
    "idling",
    "latency",
    "mileage",
    "resample",
    "silences",
    "speeding",
    "status_spans",
    "stops",
    "trips",
    "within",
]
