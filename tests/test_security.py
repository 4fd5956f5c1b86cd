"""The key goes to the named host alone; a hostile server learns nothing and breaks nothing."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import traceback
import zipfile
import zlib
from pathlib import Path

import psutil
import pytest

import fleetlab as fl
from fleetlab.export import export
from fleetlab.rest import ssl_context
from fleetlab.server import Server
from fleetlab.timeouts import Timeouts
from tests.conftest import eventually
from tests.faults.server import KEY, FaultServer, Wire, event, frame, platform

PASSWORD = "correct-horse-battery"
SELF_SIGNED = Path(__file__).parent / "data" / "self-signed.pem"


def record(server: FaultServer, **more) -> fl.Recording:
    """Record until the server ends the session."""
    return fl.capture(server=server.base_url, view=False, **more)


@pytest.fixture(autouse=True)
def _key(monkeypatch) -> None:
    monkeypatch.setenv("FLEETLAB_API_KEY", KEY)


async def well(wire: Wire) -> None:
    await wire.live(events=3)
    await wire.logout()


async def never(_: Wire) -> None:
    raise AssertionError("nobody was to come here")


# -- TLS ---------------------------------------------------------------------------------------


def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)
    return context


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"PYTHONHTTPSVERIFY": "0"},
        {"SSL_CERT_FILE": "/dev/null"},
        {"SSL_CERT_FILE": "/nowhere", "SSL_CERT_DIR": "/nowhere"},
        {"REQUESTS_CA_BUNDLE": "", "CURL_CA_BUNDLE": "", "NODE_TLS_REJECT_UNAUTHORIZED": "0"},
    ],
    ids=str,
)
@pytest.mark.parametrize("client", ["websocket", "rest"])
def test_no_environment_switches_off_verification(monkeypatch, environment, client):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(ssl, "_create_default_https_context", ssl._create_unverified_context)
    # Whoever logs in meets the REST client first.
    who = {"login": "me", "password": PASSWORD} if client == "rest" else {}
    with FaultServer([never], tls=tls(), host="127.0.0.1") as server:
        with pytest.raises(fl.ServerUnavailable, match=r"certificate of .* is not trusted"):
            record(server, **who)
        assert server.requests == []


def test_a_certificate_that_the_user_vouches_for_is_taken_for_its_own_host_only(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(SELF_SIGNED))
    with FaultServer([well], tls=tls()) as server:
        rec = record(server)
    assert len(rec.state_batch)
    assert len(rec.trackers)  # REST over TLS, too
    with FaultServer([never], tls=tls(), host="127.0.0.2") as server:
        with pytest.raises(fl.ServerUnavailable, match="not trusted"):
            record(server)
        assert server.requests == []


def test_the_settings_of_tls_verify_and_no_argument_changes_them():
    context = ssl_context(Server("https://api.example.com"))
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert ssl_context(Server("http://127.0.0.1")) is None
    for word in ("verify", "ssl", "insecure"):
        with pytest.raises(TypeError):
            fl.start(server="demo", **{word: False})


# -- redirects ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("client", ["websocket", "rest", "login"])
def test_a_redirect_takes_the_key_nowhere(status, client):
    with FaultServer([never], host="127.0.0.2") as elsewhere:
        target = f"{elsewhere.base_url}/tracker/list"

        async def sent_on(wire: Wire) -> None:
            location = target.replace("http", "ws")
            await wire.raw(
                f"HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
            )

        with FaultServer([sent_on if client == "websocket" else well]) as server:
            if client != "websocket":
                server.rest = lambda _: (status, b"", f"Location: {target}\r\n")
            if client == "rest":
                rec = record(server)
                told = str(rec.connection.filter(what="trackers_unavailable")["detail"].to_list())
            else:
                who = {"login": "me", "password": PASSWORD} if client == "login" else {}
                with pytest.raises(fl.ProtocolError) as caught:
                    record(server, **who)
                told = str(caught.value)
        assert "another address" in told
        assert elsewhere.requests == []


# -- nowhere to be seen ------------------------------------------------------------------------


def shown(error: BaseException | None, seen: tuple[BaseException, ...] = ()) -> str:
    """All that tools show of an error: words, chain, and the variables of every frame of ours."""
    if error is None or error in seen:
        return ""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    told.stack[:] = [frame for frame in told.stack if frame.filename != __file__]
    chain = (*seen, error)
    return (
        repr(error)
        + "".join(told.format(chain=False))
        + shown(error.__cause__, chain)
        + shown(error.__context__, chain)
    )


async def echo_refusal(wire: Wire) -> None:
    await wire.open()
    echoed = {"code": 4, "description": await wire.heard()}
    await wire.say(json.dumps({"type": "error", "status": echoed}))
    await wire.stay()


async def echo_in_answer(wire: Wire) -> None:
    await wire.open()
    words = {"success": False, "status": {"description": await wire.heard()}}
    await wire.say(json.dumps({"type": "response", "data": {"state_batch": words}}))
    await wire.stay()


async def echo_in_close(wire: Wire) -> None:
    await wire.open()
    await wire.close(1008, (await wire.heard())[:100])


async def echo_in_http(wire: Wire) -> None:
    await wire.raw(f"HTTP/1.1 500 {KEY}\r\nX-Key: {KEY}\r\nContent-Length: 0\r\n\r\n".encode())


async def no_websocket(wire: Wire) -> None:
    await wire.raw(f"SMTP {KEY}\r\n\r\n".encode())


@pytest.mark.parametrize(
    "script", [echo_refusal, echo_in_answer, echo_in_close, echo_in_http, no_websocket]
)
@pytest.mark.parametrize("how", ["capture", "start", "acapture"])
def test_no_error_shows_the_key_not_even_with_the_variables_of_its_frames(script, how):
    async def main(server: FaultServer) -> None:
        await fl.acapture(server=server.base_url, api_key=KEY, view=False)

    calls = {
        "capture": record,
        "start": lambda server: fl.start(server=server.base_url, api_key=KEY).result(),
        "acapture": lambda server: asyncio.run(main(server)),
    }
    with FaultServer([script]) as server, pytest.raises(fl.FleetlabError) as caught:
        calls[how](server)
    assert KEY not in shown(caught.value)


def test_no_error_of_a_login_shows_the_password():
    def echo(call: str):
        words = f"{call}: no {PASSWORD}"
        return 400, json.dumps({"success": False, "status": {"code": 102, "description": words}})

    with FaultServer([never]) as server:
        server.rest = lambda call: (echo(call)[0], echo(call)[1].encode())
        with pytest.raises(fl.AuthenticationError) as caught:
            record(server, login="me", password=PASSWORD)
    assert PASSWORD not in shown(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seconds": "x"},
        {"server": "nonsense"},
        {"login": "me"},
        {"trackers": [1.5]},
        {"events": ["comet"]},
        {"save_to": "/dev/null/x"},
        {"minuets": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("call", [fl.capture, fl.start])
def test_no_wrong_argument_shows_the_key_beside_it(call, wrong):
    with pytest.raises((fl.FleetlabError, TypeError)) as caught:
        call(**({"server": "http://127.0.0.1:1", "api_key": KEY, "view": False} | wrong))
    assert KEY not in shown(caught.value)


def test_a_lost_connection_leaves_the_key_in_no_error_of_a_task(caplog):
    async def lost(wire: Wire) -> None:
        await wire.live()
        await wire.close(1011, KEY)

    async def refused(wire: Wire) -> None:
        await echo_refusal(wire)

    with FaultServer([lost, refused]) as server, pytest.raises(fl.AuthenticationError) as caught:
        record(server)
    assert KEY not in shown(caught.value)
    assert KEY not in str(caught.value.recording.connection.rows())
    assert KEY not in caplog.text


LOUD = """
import asyncio, logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
for name in ("websockets", "websockets.client", "aiohttp", "aiohttp.client", "asyncio"):
    logging.getLogger(name).setLevel(logging.DEBUG)
