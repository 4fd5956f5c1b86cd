"""Tracks of other programs become states; what can't be read is named by file and line."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import fleetlab as fl
from fleetlab.errors import InvalidArgument
from fleetlab.schemas import schema
from fleetlab.track_files import gpx_rows

NS = {
    "1.0": ' xmlns="http://www.topografix.com/GPX/1/0"',
    "1.1": ' xmlns="http://www.topografix.com/GPX/1/1" xmlns:t="http://garmin.example/v2"',
    "none": "",
}
GARMIN = "<extensions><t:TrackPointExtension>{}</t:TrackPointExtension></extensions>"
NINE = datetime(2026, 7, 1, 9, tzinfo=UTC)


def point(lat=51.5, lng=10.0, time: str | None = "2026-07-01T09:00:00Z", more=""):
    told = "" if time is None else f"<time>{time}</time>"
    return f'<trkpt lat="{lat}" lon="{lng}">{told}{more}</trkpt>\n'


def gpx(*segments: list[str], version="1.1") -> str:
    body = "".join(f"<trkseg>\n{''.join(one)}</trkseg>\n" for one in segments)
    head = f'<?xml version="1.0"?>\n<gpx version="{version}"{NS[version]}>\n'
    return f"{head}<trk><name>x</name>{body}</trk></gpx>\n"


def written(folder: Path, text: str | bytes, name="track.gpx") -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def second(n: float) -> str:
    return (NINE + timedelta(seconds=n)).isoformat()


def ways(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great circle by the haversine formula, which fleetlab doesn't use."""
    p, q = math.radians(a[0]), math.radians(b[0])
    half = math.sin((q - p) / 2) ** 2
    half += math.cos(p) * math.cos(q) * math.sin(math.radians(b[1] - a[1]) / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(min(1.0, math.sqrt(half)))


@pytest.mark.parametrize("version", NS)
def test_every_version_gives_all_columns_in_their_types(tmp_path, version):
    more = "<ele>12.5</ele><speed>10</speed><course>90</course>"
    found = fl.read_track(written(tmp_path, gpx([point(more=more)], version=version)))
    assert found.schema == schema("state_batch")
    [row] = found.to_dicts()
    assert {name: value for name, value in row.items() if value is not None} == {
        "recording": "track", "event_time": NINE, "gps_updated": NINE, "snapshot": False,
        "tracker_id": 1, "label": "track", "lat": 51.5, "lng": 10.0, "alt_m": 12.5,
        "speed_kmh": 36.0, "heading_deg": 90.0,
    }  # fmt: skip


def test_speed_and_course_of_extensions_count_and_their_times_do_not(tmp_path):
    inner = "<t:speed>5</t:speed><t:course>7</t:course><t:time>1999</t:time><t:ele>1</t:ele>"
    found = fl.read_track(written(tmp_path, gpx([point(more=GARMIN.format(inner))])))
    assert found.select("speed_kmh", "heading_deg", "event_time", "alt_m").row(0) == (
        18.0, 7.0, NINE, None,
    )  # fmt: skip


def test_points_of_routes_and_waypoints_are_no_track(tmp_path):
    other = '<wpt lat="1" lon="1"><time>2026-07-01T09:00:00Z</time></wpt>'
    text = gpx([point()]).replace("<trk>", f"{other}<trk>", 1)
    assert fl.read_track(written(tmp_path, text))["lat"].to_list() == [51.5]


@pytest.mark.parametrize(
    "text",
    ["2026-07-01T09:00:00.25Z", "2026-07-01T11:00:00.250+02:00", "2026-07-01T04:15:00.2500-04:45"],
)
def test_times_with_offsets_and_fractions_are_moments_in_utc(tmp_path, text):
    found = fl.read_track(written(tmp_path, gpx([point(time=text)])))
    assert found["event_time"].to_list() == [NINE + timedelta(milliseconds=250)]


def test_times_without_an_offset_need_a_zone(tmp_path):
    file = written(tmp_path, gpx([point(time="2026-07-01T11:00:00")]))
    with pytest.raises(InvalidArgument, match=r"track.gpx, line 4, event_time: .* name its zone"):
        fl.read_track(file)
    assert fl.read_track(file, timezone="Europe/Madrid")["event_time"].to_list() == [NINE]


def test_speed_that_is_not_told_is_that_of_the_way_within_its_segment(tmp_path):
    first = [
        point(51.5, 10.0, second(0)),
        point(51.501, 10.0, second(10)),
        point(51.501, 10.01, second(40)),
        point(51.6, 10.01, second(40)),
        point(51.601, 10.01, second(50), "<speed>-1</speed>"),
    ]
    found = fl.read_track(written(tmp_path, gpx(first, [point(51.7, 10.0, second(60))])))
    speeds = found["speed_kmh"].to_list()
    assert speeds[0] is None
    assert speeds[1] == pytest.approx(ways((51.5, 10), (51.501, 10)) / 10 * 3.6, rel=1e-6)
    assert speeds[2] == pytest.approx(ways((51.501, 10), (51.501, 10.01)) / 30 * 3.6, rel=1e-6)
    assert speeds[3] is None
    assert speeds[4] == pytest.approx(ways((51.6, 10), (51.601, 10)) / 10 * 3.6, rel=1e-6)
    assert speeds[5] is None


def test_rows_without_time_or_place_are_left_out_and_none_at_all_is_an_error(tmp_path):
    bad = [point(time=None), point(lat=""), point(lat="nan"), point(lat=91), point(lng=-180.1)]
    found = fl.read_track(written(tmp_path, gpx([*bad, point(90, -180)])))
    assert found.select("lat", "lng").rows() == [(90.0, -180.0)]
    with pytest.raises(InvalidArgument, match=r"track.gpx: none of its 5 points has a time and"):
        fl.read_track(written(tmp_path, gpx(bad)))
    with pytest.raises(InvalidArgument, match=r"track.gpx: there is no point with a time and"):
        fl.read_track(written(tmp_path, gpx([])))


def test_a_large_file_is_read_a_piece_at_a_time(tmp_path):
    text = gpx([point(time=second(n)) for n in range(3000)])
    assert fl.read_track(written(tmp_path, text)).height == 3000
    rows = gpx_rows(written(tmp_path, text.replace("</gpx>", "")))
    assert next(rows).line == 4
    with pytest.raises(InvalidArgument, match=r"track.gpx, line 3006: broken XML"):
        list(rows)


BOMB = '<!DOCTYPE gpx [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>\n<gpx>&b;</gpx>'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('<?xml version="1.0"?>\n' + BOMB, r"track.gpx, line 2: it has a document type"),
        ('<!DOCTYPE gpx SYSTEM "file:///etc/hostname">\n<gpx/>', r"line 1: it has a document type"),
        ("<kml/>", r"track.gpx is no GPX: its outermost element is 'kml'"),
        ("<gpx>\n<trk>\n</gpx>", r"track.gpx, line 3: broken XML \(mismatched tag\)"),
        ("", r"track.gpx, line 1: broken XML \(no element found\)"),
        (b"<gpx>\n\xff</gpx>", r"track.gpx, line 2: broken XML"),
        ('<?xml version="1.0" encoding="klingon"?><gpx/>', r"line 1: broken XML \(.*encoding"),
        (gpx([point(lat="north")]), r"track.gpx, line 4, lat: 'north' is no number"),
        (gpx([point(time="noon")]), r"track.gpx, line 4, event_time: 'noon' is no time in ISO"),
        (gpx([point(time="0001-01-01T00:00:00+14:00")]), r"line 4, event_time: .* is no time"),
    ],
)
def test_what_is_no_gpx_is_refused_with_its_line(tmp_path, text, words):
    with pytest.raises(InvalidArgument, match=words):
        fl.read_track(written(tmp_path, text))


