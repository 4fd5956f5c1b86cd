"""One WebSocket kept alive: against servers that behave, and servers that don't."""

from __future__ import annotations

import asyncio
import itertools
import json
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

import fleetlab as fl
from fleetlab.connection import Connection
from fleetlab.records import ConnectionRecord, MessageRecord, Record
from fleetlab.requests import resolve_requests
from fleetlab.rest import ssl_context
from fleetlab.server import Server
from fleetlab.tables.connection_log import ConnectionLog
from fleetlab.timeouts import Timeouts, backoff

KEY = "0123456789abcdef0123456789abcdef"
CERTIFICATE = Path(__file__).parent / "data" / "self-signed.pem"
HANDSHAKE = "b623a15d|30000|X|"
QUICK = Timeouts(close=0.2, delays=lambda: itertools.repeat(0.01))  # to come back
SHORT = replace(QUICK, answer=0.5)
PINGING = replace(QUICK, ping=0.1, pong=0.5)

Handler = Callable[[ServerConnection], Awaitable[None]]


def accepted(**value: str) -> str:
    return json.dumps(
        {
            "type": "response",
            "action": "subscription/subscribe",
            "data": {"state_batch": {"success": True, "value": value or {"1": "normal"}}},
        }
    )


def refused(code: int, words: str = "words") -> str:
    status = {"code": code, "description": words}
    return json.dumps({"type": "error", "action": "null", "status": status, "data": None})


def event(number: int, size: int = 0) -> str:
    data = [{"source_id": number, "pad": "x" * size}]
    return json.dumps({"type": "event", "event": "state_batch", "data": data})


LOGOUT = json.dumps({"type": "event", "event": "logout", "data": "session closed"})


