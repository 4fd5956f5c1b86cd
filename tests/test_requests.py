"""What can be asked for, and what is told where it can't."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest

import fleetlab as fl
from fleetlab.requests import resolve_requests


def test_states_and_readings_of_all_trackers_are_asked_for_by_default():
    assert resolve_requests(None) == (
        fl.StateBatch(trackers="all", rate_limit="5s"),
        fl.ReadingsBatch(trackers="all", rate_limit="5s"),
    )


def test_a_requests_own_trackers_and_rate_limit_win():
    requests = resolve_requests(
        [fl.StateBatch(rate_limit="1s"), fl.IotMonitor(trackers=[7])], [1, 2], "30s"
    )
    assert requests == (
        fl.StateBatch(trackers=[1, 2], rate_limit="1s"),
        fl.IotMonitor(trackers=[7], rate_limit="30s"),
    )


@pytest.mark.parametrize("ids", [[3, 1, 3], (3, 1), {3: 0, 1: 0}, pl.Series([3, 1])])
def test_ids_may_come_in_any_collection_and_are_asked_for_once(ids):
    [request] = resolve_requests(["state_batch"], ids)
    assert request.trackers == (3, 1)


def test_a_request_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        fl.StateBatch().rate_limit = "1s"  # type: ignore[misc]


def test_a_request_tells_what_it_asks_for():
    assert fl.IotMonitor(trackers=[5], flow_id=1335).describe() == {
        "type": "iot_monitor",
        "trackers": [5],
        "flow_id": 1335,
    }


def test_above_500_ids_all_are_asked_for():
    [request] = resolve_requests(["state_batch"], range(1, 502))
    assert request.filters_here
    assert request.wire()["target"] == {"type": "all"}
    [request] = resolve_requests(["state_batch"], range(1, 501))
    assert not request.filters_here
    assert len(request.wire()["target"]["tracker_ids"]) == 500


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fl.IotMonitor(trackers=range(1, 12)), ["10", "11"]),
        (lambda: resolve_requests(["iot_monitor"], range(1, 15)), ["10", "14"]),
        (lambda: resolve_requests(["iot_monitor"]), ["10", "trackers="]),
        (lambda: resolve_requests(["state"]), ["500", "state_batch"]),
        (lambda: resolve_requests(["state"], range(1, 600)), ["500", "599", "state_batch"]),
        (lambda: resolve_requests(["state_batch", fl.StateBatch()]), ["state_batch", "twice"]),
        (lambda: resolve_requests([]), ["empty", "state_batch"]),
        (lambda: resolve_requests(["lifecycle"]), ["by themselves"]),
        (lambda: resolve_requests([5]), ["5", "state_batch"]),
        (lambda: fl.StateBatch(trackers=[]), ["empty"]),
        (lambda: fl.StateBatch(trackers=[1.0]), ["1.0"]),
        (lambda: fl.StateBatch(trackers=[True]), ["True"]),
        (lambda: fl.StateBatch(trackers=["1"]), ["'1'"]),
        (lambda: fl.StateBatch(trackers=[0]), ["0"]),
        (lambda: fl.StateBatch(trackers=[2**63]), [str(2**63)]),
        (lambda: fl.StateBatch(trackers="some"), ["some", "all"]),
        (lambda: fl.StateBatch(trackers=5), ["5", "all"]),
        (lambda: fl.StateBatch(rate_limit=5), ["rate_limit", "5s"]),
        (lambda: fl.StateBatch(format="tiny"), ["full", "compact"]),
        (lambda: fl.ReadingsBatch(sensor_type=1), ["sensor_type"]),
        (lambda: fl.IotMonitor(flow_id="x"), ["flow_id"]),
    ],
)
def test_what_cannot_be_asked_for_is_told_with_the_figure_and_the_limit(make, words):
    with pytest.raises(fl.InvalidArgument) as caught:
        make()
    for word in words:
        assert word in str(caught.value)
    assert isinstance(caught.value, ValueError)
