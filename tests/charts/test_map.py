"""Tracks and last positions: what is a track, what is a place, and what the map says of it."""

from __future__ import annotations

import math
import re
from datetime import timedelta

import polars as pl
import pytest

from fleetlab.charts import map as draw_map
from fleetlab.charts.theme import STATES
from fleetlab.errors import InvalidArgument
from tests.charts.pictures import data_of, is_valid, png_of, states, svg_of, utc
from tests.charts.recorded import recorded

T = utc("2026-07-01T10:00:00")
END = T + timedelta(hours=1)


def track(minutes, *, lat=40.0, lng=-3.7, **what):
    """A vehicle that goes north, a kilometre a minute."""
    return [
        {
            "event_time": T + timedelta(minutes=minute),
            "lat": None if lat is None else lat + minute / 100,
            "lng": lng,
            "speed_kmh": 60.0,
            "movement_status": "moving",
            "connection_status": "active",
            **what,
        }
        for minute in minutes
    ]


def dots(chart):
    """Last positions."""
    return [row for row in data_of(chart) if "line" in row and row in _layer(chart, "circle")]


def ways(chart):
    """Minutes of the beginning of each piece of track that is drawn."""
    return sorted(
        (row["event_time"] - T.timestamp() * 1000) / 60_000
        for row in _layer(chart, "rule")
        if "lat2" in row
    )


def _layer(chart, mark):
    spec = chart.to_dict()
    layers = [one for one in spec["layer"] if one["mark"]["type"] == mark]
    return spec["datasets"][layers[0]["data"]["name"]]


def subtitle(chart):
    return " ".join(chart.to_dict()["title"]["subtitle"])


def test_a_track_joins_positions_and_its_last_one_is_a_dot():
    chart = draw_map(states(track(range(5))))
    assert ways(chart) == [0, 1, 2, 3]
    [dot] = dots(chart)
    assert (dot["lat"], dot["lng"], dot["speed"], dot["status"]) == (40.04, -3.7, 60, "moving")


def test_a_gap_of_the_connection_is_not_bridged():
    rows = states(track(range(10)))
    rec = recorded(
        {"state_batch": rows},
        T,
        END,
        (T + timedelta(minutes=4, seconds=10), T + timedelta(minutes=4, seconds=50)),
    )
    assert ways(draw_map(rec)) == [0, 1, 2, 3, 5, 6, 7, 8]


def test_what_a_device_that_is_not_heard_did_is_not_drawn():
    rows = track(range(3)) + track([3], connection_status="offline", lat=None, lng=None)
    assert ways(draw_map(states(rows + track(range(4, 7))))) == [0, 1, 4, 5]


def test_twenty_minutes_without_a_position_break_a_track():
    assert ways(draw_map(states(track([0, 1, 21, 42, 43])))) == [0, 1, 42]


def test_a_jump_that_no_vehicle_makes_is_not_drawn_and_does_not_widen_the_map():
    rows = states(track(range(5)) + track([5], lat=55.0) + track(range(6, 9)))
    chart = draw_map(rows)
    assert ways(chart) == [0, 1, 2, 3, 6, 7]
    low, high = _layers(chart)[0]["encoding"]["y"]["scale"]["domain"]
    assert high - low < 1


def _layers(chart):
    return chart.to_dict()["layer"]


def test_a_snapshot_is_a_place_and_no_movement():
    rows = track([-900], snapshot=True, received_at=T) + track([1, 2])
    other = track([-900], tracker_id=2, label="two", snapshot=True, received_at=T)
    chart = draw_map(recorded({"state_batch": states(rows + other)}, T, END))
    assert ways(chart) == [1]
    assert {dot["line"] for dot in dots(chart)} == {"one", "two"}


def test_a_snapshot_within_the_time_drawn_is_no_movement_either():
    rows = track([1, 2]) + track([3], snapshot=True) + track([4, 5])
    chart = draw_map(states(rows))
    assert [row["lat"] for row in _layer(chart, "rule")] == [40.01, 40.02, 40.04, 40.05]


def test_positions_of_cell_towers_are_hollow_dots_and_no_track():
    rows = track(range(3)) + track([3], gsm_lbs=True, lat=41.0) + track([4])
    other = track([1], tracker_id=2, label="two", gsm_lbs=True)
    chart = draw_map(states(rows + other))
    assert ways(chart) == [0, 1, 2]
    assert {dot["line"]: dot.get("fix") for dot in dots(chart)} == {
        "one": None,
        "two": "cell towers",
    }


