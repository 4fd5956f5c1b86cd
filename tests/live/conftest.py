"""What tests of live views share."""

from __future__ import annotations

import pytest

from tests.live.maps import Sent


@pytest.fixture
def watching():
    """A map that looks when the test says so."""
    views = []

    def watch(job, trackers=None, minutes=10.0) -> Sent:
        views.append(Sent(job, 3600.0, trackers, minutes))
        return views[-1]

    yield watch
    for view in views:
        view.stop()
