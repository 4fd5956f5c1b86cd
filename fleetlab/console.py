"""Where the command line writes to."""

from __future__ import annotations

from rich.console import Console

__all__ = ["err", "out"]

out = Console(soft_wrap=True, highlight=False, markup=False)
err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
