"""A small platform with a driving fleet, for demonstrations and tests: no account, no network."""

from fleetlab.simulator.ledger import Asked, Sent
from fleetlab.simulator.oddities import Oddity
from fleetlab.simulator.simulator import Simulator

__all__ = ["Asked", "Oddity", "Sent", "Simulator"]
