"""States and findings for GeoPandas: the same rows, each with where it was."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import geopandas
import polars as pl
import pytest

import fleetlab as fl
from fleetlab.errors import InvalidArgument
from tests.analysis.made import frame, row
from tests.analysis.test_inputs import drive
from tests.charts import recordings
from tests.charts.recordings import recording

TWO = frame(drive() + drive(5000, lng=10.2) + drive(200, lng=20.0, tracker_id=2))


def coordinates(shape) -> list[tuple[float, float]]:
    return [tuple(place) for place in shape.coords]


def test_states_and_findings_are_points_with_longitude_first():
    for rows in (TWO, TWO.lazy(), fl.stops(TWO), fl.stops(TWO.lazy())):
        found, eager = fl.to_geopandas(rows), rows.lazy().collect()
        assert isinstance(found, geopandas.GeoDataFrame)
        assert found.crs.to_epsg() == 4326
        assert list(found.columns) == [*eager.columns, "geometry"]
        assert [(p.x, p.y) for p in found.geometry] == eager.select("lng", "lat").rows()


def test_values_and_nulls_stay_what_they_were():
    large = 2**53 + 1
    rows = frame([row(0, tracker_id=large, ignition=True, lat=None), row(1, None, seq=5)])
    found = fl.to_geopandas(rows)
    assert found["tracker_id"].tolist() == [large, 1]
    assert found["seq"].isna().tolist() == [True, False]
    assert bool(found["ignition"][0]) is True
    assert [str(found[name].dtype) for name in ("ignition", "seq")] == ["boolean", "Int64"]
    assert found["ignition"].isna().tolist() == [False, True]
    assert found["speed_kmh"].isna().tolist() == [False, True]
    assert found["event_time"][0].to_pydatetime() == rows["event_time"][0]
    assert str(found["event_time"].dtype) == "datetime64[us, UTC]"
    assert found.geometry.isna().tolist() == [True, False]
    assert found["label"].tolist() == rows["label"].to_list()


def test_trips_are_straight_lines_without_states():
    trips = fl.trips(TWO)
    found = fl.to_geopandas(trips)
    expected = [[row[:2], row[2:]] for row in trips.select(
        "start_lng", "start_lat", "end_lng", "end_lat").iter_rows()]  # fmt: skip
    assert [coordinates(one) for one in found.geometry] == expected


def test_trips_with_states_go_where_their_tracker_was_between_start_and_end():
    trips = fl.trips(TWO)
    assert trips.height == 3
    shuffled = TWO.sample(fraction=1, shuffle=True, seed=1)
    naive = shuffled.with_columns(pl.col("event_time").dt.replace_time_zone(None))
    for states in (shuffled, shuffled.lazy(), naive):
        found = fl.to_geopandas(trips, states)
        for shape, trip in zip(found.geometry, trips.iter_rows(named=True), strict=True):
            way = TWO.filter(
                pl.col("tracker_id") == trip["tracker_id"],
                pl.col("event_time").is_between(trip["started_at"], trip["ended_at"]),
            ).sort("event_time")
            assert coordinates(shape) == way.select("lng", "lat").rows()
            assert len(way) > 50


def test_trips_without_two_positions_are_straight_and_those_without_ends_have_no_line():
    trips = fl.trips(TWO).head(2)
    found = fl.to_geopandas(trips, TWO.head(0))
    assert found.geometry.equals(fl.to_geopandas(trips).geometry)
    nowhere = trips.with_columns(end_lat=pl.lit(None, pl.Float64))
    assert fl.to_geopandas(nowhere).geometry.isna().all()


def test_of_one_tracker_without_an_id_the_way_is_known_too():
    states = frame(drive()).drop("tracker_id")
    [shape] = fl.to_geopandas(fl.trips(states), states).geometry
    assert len(coordinates(shape)) > 50


def test_a_recording_gives_its_states():
    rec = recording(state_batch=[{"event_time": recordings.at(5), "lat": 51.5, "lng": 10.0}])
    found = fl.to_geopandas(rec)
    assert coordinates(found.geometry[0]) == [(10.0, 51.5)]
    assert fl.to_geopandas(fl.trips(TWO), rec).geometry.notna().all()


def test_nothing_gives_an_empty_frame_with_all_columns():
    for rows in (TWO.clear(), fl.trips(TWO).clear()):
        found = fl.to_geopandas(rows)
        assert list(found.columns) == [*rows.columns, "geometry"]
        assert len(found) == 0
        assert found.crs.to_epsg() == 4326


def test_files_of_other_programs_take_it(tmp_path):
    fl.to_geopandas(fl.trips(TWO), TWO).to_file(tmp_path / "trips.gpkg")
    again = geopandas.read_file(tmp_path / "trips.gpkg")
    assert again["label"].tolist() == fl.trips(TWO)["label"].to_list()
    assert again["started_at"][0].to_pydatetime() == fl.trips(TWO)["started_at"][0]
    assert again.geometry.count_coordinates().min() > 50


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((5,), "data= has to be a Recording or a Polars frame, not int"),
        ((fl.trips(TWO), 5), "states= has to be a Recording or a Polars frame, not int"),
        ((fl.trips(TWO), TWO.drop("lat")), "states= has no lat; it has"),
        (
            (fl.trips(TWO), TWO.cast({"event_time": pl.String})),
            "event_time has to be of moments, and is String",
        ),
        ((TWO, TWO), "states= is for trips"),
        ((fl.mileage(TWO),), "The rows have no place: neither lat and lng, nor start_lat"),
    ],
)
def test_what_has_no_place_is_refused(arguments, words):
    with pytest.raises(InvalidArgument, match=words):
        fl.to_geopandas(*arguments)


def test_without_geopandas_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "geopandas", None)
    with pytest.raises(fl.FleetlabError, match=r"needs geopandas: pip install geopandas"):
        fl.to_geopandas(pl.DataFrame({"lat": [1.0], "lng": [1.0], "t": [datetime.now(UTC)]}))