@pytest.mark.parametrize(
    ("lat", "lng"), [(None, None), (None, 3.0), (0.0, 0.0), (91.0, 3.0), (40.0, 181.0)]
)
def test_what_is_no_position_is_not_drawn(lat, lng):
    nowhere = {"lat": lat, "lng": lng}
    rows = states(track([0, 1]) + [{**track([2])[0], **nowhere}] + track([3, 4]))
    assert ways(draw_map(rows)) == [0, 1, 3]
    lost = states([{**track([0], tracker_id=2, label="two")[0], **nowhere}])
    assert "1 tracker has told no position" in subtitle(draw_map(pl.concat([rows, lost])))
    [why] = data_of(draw_map(lost))
    assert why["why"] == "None of 1 trackers has told a position."


def test_the_equator_and_the_meridian_are_places():
    chart = draw_map(states(track([0, 1], lng=0.0) + track([2, 3], lng=0.0)))
    assert ways(chart) == [0, 1, 2]


def test_a_track_across_the_antimeridian_is_short():
    east = [179.97, 179.98, 179.99, -180.0, -179.99]
    rows = [
        {"event_time": T + timedelta(minutes=n), "lat": -17.0, "lng": lng, "speed_kmh": 60.0}
        for n, lng in enumerate(east)
    ]
    chart = draw_map(states(rows))
    assert ways(chart) == [0, 1, 2, 3]
    low, high = _layers(chart)[0]["encoding"]["x"]["scale"]["domain"]
    assert high - low < 0.1
    labels = re.findall(r">(1[78][\d.]+°[EW]?)<", svg_of(chart))
    assert any(one.endswith("E") for one in labels)
    assert any(one.endswith("W") for one in labels)


def test_a_way_across_the_edge_of_a_map_of_the_whole_world_ends_there():
    around = [
        {"event_time": T, "tracker_id": lng, "label": f"at {lng}", "lat": 10.0, "lng": float(lng)}
        for lng in range(-170, 171, 5)
    ]
    # So far north that it takes minutes only.
    rows = [
        {"event_time": T + timedelta(minutes=n), "lat": 89.0, "lng": lng, "tracker_id": 1_000}
        for n, lng in ((0, 168.0), (10, 169.0), (25, -169.0), (35, -168.0))
    ]
    assert ways(draw_map(states(around + rows))) == [0, 25]


def test_the_map_is_as_long_upwards_as_sideways():
    rows = states(track(range(60), lat=60.0))
    chart = draw_map(rows)
    spec = chart.to_dict()
    x, y = (spec["layer"][0]["encoding"][axis]["scale"]["domain"] for axis in "xy")
    across = (x[1] - x[0]) * math.cos(math.radians(60.3)) / spec["width"]
    stretched = [
        math.degrees(math.log(math.tan(math.pi / 4 + math.radians(lat) / 2)))
        for lat in (60.29, 60.31)
    ]
    up = 0.02 / (stretched[1] - stretched[0]) * (y[1] - y[0]) / spec["height"]
    assert up == pytest.approx(across, rel=1e-3)
    for low, high, values in ((*y, stretched), (*x, [-3.7])):
        assert low < min(values)
        assert max(values) < high


def test_a_vehicle_that_stands_is_seen_with_its_surroundings():
    chart = draw_map(states(track([0])))
    low, high = _layers(chart)[0]["encoding"]["x"]["scale"]["domain"]
    assert 100 < (high - low) * 111_195 * math.cos(math.radians(40)) < 1_000
    svg = svg_of(chart)
    assert ">20 m<" in svg or ">50 m<" in svg
    assert "none of them moved" in subtitle(chart)


def test_grid_and_scale_bar_are_labelled():
    svg = svg_of(draw_map(states(track(range(60)))))
    assert "40.4°N" in svg
    assert "3.8°W" in svg
    assert ">20 km<" in svg


def test_the_scale_bar_is_as_long_as_it_says():
    chart = draw_map(states(track(range(60))))
    low, high = chart.to_dict()["layer"][0]["encoding"]["x"]["scale"]["domain"]
    y = chart.to_dict()["layer"][0]["encoding"]["y"]["scale"]["domain"]
    below = rf'<line transform="translate\([\d.]+,{chart.height + 26}\)" x2="([\d.]+)"'
    [bar] = re.findall(below, svg_of(chart))
    middle = math.degrees(math.atan(math.sinh(math.radians(sum(y) / 2))))
    metres = float(bar) / 720 * (high - low) * 111_195.08 * math.cos(math.radians(middle))
    assert metres == pytest.approx(20_000, rel=1e-3)


