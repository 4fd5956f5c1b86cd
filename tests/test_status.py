"""Which error each code of the platform is, and which are worth another try."""

from __future__ import annotations

import pytest

import fleetlab as fl
from fleetlab.status import error_for, is_retryable


@pytest.mark.parametrize(
    ("codes", "kind", "retryable"),
    [
        ((3, 4, 102), fl.AuthenticationError, False),
        ((5, 7, 11, 13, 208, 236, 275, 276), fl.RequestRefused, False),
        ((1, 6, 8, 14, 15, 229), fl.ServerUnavailable, True),
        ((9999, None), fl.RequestRefused, True),
    ],
)
def test_each_code_is_the_right_error_and_worth_a_retry_or_not(codes, kind, retryable):
    for code in codes:
        error = error_for(code, "the server's words", "[asked]")
        assert type(error) is kind
        assert error.code == code
        assert "the server's words" in str(error)
        assert is_retryable(code) is retryable


def test_an_error_says_what_to_do():
    assert "FLEETLAB_API_KEY" in str(error_for(4, ""))
    for code in (2**63, -(2**64), 10**300):  # no column holds these
        assert error_for(code, "words").code is None
    assert "[asked]" in str(error_for(7, "", "[asked]"))
    assert "rate_limit" in str(error_for(15, ""))
