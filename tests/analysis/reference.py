"""The detectors once more, slow and plain, written from the definitions alone.

It shares no code with fleetlab. Change it only from the definitions, never to agree with the
fast ones. A row is a dict; times are whole seconds, None is null.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from math import asin, cos, radians, sin, sqrt
from statistics import median
from typing import Any

RADIUS = 6_371_008.8
UNHEARD = ("signal_lost", "offline", "just_registered", "just_replaced")
Row = dict[str, Any]


@dataclass
class World:
    """Rows, and when they could come."""

    rows: list[Row]
    gaps: list[tuple[int | None, int, int | None]] = field(default_factory=list)
    observed: tuple[int, int] | None = None


def metres(one: Row, other: Row) -> float | None:
    if None in (one["lat"], one["lng"], other["lat"], other["lng"]):
        return None
    phi, psi = radians(one["lat"]), radians(other["lat"])
    north, east = sin((phi - psi) / 2), sin(radians(one["lng"] - other["lng"]) / 2)
    return 2 * RADIUS * asin(min(1.0, sqrt(north**2 + cos(phi) * cos(psi) * east**2)))


def trackers(rows: list[Row]) -> dict[int, list[Row]]:
    found = defaultdict(list)
    for row in rows:
        if row["tracker_id"] is not None and row["event_time"] is not None:
            found[row["tracker_id"]].append(row)
    return dict(sorted(found.items()))


def rank(value: Any) -> tuple[bool, Any]:
    """Nulls come first."""
    return (value is not None, value if value is not None else 0)


def once(rows: list[Row], values: tuple[str, ...]) -> list[Row]:
    """Let each moment count once; what a snapshot told is no news when it comes again."""
    came = ["received_at", "seq"]
    rows = [dict(row, old=bool(row["snapshot"])) for row in rows]
    rows.sort(
        key=lambda row: (
            row["event_time"],
            *(rank(row[name]) for name in came),
            not row["old"],
            *(rank(row[name]) for name in values),
        )
    )
    told = set()
    for row in rows:
        if row["old"]:
            told.add(row["event_time"])
        row["old"] = row["event_time"] in told
        row["t"] = row["event_time"]
        if row["old"]:
            row["t"] = max(row["event_time"], row["received_at"] or row["event_time"])
    rows.sort(
        key=lambda row: (
            row["t"],
            not row["old"],
            *(rank(row[name]) for name in came),
            *(rank(row[name]) for name in values),
        )
    )
    return list({row["t"]: row for row in rows}.values())


def wrong(row: Row) -> bool:
    lat, lng, speed = row["lat"], row["lng"], row["speed_kmh"]
    if lat is not None and (lat == 0 or abs(lat) > 90):
        return True
    if lng is not None and (lng == 0 or abs(lng) > 180):
        return True
    if row["satellites"] is not None and row["satellites"] < 3:
        return True
    return bool(row["gsm_lbs"]) and speed is not None and speed > 200


def jumps(one: Row, other: Row) -> bool:
    way, lasted = metres(one, other), other["event_time"] - one["event_time"]
    return way is not None and lasted > 0 and way / lasted * 3.6 > 300


def believed(rows: list[Row]) -> list[Row]:
    rows = [row for row in rows if not wrong(row)]
    kept = []
    for n, row in enumerate(rows):
        here = n > 0 and jumps(rows[n - 1], row)
        if n + 1 < len(rows):
            onwards = jumps(row, rows[n + 1])
        else:
            onwards = n < 2 or not jumps(rows[n - 2], rows[n - 1])
        if not (here and onwards):
            kept.append(row)
    return kept


def within(rows: list[Row], tracker: int, world: World) -> list[Row]:
    """Say of each row until when it holds, and which stretch without a gap it is in."""
    gaps = [(a, b) for who, a, b in world.gaps if who in (None, tracker)]
    kept: list[Row] = []
    for row in rows:
        before = kept[-1] if kept else None
        cut = before is None or any(before["t"] < a <= row["t"] for a, _ in gaps)
        if row["old"] and not cut and before["event_time"] >= row["event_time"]:
            continue
        kept.append(dict(row))
    for n, row in enumerate(kept):
        cuts = [a for a, _ in gaps if a > row["t"]]
        if n + 1 < len(kept):
            there = kept[n + 1]["t"]
            cuts = [a for a in cuts if a <= there]
        else:
            # What is told again is nothing new, and yet the tracker was heard then.
            there = max(rows[-1]["t"], world.observed[1]) if world.observed else row["t"]
            cuts = [a for a in cuts if a < there]
        row["last"] = bool(cuts) or n + 1 == len(kept)
        row["until"] = min(cuts, default=there)
        row["first"] = n == 0 or kept[n - 1]["last"]
    since = [world.observed[0]] if world.observed else []
    moved = {}
    for n, row in enumerate(kept):
        starts = since + [b for a, b in gaps if a <= row["t"] and b is not None]
        if any(a <= row["t"] and b is None for a, b in gaps):
            starts.append(10**12)
        if row["old"] and row["first"] and starts and max(starts) < row["t"]:
            moved[n] = max(starts)
    for n, moment in moved.items():
        kept[n]["t"] = moment
    return kept


# -- movement -----------------------------------------------------------------------------------


def moving(world: World, tracker: int, rows: list[Row]) -> list[Row]:
    rows = believed(once(rows, ("speed_kmh", "lat", "lng")))
    rows = [row for row in rows if row["speed_kmh"] is not None]
    rows = [row for row in rows if not (row["old"] and row["speed_kmh"] >= 3)]
    rows = within(rows, tracker, world)
    anchor: Row | None = None
    for n, row in enumerate(rows):
        fast = row["speed_kmh"] >= 3
        doubtful = fast and row["movement_status"] not in (None, "moving")
        if anchor is None or not doubtful:
            anchor = {"lat": None, "lng": None} if anchor is None else anchor
            if None not in (row["lat"], row["lng"]):
                anchor = row
        away = metres(anchor, row)
        row["move"] = fast and (not doubtful or (away is not None and away >= 50))
        step = metres(rows[n - 1], row) if n else None
        lasted = row["event_time"] - rows[n - 1]["event_time"] if n else 0
        possible = step is not None and step * 3.6 <= lasted * 300
        row["step"] = step if possible else 0.0
    return rows


def split(rows: list[Row]) -> list[tuple[list[Row], bool, bool]]:
    """Return each trip's rows, and whether a standstill was seen before and after."""
    found = []
    n = 0
    while n < len(rows):
        if not rows[n]["move"]:
            n += 1
            continue
        begin, last = n, n
        while True:
            ahead = next((k for k in range(last + 1, len(rows)) if rows[k]["move"]), None)
            if ahead is None or apart(rows, last + 1):
                break
            if ahead > last + 1 and rows[ahead]["t"] - rows[last + 1]["t"] >= 300:
                break
            last = ahead
        end = last
        follows = last + 1 < len(rows)
        if follows and not rows[last]["last"] and not apart(rows, last + 1):
            end = last + 1
        seen_before = stood(rows, begin, -1) >= 300
        seen_after = end > last and stood(rows, end, 1) >= 300
        found.append((rows[begin : end + 1], seen_before, seen_after))
        n = last + 1
    return found