def test_colours_tell_speed_with_its_unit_or_status_in_everyones_colours():
    rows = states(track(range(3)) + track([3, 4], movement_status="stopped", speed_kmh=0.0))
    chart = draw_map(rows)
    assert "Speed (km/h)" in svg_of(chart)
    scale = draw_map(rows, colour="status").to_dict()["layer"][0]["encoding"]["color"]["scale"]
    assert scale["domain"] == ["moving", "stopped"]
    assert scale["range"] == [STATES["moving"], STATES["stopped"]]
    with pytest.raises(InvalidArgument, match="'height'"):
        draw_map(rows, colour="height")


def test_a_tracker_that_is_not_heard_has_no_speed_but_its_status():
    rows = track(range(3)) + track([3], connection_status="signal_lost")
    [dot] = dots(draw_map(states(rows)))
    assert "speed" not in dot
    assert dot["status"] == "signal_lost"
    png_of(draw_map(states(rows)))


def test_of_two_states_at_one_moment_the_last_counts():
    rows = track([0, 1]) + track([1], lat=40.002, speed_kmh=0.0, movement_status="parked")
    [dot] = dots(draw_map(states(rows)))
    assert (dot["lat"], dot["status"]) == (40.012, "parked")


def test_the_pointer_is_told_tracker_time_in_the_zone_speed_and_status():
    chart = draw_map(states(track(range(3))), timezone="Asia/Kathmandu")
    svg = svg_of(chart)
    assert "tracker: one; time (Asia/Kathmandu): 2026-07-01 15:47:00; speed (km/h): 60" in svg
    assert "status: moving" in svg


def test_sources_without_a_tracker_are_not_joined():
    rows = [
        row
        for source, lng in ((5, -3.7), (6, -3.71))
        for row in track(range(3), lng=lng, tracker_id=None, label=None, source_id=source)
    ]
    chart = draw_map(states(rows))
    assert ways(chart) == [0, 0, 1, 1]
    assert len(dots(chart)) == 2


def test_a_part_of_time_is_drawn_alone_and_positions_are_those_at_its_end():
    chart = draw_map(
        states(track(range(30))),
        start=T + timedelta(minutes=5),
        end=T + timedelta(minutes=8),
    )
    assert ways(chart) == [5, 6, 7]
    assert dots(chart)[0]["lat"] == 40.08


def test_of_many_trackers_all_places_are_drawn_and_the_tracks_that_tell_most():
    n, steps = 3_000, 4
    rows = pl.DataFrame({"tracker_id": range(1, n + 1)}).join(
        pl.DataFrame({"minute": range(steps)}), how="cross"
    )
    who, minute = pl.col("tracker_id"), pl.col("minute")
    rows = rows.with_columns(
        label=pl.format("Грузовик {}", "tracker_id"),
        event_time=pl.lit(T) + pl.duration(minutes="minute"),
        lat=40 + who % 50 / 40 + pl.when(who > 2_900).then(minute / 500).otherwise(minute / 20_000),
        lng=-4 + who / n,
        speed_kmh=who.cast(pl.Float64) % 90,
    )
    chart = is_valid(draw_map(rows))
    assert "50 of 3,000 tracks drawn" in subtitle(chart)
    drawn = {row["line"] for row in _layer(chart, "rule")}
    assert len(drawn) == 50
    assert min(int(line.split()[1]) for line in drawn) > 2_900
    places = _layer(chart, "circle")
    assert sum(1 + row.get("others", 0) for row in places) == n
    named = draw_map(rows, trackers=[1, 2_000])
    assert {row["line"] for row in _layer(named, "circle")} == {"Грузовик 1", "Грузовик 2000"}


