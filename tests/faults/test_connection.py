"""What goes wrong on the way: each message that arrived is kept once, each loss is told."""

from __future__ import annotations

import itertools
import os
import threading

import polars as pl
import pytest

from tests.conftest import eventually
from tests.faults.conftest import ended, stopped
from tests.faults.evidence import check, losses
from tests.faults.server import HANDSHAKE, FaultServer, Wire, accepted, event, frame

pytestmark = pytest.mark.skipif(os.name == "nt", reason="resets and queues are looked at by ioctl")


async def well(wire: Wire) -> None:
    """A connection on which all goes well until the session ends."""
    await wire.live(events=5)
    await wire.logout()


# -- cuts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999], ids=["header", "middle", "last byte"])
def test_a_connection_that_is_cut_in_the_middle_of_a_message(start, share):
    async def cut(wire: Wire) -> None:
        await wire.live(events=20)
        whole = frame(event(pad=50_000).encode())
        await wire.raw(whole[: max(1, int(len(whole) * share))])
        await wire.cut()

    with FaultServer([cut, cut, well]) as server:
        rec = ended(start(server))
    check(rec, server.ledger)
    assert losses(rec) == [1006, 1006]
    assert rec.info.stopped_because == "logout"


def test_a_connection_that_is_cut_right_after_many_messages(start):
    async def cut(wire: Wire) -> None:
        await wire.live(events=300)
        await wire.cut()

    with FaultServer([cut, well]) as server:
        rec = ended(start(server))
    check(rec, server.ledger)
    assert len(rec.connection.filter(what="subscribed")) == 2


@pytest.mark.parametrize("code", [1000, 1001, 1009, 1011, 1012])
def test_a_server_that_closes_with_a_code(start, code):
    async def close(wire: Wire) -> None:
        await wire.live(events=20)
        await wire.close(code, "going")

    with FaultServer([close, well]) as server:
        rec = ended(start(server))
    check(rec, server.ledger)
    assert losses(rec) == [code]


def test_a_server_that_vanishes_without_a_close_is_code_1006(start):
    async def vanish(wire: Wire) -> None:
        await wire.live(events=20)
        await wire.arrived()
        wire._writer.close()  # a plain end of the TCP connection

    with FaultServer([vanish, well]) as server:
        rec = ended(start(server))
    check(rec, server.ledger)
    assert losses(rec) == [1006]


def test_a_port_that_refuses_and_is_back(start, times):
    made = []
    times(delays=lambda: made.append(1) or itertools.repeat(0.05))

    async def go(wire: Wire) -> None:
        await wire.live(events=5)
        await wire._server.refuse()
        await wire.cut()

    with FaultServer([go, well]) as server:
        job = start(server)
        eventually(
            lambda: len(job.recording.connection.filter(what="failed")) >= 3, "it is refused"
        )
        assert job.running
        [gap] = job.recording.gaps.to_dicts()  # told while it lasts
        assert gap["ended_at"] is None
        server.do(server.listen())
        rec = ended(job)
    check(rec, server.ledger)
    assert losses(rec) == [1006]
    refusals = rec.connection.filter(what="failed")
    assert refusals["detail"].str.contains("refuses connections").all()
    assert len(refusals) >= 3