def apart(rows: list[Row], n: int) -> bool:
    """Whether a row is too far from the one before to be of the same trip."""
    before, row = rows[n - 1], rows[n]
    if row["t"] - before["t"] > 1200:
        return True
    return row["first"] and row["t"] - before["until"] >= 300


def stood(rows: list[Row], n: int, way: int) -> float:
    """How long it was seen to stand before a row that moves, or from one on that doesn't."""
    if way > 0:
        k = n
        while not rows[k]["last"] and not rows[k + 1]["move"]:
            k += 1
        return rows[k]["until"] - rows[n]["t"]
    k = n
    while not rows[k]["first"] and not rows[k - 1]["move"]:
        k -= 1
    return rows[n]["t"] - min(rows[k]["event_time"], rows[k]["t"]) if k < n else -1


def trips(world: World) -> list[Row]:
    found = []
    for tracker, rows in trackers(world.rows).items():
        for part, before, after in split(moving(world, tracker, rows)):
            way = sum(row["step"] for row in part[1:])
            last = part[-1]
            ended = last["t"]
            if last["move"] and last["last"] and last["until"] - last["t"] <= 1200:
                ended = last["until"]
            lasted = ended - part[0]["t"]
            top = max(row["speed_kmh"] for row in part)
            if len(part) < 2 or top < 3 or way < 100:
                continue
            found.append(
                {
                    "tracker_id": tracker,
                    "started_at": part[0]["t"],
                    "ended_at": ended,
                    "distance_m": way,
                    "avg_speed_kmh": way / lasted * 3.6 if lasted else None,
                    "max_speed_kmh": top,
                    "start_lat": part[0]["lat"],
                    "start_lng": part[0]["lng"],
                    "end_lat": last["lat"],
                    "end_lng": last["lng"],
                    "n_points": len(part),
                    "censored_start": not before,
                    "censored_end": not after,
                }
            )
    return found


