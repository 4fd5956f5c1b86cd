"""Visits to places, and working hours."""

from __future__ import annotations

from datetime import UTC, datetime, time
from types import SimpleNamespace

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fleetlab as fl
from fleetlab.errors import InvalidArgument
from tests.analysis.made import START, frame, moment, row

SQUARE = [(51.0, 10.0), (51.0, 10.02), (51.01, 10.02), (51.01, 10.0)]
RING = [[lng, lat] for lat, lng in SQUARE]
HOLE = [[10.005, 51.002], [10.015, 51.002], [10.015, 51.008], [10.005, 51.008]]


def passing(lat: float = 51.005, *, lng: float = 9.99, step: float = 0.001):
    """West to east, a point each 10 s."""
    return frame([row(10 * n, 30.0, lat=lat, lng=lng + step * n) for n in range(41)])


def visits(rows, places, **more) -> list[tuple[str, float, float]]:
    found = fl.within(rows, places, **more)
    return [
        (place, a.timestamp() - START, b.timestamp() - START)
        for place, a, b in found.select("place", "started_at", "ended_at").iter_rows()
    ]


def test_a_visit_lasts_from_the_first_position_inside_to_the_first_outside():
    found = fl.within(passing(), {"yard": SQUARE})
    assert found.schema == {
        "tracker_id": pl.Int64, "label": pl.String, "started_at": pl.Datetime("us", "UTC"),
        "ended_at": pl.Datetime("us", "UTC"), "duration_s": pl.Float64, "place": pl.String,
        "n_points": pl.Int64, "censored_start": pl.Boolean, "censored_end": pl.Boolean,
    }  # fmt: skip
    (one,) = found.drop("label", "tracker_id", "duration_s").to_dicts()
    assert (one["place"], one["n_points"]) == ("yard", pytest.approx(20, abs=1))
    assert one["started_at"] == moment(START + 100)
    assert one["ended_at"] == moment(START + 300)
    assert not one["censored_start"]
    assert not one["censored_end"]
    assert visits(passing(51.02), SQUARE) == []


@pytest.mark.parametrize(
    "place",
    [
        SQUARE,
        [*SQUARE, SQUARE[0]],
        {"type": "Polygon", "coordinates": [RING]},
        {"type": "MultiPolygon", "coordinates": [[RING]]},
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [RING]}},
        SimpleNamespace(__geo_interface__={"type": "Polygon", "coordinates": (RING,)}),
    ],
)
def test_a_polygon_comes_in_many_forms(place):
    assert visits(passing(), place) == [("place", 100, 300)]


def test_a_hole_is_outside():
    place = {"type": "Polygon", "coordinates": [RING, HOLE]}
    assert visits(passing(), place) == [("place", 100, 150), ("place", 250, 300)]


def test_a_circle_has_its_radius_in_metres():
    # 0.001° of longitude is 70 m here.
    assert visits(passing(51.0), (51.0, 10.0, 200)) == [("place", 80, 130)]


def test_several_places_are_told_by_name_and_short_visits_left_out():
    places = {"yard": SQUARE, "gate": (51.005, 10.0, 100)}
    assert visits(passing(), places) == [("gate", 90, 120), ("yard", 100, 300)]
    assert visits(passing(), places, min_duration_s=60) == [("yard", 100, 300)]


@pytest.mark.parametrize("first", range(4))
def test_a_place_may_lie_on_the_antimeridian(first):
    place = [(-1.0, 179.99), (-1.0, -179.99), (1.0, -179.99), (1.0, 179.99)]
    rows = [
        row(10 * n, 30.0, lat=0.5, lng=(179.98 + 0.002 * n + 180) % 360 - 180) for n in range(21)
    ]
    assert visits(frame(rows), place[first:] + place[:first]) == [("place", 50, 150)]


def test_a_gap_cuts_a_visit_and_what_was_not_seen_is_marked():
    gap = pl.DataFrame({"started_at": [moment(START + 151)], "ended_at": [moment(START + 200)]})
    rows = passing().filter(
        ~pl.col("event_time").is_between(moment(START + 151), moment(START + 199))
    )
    found = fl.within(rows, SQUARE, gaps=gap)
    assert found.select("duration_s", "censored_start", "censored_end").rows() == [
        (51.0, False, True),
        (100.0, True, False),
    ]


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=3, max_size=3, unique=True
    ),
    st.lists(st.tuples(st.integers(-60, 60), st.integers(-60, 60)), min_size=1, max_size=10),
)
def test_inside_a_triangle_is_on_the_same_side_of_its_three_sides(corners, points):
    def side(a, b, p):
        return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])

    if side(*corners) == 0:
        return
    # Far enough apart in time that no step is a jump; away from sides, where rounding decides.
    rows, expected = [], 0
    for n, (lat, lng) in enumerate(points):
        sides = [side(corners[k], corners[(k + 1) % 3], (lat, lng)) for k in range(3)]
        if 0 in sides:
            continue
        rows.append(row(n * 100_000, 0.0, lat=40 + lat / 100, lng=10 + lng / 100))
        expected += len({value > 0 for value in sides}) == 1
    found = fl.within(frame(rows), [(40 + a / 100, 10 + b / 100) for a, b in corners])
    assert found["n_points"].sum() == expected