class Sink:
    """Keeps what comes, and lets a test wait for it."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._came = asyncio.Condition()

    async def put(self, record: Record) -> None:
        async with self._came:
            self.records.append(record)
            self._came.notify_all()

    async def until(self, condition: Callable[[Sink], bool]) -> None:
        async with asyncio.timeout(10), self._came:
            await self._came.wait_for(lambda: condition(self))

    @property
    def texts(self) -> list[str]:
        return [r.data.decode() for r in self.records if isinstance(r, MessageRecord)]

    @property
    def log(self) -> list[ConnectionRecord]:
        return [r for r in self.records if isinstance(r, ConnectionRecord)]

    @property
    def whats(self) -> list[str]:
        return [record.what for record in self.log]


def connect(server: Server, sink: Sink, **more: Any) -> Connection:
    more = {"timeouts": QUICK} | more
    return Connection(server, KEY, resolve_requests(["state_batch"]), sink, **more)


def with_server(
    handler: Handler, test: Callable[[Server, Sink], Awaitable[None]], **options: Any
) -> Sink:
    """Run a test against a server; what it raises, the test raises."""

    async def main() -> Sink:
        sink = Sink()
        options.setdefault("close_timeout", 0.2)
        async with serve(handler, "127.0.0.1", 0, **options) as site:
            port = site.sockets[0].getsockname()[1]
            scheme = "https" if "ssl" in options else "http"
            await test(Server(f"{scheme}://127.0.0.1:{port}/v2"), sink)
        # Nothing of ours goes on after the end.
        assert [t for t in asyncio.all_tasks() if t is not asyncio.current_task()] == []
        return sink

    return asyncio.run(main())


def run_until_end(handler: Handler, **options: Any) -> Sink:
    async def test(server: Server, sink: Sink) -> None:
        await connect(server, sink).run()

    return with_server(handler, test, **options)


def failing(
    handler: Handler, timeouts: Timeouts = QUICK, **options: Any
) -> tuple[fl.FleetlabError, Sink]:
    caught: list[fl.FleetlabError] = []

    async def test(server: Server, sink: Sink) -> None:
        try:
            await connect(server, sink, timeouts=timeouts).run()
        except fl.FleetlabError as error:
            caught.append(error)

    sink = with_server(handler, test, **options)
    [error] = caught
    told = str(error) + str(sink.log)
    assert KEY not in told
    return error, sink


async def idle(socket: ServerConnection) -> None:
    try:
        async for _ in socket:
            pass
    except ConnectionClosed:
        pass


# -- the good way ------------------------------------------------------------------------------


def test_it_subscribes_without_waiting_for_a_handshake_and_takes_every_frame_in_order():
    asked = []

    async def handler(socket: ServerConnection) -> None:
        assert socket.request is not None
        asked.append(socket.request.path)
        asked.append(json.loads(await socket.recv()))
        await socket.send(" " * 4098)
        await socket.send(HANDSHAKE)
        await socket.send(accepted())
        await socket.send("X")
        await socket.send(event(1).encode())  # a binary frame with the same text
        await socket.send(event(2))
        await socket.send(LOGOUT)
        await idle(socket)

    sink = run_until_end(handler)
    path, message = asked
    assert path.startswith("/v2/event/subscription?X-Atmosphere-tracking-id=0&")
    assert (message["action"], message["hash"]) == ("subscribe", KEY)
    expected = [" " * 4098, HANDSHAKE, accepted(), "X", event(1), event(2), LOGOUT]
    assert sink.texts == expected
    messages = [record for record in sink.records if isinstance(record, MessageRecord)]
    assert [record.seq for record in messages] == list(range(1, 8))
    assert [record.at for record in messages] == sorted(record.at for record in messages)
    assert sink.whats == ["connected", "subscribing", "subscribed"]
    assert "state_batch" in str(sink.log[1].detail)


def test_a_full_batch_of_12000_trackers_passes():
    big = event(1, size=20_000_000)

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(accepted())
        await socket.send(big)
        await socket.send(LOGOUT)
        await idle(socket)

    assert run_until_end(handler).texts[1] == big


def test_the_heartbeat_char_is_sent_on_a_timer_while_events_flow():
    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send("u|100|♥|")
        await socket.send(accepted())
        for number in range(3):
            await socket.send(event(number))
            assert await socket.recv() == "♥"
        await socket.send(LOGOUT)
        await idle(socket)

    assert len(run_until_end(handler).texts) == 6


def test_without_a_handshake_no_heartbeat_is_sent():
    got = []

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(accepted())
        try:
            async with asyncio.timeout(0.3):
                got.append(await socket.recv())
        except TimeoutError:
            await socket.send(LOGOUT)
        await idle(socket)

    run_until_end(handler)
    assert got == []


def test_stop_closes_in_good_order_and_loses_nothing_that_was_received():
    codes = []

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(accepted())
        for number in range(50):
            await socket.send(event(number))
        await idle(socket)
        codes.append(socket.close_code)

    async def test(server: Server, sink: Sink) -> None:
        connection = connect(server, sink)
        running = asyncio.create_task(connection.run())
        await connection.subscribed.wait()
        await sink.until(lambda sink: len(sink.texts) > 10)
        connection.stop()
        assert await running == "stop"

    sink = with_server(handler, test)
    assert codes == [1000]
    assert sink.texts[1:] == [event(number) for number in range(len(sink.texts) - 1)]
    assert sink.whats[-1] == "closed"


def test_stop_ends_a_connecting_and_a_wait_at_once():
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def main() -> None:
        site = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = site.sockets[0].getsockname()[1]
        slow = Timeouts(answer=60, delays=lambda: itertools.repeat(60.0))
        connection = connect(Server(f"http://127.0.0.1:{port}"), Sink(), timeouts=slow)
        running = asyncio.create_task(connection.run())
        await asyncio.sleep(0)
        connection.stop()
        async with asyncio.timeout(5):
            assert await running == "stop"
        site.close()

    asyncio.run(main())

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(accepted())

    async def test(server: Server, sink: Sink) -> None:
        waiting = Timeouts(delays=lambda: itertools.repeat(60.0))
        connection = connect(server, sink, timeouts=waiting)
        running = asyncio.create_task(connection.run())
        await sink.until(lambda sink: "retry" in sink.whats)
        connection.stop()
        async with asyncio.timeout(5):
            assert await running == "stop"

    with_server(handler, test)


def test_cancelling_closes_the_socket():
    closed = asyncio.Event()

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(accepted())
        await idle(socket)
        closed.set()

    async def test(server: Server, sink: Sink) -> None:
        connection = connect(server, sink)
        running = asyncio.create_task(connection.run())
        await connection.subscribed.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        async with asyncio.timeout(5):
            await closed.wait()

    with_server(handler, test)


def test_an_error_of_the_sink_ends_it_with_that_error():
    class Full(Sink):
        async def put(self, record: Record) -> None:
            if isinstance(record, MessageRecord):
                raise fl.RecordingError("the disk is full")
            await super().put(record)

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(accepted())
        await idle(socket)

    async def test(server: Server, _: Sink) -> None:
        with pytest.raises(fl.RecordingError, match="full"):
            await connect(server, Full()).run()

    with_server(handler, test)


def test_events_without_an_answer_are_an_accepted_subscription():
    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(event(1))
        await socket.send(accepted())
        await socket.send(accepted())
        await socket.send(event(2))
        await socket.send(LOGOUT)
        await idle(socket)

    sink = run_until_end(handler)
    assert sink.whats == ["connected", "subscribing", "subscribed"]


# -- the first connection fails fast -----------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (3, fl.AuthenticationError),
        (4, fl.AuthenticationError),
        (7, fl.RequestRefused),
        (15, fl.ServerUnavailable),
        (4321, fl.RequestRefused),
    ],
)
def test_a_refusal_is_the_right_error_and_shows_no_key(code, kind):
    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(refused(code, f"no {KEY} here"))
        await idle(socket)

    error, sink = failing(handler)
    assert type(error) is kind
    assert error.code == code
    assert "[redacted]" in str(error)
    assert sink.whats == ["connected", "subscribing", "refused"]


def test_an_answer_that_refuses_everything_is_an_error():
    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        data = {"state_batch": {"success": False, "status": {"description": "not today"}}}
        await socket.send(json.dumps({"type": "response", "data": data}))
        await idle(socket)

    error, _ = failing(handler)
    assert isinstance(error, fl.RequestRefused)
    assert "not today" in str(error)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (HTTPStatus.UNAUTHORIZED, fl.RequestRefused, "401"),
        (HTTPStatus.FORBIDDEN, fl.RequestRefused, "403"),
        (HTTPStatus.NOT_FOUND, fl.ProtocolError, "/v2"),
        (HTTPStatus.FOUND, fl.ProtocolError, "another address"),
        (HTTPStatus.SERVICE_UNAVAILABLE, fl.ServerUnavailable, "503"),
    ],
)
def test_an_http_answer_instead_of_a_websocket_is_the_right_error(status, kind, words):
    def reply(socket: ServerConnection, _: Any) -> Any:
        response = socket.respond(status, "x")
        if status == HTTPStatus.FOUND:
            response.headers["Location"] = "ws://127.0.0.1:1/elsewhere"
        return response

    error, _ = failing(idle, process_request=reply)
    assert type(error) is kind
    assert words in str(error)


def test_a_server_that_never_answers_the_subscription_is_given_up():
    error, sink = failing(idle, SHORT)
    assert isinstance(error, fl.ServerUnavailable)
    assert "answer the subscription" in str(error)
    assert sink.whats == ["connected", "subscribing", "refused"]


def test_a_server_that_talks_and_never_answers_the_subscription_is_given_up_too():
    async def handler(socket: ServerConnection) -> None:
        try:
            while True:
                await socket.send("X")
                await asyncio.sleep(0.01)
        except ConnectionClosed:
            pass

    error, _ = failing(handler, SHORT)
    assert isinstance(error, fl.ServerUnavailable)


def test_a_close_before_the_answer_tells_its_code():
    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.close(1011, f"oops {KEY}")

    error, _ = failing(handler)
    assert isinstance(error, fl.ServerUnavailable)
    assert error.code == 1011
    assert "before it answered" in str(error)


def test_a_request_that_is_too_long_for_the_server_says_so():
    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.close(1009)

    error, _ = failing(handler)
    assert isinstance(error, fl.RequestRefused)
    assert "fewer trackers" in str(error)


def plain_server(reply: bytes | None) -> fl.FleetlabError:
    """Connect to something that speaks no WebSocket."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if reply is None:
            await reader.read()
        else:
            writer.write(reply)
            await writer.drain()
        writer.close()

    async def main() -> fl.FleetlabError:
        site = await asyncio.start_server(handler, "127.0.0.1", 0)
        port = site.sockets[0].getsockname()[1]
        times = SHORT if reply is None else QUICK
        try:
            with pytest.raises(fl.FleetlabError) as caught:
                await connect(Server(f"http://127.0.0.1:{port}"), Sink(), timeouts=times).run()
        finally:
            site.close()
        return caught.value

    return asyncio.run(main())


