"""Queues of attributes: in the order of time however they come, of the devices that are meant."""

from __future__ import annotations

from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fleetlab as fl
from fleetlab.live.queues import Queues
from tests.charts.recordings import at, recording
from tests.live.devices import Page, Sent, in_frame, in_page, job_with, shown, tell, told

rows_of_values = st.lists(
    st.tuples(
        st.integers(1, 2),
        st.sampled_from(["nonnull", "all"]),
        st.sampled_from(["a", "b"]),
        st.integers(0, 9),
    ),
    max_size=120,
)


@given(rows=rows_of_values, cuts=st.lists(st.integers(0, 120), max_size=4))
@settings(max_examples=40)
def test_values_are_in_the_order_of_their_moments_however_they_come(rows, cuts):
    values = [
        told(second, str(n), who, field, queue=queue)
        for n, (who, queue, field, second) in enumerate(rows)
    ]
    ends = sorted({min(cut, len(values)) for cut in cuts} | {len(values)})
    job = job_with(*values[: ends[0]])
    view = Sent(job)
    page = Page(view)
    for first, last in pairwise(ends):
        tell(job, *values[first:last])
        view._look()
    for sent in view.sent:
        page.take(sent)
    view.stop()
    expected: dict[tuple, list] = {}
    for row in sorted(values, key=lambda row: row["msg_time"]):
        place = (row["tracker_id"], row["queue"], row["field"])
        expected.setdefault(place, []).insert(0, (row["value_text"], "int"))
    expected = {place: values[:13] for place, values in expected.items()}
    assert in_frame(view) == expected
    assert in_page(page) == expected


def test_the_frame_tells_of_both_queues_of_all_devices_in_order():
    rows = [
        told(1, "5", 2, "b10"),
        told(2, None, 1, "a", queue="all"),
        told(3, "1.50", 1, "a", value_type="float", srv_time=at(2.5)),
        told(4, "x", 1, "a", value_type="string", snapshot=True),
    ]
    frame = fl.live.attributes(job_with(*rows).rec).frame
    assert frame.schema == {
        "tracker_id": pl.Int64,
        "label": pl.String,
        "queue": pl.String,
        "field": pl.String,
        "depth": pl.Int64,
        "msg_time": pl.Datetime("us", "UTC"),
        "srv_time": pl.Datetime("us", "UTC"),
        "delay_s": pl.Float64,
        "value": pl.Float64,
        "value_text": pl.String,
        "value_type": pl.String,
    }
    assert frame.rows() == [
        (1, "a", "nonnull", "a", 0, at(4), at(5), 1.0, None, "x", "string"),
        (1, "a", "nonnull", "a", 1, at(3), at(2.5), -0.5, 1.5, "1.50", "float"),
        (1, "a", "all", "a", 0, at(2), at(3), 1.0, None, None, "null"),
        (2, "b", "nonnull", "b10", 0, at(1), at(2), 1.0, 5.0, "5", "int"),
    ]


# -- devices --------------------------------------------------------------------------------------


def named(view) -> list[str]:
    return [label for _, label, _ in view._whole()["devices"]]


def test_columns_are_those_asked_for_then_those_heard_ten_at_most():
    rows = [told(n, "1", n, label=f"Truck {n}") for n in range(20, 5, -1)]
    view = fl.live.attributes(job_with(*rows, asked=(3, 2)).rec)
    assert named(view) == ["c", "b"] + [f"Truck {n}" for n in range(20, 12, -1)]
    assert set(view.frame["tracker_id"]) == set(range(13, 21))


def test_columns_are_those_named_by_id_or_label_in_that_order():
    rec = job_with(*(told(n, "1", n) for n in (1, 2, 3))).rec
    assert named(fl.live.attributes(rec, trackers=["c", 1, 77])) == ["c", "a", "tracker 77"]
    assert named(fl.live.attributes(rec, trackers="b")) == ["b"]
    assert fl.live.attributes(rec, trackers=2).frame["tracker_id"].to_list() == [2]
    assert "'nobody'" in fl.live.attributes(rec, trackers=["nobody", 1])._whole()["notice"]


def test_a_label_that_is_known_later_brings_all_its_values():
    job = job_with(told(1, "1"), told(2, "2", 9), asked=(1,))
    view = Sent(job, ("a", "late"))
    page = Page(view)
    assert named(view) == ["a"]
    tell(job, told(3, "3", 9), labels={1: "a", 9: "late"})
    view._look()
    page.take(view.sent[-1])
    assert shown(view, 9) == ["3", "2"]
    assert in_page(page) == in_frame(view)
    assert view._whole()["notice"] == ""
    view.stop()


def test_a_device_was_heard_when_the_platform_received_its_newest_value():
    rows = [told(5, "1"), told(3, "2"), told(9000, "3", 2, received_at=at(50))]
    devices = fl.live.attributes(job_with(*rows).rec)._whole()["devices"]
    # Not before it came here: a device's clock may be ahead, and so may the platform's.
    assert [heard for *_, heard in devices] == [at(5).timestamp(), at(50).timestamp()]


@pytest.mark.parametrize(
    ("trackers", "sentence"),
    [
        (range(1, 13), "up to 10 devices.* 12"),
        ([], "names no tracker"),
        ([1.5], "1.5"),
        (True, "True"),
        ([None], "None"),
        (object(), "object"),
    ],
)
def test_wrong_devices_are_a_sentence(trackers, sentence):
    with pytest.raises(fl.InvalidArgument, match=sentence):
        fl.live.attributes(recording(), trackers=trackers)


@pytest.mark.parametrize("queue", ["both", None, 1, ["all"]])
def test_a_wrong_queue_is_a_sentence(queue):
    with pytest.raises(fl.InvalidArgument, match='"nonnull" or "all"'):
        fl.live.attributes(recording(), queue=queue)


def test_a_wrong_source_or_pace_is_a_sentence(simulator):
    with pytest.raises(fl.InvalidArgument, match="attributes takes a job"):
        fl.live.attributes(simulator)
    with pytest.raises(fl.InvalidArgument, match="every"):
        fl.live.attributes(recording(), every=0)


# -- the cursor -----------------------------------------------------------------------------------


def test_each_look_takes_only_rows_that_are_new_and_one_that_fails_takes_none(monkeypatch):
    job = job_with(told(1, "1"), told(2, "2"))
    kept = Queues(None)
    with monkeypatch.context() as patch:
        patch.setattr(pl, "collect_all", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            kept.look(job.rec)
    assert len(kept.look(job.rec).values) == 2
    asked = []
    after = fl.Recording._after
    monkeypatch.setattr(
        fl.Recording, "_after", lambda *of: asked.append(of[2]) or after(*of), raising=True
    )
    tell(job, told(3, "3"))
    assert kept.look(job.rec).values["value_text"].to_list() == ["1", "2", "3"]
    kept.look(job.rec)
    assert asked == [2]
