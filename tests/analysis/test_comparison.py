"""Trips beside a report's: which belong together, and why they differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import fleetlab as fl
from fleetlab.errors import InvalidArgument
from tests.analysis.made import TIME, frame
from tests.analysis.test_inputs import drive

NINE = datetime(2026, 7, 1, 9, tzinfo=UTC)
COLUMNS = {
    "tracker_id": pl.Int64, "label": pl.String, "started_at": TIME, "ended_at": TIME,
    "distance_m": pl.Float64, "their_started_at": TIME, "their_ended_at": TIME,
    "their_distance_m": pl.Float64, "start_diff_s": pl.Float64, "end_diff_s": pl.Float64,
    "distance_diff_m": pl.Float64, "stop_s": pl.Float64, "why": pl.String,
}  # fmt: skip


def at(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


def ours(*spans, km=10.0, tracker=1, start=False, end=False):
    """Trips from minute to minute."""
    schema = {"tracker_id": pl.Int64, "label": pl.String, "started_at": TIME, "ended_at": TIME,
              "distance_m": pl.Float64, "censored_start": pl.Boolean,
              "censored_end": pl.Boolean}  # fmt: skip
    rows = [(tracker, f"Truck {tracker}", at(a), at(b), km * 1000, start, end) for a, b in spans]
    return pl.DataFrame(rows, schema=schema, orient="row")


def theirs(*spans, km=10.0, tracker=1):
    schema = {"tracker_id": pl.Int64, "start": TIME, "end": TIME, "length_km": pl.Float64}
    rows = [(tracker, at(a), at(b), km) for a, b in spans]
    return pl.DataFrame(rows, schema=schema, orient="row")


def whys(one, other, **more):
    return fl.compare_trips(one, other, **more)["why"].to_list()


def test_a_result_has_its_columns_and_types_even_when_nothing_is_there():
    for one, other in ((ours((0, 30)), theirs((0, 30))), (ours(), theirs())):
        assert dict(fl.compare_trips(one, other).schema) == COLUMNS


def test_a_pair_shows_ours_less_theirs():
    [row] = fl.compare_trips(ours((1, 30), km=10), theirs((0, 32), km=9.5)).to_dicts()
    assert (row["started_at"], row["their_started_at"]) == (at(1), at(0))
    assert (row["start_diff_s"], row["end_diff_s"]) == (60.0, -120.0)
    assert row["distance_diff_m"] == 500.0
    assert (row["tracker_id"], row["label"]) == (1, "Truck 1")


def test_the_same_is_what_is_within_the_tolerances_to_their_edge():
    assert whys(ours((1, 31)), theirs((0, 30))) == ["same"]
    assert whys(ours((1.01, 31)), theirs((0, 30))) == ["different"]
    assert whys(ours((1.01, 31)), theirs((0, 30)), tolerance_s=61) == ["same"]
    assert whys(ours((0, 30), km=10.5), theirs((0, 30))) == ["same"]
    assert whys(ours((0, 30), km=10.6), theirs((0, 30))) == ["different"]
    assert whys(ours((0, 30), km=10.6), theirs((0, 30)), tolerance_percent=6) == ["same"]
    assert whys(ours((0, 30), km=99), theirs((0, 30)).drop("length_km")) == ["same"]


def test_what_was_not_seen_to_begin_or_end_is_censored_where_it_differs():
    assert whys(ours((10, 30), start=True), theirs((0, 30))) == ["censored"]
    assert whys(ours((0, 20), end=True), theirs((0, 30))) == ["censored"]
    assert whys(ours((10, 30), end=True), theirs((0, 30))) == ["different"]
    assert whys(ours((0, 30), km=5, end=True), theirs((0, 30))) == ["censored"]
    assert whys(ours((0, 30), end=True), theirs((0, 30))) == ["same"]


def test_a_gap_explains_what_it_overlaps_of_its_tracker():
    gaps = pl.DataFrame({"started_at": [at(20)], "ended_at": [at(22)]})
    assert whys(ours((0, 20), (22, 40)), theirs((0, 40)), gaps=gaps) == ["gap", "gap"]
    assert whys(ours(), theirs((19, 21)), gaps=gaps) == ["gap"]
    assert whys(ours(), theirs((22, 30)), gaps=gaps) == ["only theirs"]
    assert whys(ours((19, 25)), theirs(), gaps=gaps) == ["only ours"]
    assert whys(ours((0, 40)), theirs((0, 40)), gaps=gaps) == ["same"]
    for who, why in ((1, "gap"), (2, "different")):
        one = gaps.with_columns(tracker_id=pl.lit(who))
        assert whys(ours((0, 25)), theirs((0, 40)), gaps=one) == [why]


def test_one_that_is_several_of_the_other_shows_the_stop_between():
    split = fl.compare_trips(ours((0, 20), (27, 40)), theirs((0, 40)))
    assert split["why"].to_list() == ["split", "split"]
    assert split["stop_s"].to_list() == [None, 420.0]
    merged = fl.compare_trips(ours((0, 40)), theirs((0, 20), (23, 40)))
    assert merged["why"].to_list() == ["merged", "merged"]
    assert merged["stop_s"].to_list() == [None, 180.0]
    assert merged["their_started_at"].to_list() == [at(0), at(23)]


def test_what_is_alone_says_whose_it_is_and_whether_it_is_too_short_for_us():
    assert whys(ours((0, 20)), theirs((20, 30))) == ["only ours", "only theirs"]
    assert whys(ours((20, 30)), theirs((0, 20))) == ["only theirs", "only ours"]
    assert whys(ours(), theirs((0, 2), km=0.099)) == ["rule: shorter than 100 m"]
    assert whys(ours(), theirs((0, 2), km=0.1)) == ["only theirs"]
    assert whys(ours(), theirs((0, 2), km=0.2), min_distance_m=300) == ["rule: shorter than 300 m"]


def test_trips_of_other_trackers_are_not_laid_beside_each_other():
    both = pl.concat([ours((0, 30), tracker=2), ours((5, 35))])
    found = fl.compare_trips(both, theirs((0, 30), tracker=2))
    assert found["tracker_id"].to_list() == [1, 2]
    assert found["why"].to_list() == ["only ours", "same"]


def test_labels_count_where_the_id_is_none_of_ours():
    report = theirs((0, 30)).with_columns(label=pl.lit("Truck 1"))
    for one in (report.drop("tracker_id"), report.with_columns(tracker_id=pl.lit(99))):
        [row] = fl.compare_trips(ours((0, 30)), one).to_dicts()
        assert (row["why"], row["tracker_id"]) == ("same", 1)
    stranger = report.drop("tracker_id").with_columns(label=pl.lit("Van"))
    found = fl.compare_trips(ours((0, 30)), stranger)
    assert set(found.select("label", "why").iter_rows()) == {
        ("Van", "only theirs"),
        ("Truck 1", "only ours"),
    }


def test_a_label_of_two_trackers_is_refused_unless_there_are_ids():
    both = pl.concat([ours((0, 30)), ours((0, 30), tracker=2)])
    both = both.with_columns(label=pl.lit("Truck"))
    report = theirs((0, 30)).with_columns(label=pl.lit("Truck"))
    assert whys(both, report) == ["same", "only ours"]
    with pytest.raises(InvalidArgument, match="'Truck' is the label of several"):
        fl.compare_trips(both, report.drop("tracker_id"))


def test_a_file_in_local_time_with_names_of_its_own_is_read(tmp_path):
    file = tmp_path / "report.csv"
    file.write_text(
        "Vehicle;Departure;Arrival;km\n"
        "Truck 1;2026-07-01 11:00:00;2026-07-01 11:30:00;10.1\nTotal;;;10.1\n"
    )
    columns = {"label": "Vehicle", "start": "Departure", "end": "Arrival", "length_km": "km"}
    found = fl.compare_trips(ours((0, 30)), file, columns=columns, timezone="Europe/Madrid")
    assert found["why"].to_list() == ["same"]
    assert found["distance_diff_m"][0] == pytest.approx(-100)
    with pytest.raises(InvalidArgument, match=r"line 2, start: .* has no offset"):
        fl.compare_trips(ours((0, 30)), file, columns=columns)
    naive = theirs((0, 30)).with_columns(pl.col("start", "end").dt.replace_time_zone(None))
    assert whys(ours((0, 30)), naive, timezone="UTC") == ["same"]
    with pytest.raises(InvalidArgument, match=r"theirs, row 1, start: .* has no offset"):
        fl.compare_trips(ours((0, 30)), naive)


def test_what_trips_finds_can_be_compared_with_itself():
    found = fl.trips(frame(drive() + drive(5000, lng=10.2)))
    assert found.height == 2
    report = found.select(
        "tracker_id",
        "label",
        start="started_at",
        end="ended_at",
        length_km=pl.col("distance_m") / 1000,
    )
    assert whys(found, report) == ["same", "same"]
    assert whys(found.lazy(), report.lazy()) == ["same", "same"]


@pytest.mark.parametrize(
    ("one", "other", "more", "words"),
    [
        (5, theirs(), {}, "ours= has to be a Polars frame of trips, not int"),
        (theirs(), theirs(), {}, "ours= are no trips: there is no label, started_at"),
        (
            ours((0, 1)).cast({"started_at": pl.String}).with_columns(started_at=pl.lit("noon")),
            theirs(),
            {},
            "ours= are no trips: its columns have other types",
        ),
        (ours(), 5, {}, "theirs= has to be a CSV file or a Polars frame, not int"),
        (ours(), "none.csv", {}, "none.csv can't be read"),
        (ours(), theirs().drop("end"), {}, "no column end; it has tracker_id, start"),
        (ours(), theirs(), {"columns": {"begin": "x"}}, "'begin', which is no name of ours"),
        (ours(), theirs(), {"columns": {"start": "x"}}, "no column x; it has tracker_id"),
        (ours(), theirs((0, 1)).drop("tracker_id"), {}, "row 1: there is neither tracker_id"),
        (ours(), theirs(), {"timezone": "Mars/Olympus"}, "'Mars/Olympus' is no IANA name"),
        (ours(), theirs(), {"tolerance_s": -1}, "tolerance_s=-1"),
        (ours(), theirs(), {"tolerance_percent": 101}, "tolerance_percent=101"),
    ],
)
def test_a_wrong_argument_is_named_with_what_would_fit(one, other, more, words):
    with pytest.raises(InvalidArgument, match=words):
        fl.compare_trips(one, other, **more)
