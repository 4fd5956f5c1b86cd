"""What clients of a replay meet at the point that it has come to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from fleetlab.simulator import wire
from fleetlab.simulator.conversation import Conversation
from fleetlab.simulator.replay.prelude import names_zone
from fleetlab.simulator.requests import read_requests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fleetlab.simulator.conversation import Frame, Service
    from fleetlab.simulator.replay.script import Opened, Replied
    from fleetlab.simulator.requests import Message, Request

__all__ = ["Listener", "Phase", "Stage", "as_frame"]

Phase = Literal["waiting", "playing", "gap", "finished"]

_ASKED_FOR: Final = ("state", "state_batch", "readings_batch", "iot_monitor")


class Stage:
    """What all clients meet.

    Parameters
    ----------
    replies : mapping of str to Any
        What REST calls are answered with until the playback comes to a later reply.

    Attributes
    ----------
    is_open : bool
        Whether WebSockets are opened.
    asked : asyncio.Event
        Set whenever a client subscribes.
    phase : str
        What goes on, for people.
    """

    def __init__(self, replies: Mapping[str, Any]) -> None:
        self.is_open = True
        self.asked = asyncio.Event()
        self.phase: Phase = "waiting"
        self._replies = dict(replies)
        self._reply: bytes | None = None
        self._accepts = True
        self._told: dict[str, Any] = {}

    def reply(self, call: str) -> dict[str, Any] | None:
        """Return what a REST call is answered with, if the recording holds anything."""
        reply = self._replies.get(call)
        return reply if isinstance(reply, dict) else None

    def replied(self, step: Replied) -> None:
        """Come to another reply."""
        if step.call != "user/get_info" or names_zone(step.reply):
            self._replies[step.call] = step.reply

    def opened(self, step: Opened) -> None:
        """Come to another connection, on which subscribing was answered in another way."""
        self._accepts = step.accepted
        self._told = {}
        self.answered(step.reply)

    def answered(self, reply: bytes | None) -> None:
        """Come to another answer to a subscription."""
        self._reply = reply
        if reply is not None and self._accepts:
            data = msgspec.json.decode(reply).get("data")
            self._told = data if isinstance(data, dict) else {}

    def subscribe(self, requests: list[Request]) -> tuple[Sequence[Frame], bool]:
        """Return how a subscription is answered, and whether it is accepted.

        Whoever asks for what the recording asked for gets its very answer.
        """
        self.asked.set()
        if self._accepts:
            return [self.response("subscribe", requests)], True
        return [] if self._reply is None else [as_frame(self._reply)], False

    def response(self, action: str, requests: list[Request]) -> Frame:
        """Return what becomes of each tracker that was asked for."""
        data: dict[str, Any] = {}
        for request in requests:
            entry = self._entry(request)
            if request.event in data and "value" in entry:
                entry["value"] = data[request.event].get("value", {}) | entry["value"]
            data[request.event] = entry
        if action == "subscribe" and self._reply is not None and data == self._told:
            return as_frame(self._reply)
        return wire.encode(
            {
                "type": "response",
                "action": f"subscription/{action}",
                "events": list(data),
                "data": data,
            }
        )

    def _entry(self, request: Request) -> dict[str, Any]:
        told = self._told.get(request.event)
        entry: dict[str, Any] = dict(told) if isinstance(told, dict) else {"success": True}
        known = entry.get("value")
        if not isinstance(known, dict):
            if entry.get("success") is False:
                return entry  # the recording was refused this event
            known = {}
        statuses = self._everybody() | known
        if request.trackers is None:
            return entry | {"value": known or statuses}
        asked = map(str, request.trackers)
        return entry | {"value": {key: statuses.get(key, "unknown") for key in asked}}

    def _everybody(self) -> dict[str, str]:
        trackers = (self.reply("tracker/list") or {}).get("list")
        found = trackers if isinstance(trackers, list) else []
        return {str(one["id"]): "normal" for one in found if isinstance(one, dict) and "id" in one}


class Listener(Conversation):
    """What one client has asked for."""

    def __init__(self, service: Service, stage: Stage) -> None:
        super().__init__(service)
        self._stage = stage
        self._asked: dict[str, set[int] | None] = {}

    @property
    def subscribed(self) -> bool:
        """Whether anything is subscribed to, and logout with it."""
        return bool(self._asked)

    def wants(self, event: str | None) -> bool:
        """Whether a frame is for this client; what is no event is for every subscriber."""
        if event in _ASKED_FOR:
            return event in self._asked
        if event == "lifecycle":
            return any(asked != "iot_monitor" for asked in self._asked)
        return self.subscribed

    def _accept(self, message: Message) -> Sequence[Frame]:
        requests = read_requests(message)
        if message.action == "unsubscribe":
            for request in requests:
                self._unsubscribe(request)
            return [self._stage.response("unsubscribe", requests)]
        frames, accepted = self._stage.subscribe(requests)
        if accepted:
            for request in requests:
                trackers = request.trackers
                self._asked[request.event] = None if trackers is None else set(trackers)
        return frames

    def _unsubscribe(self, request: Request) -> None:
        if request.event not in self._asked:
            return
        asked = self._asked[request.event]
        if request.trackers is None:
            del self._asked[request.event]
        elif asked is not None:
            asked.difference_update(request.trackers)
            if not asked:
                del self._asked[request.event]


def as_frame(data: bytes) -> Frame:
    """Return what a frame is sent as: text, unless it can't be any."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data