def test_thinning_keeps_the_greatest_speed_and_breaks():
    n = 40_000
    rows = pl.DataFrame({"n": range(n)}).with_columns(
        tracker_id=pl.lit(1),
        label=pl.lit("one"),
        event_time=pl.lit(T) + pl.duration(seconds="n"),
        lat=40 + (pl.col("n") / 3_000).sin() / 10,
        lng=-3.7 + (pl.col("n") / 2_000).cos() / 10,
        speed_kmh=pl.when(pl.col("n") == 12_345).then(181.0).otherwise(pl.col("n") % 70),
        connection_status=pl.when(pl.col("n").is_between(20_000, 21_000))
        .then(pl.lit("offline"))
        .otherwise(pl.lit("active")),
    )
    chart = is_valid(draw_map(rows))
    drawn = _layer(chart, "rule")
    assert len(drawn) < n / 4
    assert max(row["speed"] for row in drawn) == 181
    assert "points that change little to the eye are left out" in subtitle(chart)
    start = T.timestamp() * 1000
    # Nothing begins in the silence, and what began before it doesn't reach beyond it.
    places = {
        (round(40 + math.sin(i / 3_000) / 10, 6), round(-3.7 + math.cos(i / 2_000) / 10, 6)): i
        for i in range(n)
    }
    for row in drawn:
        begin = (row["event_time"] - start) / 1000
        assert not 20_000 <= begin <= 21_000
        if "lat2" in row and begin < 20_000:
            assert places[row["lat2"], row["lng2"]] < 20_000


def test_of_a_way_that_is_taken_again_and_again_the_fastest_time_is_drawn():
    n = 20_000
    to_and_fro = (pl.col("n") % 100 - 50).abs()
    rows = pl.DataFrame({"n": range(n)}).with_columns(
        tracker_id=pl.lit(1),
        label=pl.lit("one"),
        event_time=pl.lit(T) + pl.duration(seconds=pl.col("n") * 60),
        lat=40 + to_and_fro / 100,
        lng=pl.lit(-3.7),
        speed_kmh=10.0 + pl.col("n") // 100 % 7,
    )
    chart = draw_map(rows)
    ways_north = [row for row in _layer(chart, "rule") if row.get("lat2", 0) > row["lat"]]
    assert len(ways_north) == 50
    assert {row["speed"] for row in ways_north} == {16.0}


def test_nothing_to_draw_is_said_and_raises_nothing():
    [why] = data_of(draw_map(states([])))
    assert why["why"]
    [why] = data_of(draw_map(recorded({"readings_batch": states([]).head(0)}, T, END)))
    assert "recorded without state_batch or state" in why["why"]


def test_a_frame_of_snapshots_alone_has_places():
    chart = draw_map(states(track([0], snapshot=True)))
    assert len(dots(chart)) == 1
    png_of(chart)


def test_the_network_is_asked_only_for_tiles_that_were_asked_for():
    rows = states(track(range(60)))
    spec = draw_map(rows).to_dict()
    assert "http" not in str({**spec, "$schema": None})
    chart = draw_map(rows, tiles="https://tile.example/{z}/{x}/{y}.png?style=light")
    assert "Map pictures: tile.example" in subtitle(chart)
    tiles = _layer(chart, "image")
    x, y = (_layers(chart)[0]["encoding"][axis]["scale"]["domain"] for axis in "xy")
    size = {round(a["x"] - b["x"], 9) for a in tiles for b in tiles if a["x"] > b["x"]}
    step = min(size)
    # They fill the view,
    assert min(tile["x"] for tile in tiles) <= x[0]
    assert max(tile["x"] for tile in tiles) + step >= x[1]
    assert max(tile["y"] for tile in tiles) >= y[1]
    assert min(tile["y"] for tile in tiles) - step <= y[0]
    for tile in tiles:
        found = re.fullmatch(
            r"https://tile\.example/(\d+)/(\d+)/(\d+)\.png\?style=light", tile["url"]
        )
        z, column, row = (int(one) for one in found.groups())
        # each where Web Mercator has it: its upper left corner in degrees.
        assert tile["x"] == pytest.approx(column / 2**z * 360 - 180)
        lat = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / 2**z))))
        stretched = math.degrees(math.log(math.tan(math.pi / 4 + math.radians(lat) / 2)))
        assert tile["y"] == pytest.approx(stretched)


@pytest.mark.parametrize(
    "tiles", ["https://tile.example/{z}/{x}.png", "file:///tmp/{z}/{x}/{y}.png", "osm"]
)
def test_what_is_no_address_of_tiles_is_refused(tiles):
    with pytest.raises(InvalidArgument, match=r"\{z\}/\{x\}/\{y\}"):
        draw_map(states(track(range(3))), tiles=tiles)
