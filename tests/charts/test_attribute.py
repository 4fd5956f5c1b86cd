"""Attributes and readings by name: numbers as lines, texts and flags as bands."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest

import fleetlab as fl
from fleetlab import charts
from fleetlab.recording.manifest import Info
from fleetlab.recording.recording import Recording
from fleetlab.schemas import TABLES, empty, schema, table
from tests.charts.pictures import is_valid, png_of, states, utc

START = utc("2026-07-01T09:00:00")
END = START + timedelta(minutes=10)


def at(minutes: float):
    return START + timedelta(minutes=minutes)


def told(value: Any) -> dict[str, Any]:
    """The three columns of a value, as the contract has them."""
    if value is None:
        return {"value_type": "null"}
    if isinstance(value, bool):
        return {"value_text": str(value).lower(), "value_type": "bool"}
    if isinstance(value, str):
        number = float(value) if value.replace(".", "").isdigit() else None
        return {"value_text": value, "value_type": "string", "value": number}
    return {"value_text": str(value), "value_type": "float", "value": float(value)}


def frame(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    wanted = schema(name)
    full = [{"tracker_id": 1, "label": "one", "snapshot": False, **row} for row in rows]
    full = [{"received_at": row["event_time"], **row} for row in full]
    return pl.DataFrame(
        {column: [row.get(column) for row in full] for column in wanted}, schema=dict(wanted)
    )


def iot(minutes: float, value: Any, field: str = "rpm", **more: Any) -> dict[str, Any]:
    return {"event_time": at(minutes), "field": field, "queue": "nonnull", **told(value), **more}


def reading(minutes: float, value: Any, name: str = "level", **more: Any) -> dict[str, Any]:
    row = {"event_time": at(minutes), "name": name, "reading": "input:1", "units": "litre"}
    return {**row, **told(value), **more}


def recording(gaps: list[tuple[Any, ...]] = [], **rows: list[dict[str, Any]]) -> Recording:  # noqa: B006
    """Ten minutes with gaps: from, to, why, event, tracker, field."""
    tables = {name: empty(name) for name in TABLES}
    tables["gaps"] = table(
        "gaps",
        [
            (*(int(at(one).timestamp()) * 1_000_000 for one in gap[:2]), 1.0, *gap[2:])
            for gap in gaps
        ],
    )
    info = Info(
        name="ten minutes",
        started_at=START,
        ended_at=END,
        server="demo",
        timezone="Europe/Madrid",
        requests=[{"type": "iot_monitor"}, {"type": "readings_batch"}],
        stopped_because="time",
    )
    tail = {
        name: [states(some) if name == "state_batch" else frame(name, some)]
        for name, some in rows.items()
    }
    return Recording(info, None, {}, tail, tables)


def rows_of(spec: dict[str, Any], panel: dict[str, Any]) -> list[dict[str, Any]]:
    unit = panel
    while "layer" in unit:
        unit = unit["layer"][-1]
    name = (unit.get("data") or panel["data"])["name"]
    return spec["datasets"][name]


def minutes(moment: float) -> float:
    return round((moment / 1000 - START.timestamp()) / 60, 3)


def points(chart: Any, number: int = 0) -> list[tuple[float, float | None]]:
    spec = chart.to_dict()
    panel = spec["vconcat"][number] if "vconcat" in spec else spec
    return [(minutes(row["event_time"]), row.get("value")) for row in rows_of(spec, panel)]


def bands(chart: Any, number: int = 0) -> list[tuple[float, float, str]]:
    spec = chart.to_dict()
    panel = spec["vconcat"][number] if "vconcat" in spec else spec
    return [
        (minutes(row["since"]), minutes(row["until"]), row.get("told", row["state"]))
        for row in rows_of(spec, panel)
    ]


def test_numbers_are_lines_in_steps_that_hold_until_the_next():
    chart = is_valid(charts.attribute(recording(iot_monitor=[iot(1, 900), iot(4, 2500)]), "rpm"))
    assert points(chart) == [(1, 900), (4, 2500), (10, 2500)]
    assert chart.to_dict()["layer"][0]["mark"]["interpolate"] == "step-after"
    png_of(chart)


def test_a_text_that_is_a_number_is_one():
    rec = recording(iot_monitor=[iot(1, "12.5"), iot(4, "13.5")])
    assert points(charts.attribute(rec, "rpm")) == [(1, 12.5), (4, 13.5), (10, 13.5)]


@pytest.mark.parametrize("values", [("Ana", "José"), (True, False)])
def test_texts_and_flags_are_bands(values: tuple[Any, Any]):
    rec = recording(iot_monitor=[iot(0, values[0]), iot(2, values[0]), iot(4, values[1])])
    chart = is_valid(charts.attribute(rec, "rpm"))
    words = [told(value)["value_text"] for value in values]
    assert bands(chart) == [(0, 4, words[0]), (4, 10, words[1])]
    png_of(chart)


def test_values_of_the_same_second_are_all_drawn():
    rec = recording(iot_monitor=[iot(1, 1), iot(2, 99), iot(2, 3)])
    assert [value for _, value in points(charts.attribute(rec, "rpm"))] == [1, 99, 3, 3]


def test_nothing_is_known_in_a_gap_whatever_it_is():
    gap = (3, 6, "disconnected", None, None, None)
    numbers = recording([gap], iot_monitor=[iot(1, 5), iot(8, 7)])
    assert points(charts.attribute(numbers, "rpm")) == [(1, 5), (3, 5), (3, None), (8, 7), (10, 7)]
    words = recording([gap], iot_monitor=[iot(0, "on"), iot(8, "on")])
    assert bands(charts.attribute(words, "rpm")) == [
        (0, 3, "on"),
        (3, 6, "unknown: not received: disconnected"),
        (6, 8, "unknown: not yet known"),
        (8, 10, "on"),
    ]


def test_where_a_queue_had_overrun_nothing_is_known_of_that_attribute_of_that_tracker():
    gap = (3, 6, "queue_overrun", "iot_monitor", 1, "rpm")
    rows = [iot(1, 5), iot(3, 6), iot(6, 7), iot(1, 5, "oil"), iot(6, 7, "oil")]
    rec = recording([gap], iot_monitor=rows)
    assert points(charts.attribute(rec, "rpm")) == [(1, 5), (3, 6), (3, None), (6, 7), (10, 7)]
    assert points(charts.attribute(rec, "oil")) == [(1, 5), (6, 7), (10, 7)]
    words = recording([gap], iot_monitor=[iot(0, "on"), iot(3, "on"), iot(6, "on")])
    assert bands(charts.attribute(words, "rpm")) == [
        (0, 3, "on"),
        (3, 6, "unknown: not received: queue_overrun"),
        (6, 10, "on"),
    ]


def test_of_both_queues_the_one_without_nulls_is_drawn():
    rows = [iot(1, 900), iot(1, 900, queue="all"), iot(4, None, queue="all")]
    assert points(charts.attribute(recording(iot_monitor=rows), "rpm")) == [(1, 900), (10, 900)]


def test_a_null_ends_what_held():
    numbers = recording(readings_batch=[reading(1, 5), reading(4, None)])
    assert points(charts.attribute(numbers, "level"))[:2] == [(1, 5), (4, None)]
    words = recording(readings_batch=[reading(0, "on"), reading(4, None)])
    assert bands(charts.attribute(words, "level"))[1] == (4, 10, "unknown: null was sent")


def test_sensors_with_different_units_are_never_on_one_axis():
    rows = [
        reading(1, 100.0),
        reading(1, 40.0, units="%", reading="input:2", label="two", tracker_id=2),
        reading(1, 7.0, units=None, reading="input:3", label="three", tracker_id=3),
    ]
    chart = is_valid(charts.attribute(recording(readings_batch=rows), "level"))
    titles = [panel["layer"][0]["encoding"]["y"]["title"] for panel in chart.to_dict()["vconcat"]]
    assert titles == ["level (%)", "level (litre)", "level (no unit told)"]
    assert [points(chart, number)[0][1] for number in range(3)] == [40, 100, 7]
    png_of(chart)


@pytest.mark.parametrize("name", ["input:1", "level", "Tank 1"])
def test_a_reading_is_found_by_each_of_its_names(name: str):
    rec = recording(readings_batch=[reading(1, 100.0, sensor_label="Tank 1")])
    assert points(charts.attribute(rec, name))[0] == (1, 100)


def test_two_readings_of_a_tracker_are_two_lines():
    rows = [
        reading(1, 100.0, sensor_label="Tank 1"),
        reading(1, 50.0, sensor_label="Tank 2", reading="input:2"),
    ]
    spec = charts.attribute(recording(readings_batch=rows), "level").to_dict()
    assert {row["line"] for row in rows_of(spec, spec)} == {"one · Tank 1", "one · Tank 2"}


def test_a_name_of_an_attribute_and_of_a_reading_is_drawn_as_both():
    rec = recording(iot_monitor=[iot(1, 5, "level")], readings_batch=[reading(1, 100.0)])
    chart = charts.attribute(rec, "level")
    assert [points(chart, number)[0][1] for number in range(2)] == [5, 100]


def test_several_names_are_under_one_another_with_one_time_axis_and_the_same_trackers():
    rows = [
        iot(1, value * n, field, tracker_id=n, label=f"Truck {n}")
        for n in range(1, 20)
        for field, value in (("rpm", 10.0), ("oil", 3.0))
    ]
    rows += [iot(5, 9_000, tracker_id=n, label=f"Truck {n}") for n in (11, 12)]
    rows += [iot(2, "Ana", "driver", tracker_id=n, label=f"Truck {n}") for n in (19, 12)]
    chart = is_valid(charts.attribute(recording(iot_monitor=rows), ["rpm", "oil", "driver"]))
    spec = chart.to_dict()
    assert spec["resolve"]["scale"]["x"] == "shared"
    first, second, third = ({row["line"] for row in rows_of(spec, one)} for one in spec["vconcat"])
    assert len(first) == 8
    assert {"Truck 11", "Truck 12"} < first
    assert second == first
    assert third == {"Truck 12"}
    assert any("8 of 19 shown" in line for line in chart.title.subtitle)
    png_of(chart)


def test_values_of_another_kind_are_told_of():
    rec = recording(iot_monitor=[iot(1, 5), iot(2, 6), iot(3, "n/a"), iot(4, 7)])
    chart = charts.attribute(rec, "rpm")
    assert (3, None) in points(chart)
    assert "rpm: 1 values that are no numbers break the line." in chart.title.subtitle


def test_many_texts_share_a_colour_and_tell_themselves():
    rec = recording(iot_monitor=[iot(n / 2, f"driver {n}") for n in range(15)])
    chart = is_valid(charts.attribute(rec, "rpm"))
    assert [word for *_, word in bands(chart)] == [f"driver {n}" for n in range(15)]
    colours = chart.to_dict()["layer"][0]["encoding"]["color"]["scale"]["domain"]
    assert (len(colours), colours[-1]) == (9, "other values")


def test_of_texts_that_last_as_long_always_the_same_have_a_colour_of_their_own():
    rec = recording(iot_monitor=[iot(n, f"driver {n:02}") for n in range(30)])
    for _ in range(3):
        chart = charts.attribute(rec, "rpm")
        colours = chart.to_dict()["layer"][0]["encoding"]["color"]["scale"]["domain"]
        assert colours == [f"driver {n:02}" for n in range(8)] + ["other values"]


def test_a_name_that_is_not_there_is_told_with_those_close_to_it_and_how_many_there_are():
    rec = recording(iot_monitor=[iot(1, 5), iot(1, 5, "oil")], readings_batch=[reading(1, 1.0)])
    with pytest.raises(fl.InvalidArgument) as caught:
        charts.attribute(rec, ["rpm", "Levl"])
    words = str(caught.value)
    assert "'Levl' is neither" in words
    assert "close to it: 'level'" in words
    assert "2 attributes" in words
    assert "1 readings" in words
    with pytest.raises(fl.InvalidArgument, match="names nothing"):
        charts.attribute(rec, [])


def test_a_name_that_only_others_have_is_missing_and_no_error():
    rec = recording(iot_monitor=[iot(1, 5), iot(1, 5, "oil", tracker_id=2, label="two")])
    png_of(is_valid(charts.attribute(rec, "oil", trackers=["one"])))


@pytest.mark.parametrize("panels", [False, True])
@pytest.mark.parametrize("event", ["iot_monitor", "readings_batch", "state_batch"])
def test_an_empty_frame_says_what_is_missing(event: str, panels: bool):
    chart = charts.attribute(empty(event), "rpm", panels=panels)
    spec = chart.to_dict()
    assert "no rows" in rows_of(spec, spec)[0]["why"]


def test_with_panels_movement_and_ignition_are_underneath():
    parked = {"movement_status": "parked", "ignition": False, "connection_status": "active"}
    rec = recording(
        iot_monitor=[iot(1, 5), iot(4, 7)], state_batch=[{"event_time": at(0), **parked}]
    )
    chart = is_valid(charts.attribute(rec, "rpm", panels=True))
    assert (bands(chart, 1), bands(chart, 2)) == ([(0, 10, "parked")], [(0, 10, "ignition off")])
    png_of(chart)


def test_large_attributes_stay_small_and_keep_their_peaks():
    n = 200_000
    moment = pl.lit(START) + pl.duration(seconds=pl.col("n"))
    data = pl.DataFrame({"n": range(n)}).select(
        tracker_id=pl.col("n") % 5,
        label=pl.format("Холодильник {}", pl.col("n") % 5),
        event_time=moment,
        field=pl.lit("rpm"),
        value=pl.when(pl.col("n") == 123_456).then(9_999.0).otherwise(pl.col("n") % 700),
        value_text=pl.lit(""),
        value_type=pl.lit("int"),
    )
    both = pl.concat(
        [data, data.with_columns(field=pl.lit("oil")), data.with_columns(field=pl.lit("hot"))]
    )
    chart = is_valid(charts.attribute(both, ["rpm", "oil", "hot"]))
    for number in range(3):
        assert max(value for _, value in points(chart, number) if value is not None) == 9_999