def stops(world: World, least: float = 300) -> list[Row]:
    found = []
    for tracker, rows in trackers(world.rows).items():
        run: list[Row] = []
        for row in moving(world, tracker, rows):
            if not row["move"]:
                run.append(row)
            if run and (row["move"] or row["last"]):
                censored = run[0]["first"]
                while run and run[0]["speed_kmh"] >= 3:
                    del run[0]
                if run and run[-1]["until"] - run[0]["t"] >= least:
                    on = [one["until"] - one["t"] for one in run if one["ignition"]]
                    found.append(
                        {
                            "tracker_id": tracker,
                            "started_at": run[0]["t"],
                            "ended_at": run[-1]["until"],
                            "lat": run[0]["lat"],
                            "lng": run[0]["lng"],
                            "ignition_on_s": float(sum(on)),
                            "n_points": len(run),
                            "censored_start": censored,
                            "censored_end": run[-1]["last"],
                        }
                    )
                run = []
    return found


def mileage(world: World) -> list[Row]:
    """By day of UTC."""
    days: dict[tuple[int, int], Row] = {}
    for tracker, rows in trackers(world.rows).items():
        found = moving(world, tracker, rows)
        for row in found:
            day = days.setdefault(
                (tracker, row["t"] // 86_400),
                {"tracker_id": tracker, "started_at": row["t"], "ended_at": row["t"],
                 "distance_m": 0.0, "moving_s": 0.0, "n_trips": 0},
            )  # fmt: skip
            day["started_at"] = min(day["started_at"], row["t"])
            day["ended_at"] = max(day["ended_at"], row["t"])
        for part, _, _ in split(found):
            top, way = max(one["speed_kmh"] for one in part), sum(one["step"] for one in part[1:])
            if len(part) < 2 or top < 3 or way < 100:
                continue
            for n, row in enumerate(part):
                day = days[tracker, row["t"] // 86_400]
                day["distance_m"] += row["step"] if n else 0.0
                day["moving_s"] += min(row["until"] - row["t"], 1200) if row["move"] else 0.0
                day["n_trips"] += n == 0
    return [days[key] for key in sorted(days)]


# -- spans --------------------------------------------------------------------------------------


def spans(
    rows: list[Row], name: str, longest: float | None = None
) -> list[tuple[Any, list[Row], bool, bool, int]]:
    """Return stretches of the same value: rows, whether cut before and after, and the end."""
    found = []
    n = 0
    while n < len(rows):
        k = n
        far = longest is not None
        while True:
            held = rows[k]["until"] - rows[k]["t"]
            too_long = far and held > longest
            if rows[k]["last"] or too_long or rows[k + 1][name] != rows[n][name]:
                break
            k += 1
        if rows[n][name] is not None:
            before = rows[n - 1] if n else None
            was_long = far and before is not None and before["until"] - before["t"] > longest
            start_cut = rows[n]["first"] or was_long or before[name] is None
            end_cut = rows[k]["last"] or too_long or rows[k + 1][name] is None
            end = rows[k]["t"] if too_long else rows[k]["until"]
            found.append((rows[n][name], rows[n : k + 1], start_cut, end_cut, end))
        n = k + 1
    return found


def told(rows: list[Row], values: tuple[str, ...]) -> list[Row]:
    """Rows that tell of the same moment again hold since the server said so."""
    rows = sorted(
        rows,
        key=lambda row: (
            row["event_time"],
            rank(row["received_at"]),
            rank(row["seq"]),
            *(rank(row[name]) for name in values),
            rank(row["server_time"]),
        ),
    )
    made = []
    for n, row in enumerate(rows):
        again = n > 0 and rows[n - 1]["event_time"] == row["event_time"]
        moment = row["event_time"]
        if again:
            said = row["server_time"] if row["server_time"] is not None else row["received_at"]
            moment = max(moment, said) if said is not None else moment
        made.append(dict(row, again=again, event_time=moment))
    return once(made, values)


def hold(rows: list[Row], name: str) -> None:
    """Let values hold until the next one; none while the device isn't heard."""
    last = None
    for row in rows:
        if row["first"]:
            last = None
        if row["connection_status"] in UNHEARD:
            last = None
        elif row[name] is not None:
            last = row[name]
        row[name] = last


def idling(world: World, least: float = 0) -> list[Row]:
    found = []
    values = ("movement_status", "ignition", "connection_status", "speed_kmh", "lat", "lng")
    for tracker, all_rows in trackers(world.rows).items():
        rows = within(told(all_rows, values), tracker, world)
        for row in rows:
            speed, status = row["speed_kmh"], row["movement_status"]
            if not row["again"] and not wrong(row) and speed is not None:
                row["stands"] = not (speed >= 3 and status in (None, "moving"))
            else:
                row["stands"] = None if status is None else status != "moving"
            if wrong(row):
                row["lat"] = row["lng"] = None
        hold(rows, "stands")
        hold(rows, "ignition")
        for row in rows:
            pair = (row["stands"], row["ignition"])
            row["idle"] = False if False in pair else None if None in pair else True
        for idle, part, before, after, end in spans(rows, "idle"):
            if idle and end - part[0]["t"] >= least:
                found.append(
                    {
                        "tracker_id": tracker,
                        "started_at": part[0]["t"],
                        "ended_at": end,
                        "lat": part[0]["lat"],
                        "lng": part[0]["lng"],
                        "n_points": len(part),
                        "censored_start": before,
                        "censored_end": after,
                    }
                )
    return found


def speeding(world: World, limit: float = 90, least: float = 0) -> list[Row]:
    found = []
    for tracker, all_rows in trackers(world.rows).items():
        rows = believed(once(all_rows, ("speed_kmh", "lat", "lng")))
        rows = [row for row in rows if row["speed_kmh"] is not None]
        rows = [row for row in rows if not (row["old"] and row["speed_kmh"] > limit)]
        rows = within(rows, tracker, world)
        for n, row in enumerate(rows):
            row["fast"] = row["speed_kmh"] > limit
            near = not row["last"] and row["until"] - row["t"] <= 1800
            row["way"] = (metres(row, rows[n + 1]) or 0.0) if near else 0.0
        for fast, part, before, after, end in spans(rows, "fast", 1800):
            if fast and end - part[0]["t"] > least:
                found.append(
                    {
                        "tracker_id": tracker,
                        "started_at": part[0]["t"],
                        "ended_at": end,
                        "limit_kmh": limit,
                        "max_speed_kmh": max(row["speed_kmh"] for row in part),
                        "distance_m": sum(row["way"] for row in part),
                        "lat": part[0]["lat"],
                        "lng": part[0]["lng"],
                        "n_points": len(part),
                        "censored_start": before,
                        "censored_end": after,
                    }
                )
    return found


def status_spans(world: World) -> list[Row]:
    found = []
    values = ("movement_status", "ignition", "connection_status")
    whats = ("movement", "ignition", "connection")
    for tracker, all_rows in trackers(world.rows).items():
        rows = within(told(all_rows, values), tracker, world)
        last = None
        for row in rows:
            last = row["connection_status"] or (None if row["first"] else last)
            row["connection_status"] = last
            if row["ignition"] is not None:
                row["ignition"] = "on" if row["ignition"] else "off"
        hold(rows, "movement_status")
        hold(rows, "ignition")
        for what, name in zip(whats, values, strict=True):
            for value, part, before, after, end in spans(rows, name):
                found.append(
                    {
                        "tracker_id": tracker,
                        "started_at": part[0]["t"],
                        "ended_at": end,
                        "what": what,
                        "value": value,
                        "n_points": len(part),
                        "censored_start": before,
                        "censored_end": after,
                    }
                )
    return sorted(found, key=lambda row: (row["tracker_id"], row["started_at"], row["what"]))


def silences(world: World, least: float = 300) -> list[Row]:
    found = []
    for tracker, all_rows in trackers(world.rows).items():
        rows = []
        for row in all_rows:
            heard = row["event_time"] if row["received_at"] is None else row["received_at"]
            if row["gps_updated"] is not None:
                rows.append(dict(row, event_time=heard, received_at=heard, snapshot=False))
        rows = within(
            once(rows, ("gps_updated", "lat", "lng", "connection_status")), tracker, world
        )
        stretch = 0
        for row in rows:
            stretch += row["first"]
            row["stretch"] = stretch
        news: list[Row] = []
        for row in rows:
            if not news or row["gps_updated"] >= news[-1]["gps_updated"]:
                news.append(row)
        for n, row in enumerate(news):
            after = news[n + 1] if n + 1 < len(news) else None
            if after is not None and after["gps_updated"] == row["gps_updated"]:
                continue
            seen = after is not None and after["stretch"] == row["stretch"]
            until = after["gps_updated"] if seen else max(row["until"], row["gps_updated"])
            if until - row["gps_updated"] >= least:
                found.append(
                    {
                        "tracker_id": tracker,
                        "started_at": row["gps_updated"],
                        "ended_at": until,
                        "last_lat": row["lat"],
                        "last_lng": row["lng"],
                        "last_status": row["connection_status"],
                        "censored_end": not seen,
                    }
                )
    return found


def latency(world: World) -> list[Row]:
    found = []
    for tracker, all_rows in trackers(world.rows).items():
        rows = [row for row in all_rows if not row["snapshot"]]
        if not rows:
            continue
        made: Row = {
            "tracker_id": tracker,
            "started_at": min(row["event_time"] for row in rows),
            "ended_at": max(row["event_time"] for row in rows),
            "n": len(rows),
        }
        for way, one, other in (
            ("device_to_platform", "event_time", "server_time"),
            ("platform_to_here", "server_time", "received_at"),
        ):
            delays = sorted(
                float(row[other] - row[one])
                for row in rows
                if row[one] is not None and row[other] is not None
            )
            place = 0.95 * (len(delays) - 1)
            below = int(place)
            above = min(below + 1, len(delays) - 1)
            made[f"{way}_median"] = median(delays) if delays else None
            made[f"{way}_p95"] = (
                delays[below] + (delays[above] - delays[below]) * (place - below)
                if delays
                else None
            )
            made[f"{way}_max"] = delays[-1] if delays else None
        found.append(made)
    return found


def clean_positions(world: World) -> list[Row]:
    found = []
    for rows in trackers(world.rows).values():
        kept = believed(once(rows, ("speed_kmh", "lat", "lng", "server_time")))
        found += [row for row in kept if None not in (row["lat"], row["lng"])]
    return sorted(found, key=lambda row: (row["tracker_id"], row["event_time"], row["t"]))


def resample(world: World, every: int, columns: tuple[str, ...]) -> list[Row]:
    """The last row until each multiple of `every`; none once a gap has begun after it."""
    found = []
    for tracker, rows in trackers(world.rows).items():
        kept = once(rows, columns)
        first, last = kept[0]["t"], kept[-1]["t"]
        if world.observed is not None:
            last = max(last, world.observed[1])
        for moment in range(-(-first // every) * every, last + 1, every):
            (*_, row) = (row for row in kept if row["t"] <= moment)
            cut = any(
                who in (None, tracker) and row["t"] < start <= moment
                for who, start, _ in world.gaps
            )
            told = {name: None if cut else row[name] for name in columns}
            age = None if cut else float(moment - row["event_time"])
            found.append({"tracker_id": tracker, "event_time": moment, **told, "age_s": age})
    return found
