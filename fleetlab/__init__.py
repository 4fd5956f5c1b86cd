"""Record and study the live event stream of a vehicle fleet on the Navixy platform."""

__version__ = "0.1.0"
