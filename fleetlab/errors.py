"""Every error that fleetlab raises on purpose.

::

    FleetlabError
    ├── AuthenticationError    the key, login or session is not valid (any more)
    ├── RequestRefused         the server knows us, and won't do what was asked
    ├── ServerUnavailable      no answer, or one that says "later"
    ├── ProtocolError          an answer that isn't the platform's protocol
    ├── RecordingError         a folder or file of a recording can't be used
    └── InvalidArgument        a call's arguments don't fit (also a ValueError)
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

    from fleetlab.recording import Recording

__all__ = [
    "AuthenticationError",
    "FleetlabError",
    "InvalidArgument",
    "ProtocolError",
    "RecordingError",
    "RequestRefused",
    "ServerUnavailable",
    "Words",
    "argument",
    "bare",
]


class Words(str):
    """Words of a sentence that are others where it is read in a terminal.

    Parameters
    ----------
    python : str
        For those who call functions.
    terminal : str
        For those who type commands.
    """

    __slots__ = ("terminal",)
    terminal: str

    def __new__(cls, python: str, terminal: str) -> Self:  # noqa: D102 - as the class says
        words = super().__new__(cls, python)
        words.terminal = terminal
        return words


def argument(name: str, *value: object) -> Words:
    """Return how an argument is written: ``save_to=`` in Python, ``--save-to`` in a terminal.

    Parameters
    ----------
    name : str
        Its name in Python.
    *value : object
        What was given, or might be; left out, the name stands alone.
    """
    given = "".join(map(repr, value))
    typed = "".join(f" {shlex.quote(str(one))}" for one in value)
    return Words(f"{name}={given}", f"--{name.replace('_', '-')}{typed}")


class FleetlabError(Exception):
    """Base of all errors that fleetlab raises on purpose.

    Parameters
    ----------
    *words : str
        What happened, and what to do, in one piece or several; some read otherwise in a terminal.
    code : int, optional
        See below.

    Attributes
    ----------
    in_terminal : str
        The same in the words of the command line.
    recording : Recording or None
        What had been recorded when the error ended a capture; None where nothing had been.
    code : int or None
        The platform's status code or the WebSocket's close code, where there was one.
    """

    recording: Recording | None = None

    def __init__(self, *words: str, code: int | None = None) -> None:
        super().__init__("".join(words))
        self.in_terminal = "".join(getattr(word, "terminal", word) for word in words)
        self.code = code


class AuthenticationError(FleetlabError):
    """The key, the login or the session is not valid, or not any more."""


class RequestRefused(FleetlabError):
    """The server understood who asks, and refuses what was asked."""


class ServerUnavailable(FleetlabError):
    """The server can't be reached, doesn't answer, or says to come back later."""


class ProtocolError(FleetlabError):
    """Something answered, but not in the platform's protocol."""


class RecordingError(FleetlabError):
    """A recording's folder or file can't be written, read or understood."""


class InvalidArgument(FleetlabError, ValueError):
    """An argument of a call doesn't fit; the message says what would."""


def bare(error: FleetlabError) -> FleetlabError:
    """Return an error without the way that it took.

    Its frames hold the key, or a server's words that may echo it, and there are tools that show
    the variables of a traceback. What is worth to be known of the causes is in the error's words.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
