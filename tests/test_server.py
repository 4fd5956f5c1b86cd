"""Which server, and who asks: nothing secret is shown, and nothing secret goes unencrypted."""

from __future__ import annotations

import traceback

import pytest

import fleetlab as fl
from fleetlab.server import Credentials, redact, resolve_credentials, resolve_server

QUERY = (
    "X-Atmosphere-tracking-id=0&X-Atmosphere-Framework=2.3.6-javascript"
    "&X-Atmosphere-Transport=websocket&Content-Type=application/json&X-atmo-protocol=true"
)


@pytest.mark.parametrize(
    ("named", "base"),
    [
        ("eu", "https://api.eu.navixy.com/v2"),
        ("US", "https://api.us.navixy.com/v2"),
        (" me ", "https://api.me.navixy.com/v2"),
        ("https://api.example.com/", "https://api.example.com"),
        ("https://api.example.com:8443/v2/", "https://api.example.com:8443/v2"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080/v2", "http://localhost:8080/v2"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_server_is_a_region_or_a_base_url(named, base):
    server = resolve_server(named, {})
    assert server.base_url == base
    assert server.rest_url("tracker/list") == f"{base}/tracker/list"
    socket = f"ws{base.removeprefix('http')}/event/subscription?{QUERY}"
    assert server.websocket_url == socket


def test_the_environment_names_the_server_where_the_call_does_not():
    environ = {"FLEETLAB_SERVER": "us"}
    assert "us.navixy" in resolve_server(None, environ).base_url
    assert "eu.navixy" in resolve_server("eu", environ).base_url


@pytest.mark.parametrize("named", [None, "", "  "])
def test_no_server_is_an_error_that_names_all_ways(named):
    with pytest.raises(fl.InvalidArgument) as caught:
        resolve_server(named, {})
    for word in ('"eu"', '"us"', '"me"', '"demo"', "FLEETLAB_SERVER", "https://"):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("named", "hint"),
    [
        ("api.example.com", "https://api.example.com"),
        ("wss://api.example.com/x", "https://api.example.com"),
        ("ftp://api.example.com", "https://"),
        ("https://", "https://"),
        ("http://api.example.com/v2", "https://api.example.com/v2"),
        ("http://127.0.0.1.example.com", "https://"),
        ("https://host:port", "https://"),
        ("https://host:99999", "https://"),
        ("https://[::1", "https://"),
        ("https://a..example.com", "https://"),
        (f"https://{'a' * 64}.example.com", "https://"),
    ],
)
def test_what_is_no_server_is_told_with_what_would_be(named, hint):
    with pytest.raises(fl.InvalidArgument, match=hint):
        resolve_server(named, {})


@pytest.mark.parametrize(
    "named",
    [
        "https://me:hunter2@api.example.com",
        "https://api.example.com/v2?hash=hunter2",
        "https://api.example.com/#hunter2",
        "wss://me:hunter2@api.example.com",
        "me:hunter2@api.example.com",
        "https:/me:hunter2@api.example.com",
        "https://me:hunter2@[::1",
        "//api.example.com/?hash=hunter2",
        "hunter20123456789abcdef012345678",
        "http://api.example.com/hunter20123456789abcdef012345678",
    ],
)
def test_a_url_with_a_secret_in_it_is_refused_without_showing_it(named):
    with pytest.raises(fl.InvalidArgument) as caught:
        resolve_server(named, {})
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_wrong_server_without_a_secret_in_it_is_shown():
    with pytest.raises(fl.InvalidArgument, match="server='eur'"):
        resolve_server("eur", {})


def test_an_encrypted_server_and_one_on_this_machine_are_told_apart():
    here, there = resolve_server("http://[::1]:8080", {}), resolve_server("eu", {})
    assert (here.is_secure, here.is_loopback, here.host) == (False, True, "[::1]:8080")
    assert (there.is_secure, there.is_loopback, there.host) == (True, False, "api.eu.navixy.com")


def test_credentials_show_nothing():
    made = Credentials(api_key="hunter2", login="me", password="hunter3")
    assert "hunter" not in repr(made)
    assert made.secrets == ("hunter2", "hunter3")


def test_the_key_comes_from_the_call_or_else_the_environment():
    environ = {"FLEETLAB_API_KEY": " abc \n"}
    assert resolve_credentials(None, None, None, environ).api_key == "abc"
    assert resolve_credentials("def", None, None, environ).api_key == "def"
    both = resolve_credentials(None, "me", "hunter2", environ)
    assert (both.api_key, both.login, both.password) == (None, "me", "hunter2")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((None, None, None), "FLEETLAB_API_KEY"),
        (("", None, None), "FLEETLAB_API_KEY"),
        (("abc", "me", "x"), "one of them"),
        ((None, "me", None), "password"),
        ((None, None, "hunter2"), "login"),
        (("abc def", None, None), "copy it again"),
        (("abc\ndef", None, None), "copy it again"),
    ],
)
def test_credentials_that_do_not_fit_are_told_without_showing_them(arguments, word):
    with pytest.raises(fl.InvalidArgument, match=word) as caught:
        resolve_credentials(*arguments, {})
    assert "hunter2" not in str(caught.value)
    assert "def" not in str(caught.value)


def test_redaction_takes_out_every_secret():
    assert redact("a hunter2 b hunter3 hunter2", ("hunter2", "hunter3")) == (
        "a [redacted] b [redacted] [redacted]"
    )
    assert redact("hunter2345", ("hunter2", "hunter2345", "")) == "[redacted]"
