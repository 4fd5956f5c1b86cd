"""The platform's status codes: the error that each means, and whether to try again."""

from __future__ import annotations

from typing import Final

from fleetlab.errors import (
    AuthenticationError,
    FleetlabError,
    ProtocolError,
    RequestRefused,
    ServerUnavailable,
    Words,
)
from fleetlab.server import CHECK_ADDRESS

__all__ = ["TOO_MANY", "error_for", "is_retryable"]

TOO_MANY: Final = 15
"""The platform was asked too often."""

_COPY: Final = "A key has 32 digits and letters from a to f: copy it again to FLEETLAB_API_KEY, or "
_SET_KEY: Final = Words(f"{_COPY}pass api_key= or login= and password=.", f"{_COPY}use --login.")
_KEY_CODES: Final = (3, 4)
_FATAL: Final[dict[int, tuple[type[FleetlabError], str]]] = {
    3: (AuthenticationError, "The key is not valid."),
    4: (AuthenticationError, "The key is not known, or its session has ended."),
    102: (AuthenticationError, "Login or password are wrong."),
    5: (RequestRefused, "The server did not understand the request."),
    7: (RequestRefused, "The server takes no such parameters."),
    11: (RequestRefused, "This key may not do that; ask the account's owner for the right."),
    13: (RequestRefused, "That is not permitted here; ask the account's owner."),
    111: (ProtocolError, f"The server has no such call at that address. {CHECK_ADDRESS}"),
    208: (RequestRefused, "The device is blocked; unblock it on the platform first."),
    236: (RequestRefused, "The account's tariff doesn't include that."),
    275: (RequestRefused, "The user is blocked; ask the platform's support."),
    276: (RequestRefused, "That is forbidden for this kind of session; use an API key."),
}
_TOO_LARGE: Final = 2**63
_LATER: Final[dict[int, str]] = {
    1: "The platform's database has failed.",
    6: "The platform met an unexpected error.",
    8: "The platform's queue is not available.",
    14: "The platform's database is not available.",
    TOO_MANY: Words(
        "Too many requests; a longer rate_limit or fewer captures at once help.",
        "Too many requests; a longer --rate-limit or fewer captures at once help.",
    ),
    229: "The platform is not ready.",
}


def error_for(code: int | None, description: str, asked: str = "") -> FleetlabError:
    """Return the error that a status code of the platform means.

    Parameters
    ----------
    code : int or None
        The code, as in the platform's documentation.
    description : str
        The server's words.
    asked : str
        What was asked for; shown where that was the mistake.
    """
    if code is not None and not -_TOO_LARGE <= code < _TOO_LARGE:
        code = None  # no code of the platform's, and none that a column holds
    said = f"The server said: {description} (code {code})."
    if code in _FATAL:
        kind, sentence = _FATAL[code]
        remedy = [" ", _SET_KEY] if code in _KEY_CODES else []
        shown = f" Asked for: {asked}" if code in (5, 7) and asked else ""
        return kind(sentence, *remedy, f" {said}{shown}", code=code)
    if code in _LATER:
        return ServerUnavailable(_LATER[code], f" Try again later. {said}", code=code)
    return RequestRefused(f"The request was refused. {said}", code=code)


def is_retryable(code: int | None) -> bool:
    """Tell whether to try again after a status code; codes unknown today may be passing."""
    return code not in _FATAL
