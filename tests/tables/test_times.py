"""Times of the wire to UTC: the zone's rules, the change of the clocks, and what is no time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetlab.tables.times import is_zone, shown_offset
from fleetlab.tables.user_clock import UserClock

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = ["Europe/Madrid", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe", "UTC"]


def us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def read(texts: list[str | None], zone: str | None, at: datetime, offset: int | None = None):
    moments, faults = UserClock({"zone": zone}).read(texts, us(at), offset)
    return [None if one is None else EPOCH + timedelta(microseconds=one) for one in moments], dict(
        faults
    )


def one(text: str | None, zone: str | None, at: datetime, offset_h: float | None = None):
    offset = None if offset_h is None else int(offset_h * 3_600_000_000)
    [moment], faults = read([text], zone, at, offset)
    return moment, faults.get(0)


NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-06-30 10:00:00", datetime(2026, 6, 30, 8, tzinfo=UTC)),  # summer: +02:00
        ("2026-01-15 10:00:00", datetime(2026, 1, 15, 9, tzinfo=UTC)),  # winter: +01:00
        ("2026-06-30T10:00:00", datetime(2026, 6, 30, 8, tzinfo=UTC)),
        ("2026-06-30 10:00:00.25", datetime(2026, 6, 30, 8, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-06-30T10:00:00Z", datetime(2026, 6, 30, 10, tzinfo=UTC)),
        ("2026-06-30T10:00:00+05:45", datetime(2026, 6, 30, 4, 15, tzinfo=UTC)),
        ("2026-06-30T10:00:00-0330", datetime(2026, 6, 30, 13, 30, tzinfo=UTC)),
        ("2026-06-30T10:00:00.123456+01:00", datetime(2026, 6, 30, 9, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_every_way_to_write_a_time_becomes_the_same_moment_in_utc(text, expected):
    assert one(text, "Europe/Madrid", NOON) == (expected, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        " 8:0:0",
        "2026-06-30",
        "2026-02-30 10:00:00",
        "2026-6-30 10:00:00",
        "+12026-06-30 10:00:00",
        "+2026-6-30 10:00:00",
        "2026-06-30 25:00:00",
        "0000-01-01 00:00:00",
        "2026-06-30 10:00:00 ",
        "2026-06-30T10:00:00+01:00x",
    ],
)
def test_what_is_no_time_is_null_and_named(text):
    moment, fault = one(text, "Europe/Madrid", NOON)
    assert moment is None
    assert fault is not None
    assert "not a time" in fault


def test_an_absent_time_is_null_and_no_fault():
    assert one(None, "UTC", NOON) == (None, None)


def test_a_repeated_hour_is_the_later_moment_unless_that_is_in_the_future():
    # Madrid, 25 October 2026: 02:00 to 03:00 comes twice, first as 00:xx and then as 01:xx UTC.
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    text = "2026-10-25 02:30:00"
    assert one(text, "Europe/Madrid", second + timedelta(minutes=5))[0] == second
    assert one(text, "Europe/Madrid", first + timedelta(minutes=5))[0] == first


def test_a_repeated_hour_is_decided_anew_by_each_arrival():
    clock = UserClock({"zone": "Europe/Madrid"})
    first = us(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    text = "2026-10-25 02:30:00"
    for at, expected in [(first, 0), (first + 3_600_000_000, 1), (first, 0)]:
        assert clock.read([text, text], at, None) == ([first + expected * 3_600_000_000] * 2, [])


def test_what_is_no_time_is_named_each_time_it_comes():
    clock = UserClock({"zone": "UTC"})
    for _ in range(2):
        moments, faults = clock.read([None, "x", "2026-06-30 10:00:00"], us(NOON), None)
        assert moments[:2] == [None, None]
        assert [place for place, _ in faults] == [1]


def test_a_text_means_something_else_once_the_clock_is_another():
    clock = UserClock({})
    text, local = "2026-06-30 10:00:00", us(datetime(2026, 6, 30, 10, tzinfo=UTC))
    for offset in (3_600_000_000, 0, 3_600_000_000):
        assert clock.read([text], us(NOON), offset) == ([local - offset], [])
    assert clock.name("Asia/Kathmandu", "server")
    assert clock.read([text], us(NOON), 0) == ([local - 20_700_000_000], [])


def test_more_texts_than_are_remembered_are_read_all_the_same(monkeypatch):
    monkeypatch.setattr("fleetlab.tables.user_clock.REMEMBERED", 3)
    clock = UserClock({"zone": "UTC"})
    for start in range(0, 60, 5):
        texts = [f"2026-06-30 10:00:{second:02}" for second in range(start, start + 5)]
        moments, faults = clock.read([*texts, "x"], us(NOON), None)
        first = us(datetime(2026, 6, 30, 10, tzinfo=UTC))
        assert moments == [first + (start + n) * 1_000_000 for n in range(5)] + [None]
        assert len(faults) == 1


@pytest.mark.parametrize(("lateness_s", "is_later"), [(60, True), (61, False)])
def test_the_later_moment_may_be_a_minute_ahead_of_arrival(lateness_s, is_later):
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    moment, _ = one("2026-10-25 02:30:00", "Europe/Madrid", second - timedelta(seconds=lateness_s))
    assert (moment == second) is is_later


def test_a_time_that_never_was_is_null_and_named():
    moment, fault = one("2026-03-29 02:30:00", "Europe/Madrid", NOON)
    assert moment is None
    assert fault is not None
    assert "never was" in fault


def test_an_inferred_offset_is_taken_as_it_is():
    expected = datetime(2026, 6, 30, 4, 15, tzinfo=UTC)
    assert one("2026-06-30 10:00:00", None, NOON, 5.75) == (expected, None)


def test_without_zone_and_offset_a_local_time_is_null_and_one_with_an_offset_is_not():
    moment, fault = one("2026-06-30 10:00:00", None, NOON)
    assert moment is None
    assert "zone is not known" in str(fault)
    assert one("2026-06-30T10:00:00Z", None, NOON)[0] == datetime(2026, 6, 30, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("user_time", "hours"),
    [
        ("2026-07-01 12:00:03", 0),
        ("2026-07-01 17:45:02", 5.75),
        ("2026-07-01 17:39:00", 5.75),  # a clock 6 minutes slow still shows the quarter
        ("2026-07-01 02:30:00", -9.5),
        ("2026-07-02 02:00:00", 14),
        ("2026-07-02 08:00:00", None),  # no zone on earth is 20 h ahead
        ("2026-06-30 12:00:00", None),
        ("rubbish", None),
    ],
)
def test_the_servers_clock_shows_the_offset_to_a_quarter_of_an_hour(user_time, hours):
    expected = None if hours is None else hours * 3_600_000_000
    assert shown_offset(user_time, us(NOON)) == expected


def test_zones_are_known_by_their_iana_names():
    assert all(map(is_zone, ZONES))
    assert not any(map(is_zone, ["", "Mars/Olympus", "GMT+3x", None, 5]))


@given(
    moment=st.datetimes(datetime(1990, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(ZONES),
)
def test_a_moment_written_in_a_zone_comes_back(moment, zone):
    moment = moment.replace(microsecond=0)
    local = moment.astimezone(ZoneInfo(zone))
    texts = [f"{local:%Y-%m-%d %H:%M:%S}", local.isoformat()]
    moments, faults = read(texts, zone, moment)
    # Arriving at that very moment, both meanings of a repeated hour resolve to it, unless the
    # other one is within the minute that clocks may differ by.
    assert faults == {}
    assert moments == [moment, moment]


@given(texts=st.lists(st.one_of(st.none(), st.text(max_size=30)), min_size=1))
def test_no_text_raises_and_each_is_a_moment_or_named(texts):
    moments, faults = read(texts, "UTC", NOON)
    for row, text in enumerate(texts):
        assert (moments[row] is None) == (text is None or row in faults)
