"""Status holds until the next one, and what is unknown never looks like anything else."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

import fleetlab as fl
from fleetlab import charts
from fleetlab.charts.bands import merged
from fleetlab.charts.source import Source
from fleetlab.charts.states import States, strips
from fleetlab.recording.manifest import Info
from fleetlab.recording.recording import Recording
from fleetlab.schemas import TABLES, empty, schema, table
from fleetlab.simulator import Simulator
from tests.charts.pictures import is_valid, png_of, states, utc
from tests.conftest import eventually

START = utc("2026-07-01T09:00:00")
END = START + timedelta(minutes=10)


def at(minutes: float):
    return START + timedelta(minutes=minutes)


def state(minutes: float, movement: str | None = "moving", **more: Any) -> dict[str, Any]:
    return {
        "event_time": at(minutes),
        "movement_status": movement,
        "connection_status": "active",
        "ignition": movement == "moving",
        **more,
    }


def frame(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    wanted = schema(name)
    return pl.DataFrame(
        {column: [row.get(column) for row in rows] for column in wanted}, schema=dict(wanted)
    )


def recording(
    rows: list[dict[str, Any]],
    *,
    gaps: list[tuple[float, float, str]] = [],  # noqa: B006
    lifecycle: list[tuple[float, str, str]] = [],  # noqa: B006
    trackers: list[dict[str, Any]] = [],  # noqa: B006
) -> Recording:
    """Ten minutes with gaps (from, to, why), lifecycle events (when, what, label), trackers."""
    tables = {name: empty(name) for name in TABLES}
    tables["gaps"] = table(
        "gaps",
        [
            (*(int(at(one).timestamp()) * 1_000_000 for one in gap[:2]), 1.0, gap[2], *3 * (None,))
            for gap in gaps
        ],
    )
    tables["trackers"] = frame("trackers", trackers)
    ids = {"one": 1, "two": 2}
    lives = [
        {
            "event_time": at(when),
            "received_at": at(when),
            "lifecycle_event": what,
            "label": label,
            "tracker_id": ids[label],
            "snapshot": False,
        }
        for when, what, label in lifecycle
    ]
    info = Info(
        name="ten minutes",
        started_at=START,
        ended_at=END,
        server="demo",
        timezone="Europe/Madrid",
        requests=[{"type": "state_batch"}],
        stopped_because="time",
    )
    tail = {"state_batch": [states(rows)], "lifecycle": [frame("lifecycle", lives)]}
    return Recording(info, None, {}, tail, tables)


def bands(data: Any, what: str = "movement", line: str = "one", **more: Any) -> list[Any]:
    """From and to in minutes, state and what else is told of each band of a row as drawn."""
    spec = charts.status(data, **more).to_dict()
    layers = [one for one in spec["layer"] if one["encoding"]["tooltip"][1]["title"] == what]
    return [
        (
            (row["since"] / 1000 - START.timestamp()) / 60,
            (row["until"] / 1000 - START.timestamp()) / 60,
            row.get("told", row["state"]),
        )
        for row in spec["datasets"][layers[0]["data"]["name"]]
        if row["line"] == line
    ]


def test_a_status_holds_until_the_next_and_equal_ones_are_one_band():
    rec = recording([state(0), state(2), state(4, "parked"), state(7, "parked")])
    assert bands(rec) == [(0, 4, "moving"), (4, 10, "parked")]
    assert bands(rec, "ignition") == [(0, 4, "ignition on"), (4, 10, "ignition off")]
    assert bands(rec, "connection") == [(0, 10, "active")]


def test_before_the_first_state_nothing_is_known():
    assert bands(recording([state(3)])) == [(0, 3, "unknown: not yet known"), (3, 10, "moving")]


def test_a_snapshot_holds_from_the_beginning_and_never_stretches_the_axis():
    rec = recording([state(-9_000, "parked", snapshot=True, received_at=at(0.01)), state(5)])
    assert bands(rec) == [(0, 5, "parked"), (5, 10, "moving")]
    domain = charts.status(rec).to_dict()["layer"][0]["encoding"]["x"]["scale"]["domain"]["expr"]
    assert json.loads(domain) == [START.timestamp() * 1000, END.timestamp() * 1000]


@pytest.mark.parametrize("what", ["movement", "ignition", "connection"])
def test_silence_in_a_gap_never_looks_like_anything_else(what: str):
    after = state(-30, "parked", snapshot=True, received_at=at(6.5))
    rec = recording([state(1, "parked"), after], gaps=[(3, 6, "disconnected")])
    told = {"movement": "parked", "ignition": "ignition off", "connection": "active"}[what]
    assert bands(rec, what) == [
        (0, 1, "unknown: not yet known"),
        (1, 3, told),
        (3, 6, "unknown: not received: disconnected"),
        (6, 10, told),
    ]


def test_after_a_gap_nothing_is_known_until_something_is_told():
    rec = recording([state(1), state(8)], gaps=[(3, 6, "asleep")])
    assert bands(rec)[2:] == [
        (3, 6, "unknown: not received: asleep"),
        (6, 8, "unknown: not yet known"),
        (8, 10, "moving"),
    ]


def test_what_came_before_a_gap_that_was_over_by_the_beginning_is_not_known():
    rec = recording([state(1), state(8)], gaps=[(3, 5, "asleep")])
    assert bands(rec, start=at(6)) == [(6, 8, "unknown: not told"), (8, 10, "moving")]


def test_a_row_that_speaks_of_a_gap_says_nothing_of_it():
    rec = recording([state(1), state(4, "parked", received_at=at(7))], gaps=[(3, 6, "asleep")])
    assert bands(rec)[2:] == [(3, 6, "unknown: not received: asleep"), (6, 10, "parked")]


def test_what_came_before_we_were_told_that_we_are_subscribed_holds_since_then():
    early = state(-30, "parked", snapshot=True, received_at=at(5.9))
    rec = recording([state(1), early], gaps=[(3, 6, "disconnected")])
    assert bands(rec)[2:] == [(3, 6, "unknown: not received: disconnected"), (6, 10, "parked")]


def test_what_came_as_a_gap_began_is_not_known_in_it():
    rec = recording([state(1), state(3, "parked")], gaps=[(3, 6, "disconnected")])
    assert bands(rec)[2:] == [
        (3, 6, "unknown: not received: disconnected"),
        (6, 10, "unknown: not yet known"),
    ]


@pytest.mark.parametrize("unheard", ["signal_lost", "offline", "just_registered"])
def test_of_a_device_that_is_not_heard_only_that_is_known(unheard: str):
    rec = recording([state(0), state(4, "parked", connection_status=unheard), state(6, "parked")])
    assert bands(rec) == [(0, 4, "moving"), (4, 6, f"unknown: {unheard}"), (6, 10, "parked")]
    assert bands(rec, "connection") == [(0, 4, "active"), (4, 6, unheard), (6, 10, "active")]


def test_what_is_told_of_an_old_position_holds_since_it_is_told():
    rows = [
        state(1, server_time=at(1), received_at=at(1)),
        state(1, "parked", server_time=at(5), received_at=at(5), connection_status="idle"),
        state(1, "parked", server_time=at(8), received_at=at(8), connection_status="offline"),
    ]
    assert bands(recording(rows))[1:] == [
        (1, 5, "moving"),
        (5, 8, "parked"),
        (8, 10, "unknown: offline"),
    ]
    assert bands(recording(rows), "connection")[1:] == [
        (1, 5, "active"),
        (5, 8, "idle"),
        (8, 10, "offline"),
    ]


def test_blocked_is_shown_until_it_is_over_and_something_is_told():
    again = state(-5, "parked", received_at=at(7.5), snapshot=True)
    rec = recording([state(0), again], lifecycle=[(3, "block", "one"), (7, "unblock", "one")])
    assert bands(rec) == [(0, 3, "moving"), (3, 7, "blocked"), (7, 10, "parked")]
    assert bands(rec, "ignition")[1] == (3, 7, "unknown: blocked")


def test_a_state_that_is_as_before_ends_a_block_too():
    rec = recording([state(0), state(8)], lifecycle=[(3, "block", "one"), (7, "unblock", "one")])
    assert bands(rec)[1:] == [
        (3, 7, "blocked"),
        (7, 8, "unknown: not yet known"),
        (8, 10, "moving"),
    ]


def test_a_removed_tracker_stays_removed():
    rec = recording([state(0)], lifecycle=[(3, "corrupt", "one")])
    assert bands(rec) == [(0, 3, "moving"), (3, 10, "removed")]


def test_a_tracker_that_was_blocked_all_along_has_a_row():
    listed = [{"tracker_id": 2, "label": "two", "state_batch": "blocked"}]
    rec = recording([state(0)], trackers=listed)
    assert bands(rec, line="two") == [(0, 10, "blocked")]
    assert bands(rec, line="two", trackers=[1]) == []
    unblocked = recording([state(0)], lifecycle=[(4, "unblock", "two")])
    assert bands(unblocked, line="two") == [(0, 4, "blocked"), (4, 10, "unknown: not yet known")]


def test_a_part_shows_what_held_as_it_began():
    rec = recording([state(1), state(4, "parked"), state(8)])
    part = bands(rec, start=at(5), end=at(9))
    assert part == [(5, 8, "parked"), (8, 9, "moving")]


def test_rows_in_any_order_give_the_same_bands():
    rows = [state(minute, ("moving", "parked", "stopped")[minute // 3]) for minute in range(9)]
    in_order = recording(rows)
    assert bands(recording(rows[::-1])) == bands(in_order)


def test_trackers_of_one_name_are_told_apart_and_word_is_taken_of_one_that_nobody_knows():
    rows = [
        state(0, label="Truck", tracker_id=1),
        state(0, label="Truck", tracker_id=2),
        state(1, "flying", label=None, tracker_id=3),
    ]
    spec = is_valid(charts.status(recording(rows))).to_dict()
    encoding = spec["layer"][0]["encoding"]
    assert set(encoding["y"]["scale"]["domain"]) == {"Truck (1)", "Truck (2)", "tracker 3"}
    assert encoding["color"]["scale"]["domain"] == ["moving", "flying", "unknown"]


def test_the_legend_has_what_occurs_and_no_more():
    spec = charts.status(recording([state(0), state(5, "parked")])).to_dict()
    domains = [layer["encoding"]["color"]["scale"]["domain"] for layer in spec["layer"]]
    assert domains == [["moving", "parked"], ["ignition on", "ignition off"], ["active"]]


def test_the_tooltip_tells_tracker_value_from_to_and_duration():
    layer = charts.status(recording([state(0)])).to_dict()["layer"][0]
    told = [
        tip["title"] if "title" in tip else tip["field"] for tip in layer["encoding"]["tooltip"]
    ]
    assert told == ["tracker", "movement", "from (Europe/Madrid)", "to", "duration"]


def test_of_many_trackers_those_that_change_most_are_shown_and_it_says_so():
    rows = [state(0, tracker_id=n, label=f"Truck {n}") for n in range(100)]
    rows += [state(5, "parked", tracker_id=n, label=f"Truck {n}") for n in (61, 62)]
    chart = is_valid(charts.status(states(rows), end=at(10)))
    shown = chart.to_dict()["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert (len(shown), shown[:2]) == (40, ["Truck 61", "Truck 62"])
    assert any(line.startswith("40 of 100 shown") for line in chart.title.subtitle)
    chosen = charts.status(states(rows), trackers=["Truck 7", 3]).to_dict()
    assert chosen["layer"][0]["encoding"]["y"]["scale"]["domain"] == ["Truck 7", "Truck 3"]


def busy(trackers: int, days: float, minutes: float) -> pl.DataFrame:
    """Trackers with long names whose status changes with every row."""
    n = int(days * 1440 / minutes)
    one = pl.DataFrame({"step": range(n)})
    who = pl.DataFrame({"tracker_id": range(trackers)})
    turn = pl.col("step") + pl.col("tracker_id")
    return one.join(who, how="cross").select(
        "tracker_id",
        label=pl.format("Холодильник номер {}", "tracker_id"),
        event_time=pl.lit(START) + pl.duration(seconds=pl.col("step") * int(minutes * 60)),
        movement_status=(turn % 3).replace_strict({0: "moving", 1: "stopped", 2: "parked"}),
        connection_status=pl.when(turn % 7 == 0)
        .then(pl.lit("offline"))
        .otherwise(pl.lit("active")),
        ignition=turn % 2 == 0,
    )


def test_thirty_days_of_fifty_trackers_stay_small_and_say_what_was_merged():
    chart = is_valid(charts.status(busy(50, 30, 20)))
    assert "they are merged" in " ".join(chart.title.subtitle)
    for layer in chart.to_dict()["layer"]:
        rows = chart.to_dict()["datasets"][layer["data"]["name"]]
        assert {row["line"] for row in rows} == set(layer["encoding"]["y"]["scale"]["domain"])


def test_merging_keeps_every_moment_and_long_bands_as_they_are():
    slow = busy(3, 1, 600).with_columns(pl.col("event_time") + timedelta(days=2))
    data = pl.concat([busy(3, 2, 5), slow])
    source = Source.of(data)
    found = States.of(source)
    exact = strips(found, source, found.lines, ["movement"], budget=10_000_000).bands["movement"]
    few, words = merged(exact.with_columns(what=pl.lit("movement")), source, 40_000)
    assert words is not None
    assert len(few) < len(exact) / 3
    for _, bands_of in few.group_by("line", maintain_order=True):
        assert bands_of["since"][0] == source.start
        assert bands_of["until"][-1] == source.end
        assert bands_of["until"][:-1].to_list() == bands_of["since"][1:].to_list()
    long = pl.col("until") - pl.col("since") > pl.duration(hours=3)
    untouched = exact.filter(long).select("line", "since", "until", "state")
    assert len(untouched) > 0
    assert len(untouched.join(few, on=["line", "since", "until", "state"], how="anti")) == 0


def test_a_merged_band_tells_the_share_of_each_state():
    data = busy(1, 1, 1)
    source = Source.of(data)
    found = States.of(source)
    made = strips(found, source, found.lines, ["movement"], budget=5_000)
    state, told = made.bands["movement"].select("state", "told").row(3)
    number, shares = told.split(" bands merged: ")
    assert shares.startswith(state)
    parts = [int(share.split()[-2]) for share in shares.split(", ")]
    assert parts == sorted(parts, reverse=True)
    assert parts[0] > parts[-1]
    assert int(number) > 3
    assert sum(int(share.split()[-2]) for share in shares.split(", ")) in {99, 100, 101}
    assert {share.rsplit(" ", 2)[0] for share in shares.split(", ")} == {
        "moving",
        "stopped",
        "parked",
        "unknown",
    }


def test_panels_share_one_time_axis_and_act_on_each_other():
    spec = is_valid(charts.status(recording([state(0), state(5, "parked")]), panels=True)).to_dict()
    assert len(spec["vconcat"]) == 3
    assert spec["resolve"]["scale"]["x"] == "shared"
    panels = [panel["layer"][0] if "layer" in panel else panel for panel in spec["vconcat"]]
    titles = [panel["encoding"]["x"]["axis"]["title"] for panel in panels]
    assert titles == [None, None, "Time (Europe/Madrid)"]
    names = [panel["name"] for panel in panels]
    assert {one["name"]: one["views"] for one in spec["params"]} == {
        "fleetlab_time": names,
        "fleetlab_pick": names,
    }


@pytest.mark.parametrize("panels", [False, True])
def test_an_empty_frame_says_what_is_missing(panels: bool):
    chart = charts.status(empty("state_batch"), panels=panels)
    assert "no rows" in chart.to_dict()["datasets"][chart.to_dict()["data"]["name"]][0]["why"]
    png_of(charts.status(recording([]), panels=panels))


@pytest.mark.parametrize("panels", [False, True])
def test_a_recording_with_a_block_and_a_lost_connection_is_drawn_as_it_was(panels: bool):
    with Simulator(vehicles=4, seed=3, tick=None, record=True) as sim:
        ids = sim.tracker_ids
        job = fl.start(
            server=sim.base_url,
            api_key=sim.api_key,
            save_to=False,
            view=False,
            rate_limit="1s",
            events=["state_batch"],
        )

        def step() -> None:
            sim.step(1.0)
            count = len(sim.ledger)
            eventually(lambda: job.progress().messages >= count, "what was sent has arrived")

        eventually(lambda: sim.requests, "the client subscribes")
        step()
        sim.block(ids[2])
        step()
        sim.cut()
        eventually(lambda: len(sim.requests) == 2, "the client subscribes again")
        step()
        sim.unblock(ids[2])
        step()
        rec = job.stop()
    label = rec.trackers.filter(tracker_id=ids[2])["label"].item()
    chart = is_valid(charts.status(rec, panels=panels))
    png_of(chart)
    spec = chart.to_dict()
    first = (spec["vconcat"] if panels else spec["layer"])[0]
    rows = spec["datasets"][first["data"]["name"]]
    seen = [row.get("told", row["state"]) for row in rows if row["line"] == label]
    assert "blocked" in seen
    assert "unknown: not received: disconnected" in seen
    others = {row["line"] for row in rows if row["state"] == "blocked"}
    assert others == {label}