def test_a_port_that_accepts_and_says_nothing_is_given_up():
    error = plain_server(None)
    assert isinstance(error, fl.ServerUnavailable)
    assert "accept the connection" in str(error)


def test_something_else_than_http_is_a_protocol_error():
    error = plain_server(b"220 smtp ready\r\n\r\n")
    assert isinstance(error, fl.ProtocolError)
    assert "does not speak WebSocket" in str(error)


def test_a_connection_cut_while_opening_is_unavailable():
    assert isinstance(plain_server(b""), fl.ServerUnavailable)


@pytest.mark.parametrize(
    ("base_url", "words"),
    [
        ("http://127.0.0.1:1", "refuses connections"),
        ("https://no-such-host.invalid", r"no-such-host\.invalid is not known"),
    ],
)
def test_an_address_where_nobody_is_says_so(base_url, words):
    async def main() -> None:
        server = Server(base_url)
        await connect(server, Sink(), ssl=ssl_context(server)).run()

    with pytest.raises(fl.ServerUnavailable, match=words):
        asyncio.run(main())


def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_key_is_sent():
    reached = []

    async def handler(socket: ServerConnection) -> None:
        reached.append(socket)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)

    async def test(server: Server, sink: Sink) -> None:
        with pytest.raises(fl.ServerUnavailable, match="not trusted"):
            await connect(server, sink, ssl=ssl_context(server)).run()

    with_server(handler, test, ssl=context)
    assert reached == []


