"""Run the notebooks and keep what they show: `python -m tests.notebooks [name …]`."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import nbformat

from tests.notebooks.running import NOTEBOOKS, run

for path in NOTEBOOKS:
    if sys.argv[1:] and not any(word in path.name for word in sys.argv[1:]):
        continue
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        nbformat.write(run(path, Path(folder)), path)
    print(f"{path.name}: {time.monotonic() - begun:.0f} s")  # noqa: T201