def test_a_server_that_restarts_and_answers_503_for_a_while(start):
    async def going(wire: Wire) -> None:
        await wire.live(events=5)
        await wire.close(1001, "restart")

    async def not_yet(wire: Wire) -> None:
        await wire.raw(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        await wire.arrived()

    with FaultServer([going, not_yet, not_yet, well]) as server:
        rec = ended(start(server))
    check(rec, server.ledger)
    assert losses(rec) == [1001]
    assert rec.connection.filter(what="failed")["detail"].str.contains("503").to_list() == [
        True,
        True,
    ]


def test_stop_ends_a_capture_whose_server_refuses(start, times):
    times(delays=lambda: itertools.repeat(60.0))

    async def go(wire: Wire) -> None:
        await wire.live(events=5)
        await wire._server.refuse()
        await wire.cut()

    with FaultServer([go]) as server:
        job = start(server)
        eventually(lambda: len(job.recording.gaps), "the loss is found")
        rec = stopped(job)
    check(rec, server.ledger)
    assert rec.info.stopped_because == "stop"
    assert rec.gaps["ended_at"].to_list() == [rec.info.ended_at]


# -- dead, and open ----------------------------------------------------------------------------


def test_a_half_open_connection(start):
    async def dead(wire: Wire) -> None:
        await wire.live(events=20)
        wire.freeze()
        await wire.until(over)

    over = threading.Event()
    with FaultServer([dead, well]) as server:
        rec = ended(start(server))
        over.set()
    check(rec, server.ledger)
    [lost] = rec.connection.filter(what="lost").to_dicts()
    assert "ping" in lost["detail"]


def test_a_half_open_connection_in_the_middle_of_a_message(start):
    async def dead(wire: Wire) -> None:
        await wire.live(events=20)
        wire.freeze()
        await wire.raw(frame(event(pad=50_000).encode())[:30_000])
        await wire.until(over)

    over = threading.Event()
    with FaultServer([dead, well]) as server:
        rec = ended(start(server))
        over.set()
    check(rec, server.ledger)
    assert len(losses(rec)) == 1


def test_stop_ends_a_capture_whose_connection_is_half_open(start, times):
    times(ping=60.0)

    async def dead(wire: Wire) -> None:
        await wire.live(events=20)
        wire.freeze()
        await wire.until(over)

    over = threading.Event()
    with FaultServer([dead]) as server:
        job = start(server)
        eventually(lambda: job.progress().messages == 22, "all has come")
        rec = stopped(job)
        over.set()
    check(rec, server.ledger)


def test_an_application_that_hangs_while_its_server_answers_pings(start, times):
    times(silence=0.6, reply=0.3)
    asked = []

    async def hang(wire: Wire) -> None:
        await wire.live(events=20)
        asked.append(await wire.heard())
        await wire.stay()

    with FaultServer([hang, well]) as server:
        rec = ended(start(server))
    check(rec, server.ledger)
    assert len(asked) == 1
    [lost] = rec.connection.filter(what="lost").to_dicts()
    assert "subscription again" in lost["detail"]
    assert losses(rec) == [None]


def test_an_application_that_forgot_the_subscription_is_asked_again(start, times):
    times(silence=0.6, reply=2.0)

    async def forget(wire: Wire) -> None:
        await wire.live(events=20)
        await wire.heard()
        await wire.say(accepted())
        await wire.events(5)
        await wire.logout()

    with FaultServer([forget]) as server:
        rec = ended(start(server))
    check(rec, server.ledger)
    assert losses(rec) == []


def test_a_server_that_never_answers_the_second_subscription(start, times):
    times(answer=0.4)

    async def once(wire: Wire) -> None:
        await wire.live(events=5)
        await wire.cut()

    async def mute(wire: Wire) -> None:
        await wire.open()
        await wire.stay()

    with FaultServer([once, mute, mute, well]) as server:
        rec = ended(start(server))
    check(rec, server.ledger)
    assert rec.connection.filter(what="failed")["detail"].str.contains("answer the subscr").all()
    assert len(rec.connection.filter(what="failed")) == 2


# -- slow --------------------------------------------------------------------------------------


def test_a_handshake_and_messages_that_come_byte_by_byte(start, times):
    times(ping=60.0)  # its answer would land in the middle of a message

    async def drip(wire: Wire) -> None:
        await wire.drip(wire.upgrade, 0.001)
        wire.listen()
        await wire.heard()
        for text in (HANDSHAKE, accepted(), event(), event()):
            await wire.drip(frame(text.encode()), 0)
            wire.note(text.encode())
        await wire.logout()

    with FaultServer([drip]) as server:
        rec = ended(start(server))
    check(rec, server.ledger)
    assert losses(rec) == []


def test_a_slow_loris_that_never_finishes_its_handshake_is_given_up(start, times):
    times(answer=0.5)

    async def once(wire: Wire) -> None:
        await wire.live(events=5)
        await wire.cut()

    async def loris(wire: Wire) -> None:
        await wire.drip(wire.upgrade[:-4] + b"\r\nX-More: " + b"x" * 10_000, 0.01)

    with FaultServer([once, loris, well]) as server:
        rec = ended(start(server))
    check(rec, server.ledger)
    [failed] = rec.connection.filter(what="failed").to_dicts()
    assert "did not accept the connection within" in failed["detail"]


def test_a_slow_loris_that_never_finishes_its_message_is_given_up(start, times):
    times(silence=1.0, reply=0.5)

    async def loris(wire: Wire) -> None:
        await wire.live(events=5)
        wire.freeze()
        await wire.drip(frame(event(pad=50_000).encode()), 0.01)

    with FaultServer([loris, well]) as server:
        rec = ended(start(server))
    check(rec, server.ledger)
    assert len(losses(rec)) == 1


def test_a_large_message_on_a_slow_line_is_no_loss(start, times):
    # Nothing else can come meanwhile, not even the answer to a ping: it waits behind the message.
    times(ping=0.2, pong=0.4, silence=30.0)

    async def slow(wire: Wire) -> None:
        await wire.live(events=5)
        wire.freeze()  # as pings are not answered before the message is through
        text = event(pad=50_000).encode()
        await wire.drip(frame(text), 0.1, len(text) // 20)
        wire.note(text)
        wire.listen()
        await wire.logout()

    with FaultServer([slow]) as server:
        rec = ended(start(server))
    check(rec, server.ledger)
    assert losses(rec) == []


# -- REST --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["503", "hangs", "rubbish", "html"])
def test_a_rest_side_that_is_down_from_the_start(start, how):
    replies = {
        "503": (503, b"{}"),
        "hangs": None,
        "rubbish": (200, b"\x00\xff{{{"),
        "html": (200, b"<html>login</html>"),
    }

    async def busy(wire: Wire) -> None:
        await wire.live(events=20)
        await wire.until(seen)
        await wire.logout()

    seen = threading.Event()
    with FaultServer([busy]) as server:
        server.rest = lambda _: replies[how]
        job = start(server)
        # Decoding waits 2 s for what it would need, and goes on without.
        eventually(lambda: len(job.recording.state_batch), "rows come without it", 10)
        seen.set()
        rec = ended(job)
    check(rec, server.ledger)
    assert losses(rec) == []
    states = [sent for sent in server.ledger if b'"event":"state_batch"' in sent.data]
    assert len(rec.state_batch) == len(states) * 3
    assert rec.info.timezone is None
    if how != "hangs":
        assert {"trackers_unavailable", "zone_unavailable"} <= set(rec.connection["what"])


def test_a_rest_side_that_goes_down_later(start, monkeypatch):
    monkeypatch.setattr("fleetlab.directory.LIST_SECONDS", 0.2)
    monkeypatch.setattr("fleetlab.directory.TICK_SECONDS", 0.05)

    async def busy(wire: Wire) -> None:
        await wire.live(events=5)
        await wire.until(seen)
        await wire.events(5)
        await wire.logout()

    seen = threading.Event()
    with FaultServer([busy]) as server:
        job = start(server)
        eventually(lambda: len(job.recording.state_batch), "rows come")
        server.rest = lambda _: (503, b"")
        eventually(lambda: "trackers_unavailable" in job.recording.connection["what"], "it is told")
        seen.set()
        rec = ended(job)
    check(rec, server.ledger)
    assert rec.state_batch["tracker_id"].null_count() == 0
    assert rec.gaps.filter(pl.col("reason") == "disconnected").is_empty()
