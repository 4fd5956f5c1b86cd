"""The REST side: where the key goes, and what each failure says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import fleetlab as fl
from fleetlab import rest
from fleetlab.rest import RestClient, ssl_context
from fleetlab.server import Server

KEY = "0123456789abcdef0123456789abcdef"
CERTIFICATE = Path(__file__).parent / "data" / "self-signed.pem"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def ask(handler: Handler | None, work: Callable[[RestClient], Awaitable[Any]], **site: Any) -> Any:
    """Run a client against a handler on loopback."""

    async def main() -> Any:
        app = web.Application()
        if handler is not None:
            app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
        await runner.setup()
        made = web.TCPSite(runner, "127.0.0.1", 0, **site)
        await made.start()
        port = made._server.sockets[0].getsockname()[1]
        scheme = "https" if site else "http"
        server = Server(f"{scheme}://127.0.0.1:{port}/v2")
        try:
            async with RestClient(server, ssl_context(server), KEY) as client:
                return await work(client)
        finally:
            await runner.cleanup()

    return asyncio.run(main())


def trackers(client: RestClient) -> Awaitable[Any]:
    return client.call("tracker/list")


def replying(http: int, **body: Any) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response(body, status=http)

    return handler


def failing(http: int, code: int, words: str = "words") -> Handler:
    return replying(http, success=False, status={"code": code, "description": words})


def test_the_key_travels_in_a_header_and_in_nothing_else():
    seen: dict[str, Any] = {}

    async def handler(request: web.Request) -> web.Response:
        seen.update(path=request.raw_path, body=await request.text(), method=request.method)
        seen["header"] = request.headers["Authorization"]
        return web.json_response({"success": True, "list": [{"id": 2**60 + 1}]})

    reply = ask(handler, trackers)
    assert reply["list"] == [{"id": 2**60 + 1}]
    assert seen == {
        "path": "/v2/tracker/list",
        "body": "{}",
        "method": "POST",
        "header": f"NVX {KEY}",
    }


def test_login_and_password_are_exchanged_for_a_session_hash():
    async def handler(request: web.Request) -> web.Response:
        assert await request.json() == {"login": "me", "password": "hunter2"}
        assert "Authorization" not in request.headers
        return web.json_response({"success": True, "hash": "abc"})

    assert ask(handler, lambda client: client.auth("me", "hunter2")) == "abc"


def test_a_login_without_a_hash_in_the_answer_is_a_protocol_error():
    with pytest.raises(fl.ProtocolError, match="session hash"):
        ask(replying(200, success=True), lambda client: client.auth("me", "hunter2"))


def test_a_redirect_is_not_followed_and_the_key_not_sent_on():
    paths = []

    async def handler(request: web.Request) -> web.Response:
        paths.append(request.path)
        raise web.HTTPFound("/elsewhere")

    with pytest.raises(fl.ProtocolError, match="another address"):
        ask(handler, trackers)
    assert paths == ["/v2/tracker/list"]


@pytest.mark.parametrize(
    ("handler", "error", "words"),
    [
        (failing(400, 4), fl.AuthenticationError, "FLEETLAB_API_KEY"),
        (failing(401, 102), fl.AuthenticationError, "password"),
        (failing(200, 11, "no rights"), fl.RequestRefused, "no rights"),
        (failing(429, 15), fl.ServerUnavailable, "later"),
        (failing(400, 12345, "new"), fl.RequestRefused, "new"),
        (replying(503), fl.ServerUnavailable, "503"),
        (replying(404), fl.ProtocolError, "/v2"),
        (replying(200, hello="world"), fl.ProtocolError, "HTTP 200"),
        (None, fl.ProtocolError, "404"),
    ],
)
def test_each_answer_that_is_none_ends_in_the_right_error(handler, error, words):
    with pytest.raises(error, match=words) as caught:
        ask(handler, trackers)
    assert KEY not in str(caught.value)


def test_an_error_that_echoes_a_secret_is_told_without_it():
    words = f"no {KEY}, no hunter2"
    for work in (trackers, lambda client: client.auth("somebody", "hunter2")):
        with pytest.raises(fl.RequestRefused) as caught:
            ask(failing(400, 13, words), work)
        assert "[redacted]" in str(caught.value)
        secret = KEY if work is trackers else "hunter2"
        assert secret not in str(caught.value)


def test_an_endless_reply_is_cut_at_a_limit(monkeypatch):
    monkeypatch.setattr(rest, "REPLY_LIMIT", 1_000)

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 1_000)

    with pytest.raises(fl.ProtocolError, match="1,000 bytes"):
        ask(handler, trackers)


def test_a_server_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(rest, "TIMEOUTS", rest.aiohttp.ClientTimeout(sock_read=0.2))

    async def handler(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(fl.ServerUnavailable, match="did not answer in time"):
        ask(handler, trackers)


def call_at(base_url: str) -> None:
    async def main() -> None:
        server = Server(base_url)
        async with RestClient(server, ssl_context(server)) as client:
            await client.call("tracker/list")

    asyncio.run(main())


def test_a_refused_connection_says_so():
    with pytest.raises(fl.ServerUnavailable, match="refuses connections"):
        call_at("http://127.0.0.1:1")


def test_an_unknown_host_says_so():
    with pytest.raises(fl.ServerUnavailable, match=r"no-such-host\.invalid is not known"):
        call_at("https://no-such-host.invalid")


def test_a_certificate_that_nobody_vouches_for_is_refused():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    reached = []

    async def handler(request: web.Request) -> web.Response:
        reached.append(request)
        return web.json_response({"success": True})

    with pytest.raises(fl.ServerUnavailable, match=r"certificate of .* is not trusted"):
        ask(handler, trackers, ssl_context=context)
    assert reached == []


def test_proxies_of_the_environment_are_not_used_on_this_machine(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert ask(replying(200, success=True, list=[]), trackers)["list"] == []
