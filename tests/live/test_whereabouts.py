"""Last positions and tails are those of a plain reference, in however many looks they come."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta

import pytest

import fleetlab as fl
from fleetlab.live import whereabouts
from tests.charts.recordings import at, recording
from tests.live.fleets import add, job_of
from tests.live.maps import Page, Sent, fix


def lines_of(*rows, minutes: float = 10.0, gaps=()) -> list[list[float]]:
    """Pieces of tracker 1's tail in a recording of these rows: the seconds of their points."""
    rec = recording(state_batch=list(rows), gaps=gaps)
    page = Page(Sent(rec, 1.0, None, minutes))
    start = at(0).timestamp()
    return [[t - start for t, *_ in piece] for piece in page.lines().get(1, [])]


def reference(rows: list[dict], gaps: list[tuple], minutes: float) -> dict[int, list[list[tuple]]]:
    """Tails, row by row, as slowly and plainly as can be."""
    tails: dict[int, list[tuple]] = {}
    last: dict[int, tuple] = {}
    was_silent: set[int] = set()
    newest = None
    for row in rows:
        who, came = row["tracker_id"], row.get("received_at", row["event_time"])
        moment = min(row["event_time"], came)
        newest = moment if newest is None else max(newest, moment)
        if row["connection_status"] in ("offline", "signal_lost"):
            was_silent.add(who)
            continue
        lat, lng = row["lat"], row["lng"]
        if lat is None or (lat, lng) == (0, 0) or row.get("gsm_lbs") or row.get("snapshot"):
            continue
        gap = sum(at(ended) <= came for _, ended, _ in gaps)
        before = last.get(who)
        if before and moment <= before[0]:
            continue
        begins = before is None or who in was_silent or gap != before[3]
        if before and not begins:
            seconds = (moment - before[0]).total_seconds()
            north = math.radians(lat - before[1]) * 6_371_008.8
            east = math.radians(lng - before[2]) * 6_371_008.8 * math.cos(math.radians(lat))
            begins = seconds > 1200 or math.hypot(north, east) > seconds * 300 / 3.6
        was_silent.discard(who)
        last[who] = (moment, lat, lng, gap)
        tails.setdefault(who, []).append((moment, lat, lng, begins))
    since = newest - timedelta(minutes=minutes)
    found = {who: pieces_of(tail, since) for who, tail in tails.items()}
    return {who: pieces for who, pieces in found.items() if pieces}


def pieces_of(tail: list[tuple], since: datetime) -> list[list[tuple]]:
    pieces: list[list[tuple]] = []
    for moment, lat, lng, begins in tail:
        if moment < since:
            continue
        if begins or not pieces:
            pieces.append([])
        pieces[-1].append((int(moment.timestamp()), round(lat, 6), round(lng, 6)))
    return [piece for piece in pieces if len(piece) > 1]


def wild(seed: int) -> list[dict]:
    """Rows of three trackers in which everything happens."""
    chance = random.Random(seed)
    rows = []
    second = 0.0
    for _ in range(400):
        second += chance.choice((1, 1, 2, 5, 60))
        where = chance.choice(("on", "on", "on", "on", "on", "far", "zero", "none", "silent"))
        north = second * 10 + (50_000 if where == "far" else 0)
        row = fix(second - chance.choice((0, 0, 0, 3, -7)), chance.randint(1, 3), north)
        row |= {"received_at": at(second), "snapshot": chance.random() < 0.05}
        if where == "zero":
            row |= {"lat": 0.0, "lng": 0.0}
        elif where == "none":
            row |= {"lat": None, "lng": None}
        elif where == "silent":
            row |= {"connection_status": "signal_lost"}
        rows.append(row | {"gsm_lbs": chance.random() < 0.05})
    return rows


GAPS = [(2000, 2030, "disconnected"), (4000, 4040, "asleep")]


@pytest.mark.parametrize("seed", range(6))
def test_tails_are_those_of_a_plain_reference_in_however_many_looks_they_come(watching, seed):
    rows = wild(seed)
    wanted = reference(rows, GAPS, 80.0)
    assert sum(map(len, wanted.values())) > 20
    job = job_of()
    view = watching(job, minutes=80.0)
    page = Page(view)
    chance = random.Random(seed)
    while rows:
        cut = chance.choice((1, 2, 30, 90))
        add(job, *rows[:cut], gaps=GAPS)
        rows = rows[cut:]
        view._look()
        if chance.random() < 0.7:
            page.catch_up()
    assert page.catch_up().lines() == wanted
    assert Page(view).lines() == wanted
    assert Page(view).places == page.places


def test_a_long_recording_is_looked_at_piece_by_piece(monkeypatch):
    monkeypatch.setattr("fleetlab.live.news.PIECE", 7)
    rows = wild(9)
    rec = recording(state_batch=rows, gaps=GAPS)
    assert Page(Sent(rec, 1.0, None, 80.0)).lines() == reference(rows, GAPS, 80.0)


# -- which positions count ------------------------------------------------------------------------


