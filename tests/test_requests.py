"""What can be asked for, and what is told where it can't."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest

import fleetlab as fl
from fleetlab.protocol import subscribe_message
from fleetlab.requests import resolve_requests


class Whole:
    """A whole number of some other library, as NumPy's are."""

    def __init__(self, value: int) -> None:
        self._value = value

    def __index__(self) -> int:
        return self._value


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


@pytest.mark.parametrize(
    "ids", [[3, 1, 3], (3, 1), {3: 0, 1: 0}, pl.Series([3, 1]), [Whole(3), Whole(1)]]
)
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


def test_ids_that_are_too_long_together_for_one_message_are_asked_for_as_all_and_picked_out_here():
    ids = range(10**8, 10**8 + 500)
    requests = resolve_requests(["state_batch", "readings_batch", fl.State(ids[:10])], ids)
    assert len(subscribe_message(requests, "k" * 32)) < 8192
    targets = [request.wire().get("target", {}).get("type") for request in requests]
    assert sorted(map(str, targets)) == ["None", "all", "selected"]  # no more than has to
    for request in requests:
        assert request.filters_here == (request.wire().get("target") == {"type": "all"})
        assert request.describe().get("filtered", False) == request.filters_here
        assert len(request.describe()["trackers"]) == len(request.trackers)


def test_short_ids_of_two_events_are_asked_for_by_name_up_to_500():
    for request in resolve_requests(None, range(1, 501)):
        assert len(request.wire()["target"]["tracker_ids"]) == 500
        assert "filtered" not in request.describe()


def test_the_requests_of_the_caller_are_left_as_they_are():
    mine = fl.StateBatch(range(10**8, 10**8 + 500))
    resolve_requests([mine, "readings_batch"], range(10**8, 10**8 + 500))
    assert (mine.rate_limit, mine.filters_here) == (None, False)


def test_a_flow_id_may_be_a_whole_number_of_any_library():
    flow_id = fl.IotMonitor(trackers=[1], flow_id=Whole(1335)).wire()["flow_id"]
    assert type(flow_id) is int
    assert flow_id == 1335


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
        (lambda: resolve_requests(5), ["5", "state_batch"]),
        (lambda: resolve_requests([fl.StateBatch]), ["StateBatch", "fl.StateBatch()"]),
        (lambda: resolve_requests(None, rate_limit=5), ["rate_limit", "5s"]),
        (lambda: fl.StateBatch(trackers=[]), ["empty"]),
        (lambda: fl.StateBatch(trackers=[int]), ["int", "whole"]),
        (lambda: fl.StateBatch(trackers=[-1]), ["-1"]),
        (lambda: fl.StateBatch(trackers=b"1"), ["b'1'", "all"]),
        (lambda: fl.ReadingsBatch(include_components="no"), ["include_components", "True"]),
        (lambda: fl.IotMonitor(flow_id=True), ["flow_id", "True"]),
        (lambda: fl.IotMonitor(flow_id=1.0), ["flow_id", "1.0"]),
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