def test_a_csv_of_other_names_units_and_separators_is_read(tmp_path):
    text = (
        "\ufeffTime;Latitude;Longitude;Speed;ignition;satellites\r\n"
        '2026-07-01 11:00:00;51.5;"10.0";10;true;9\r\n\r\n'
        "2026-07-01 11:00:10;51.501;10.0;;0;9\r\n"
    )
    columns = {
        "event_time": "Time",
        "lat": "Latitude",
        "lng": "Longitude",
        "speed_kmh": "Speed",
    }
    file = written(tmp_path, text, "day.txt")
    for unit, factor in (("km/h", 1), ("m/s", 3.6), ("mph", 1.609344), ("knots", 1.852)):
        found = fl.read_track(
            file, columns=columns, format="csv", timezone="Europe/Madrid", speed_unit=unit
        )
        assert found.schema == schema("state_batch")
        assert found["speed_kmh"][0] == pytest.approx(10 * factor)
    assert found["speed_kmh"][1] == pytest.approx(ways((51.5, 10), (51.501, 10)) * 0.36, rel=1e-6)
    assert found["event_time"].to_list() == [NINE, NINE + timedelta(seconds=10)]
    assert found["ignition"].to_list() == [True, False]


def test_names_that_are_ours_need_no_mapping_and_tell_more_than_arguments(tmp_path):
    text = (
        "tracker_id,label,event_time,lat,lng\n7,Van,2026-07-01T09:00Z,51.5,10\n"
        "8,,2026-07-01T09:00:10Z,51.6,10\n7,Van,2026-07-01T09:00:10Z,51.501,10\n"
    )
    found = fl.read_track(written(tmp_path, text, "a.CSV"), tracker_id=3, label="Bus")
    assert found["tracker_id"].to_list() == [7, 8, 7]
    assert found["label"].to_list() == ["Van", "Bus", "Van"]
    assert [speed is None for speed in found["speed_kmh"]] == [True, True, False]
    one = fl.read_track(written(tmp_path, gpx([point()])), tracker_id=3, label="Bus")
    assert one.select("tracker_id", "label", "recording").row(0) == (3, "Bus", "track")


