"""The REST side, by POST or GET: `user/auth`, and calls that need a key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from fleetlab.simulator import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fleetlab.simulator.conversation import Service

__all__ = ["Rest"]

_HTTP = {1: 500, 6: 500, 8: 503, 11: 403, 13: 403, 14: 503, 15: 429, 208: 403, 236: 403}
_WRONG_FORMAT = 5
_WRONG_LOGIN = 102
_WRONG_HANDLER = 111
_NOT_READY = 229


class Rest:
    """Answers REST calls.

    Parameters
    ----------
    service : Service
    calls : mapping of str to callable
        What makes the reply of each call that needs a key; one that returns None is not ready.

    Attributes
    ----------
    down : bool
        While true every call gets 503 and a page of text, as from a gateway without its server.
    """

    def __init__(
        self, service: Service, calls: Mapping[str, Callable[[], dict[str, Any] | None]]
    ) -> None:
        self.down = False
        self._service = service
        self._calls = calls

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one call."""
        if request.method == "OPTIONS":
            return web.Response()  # a browser asks first
        if self.down:
            return web.Response(status=503, text="Service Unavailable")
        action = request.path.strip("/").removeprefix("v2/")
        body: dict[str, Any] = dict(request.query)
        if request.can_read_body:
            posted = _read(await request.text())
            if posted is None:
                return _refused(_WRONG_FORMAT)
            body |= posted
        self._service.ledger.asked(action, body, rest=True)
        if action == "user/auth":
            return self._auth(body)
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        given = key.strip() if scheme == "NVX" else body.get("hash")
        call = self._calls.get(action)
        code = _WRONG_HANDLER if call is None else self._service.account.refusal(given)
        reply = call() if call is not None and code is None else None
        if reply is None:
            return _refused(_NOT_READY if code is None else code)
        return _json({"success": True, **reply})

    def _auth(self, body: dict[str, Any]) -> web.Response:
        account = self._service.account
        fresh = account.log_in(str(body.get("login")), str(body.get("password")))
        if fresh is None:
            return _refused(_WRONG_LOGIN)
        return _json({"success": True, "hash": fresh})


def _read(text: str) -> dict[str, Any] | None:
    """Return the object that a body holds, None if it holds none."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _json(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(text=wire.encode(body), status=status, content_type="application/json")


def _refused(code: int) -> web.Response:
    status = {"code": code, "description": wire.DESCRIPTIONS[code]}
    return _json({"success": False, "status": status}, _HTTP.get(code, 400))
