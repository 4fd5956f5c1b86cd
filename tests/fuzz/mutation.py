"""Mutations that keep JSON what it is: a hostile value in its place gets further than noise."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import atheris

from fleetlab.schemas import EVENTS, schema

FIELDS = (
    "type event data user_time status action state_batch source_state_event state source_id gps "
    "updated signal_level location lat lng heading speed alt precision gsm_lbs connection_status "
    "movement_status movement_status_update ignition ignition_update last_update gsm network_name "
    "roaming battery_level battery_update inputs inputs_update outputs outputs_update additional "
    "value actual_track_update states virtual_sensors counters sensor_id label units name "
    "min_value max_value units_type converted_units_type converted_value update_time "
    "composite_sensor_ids field iot_last_values tracker_id nonnull_fields all_fields msg_time "
    "srv_time lifecycle_event success description code response error seq at text b64 rest reply "
    "connection what attempt detail facts steady recording timezone requests trackers filtered "
    "alive asleep list id source clone device_id model blocked user_info time_zone started_at "
    "server note remark fleetlab"
).split()
WORDS = sorted({*FIELDS, *EVENTS, *schema("trackers"), "null", "true", "\\ud800", "\\u0000"})
ODD: list[Any] = [
    *(None, True, False, 0, -1, 7, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**400),
    *(0.0, -0.0, 1.5, 1e308, 1e-320, float("nan"), float("inf")),
    *("", " ", "0", "007", "1e5", "1E400", "nan", "٣", "\x00", "\ud800", "\udc00", "é", "😀"),
    *("2026-07-01 12:00:00", "2026-03-29 02:30:00", "2026-10-25 02:30:00", "9999-12-31 23:59:59"),
    *("0001-01-01T00:00:00Z", "2026-07-01T12:00:00.123456789+05:45", "2026-07-01T12:00:00+24:00"),
    *("started", "ended", "subscribing", "subscribed", "lost", "trackers_unavailable", "time"),
    *([], {}, [[]], [None], [{}], {"": None}, {"101": {}}, {"source_id": 1}, {"x": {"y": [1]}}),
]


def documents(data: bytes, between: bytes, max_size: int, seed: int) -> bytes:
    """Mutate one of several JSON texts, or which ones there are."""
    rng = Random(seed)
    head, texts = data[:1], data[1:].split(between)
    place = rng.randrange(len(texts))
    what = rng.random()
    if what < 0.2:
        return bytes(atheris.Mutate(data, max_size))
    if what < 0.25:
        head = bytes([rng.randrange(256)])
    elif what < 0.3:
        texts.insert(rng.randrange(len(texts) + 1), texts[place])
    elif what < 0.35:
        texts[place] = bytes(atheris.Mutate(texts[place], max_size))
    elif what < 0.4 and len(texts) > 1:
        del texts[place]
    else:
        other = texts[rng.randrange(len(texts))]
        texts[place] = mutated(texts[place], other, rng)
    return (head + between.join(texts))[:max_size]


def mutated(text: bytes, other: bytes, rng: Random) -> bytes:
    try:
        value, donor = json.loads(text), json.loads(other)
    except (ValueError, RecursionError):
        return bytes(atheris.Mutate(text, len(text) + 64))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        value = changed(value, donor, rng)
    # Both ways to write it, as only one of them is what large events begin with.
    apart = rng.choice(((",", ":"), (",", ":"), (", ", ": ")))
    try:
        return json.dumps(value, separators=apart, ensure_ascii=rng.random() < 0.5).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=apart).encode()


def changed(value: Any, donor: Any, rng: Random) -> Any:
    """Change something somewhere in a value, deeper places more often."""
    inner = (
        list(value.items() if isinstance(value, dict) else enumerate(value))
        if (isinstance(value, (dict, list)))
        else []
    )
    if inner and rng.random() < 0.85:
        key, part = rng.choice(inner)
        value[key] = changed(part, donor, rng)
        return value
    if isinstance(value, dict) and rng.random() < 0.8:
        return changed_object(value, donor, rng)
    if isinstance(value, list) and rng.random() < 0.8:
        return changed_list(value, donor, rng)
    if isinstance(value, int) and rng.random() < 0.3:
        return value + rng.choice((-1, 1, 1_000_000, 0.5))
    if isinstance(value, str) and rng.random() < 0.3:
        return value + rng.choice(("Z", " ", "0", "\\", '"', "é", "x" * 300))
    return anything(donor, rng)


def changed_object(value: dict[str, Any], donor: Any, rng: Random) -> dict[str, Any]:
    names = list(value)
    what = rng.randrange(5)
    if what == 0 and names:
        del value[rng.choice(names)]
    elif what == 1 and names:
        value[rng.choice(WORDS)] = value.pop(rng.choice(names))
    elif what == 2:
        items = list(value.items())
        rng.shuffle(items)
        return dict(items)
    elif what == 3:
        for number in range(rng.choice((1, 3, 70))):
            value[f"{rng.choice(WORDS)}{number}"] = anything(donor, rng)
    else:
        value[rng.choice(WORDS)] = anything(donor, rng)
    return value


def changed_list(value: list[Any], donor: Any, rng: Random) -> list[Any]:
    place = rng.randrange(len(value) + 1)
    what = rng.randrange(4)
    if what == 0 and value:
        del value[place - 1]
    elif what == 1 and value:
        value[place:place] = [value[place - 1]] * rng.choice((1, 2, 12))
    elif what == 2:
        rng.shuffle(value)
    else:
        value.insert(place, anything(donor, rng))
    return value


def anything(donor: Any, rng: Random) -> Any:
    """Something odd, or a piece of another text."""
    if rng.random() < 0.6:
        return json.loads(json.dumps(rng.choice(ODD)))
    if rng.random() < 0.05:
        deep: Any = 0
        for _ in range(rng.choice((20, 200, 950))):
            deep = [deep]
        return deep
    while isinstance(donor, (dict, list)) and donor and rng.random() < 0.8:
        donor = rng.choice(list(donor.values()) if isinstance(donor, dict) else donor)
    return json.loads(json.dumps(donor))