HEAD = "event_time,lat,lng\n"
ROW = "2026-07-01T09:00:00Z,51.5,10.0\n"


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        ("a,b\n1,2\n", {}, r"track.csv has no column event_time, lat, lng; it has a, b\. Name"),
        ("", {}, r"track.csv has no column event_time, lat, lng; it has none"),
        (HEAD + ROW, {"columns": {"lat": "y"}}, r"no column y; it has event_time, lat, lng"),
        (HEAD + ROW, {"columns": {"alt_m": "z"}}, r"no column z; it has event_time, lat, lng"),
        (HEAD + ROW, {"columns": {"height": "lat"}}, r"'height', which is no name of ours; choose"),
        (HEAD + ROW + "1,2\n", {}, r"track.csv, line 3: 2 values for 3 columns"),
        (HEAD + ROW + 'x,"1,2\n', {}, r"track.csv, line 3: no CSV \(unexpected end"),
        ((HEAD + ROW).encode() + b"\xff,1,2\n", {}, r"track.csv, line 3: not UTF-8"),
        (HEAD + ROW.replace("51.5", "north"), {}, r"line 2, lat: 'north' is no number"),
        (HEAD + ROW.replace("Z", ""), {}, r"line 2, event_time: .* has no offset"),
        (HEAD, {}, r"track.csv: there is no point with a time"),
        (HEAD + ROW, {"timezone": "Mars/Olympus"}, r"'Mars/Olympus' is no IANA name"),
        (HEAD + ROW, {"speed_unit": "c"}, r"speed_unit='c' is unknown; choose from km/h, m/s"),
        (HEAD + ROW, {"format": "kml"}, r"format='kml' is unknown; choose from gpx, csv"),
    ],
)
def test_what_is_no_csv_or_a_wrong_argument_is_refused_with_its_line(tmp_path, text, more, words):
    with pytest.raises(InvalidArgument, match=words):
        fl.read_track(written(tmp_path, text, "track.csv"), **more)


def test_a_file_that_is_not_there_or_of_no_known_kind_is_refused(tmp_path):
    with pytest.raises(InvalidArgument, match=r"none.gpx can't be read: No such file"):
        fl.read_track(tmp_path / "none.gpx")
    with pytest.raises(InvalidArgument, match=r"track.kml ends in neither .gpx nor .csv"):
        fl.read_track("track.kml")
    with pytest.raises(InvalidArgument, match=r"columns= is for CSV"):
        fl.read_track(written(tmp_path, gpx([point()])), columns={"lat": "y"})


def test_nothing_of_it_is_loaded_before_it_is_asked_for():
    code = (
        "import sys, fleetlab as fl\n"
        "late = {'fleetlab.tracks', 'fleetlab.track_files', 'fleetlab.geo', 'xml.parsers.expat',\n"
        "        'geopandas', 'pandas', 'numpy'}\n"
        "assert not late & set(sys.modules), late & set(sys.modules)\n"
        "fl.read_track, fl.compare_trips, fl.to_geopandas\n"
        "assert not {'geopandas', 'pandas'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
