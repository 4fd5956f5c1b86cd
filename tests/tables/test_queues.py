"""New values of a queue that is sent whole each time, against the definition word by word."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from fleetlab.tables import queues
from fleetlab.tables.queues import FULL, QueueMemory


def value(second: int, what: object = 1) -> dict:
    moment = f"2026-01-01T00:00:{second:02}Z"
    return {"msg_time": moment, "srv_time": moment, "value": what}


def compact(what: object) -> str:
    return json.dumps(what, separators=(",", ":"))  # as on the wire


def send(memory: QueueMemory, *values: dict, text: str | None = None):
    raw = Raw((text or compact(list(values))).encode())
    news = memory.news(7, "nonnull", {"speed": raw})
    assert news.fields == ["speed"] * len(news.raws)
    [overrun] = news.overruns or [None]
    return [json.loads(item) for item in news.raws], overrun


def test_the_first_content_is_new_oldest_first():
    assert send(QueueMemory(), value(2), value(1)) == ([value(1), value(2)], None)


def test_the_same_queue_again_brings_nothing():
    memory = QueueMemory()
    send(memory, value(2), value(1))
    assert send(memory, value(2), value(1)) == ([], None)


def test_only_what_came_in_front_is_new():
    memory = QueueMemory()
    send(memory, value(2), value(1))
    assert send(memory, value(4), value(3), value(2)) == ([value(3), value(4)], None)


def test_same_second_values_with_different_content_are_all_real():
    memory = QueueMemory()
    send(memory, value(1, "a"))
    new, _ = send(memory, value(1, "b"), value(1, "a"))
    assert new == [value(1, "b")]


def test_one_more_of_an_equal_value_is_new_and_no_more_than_that():
    memory = QueueMemory()
    send(memory, value(1), value(1))
    assert send(memory, value(1), value(1), value(1)) == ([value(1)], None)


def test_of_equal_values_the_newest_is_the_new_one():
    memory = QueueMemory()
    send(memory, value(1, "a"), value(0))
    new, _ = send(memory, value(1, "a"), value(1, "b"), value(1, "a"), value(0, "late"), value(0))
    assert new == [value(0, "late"), value(1, "b"), value(1, "a")]


def test_an_equal_value_that_fell_off_and_came_again_is_not_one_more():
    memory = QueueMemory()
    send(memory, value(1), value(2), value(1))
    assert send(memory, value(1), value(1), value(2)) == ([], None)


def test_a_known_value_that_goes_on_otherwise_is_another_one():
    memory = QueueMemory()
    send(memory, value(1, 12), value(0))
    assert send(memory, value(2), value(1, 1))[0] == [value(1, 1), value(2)]


def test_a_late_value_in_the_middle_is_new():
    memory = QueueMemory()
    send(memory, value(5), value(1))
    assert send(memory, value(5), value(3), value(1)) == ([value(3)], None)


def test_other_spacing_and_order_of_names_make_no_new_value():
    memory = QueueMemory()
    send(memory, value(1))
    again = '[ {"value" : 1, "srv_time":"2026-01-01T00:00:01Z","msg_time":"2026-01-01T00:00:01Z"} ]'
    assert send(memory, text=again) == ([], None)


def test_the_same_moment_in_another_offset_makes_no_new_value():
    memory = QueueMemory()
    send(memory, value(1))
    again = value(1) | {"msg_time": "2026-01-01T01:00:01+01:00"}
    assert send(memory, again) == ([], None)


def test_a_number_and_its_text_are_different_values():
    memory = QueueMemory()
    send(memory, value(1, 5))
    assert send(memory, value(1, "5"))[0] == [value(1, "5")]


def test_a_text_is_the_same_value_however_it_is_escaped():
    memory = QueueMemory()
    send(memory, value(1, "é"), value(0, ""))
    again = compact([value(1, "é"), value(0, "")])
    assert send(memory, text=again.replace("\\u00e9", "é"))[0] == []


@pytest.mark.parametrize("what", [{}, [1], None, "", "null"])
def test_values_that_are_no_scalars_or_empty_are_told_apart(what):
    memory = QueueMemory()
    send(memory, value(1, [2]))
    assert send(memory, value(1, what))[0] == [value(1, what)]
    assert send(memory, value(1, what), value(0))[0] == [value(0)]


@pytest.mark.parametrize("name", ["msg_time", "srv_time"])
def test_times_that_are_none_are_told_apart_as_texts(name):
    memory = QueueMemory()
    values = [value(1) | {name: text} for text in ("x", "", "2026-01-01T00:00:01", "y")]
    send(memory, *values[:2])
    assert send(memory, *values)[0] == values[:1:-1]
    assert send(memory, *values[::-1])[0] == []


def test_a_full_queue_that_shares_nothing_is_an_overrun_and_a_short_one_is_not():
    full = [value(59 - n) for n in range(FULL)]
    memory = QueueMemory()
    send(memory, value(1))
    new, overrun = send(memory, *full)
    assert len(new) == FULL
    assert overrun is not None
    assert [json.loads(raw)["msg_time"][-3:-1] for raw in overrun[1:]] == ["01", "48"]
    memory = QueueMemory()
    send(memory, value(1))
    assert send(memory, *full[1:])[1] is None
    assert send(memory, *full)[1] is None


def test_after_a_value_from_the_future_older_ones_are_still_told_apart():
    memory = QueueMemory()
    send(memory, value(1), value(0))
    assert send(memory, value(59), value(1), value(0))[0] == [value(59)]
    assert send(memory, value(2), value(59), value(1))[0] == [value(2)]
    assert send(memory, value(1), value(2), value(59))[0] == []
    assert send(memory, value(3), value(1), value(2))[0] == [value(3)]
    assert send(memory, value(4), value(4), value(3), value(1))[0] == [value(4), value(4)]


OBJECT = compact(value(1))


@pytest.mark.parametrize(
    ("last", "now", "new"),
    [
        # The begin of the last content stands at the end of this one, but not as values.
        (f"[{OBJECT},12]", f"[{OBJECT},{OBJECT},1]", ["1", OBJECT]),
        (f"[{OBJECT},12]", f"[0,{OBJECT},1]", ["1", "0"]),
        (f"[{OBJECT}]", f"[[0,{OBJECT}]]", [f"[0,{OBJECT}]"]),
        (f"[{OBJECT}]", f'[{{"value":[{OBJECT},{OBJECT}]}}]', [f'{{"value":[{OBJECT},{OBJECT}]}}']),
        (
            f"[{compact([value(0), value(1)])[1:-1]},7]",
            f"[{OBJECT},{compact(value(0))},{OBJECT},5]",
            ["5", OBJECT],
        ),
        ('[{",":",x"}]', '["},{",":"]', ['":"', '"},{"']),
        ('["},{",":"]', '[{"a":1},"},{",":"]', ['{"a":1}']),
    ],
)
def test_what_only_looks_like_the_last_content_is_compared_value_by_value(last, now, new):
    memory = QueueMemory()
    send(memory, text=last)
    assert list(map(compact, send(memory, text=now)[0])) == new
    assert send(memory, text=now)[0] == []


@pytest.mark.parametrize("gone", ["", f",{compact(value(0))}", f",{compact(value(0))}" * 2])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_of_what_came_again_nothing_is_looked_at_but_its_bytes(gone, count):
    again = f"{OBJECT},what no decoder takes"
    memory = QueueMemory([[7, "nonnull", "speed", f"[{again}{gone}]"]])
    front = [value(9 - n) for n in range(count)]
    text = f"[{','.join(map(compact, front))},{again}]"
    assert send(memory, text=text) == (front[::-1], None)
    assert send(memory, text=text) == ([], None)


@pytest.mark.parametrize("text", ["5", "{}", '"[]"', f'{{"a":[{OBJECT},{OBJECT}]}}'])
def test_what_is_no_list_is_a_fault_and_changes_nothing(text):
    memory = QueueMemory()
    send(memory, text=f"[{OBJECT}]")
    news = memory.news(7, "nonnull", {"speed": Raw(text.encode())})
    assert [(field, raw) for field, _, raw in news.faults] == [("speed", text.encode())]
    assert send(memory, text=f"[{OBJECT}]")[0] == []


def test_a_queue_is_remembered_up_to_a_megabyte_and_a_longer_one_is_a_fault():
    memory = QueueMemory()
    fits = compact([value(1, "x" * (1_000_000 - len(compact([value(1, "")]))))])
    assert len(send(memory, text=fits)[0]) == 1
    longer = fits.replace("x", "xx", 1)
    news = memory.news(7, "nonnull", {"speed": Raw(longer.encode())})
    assert news.faults == [("speed", "a queue of more than 1,000,000 bytes", longer.encode())]
    assert send(memory, text=fits)[0] == []


def test_values_are_told_apart_however_many_moments_have_come():
    memory = QueueMemory()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    last: list[dict] = []
    for second in range(5_000):
        moment = (start + timedelta(seconds=second)).isoformat()
        front = {"msg_time": moment, "srv_time": moment, "value": 1}
        assert send(memory, front, *last)[0] == [front]
        last = [front, *last][: FULL - 1]
    assert send(memory, *last)[0] == []
    assert len(queues._MOMENTS) <= queues._REMEMBERED


def test_the_memory_goes_on_where_it_was_dumped():
    memory = QueueMemory()
    send(memory, value(2), value(1))
    again = QueueMemory(json.loads(json.dumps(memory.dump())))
    assert send(again, value(3), value(2), value(1)) == ([value(3)], None)


def test_of_all_queues_of_a_device_what_came_in_front_is_new():
    memory = QueueMemory()
    for second, fields in enumerate(["a", "ab", "ba", "abc"], 1):
        contents = [value(n) for n in range(second, 0, -1)]
        memory.news(7, "all", dict.fromkeys("abc", Raw(compact(contents[1:]).encode())))
        news = memory.news(7, "all", dict.fromkeys(fields, Raw(compact(contents).encode())))
        assert news.fields == list(fields)
        assert news.places == [0] * len(fields)
        assert [json.loads(raw) for raw in news.raws] == contents[:1] * len(fields)


def test_queues_do_not_mix():
    memory = QueueMemory()
    raw = Raw(json.dumps([value(1)]).encode())
    for place in [(7, "nonnull"), (7, "all"), (8, "all")]:
        assert memory.news(*place, {"a": raw, "b": raw}).fields == ["a", "b"]


VALUES = st.builds(value, st.integers(0, 4), st.sampled_from([1, "1", None, True]))


@given(queues=st.lists(st.lists(VALUES, max_size=5), max_size=8), data=st.data())
def test_new_is_what_the_queue_holds_more_of_than_before(queues, data):
    memory = QueueMemory()
    known: Counter[str] = Counter()
    write = data.draw(st.sampled_from([compact, json.dumps]))
    for queue in queues:
        # Whole queues are often the last one with something in front: make that case frequent.
        new, _ = send(memory, text=write(queue))
        now = Counter(map(json.dumps, queue))
        assert Counter(map(json.dumps, new)) == now - known
        known = now
        front = data.draw(st.lists(VALUES, max_size=3))
        shifted = [*front, *queue][:5]
        new, _ = send(memory, text=write(shifted))
        now = Counter(map(json.dumps, shifted))
        assert Counter(map(json.dumps, new)) == now - known
        known = now