import fleetlab as fl
job = fl.start(server=sys.argv[1])
rec = job.result()
print(repr(job), repr(rec), rec._repr_html_(), rec.info, rec.connection.rows(), vars(job).keys())
"""


def test_the_loudest_logging_says_nothing_of_the_key(tmp_path):
    async def echo(wire: Wire) -> None:
        await wire.open()
        text = await wire.heard()
        await wire.say(text, good=False)
        await wire.say(event())
        await wire.logout()

    environ = {
        "FLEETLAB_API_KEY": KEY,
        "PYTHONASYNCIODEBUG": "1",
        "WEBSOCKETS_MAX_LOG_SIZE": "9999",
    }
    with FaultServer([echo]) as server:
        told = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "always", "-c", LOUD, server.base_url],
            env=os.environ | environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    assert "DEBUG:asyncio" in told.stdout  # it was loud
    for text in (told.stdout, told.stderr):
        assert KEY[:8] not in text


def test_the_key_is_in_no_process_list_and_no_process_is_started():
    before = set(psutil.Process().children(recursive=True))

    async def stay(wire: Wire) -> None:
        await wire.live(events=3)
        await wire.stay()

    with FaultServer([stay]) as server:
        job = fl.start(server=server.base_url, api_key=KEY)
        eventually(lambda: len(job.recording.state_batch), "rows come")
        assert set(psutil.Process().children(recursive=True)) == before
        assert KEY not in Path("/proc/self/cmdline").read_text()
        job.stop()


def test_a_request_has_the_key_in_its_body_or_its_header_and_in_no_address():
    with FaultServer([well]) as server:
        record(server)
    assert len(server.requests) >= 3
    for path, headers, body in server.requests:
        assert KEY not in path
        assert KEY.encode() not in body
        if "upgrade" in headers:  # the key follows in a message
            assert KEY not in str(headers)


# -- hostile words -----------------------------------------------------------------------------

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>"
FORMULA = '=HYPERLINK("http://evil","x")'


def hostile_platform(call: str) -> tuple[int, bytes]:
    if call == "tracker/list":
        labels = [MARKUP, FORMULA, "../../../../tmp/x"]
        trackers = [
            {"id": 1001 + n, "label": label, "source": {"id": 501 + n, "model": label}}
            for n, label in enumerate(labels)
        ]
        return 200, json.dumps({"success": True, "list": trackers}).encode()
    zone = {"time_zone": "../../../../../../etc/passwd"}
    return 200, json.dumps({"success": True, "user_info": zone}).encode()


@pytest.fixture
def hostile(tmp_path) -> fl.Recording:
    with FaultServer([well]) as server:
        server.rest = hostile_platform
        return record(server, save_to=tmp_path / "rec", note=MARKUP)


def test_words_of_a_server_are_no_markup_in_a_notebook(hostile):
    assert "<script" not in hostile._repr_html_()
    assert "<img" not in hostile._repr_html_()
    assert MARKUP in hostile.trackers["label"].to_list()
    assert "<script" not in hostile.trackers._repr_html_()


def test_words_of_a_server_are_no_formulas_in_a_workbook(hostile, tmp_path):
    file = export(hostile, "xlsx", tmp_path / "out.xlsx")
    with zipfile.ZipFile(file) as book:
        sheets = [book.read(name).decode() for name in book.namelist() if "worksheets" in name]
    assert not any(re.search(r"<f[ >]|<hyperlink", sheet) for sheet in sheets)


def test_a_zone_that_is_a_path_is_none(hostile):
    assert hostile.info.timezone is None


# -- bombs -------------------------------------------------------------------------------------

HUNGRY = """
import sys, threading
import fleetlab as fl
try:
    rec = fl.capture(server=sys.argv[1], view=False, seconds=60)
    print(rec.info.stopped_because, len(rec.rejects))
