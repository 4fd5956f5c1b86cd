"""What the command line asks a person for, and what it takes from the environment."""

from __future__ import annotations

import sys

import pytest
import typer

from fleetlab.options import credentials


@pytest.fixture
def asked(monkeypatch) -> list[tuple[str, bool]]:
    """What is prompted for on a terminal, each with whether it stays unseen."""
    prompts: list[tuple[str, bool]] = []

    def prompt(text: str, *, hide_input: bool, err: bool) -> str:
        assert err, "what is piped holds no prompts"
        prompts.append((text, hide_input))
        return "typed"

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "prompt", prompt)
    return prompts


def test_a_key_or_a_password_that_nothing_tells_is_asked_for_unseen(asked):
    assert credentials("eu", None) == {"api_key": "typed"}
    assert credentials("eu", "me") == {"login": "me", "password": "typed"}
    assert asked == [("API key", True), ("Password", True)]


def test_nothing_is_asked_for_that_the_environment_tells(asked, monkeypatch):
    monkeypatch.setenv("FLEETLAB_API_KEY", "a" * 32)
    monkeypatch.setenv("FLEETLAB_PASSWORD", "secret")
    assert credentials("eu", None) == {}
    assert credentials("eu", "me") == {"login": "me", "password": "secret"}
    assert asked == []


@pytest.mark.parametrize("server", ["demo", None])
def test_the_simulator_and_no_server_at_all_need_no_key(asked, server):
    assert credentials(server, None) == {}
    assert asked == []


def test_nobody_is_asked_where_nobody_sits(asked, monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert credentials("eu", None) == {}
    assert credentials("eu", "me") == {"login": "me", "password": None}
    assert asked == []
