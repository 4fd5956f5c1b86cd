"""The REST side: `user/auth`, `user/get_info` and `tracker/list`, by POST or GET."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from fleetlab.simulator import wire

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from fleetlab.simulator.feed import Platform

__all__ = ["Rest"]

_HTTP = {1: 500, 6: 500, 8: 503, 11: 403, 13: 403, 14: 503, 15: 429, 208: 403, 236: 403}
_WRONG_FORMAT = 5
_WRONG_LOGIN = 102
_WRONG_HANDLER = 111


class Rest:
    """Answers REST calls.

    Attributes
    ----------
    down : bool
        While true every call gets 503 and a page of text, as from a gateway without its server.
    """

    def __init__(self, platform: Platform, zone: ZoneInfo) -> None:
        self.down = False
        self._platform = platform
        self._zone = zone
        self._calls: dict[str, Callable[[], dict[str, Any]]] = {
            "tracker/list": self._tracker_list,
            "user/get_info": self._user_info,
        }

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
        self._platform.ledger.asked(action, body, rest=True)
        if action == "user/auth":
            return self._auth(body)
        call = self._calls.get(action)
        if call is None:
            return _refused(_WRONG_HANDLER)
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        given = key.strip() if scheme == "NVX" else body.get("hash")
        code = self._platform.account.refusal(given)
        return _refused(code) if code is not None else _json({"success": True, **call()})

    def _auth(self, body: dict[str, Any]) -> web.Response:
        account = self._platform.account
        fresh = account.log_in(str(body.get("login")), str(body.get("password")))
        if fresh is None:
            return _refused(_WRONG_LOGIN)
        return _json({"success": True, "hash": fresh})

    def _user_info(self) -> dict[str, Any]:
        return {
            "user_info": {
                "id": 43_568,
                "login": self._platform.account.login,
                "title": "Demo fleet",
                "time_zone": self._zone.key,
                "locale": "es_ES",
                "verified": True,
            }
        }

    def _tracker_list(self) -> dict[str, Any]:
        world = self._platform.world
        trackers = []
        for tracker in world.trackers.values():
            vehicle = world.vehicle(tracker)
            source = {
                "id": vehicle.source_id,
                "device_id": f"{352_093_080_000_000 + vehicle.source_id}",
                "model": vehicle.kind.model,
                "blocked": tracker.vehicle in world.blocked,
                "tariff_id": 345,
                "phone": f"3460{vehicle.source_id:07d}",
                "status_listing_id": None,
                "creation_date": "2024-09-21",
            }
            trackers.append(
                {
                    "id": tracker.tracker_id,
                    "label": tracker.label,
                    "group_id": tracker.group_id,
                    "source": source,
                    "clone": tracker.clone,
                }
            )
        return {"list": trackers}


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
