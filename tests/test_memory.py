"""Memory that large messages took and gave back."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from fleetlab.memory import release_large_blocks

CODE = """
import psutil
from fleetlab.memory import release_large_blocks

release_large_blocks()
message = b"x" * 8_000_000
del message  # from here on glibc would expect more of that size
before = psutil.Process().memory_info().rss
messages, kept = [], []
for _ in range(20):
    messages.append(b"x" * 8_000_000)
    kept.append(b"x" * 100_000)
del messages
print(psutil.Process().memory_info().rss - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_large_messages_leave_no_memory_behind_though_small_ones_between_them_stay():
    told = {name: value for name, value in os.environ.items() if "MALLOC" not in name}
    told.pop("GLIBC_TUNABLES", None)
    done = subprocess.run([sys.executable, "-c", CODE], env=told, capture_output=True, check=True)
    assert int(done.stdout) < 8_000_000


def test_what_the_environment_says_of_it_is_left_alone(monkeypatch):
    def never(name: str | None) -> None:
        raise AssertionError(name)

    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "65536")
    monkeypatch.setattr("fleetlab.memory.ctypes.CDLL", never)
    release_large_blocks()
