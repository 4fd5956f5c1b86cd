"""Detectors: what happened to the vehicles, found in the rows of a recording or any frame."""