except fl.FleetlabError as error:
    print(type(error).__name__, error)
status = open("/proc/self/status").read()
print(int(status.split("VmHWM:")[1].split()[0]) // 1000)
"""

ROOM_MB = 1_000
"""What a hostile server may make of us; 63 KB of its objects once took ten times as much."""


def fed(server: FaultServer, tmp_path: Path) -> tuple[str, int]:
    """How a capture in a process of its own ended, and the memory that it took, in MB."""
    done = subprocess.run(
        [sys.executable, "-c", HUNGRY, server.base_url],
        env=os.environ | {"FLEETLAB_API_KEY": KEY},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    told, peak = done.stdout.strip().rsplit("\n", 1)
    return told, int(peak)


# Head, filling, tail, bytes of the filling, and how many times over.
BOMBS = {
    "objects": (b'{"type":"event","event":"state_batch","data":[{}', b",{}", b"]}", 63, 1),
    "numbers": (b'{"type":"event","event":"state_batch","data":[1', b",1", b"]}", 15, 1),
    "blanks": (b"", b" ", b"", 63, 6),
    "more than a message may have": (b"{", b" ", b"}", 300, 1),
}


def packed(head: bytes, item: bytes, tail: bytes, megabytes: int, bits: int) -> bytes:
    packer = zlib.compressobj(1, wbits=bits)
    block = item * (1_000_000 // len(item))
    parts = [packer.compress(head), *(packer.compress(block) for _ in range(megabytes))]
    parts += [packer.compress(tail), packer.flush(zlib.Z_SYNC_FLUSH if bits < 0 else zlib.Z_FINISH)]
    return b"".join(parts)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read in /proc")
@pytest.mark.parametrize("name", BOMBS)
def test_a_message_that_inflates_takes_bounded_memory(tmp_path, name):
    *parts, times = BOMBS[name]
    bomb = frame(packed(*parts, bits=-15)[:-4], deflated=True)

    async def throw(wire: Wire) -> None:
        await wire.live(events=2)
        for _ in range(times):
            await wire.raw(bomb)
        await wire.logout()

    with FaultServer([throw, well], deflate=True) as server:
        told, peak = fed(server, tmp_path)
    assert told.startswith("logout")
    assert peak < ROOM_MB, f"{name}: {peak} MB"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read in /proc")
def test_a_reply_that_inflates_takes_bounded_memory(tmp_path):
    bomb = packed(b"", b" ", b"", 300, bits=31)
    with FaultServer([well]) as server:
        server.rest = lambda _: (200, bomb, "Content-Encoding: gzip\r\n")
        told, peak = fed(server, tmp_path)
    assert told.startswith("logout")
    assert peak < ROOM_MB, f"{peak} MB"


def test_a_reply_of_millions_of_objects_is_refused_before_it_is_parsed():
    packed = gzip.compress(b'{"success":true,"list":[{}' + b",{}" * 20_000_000 + b"]}", 1)

    async def patient(wire: Wire) -> None:
        await wire.live(events=2)
        eventually_told.append(await asyncio.to_thread(told.wait, 30))
        await wire.logout()

    told, eventually_told = threading.Event(), []
    with FaultServer([patient]) as server:
        server.rest = lambda call: (
            (200, packed, "Content-Encoding: gzip\r\n") if "list" in call else platform(call)
        )
        job = fl.start(server=server.base_url, api_key=KEY, view=False)
        eventually(
            lambda: "trackers_unavailable" in job.recording.connection["what"], "it is refused", 30
        )
        told.set()
        eventually(lambda: not job.running, "the capture has ended")
    [refused] = job.recording.connection.filter(what="trackers_unavailable")["detail"]
    assert "500,000 objects" in refused


@pytest.mark.parametrize("client", ["websocket", "login"])
def test_endless_headers_are_given_up(client, monkeypatch):
    monkeypatch.setattr("fleetlab.connection.Timeouts", lambda: Timeouts(answer=1.0))

    async def endless() -> None:
        async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\n")
            with contextlib.suppress(OSError):
                while True:
                    writer.write(b"X-More: " + b"x" * 1_000 + b"\r\n")
                    await writer.drain()

        site = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = site.sockets[0].getsockname()[1]
        who = {"login": "me", "password": PASSWORD} if client == "login" else {"api_key": KEY}
        try:
            with pytest.raises((fl.ProtocolError, fl.ServerUnavailable)) as caught:
                await fl.acapture(server=f"http://127.0.0.1:{port}", view=False, **who)
        finally:
            site.close()
        errors.append(caught.value)

    errors: list[BaseException] = []
    asyncio.run(endless())
    assert KEY not in shown(errors[0])
    assert PASSWORD not in shown(errors[0])
