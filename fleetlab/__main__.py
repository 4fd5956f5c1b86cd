"""The command line as ``python -m fleetlab``."""

from fleetlab.cli import main

main()
