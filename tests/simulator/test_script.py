"""What a journal says that the server did, whatever is missing of it."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fleetlab.records import ConnectionRecord, MessageRecord, RestRecord
from fleetlab.simulator.replay.script import Answered, Closed, Opened, Replied, Said, read_script

HELLO = b"0b1f-22|30000|X|"
ANSWER = b'{"type":"response","data":{}}'
REFUSAL = b'{"type":"error","status":{"code":6}}'
EVENT = b'{"type":"event","event":"state","data":{}}'
SAID = (HELLO, ANSWER, REFUSAL, EVENT, b"X", b"   ", b"{", b"\xff", b'{"type":[],"event":{}}')
HAPPENED = ("started", "connected", "subscribing", "subscribed", "lost", "failed", "retry")


def message(at: int, data: bytes) -> MessageRecord:
    return MessageRecord(at, at, data)


def happened(at: int, what: str, code: int | None = None, **facts: object) -> ConnectionRecord:
    return ConnectionRecord(at, what, code=code, facts=facts)


def test_a_connection_opens_with_its_answer_and_without_its_handshake():
    records = [happened(1, "connected"), message(2, HELLO), message(3, ANSWER), message(4, EVENT)]
    assert list(read_script(records)) == [
        Opened(1, 3, ANSWER, accepted=True),
        Said(4, EVENT, "state"),
    ]


def test_what_comes_before_the_answer_is_said_after_it():
    records = [happened(1, "connected"), message(2, b"X"), message(3, ANSWER)]
    assert list(read_script(records)) == [Opened(1, 3, ANSWER, accepted=True), Said(2, b"X", None)]


def test_events_without_an_answer_open_it_too():
    records = [happened(1, "connected"), message(2, HELLO), message(3, EVENT), message(4, ANSWER)]
    opened = Opened(1, 3, None, accepted=True)
    assert list(read_script(records)) == [opened, Said(3, EVENT, "state"), Answered(4, ANSWER)]


def test_a_loss_was_at_the_last_sign_of_life():
    records = [happened(1, "connected"), message(2, ANSWER)]
    opened = Opened(1, 2, ANSWER, accepted=True)
    for alive, at in (([30, 7], 30), ([0, 7], 2)):
        lost = happened(90, "lost", 1006, alive=alive)
        assert list(read_script([*records, lost])) == [opened, Closed(at, None)]
    assert list(read_script([*records, happened(90, "lost", 1011)])) == [opened, Closed(90, 1011)]


def test_attempts_that_reached_nobody_are_no_connections():
    records = [happened(1, "connected"), message(2, ANSWER), happened(3, "lost")]
    records += [happened(4, "failed"), happened(5, "failed"), happened(6, "connected")]
    kinds = [type(step) for step in read_script([*records, message(7, REFUSAL)])]
    assert kinds == [Opened, Closed, Opened]


@given(st.lists(st.one_of(st.sampled_from(SAID), st.sampled_from(HAPPENED), st.none())))
def test_whatever_is_missing_every_message_is_told_once_and_in_order(story):
    records = [
        RestRecord(at, "tracker/list", {})
        if what is None
        else happened(at, what)
        if isinstance(what, str)
        else message(at, what)
        for at, what in enumerate(story, 1)
    ]
    steps = list(read_script(records))
    said = [step.at for step in steps if isinstance(step, Said)]
    assert said == sorted(set(said))
    told = {*said, *(step.at for step in steps if isinstance(step, Answered))}
    told |= {step.answered_at for step in steps if isinstance(step, Opened) and step.reply}
    messages = [record for record in records if isinstance(record, MessageRecord)]
    assert {record.at for record in messages if record.data != HELLO} <= told
    calls = [record.at for record in records if isinstance(record, RestRecord)]
    assert [step.at for step in steps if isinstance(step, Replied)] == calls
    bounds = [step for step in steps if isinstance(step, (Opened, Closed))]
    for before, after in pairwise(bounds):
        assert type(before) is not type(after), "what is open is closed before it is opened again"