def test_the_frame_has_the_last_that_is_known_of_each():
    rec = recording(
        labels={2: "Van", 3: "Silent"},
        state_batch=[
            fix(10, speed_kmh=40.4, last_update=at(11), received_at=at(10)),
            fix(5, 2, 100.0, movement_status="parked", snapshot=True, received_at=at(300)),
        ],
    )
    frame = fl.live.map(rec).frame
    assert frame.columns == [
        *("tracker_id", "label", "status", "lat", "lng"),
        *("heading_deg", "speed_kmh", "alt_m", "fixed_at", "heard_at"),
    ]
    assert {row[0]: row[1:] for row in frame.rows()} == {
        1: ("Truck 1", "moving", 40.0, -3.7, 90.0, 40.4, 600.0, at(10), at(10)),
        2: ("Van", "parked", 40.0 + 100 / 111_195, -3.7, 90.0, None, 600.0, at(5), None),
        3: ("Silent", "unknown", None, None, None, None, None, None, None),
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"lat": 0.0, "lng": 0.0},
        {"lat": 91.0, "lng": 3.0},
        {"lat": 40.0, "lng": 181.0},
        {"lat": None, "lng": None},
        {"lat": 40.0, "lng": None},
    ],
)
def test_what_is_no_position_is_left_out(wrong):
    assert lines_of(fix(0), fix(5) | wrong, fix(10, north=20)) == [[0, 10]]
    view = fl.live.map(recording(state_batch=[fix(0), fix(5) | wrong]))
    assert view.frame["fixed_at"].to_list() == [at(0)]
    alone = fl.live.map(recording(state_batch=[fix(5) | wrong]))
    assert alone.frame["lat"].to_list() == [None]


@pytest.mark.parametrize("lone", [{"gsm_lbs": True}, {"snapshot": True}])
def test_cell_towers_and_snapshots_are_last_positions_and_no_part_of_a_tail(lone):
    rows = [fix(0), fix(5, north=20), fix(10, north=900) | lone]
    assert lines_of(*rows) == [[0, 5]]
    assert fl.live.map(recording(state_batch=rows)).frame["fixed_at"].to_list() == [at(10)]
    page = Page(Sent(recording(state_batch=rows), 1.0, None, 10.0))
    assert page.places[0][0] == round(40.0 + 900 / 111_195, 6)


def test_a_tail_breaks_where_nothing_is_known():
    silent = fix(10, north=20, connection_status="offline")
    assert lines_of(fix(0), fix(5, north=10), silent, fix(15, north=30), fix(20, north=40)) == [
        [0, 5],
        [15, 20],
    ]
    moved = [fix(n * 5.0, north=n * 10) for n in range(6)]
    assert lines_of(*moved, gaps=[(7, 12, "disconnected")]) == [[0, 5, 10], [15, 20, 25]]
    late = [fix(0), fix(5, north=10), fix(1300, north=20), fix(1305, north=30)]
    assert lines_of(*late, minutes=60) == [[0, 5], [1300, 1305]]
    jump = [fix(0), fix(5, north=10), fix(10, north=900), fix(15, north=910)]
    assert lines_of(*jump) == [[0, 5], [10, 15]]


def test_it_goes_on_across_the_antimeridian():
    east = {"lat": 10.0, "lng": 179.9999}
    assert lines_of(fix(0) | east, fix(5) | east | {"lng": -179.9999}) == [[0, 5]]


def test_what_comes_late_is_left_out():
    rows = [fix(0), fix(10, north=50), fix(5, north=20, received_at=at(11)), fix(15, north=60)]
    assert lines_of(*rows) == [[0, 10, 15]]
    assert fl.live.map(recording(state_batch=rows[:3])).frame["fixed_at"].to_list() == [at(10)]


def test_where_both_were_recorded_the_states_of_batches_count(watching):
    job = job_of(("state", [fix(0, north=1), fix(5, north=20), fix(0, 2)]))
    view = watching(job)
    page = Page(view)
    assert page.lines()[1] != []
    add(job, fix(6, north=30), fix(7, north=40))
    view._look()
    assert [len(piece) for piece in page.catch_up().lines()[1]] == [2]
    assert page.places == Page(view).places
    assert list(page.places) == [0]
    rec = recording(state=[fix(0), fix(5, north=20)], state_batch=[fix(9)])
    assert fl.live.map(rec).frame["fixed_at"].to_list() == [at(9)]


# -- how long tails are ---------------------------------------------------------------------------


def test_tails_end_with_the_newest_moment_of_the_fleet():
    mine = [fix(n * 60.0, north=n * 100) for n in range(5)]
    assert lines_of(*mine, minutes=3) == [[60, 120, 180, 240]]
    assert lines_of(*mine, fix(300, 2), minutes=3) == [[120, 180, 240]]
    assert lines_of(*mine, fix(3000, 2), minutes=3) == []
    assert lines_of(*mine, minutes=0) == []


def test_replayed_moments_have_tails_of_their_own_time(watching):
    ago = timedelta(days=900)
    rows = [
        fix(n * 60.0, north=n * 100) | {"event_time": at(n * 60) - ago, "received_at": at(n)}
        for n in range(5)
    ]
    view = watching(job_of(("state_batch", rows)), minutes=2)
    assert [len(piece) for piece in Page(view).lines()[1]] == [3]
    assert view._whereabouts.newest == at(240) - ago
    assert view.frame["fixed_at"].to_list()[0] == at(240) - ago


def test_a_clock_that_is_ahead_ends_no_tails():
    mine = [fix(n * 60.0, north=n * 100) for n in range(4)]
    ahead = fix(90_000, 2, received_at=at(180))
    assert lines_of(*mine, ahead, minutes=3) == [[0, 60, 120, 180]]
    # Of a replay only the server's time tells that.
    replayed = ahead | {"received_at": at(900_000), "server_time": at(180)}
    assert lines_of(*mine, replayed, minutes=3) == [[0, 60, 120, 180]]


def test_of_too_many_points_the_oldest_are_dropped_here_and_in_the_page(watching, monkeypatch):
    monkeypatch.setattr(whereabouts, "POINTS", 10)
    job = job_of(("state_batch", [fix(n, north=n * 5) for n in range(8)]))
    view = watching(job)
    page = Page(view)
    add(job, *(fix(n, north=n * 5) for n in range(8, 30)))
    view._look()
    assert [len(piece) for piece in page.catch_up().lines()[1]] == [10]
    assert page.lines() == Page(view).lines()