def test_the_default_times_end_a_first_connection_within_15_seconds():
    times = Timeouts()
    assert times.answer + times.close < 15
    assert times.ping + times.pong < 30


# -- losses ------------------------------------------------------------------------------------


def test_after_a_loss_the_same_subscription_is_asked_for_again_and_numbers_go_on():
    asked = []

    async def handler(socket: ServerConnection) -> None:
        asked.append(await socket.recv())
        await socket.send(HANDSHAKE)
        await socket.send(accepted())
        await socket.send(event(len(asked)))
        if len(asked) < 3:
            socket.transport.abort()
        else:
            await socket.send(LOGOUT)
            await idle(socket)

    sink = run_until_end(handler)
    assert len(set(asked)) == 1
    assert len(asked) == 3
    messages = [record for record in sink.records if isinstance(record, MessageRecord)]
    assert [record.seq for record in messages] == list(range(1, len(messages) + 1))
    once = ["connected", "subscribing", "subscribed"]
    assert sink.whats == [*once, "lost", "retry", *once, "lost", "retry", *once]


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1009, 1011, 1012])
def test_whatever_code_a_live_connection_is_closed_with_it_comes_back(code):
    count = itertools.count()

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(accepted())
        if next(count):
            await socket.send(LOGOUT)
            await idle(socket)
        elif code == 1006:
            socket.transport.abort()
        else:
            await socket.close(code)

    sink = run_until_end(handler)
    [lost] = [record for record in sink.log if record.what == "lost"]
    assert lost.code == code


def test_a_message_larger_than_any_batch_is_a_loss_and_no_end():
    count = itertools.count()

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(accepted())
        if not next(count):
            await socket.send("x" * 65_000_000)
        await socket.send(LOGOUT)
        await idle(socket)

    async def test(server: Server, sink: Sink) -> None:
        patient = replace(QUICK, answer=30, pong=30)  # 65 MB take their time
        await connect(server, sink, timeouts=patient).run()

    sink = with_server(handler, test, compression=None)
    assert [record.code for record in sink.log if record.what == "lost"] == [1009]


