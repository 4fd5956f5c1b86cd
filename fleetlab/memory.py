"""What a large message took goes back to the system when it is freed."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

__all__ = ["release_large_blocks"]

_M_MMAP_THRESHOLD: Final = -3  # of <malloc.h>
_LARGE: Final = 1_000_000
_OWN_WORD: Final = ("MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def release_large_blocks() -> None:
    """Have glibc return blocks of a megabyte and more to the system as soon as they are freed.

    By itself it does so only until the first one is freed: from then on it takes blocks of that
    size from its heaps, where small ones that live longer hold the freed ones. At 12,000 trackers a
    message that costs a capture 150 MB. It holds for the whole process; where the environment has
    a word on it, and with other C libraries, nothing is changed.
    """
    if sys.platform == "linux" and not any(name in os.environ for name in _OWN_WORD):
        tune = getattr(ctypes.CDLL(None), "mallopt", None)
        if tune is not None:
            tune(_M_MMAP_THRESHOLD, _LARGE)
