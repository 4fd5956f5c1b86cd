"""kill -9: all that was received up to a second before is there, each message once."""

from __future__ import annotations

import os
import random

import pytest

from tests.faults.kills import kill

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")


@pytest.mark.parametrize("number", range(5))
def test_a_kill_at_a_random_moment_loses_a_second_at_most(tmp_path, number):
    killed = kill(random.randrange(10**9), tmp_path / "rec", finishing=number >= 3)
    assert killed.kept