def test_a_server_that_stops_answering_pings_is_found():
    count = itertools.count()

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(accepted())
        if next(count):
            await socket.send(LOGOUT)
            await idle(socket)
        else:
            socket.transport.pause_reading()  # the peer is there, and hears nothing any more
            await sinks_lost.wait()
            socket.transport.abort()

    sinks_lost = asyncio.Event()

    async def test(server: Server, sink: Sink) -> None:
        running = asyncio.create_task(connect(server, sink, timeouts=PINGING).run())
        await sink.until(lambda sink: "lost" in sink.whats)
        sinks_lost.set()
        assert await running == "logout"

    sink = with_server(handler, test)
    [lost] = [record for record in sink.log if record.what == "lost"]
    assert "ping" in str(lost.detail)


def test_a_gap_begins_with_the_last_sign_of_life():
    count = itertools.count()
    heard = []

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(accepted())
        if next(count):
            await socket.send(LOGOUT)
            await idle(socket)
        else:
            await asyncio.sleep(0.6)  # and no ping before
            await socket.send(event(1))
            heard.append(time.time_ns() // 1000)
            socket.transport.pause_reading()
            await lost.wait()
            socket.transport.abort()

    lost = asyncio.Event()
    times = replace(QUICK, ping=0.8, pong=0.4)

    async def test(server: Server, sink: Sink) -> None:
        running = asyncio.create_task(connect(server, sink, timeouts=times).run())
        await sink.until(lambda sink: "lost" in sink.whats)
        lost.set()
        assert await running == "logout"

    sink = with_server(handler, test)
    [record] = [record for record in sink.log if record.what == "lost"]
    alive_at, _ = record.facts["alive"]
    assert abs(alive_at - heard[0]) < 250_000
    assert record.at - alive_at > 600_000
    log = ConnectionLog()
    for each in sink.log:
        log.add(each)
    [gap] = log.gaps
    assert gap[0] == alive_at


def test_after_a_long_silence_the_same_is_asked_for_again_and_answered_it_goes_on():
    asked = []

    async def handler(socket: ServerConnection) -> None:
        for _ in range(3):
            asked.append(json.loads(await socket.recv()))
            await socket.send(accepted())
        await socket.send(LOGOUT)
        await idle(socket)

    times = replace(PINGING, silence=0.5, reply=1)

    async def test(server: Server, sink: Sink) -> None:
        assert await connect(server, sink, timeouts=times).run() == "logout"

    sink = with_server(handler, test)
    assert asked[0] == asked[1] == asked[2]
    assert sink.whats == ["connected", *["subscribing", "subscribed"] * 3]


def test_a_server_that_leaves_the_second_asking_unanswered_is_lost_though_it_answers_pings():
    count = itertools.count()

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(accepted())
        if next(count):
            await socket.send(LOGOUT)
        await idle(socket)

    times = replace(PINGING, silence=0.5, reply=0.5)

    async def test(server: Server, sink: Sink) -> None:
        assert await connect(server, sink, timeouts=times).run() == "logout"

    sink = with_server(handler, test)
    [lost] = [record for record in sink.log if record.what == "lost"]
    assert "subscription again within 0.5 s" in str(lost.detail)


def test_heartbeats_are_signs_of_life_and_nothing_is_asked_again():
    asked = []

    async def handler(socket: ServerConnection) -> None:
        asked.append(await socket.recv())
        await socket.send(accepted())
        for _ in range(20):
            await socket.send("X")
            await asyncio.sleep(0.1)
        await socket.send(LOGOUT)
        await idle(socket)

    times = replace(PINGING, silence=1)

    async def test(server: Server, sink: Sink) -> None:
        assert await connect(server, sink, timeouts=times).run() == "logout"

    with_server(handler, test)
    assert len(asked) == 1


def test_our_own_slowness_is_no_death_of_the_server():
    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(accepted())
        for _ in range(60):  # far more than fits into the line: no pong is read either
            await socket.send(event(1, 500_000))
        await (await socket.ping())  # which only an open connection answers
        await socket.send(LOGOUT)
        await idle(socket)

    async def test(server: Server, sink: Sink) -> None:
        put = sink.put

        async def slow(record: Record) -> None:
            if isinstance(record, MessageRecord) and record.seq == 5:
                await asyncio.sleep(1.5)  # many times the ping's patience
            await put(record)

        sink.put = slow  # type: ignore[method-assign]
        assert await connect(server, sink, timeouts=PINGING).run() == "logout"

    sink = with_server(handler, test)
    assert "lost" not in sink.whats


def test_a_refusal_for_good_ends_it_and_one_that_may_pass_is_tried_again():
    answers = iter([accepted(), refused(6), refused(4321), accepted(), refused(4)])

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(next(answers))
        socket.transport.close()

    error, sink = failing(handler)
    assert isinstance(error, fl.AuthenticationError)
    assert sink.whats.count("subscribed") == 2
    assert sink.whats[-1] == "refused"


# -- a session that ends -----------------------------------------------------------------------


def renewing(answers: list[list[str]], keys: list[str | fl.FleetlabError], **more: Any):
    """Run against a server that answers each connection's subscription in its own way."""
    asked = []
    script, coming = iter(answers), iter(keys)

    async def handler(socket: ServerConnection) -> None:
        asked.append(json.loads(await socket.recv())["hash"])
        for text in next(script):
            await socket.send(text)
        await idle(socket)

    async def renew() -> str:
        key = next(coming)
        if isinstance(key, fl.FleetlabError):
            raise key
        return key

    async def test(server: Server, sink: Sink) -> None:
        ended.append(await connect(server, sink, renew=renew, **more).run())

    ended: list[str] = []
    sink = with_server(handler, test)
    return asked, ended, sink


def test_a_session_that_ended_is_renewed_and_the_same_asked_for_again():
    later = fl.ServerUnavailable("later")
    asked, ended, sink = renewing(
        [[accepted(), LOGOUT], [accepted(), LOGOUT]], [later, later, "second", "third"]
    )
    # The second one ended at once: somebody wants it so.
    assert (asked, ended) == ([KEY, "second"], ["logout"])
    assert sink.whats == [
        *("connected", "subscribing", "subscribed", "lost", "failed", "failed", "renewed"),
        *("retry", "connected", "subscribing", "subscribed"),
    ]
    assert "second" not in str(sink.log)


def test_a_session_that_a_return_finds_ended_is_renewed_too():
    asked, ended, sink = renewing(
        [[accepted(), refused(6)], [refused(4)], [accepted(), LOGOUT]], ["second"]
    )
    assert (asked, ended) == ([KEY, KEY, "second"], ["logout"])
    assert sink.whats.count("renewed") == 1


def test_a_login_that_is_refused_ends_it():
    wrong = fl.AuthenticationError("wrong", code=102)
    asked, ended, sink = renewing([[accepted(), LOGOUT]], [wrong])
    assert (asked, ended) == ([KEY], ["logout"])
    assert sink.whats[-2:] == ["lost", "refused"]
    with pytest.raises(fl.AuthenticationError, match="code 4"):
        renewing([[accepted(), refused(6)], [refused(4)]], [wrong])


def test_a_first_connection_that_is_refused_is_not_renewed():
    with pytest.raises(fl.AuthenticationError, match="code 4"):
        renewing([[refused(4)]], ["second"])


def test_the_wait_grows_until_a_good_event_has_come():
    made = []

    def delays():
        made.append("begun")
        return iter([0.01] * 10)

    script = iter([["e"], [], [], ["e"], ["end"]])

    async def handler(socket: ServerConnection) -> None:
        steps = next(script)
        await socket.recv()
        await socket.send(HANDSHAKE)
        await socket.send(accepted())
        for step in steps:
            await socket.send(event(1) if step == "e" else LOGOUT)
        if "end" in steps:
            await idle(socket)
        else:
            await socket.close()

    async def test(server: Server, sink: Sink) -> None:
        times = Timeouts(answer=2, close=0.2, delays=delays)
        assert await connect(server, sink, timeouts=times).run() == "logout"

    sink = with_server(handler, test)
    # Neither a handshake nor an answer is enough: only after an event does the count begin anew.
    assert [r.attempt for r in sink.log if r.what == "connected"] == [1, 1, 2, 3, 1]
    assert len(made) == 3


def test_the_waits_double_with_jitter_up_to_a_minute():
    waits = list(itertools.islice(backoff(), 12))
    for number, wait in enumerate(waits):
        full = min(2.0**number, 60.0)
        assert full / 2 <= wait <= full
    assert len(set(waits)) == len(waits)