def test_duckdb_finds_the_same(tmp_path):
    passing().write_parquet(tmp_path / "states.parquet")
    places = {"yard": SQUARE, "gate": (51.005, 10.0, 100)}
    expected = fl.within(passing(), places, shifts={"day": ("06:00", "22:00")})
    relation = duckdb.connect().read_parquet(str(tmp_path / "states.parquet"))
    found = fl.within(relation, places, shifts={"day": ("06:00", "22:00")})
    assert pl.DataFrame(found.fetchall(), expected.schema, orient="row").equals(expected)
    assert expected.height == 2


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ({}, "places= is empty"),
        ([(51.0, 10.0), (51.0, 10.1)], "three or more corners"),
        ("yard", "is no place"),
        ({"type": "Point", "coordinates": [1, 2]}, "GeoJSON of Point"),
        ([(151.0, 10.0), (51.0, 10.1), (51.0, 10.0)], "latitude first"),
        ((51.0, 10.0, -5), "radius"),
        ([(51.0, 10.0), (51.0, 10.1), (51.0, 10.2)], "has no area"),
        ([(50 + n / 1e4, 10 + n % 2) for n in range(1001)], "1,001 corners; 1,000 are the most"),
    ],
)
def test_what_is_no_place_is_told(places, words):
    with pytest.raises(InvalidArgument, match=words):
        fl.within(passing(), places)


# Shifts


def starts(*told: datetime) -> pl.DataFrame:
    """Speeding that begins at these moments."""
    rows = []
    for n, when in enumerate(told):
        t = int(when.timestamp()) - START
        rows += [
            row(t, 120.0, lng=10 + n),
            row(t + 10, 120.0, lng=10 + n),
            row(t + 20, 0.0, lng=10 + n),
        ]
    return frame(rows)


def of_shifts(rows, shifts, **more) -> list[str | None]:
    return fl.speeding(rows, shifts=shifts, **more)["shift"].to_list()


# 2026-07-03 is a Friday.
FRIDAY = [
    datetime(2026, 7, 3, h, m, tzinfo=UTC) for h, m in ((3, 59), (4, 0), (11, 59), (12, 0), (21, 0))
]


def test_a_finding_tells_the_shift_that_it_began_in_by_the_zone_s_clock():
    shifts = {"early": ("06:00", "14:00"), "night": (time(22), time(6))}
    assert of_shifts(starts(*FRIDAY), shifts, timezone="Europe/Madrid") == [
        "night", "early", "early", None, "night",
    ]  # fmt: skip
    both = {"first": ("06:00", "14:00"), "second": ("00:00", "23:59")}
    assert of_shifts(starts(FRIDAY[1]), both, timezone="Europe/Madrid") == ["first"]
    assert of_shifts(starts(*FRIDAY), shifts) == ["night", "night", "early", "early", None]


def test_a_night_shift_belongs_to_the_day_on_which_it_began():
    saturday = [datetime(2026, 7, 4, h, tzinfo=UTC) for h in (1, 23)]
    sunday = [datetime(2026, 7, 5, 1, tzinfo=UTC)]
    rows = starts(*saturday, *sunday)
    assert of_shifts(rows, {"n": ("22:00", "06:00", "Mon-Fri")}) == ["n", None, None]
    assert of_shifts(rows, {"n": ("22:00", "06:00", "Sat")}) == [None, "n", "n"]
    assert of_shifts(rows, {"w": ("00:00", "23:59:59", "Sat, Sun")}) == ["w"] * 3


def test_shifts_go_by_the_clock_when_it_is_changed():
    """On 2026-10-25 the clocks of Madrid go back from 3 to 2 o'clock, at 1 in UTC."""
    rows = starts(*(datetime(2026, 10, 25, h, 30, tzinfo=UTC) for h in (0, 1, 2)))
    assert of_shifts(rows, {"x": ("02:00", "03:00")}, timezone="Europe/Madrid") == ["x", "x", None]


def test_an_offset_is_a_zone_too():
    rows = starts(datetime(2026, 7, 3, 0, 20, tzinfo=UTC))
    assert of_shifts(rows, {"x": ("06:00", "06:10")}, timezone="+05:45") == ["x"]


def test_every_detector_of_stretches_takes_shifts():
    rows = starts(*FRIDAY)
    for name in ("trips", "stops", "idling", "speeding"):
        assert getattr(fl, name)(rows, shifts={"x": ("06:00", "14:00")}).columns[-1] == "shift"


@pytest.mark.parametrize(
    "told", [("06:00",), ("6", "x"), 5, ("06:00", "14:00", "Mon-Xyz"), ("06:00", "14:00", "Mon", 1)]
)
def test_what_is_no_shift_is_told(told):
    with pytest.raises(InvalidArgument, match=r"shifts\['day'\]=.* is no shift"):
        fl.trips(passing(), shifts={"day": told})
