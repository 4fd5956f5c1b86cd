"""One connection's conversation: its messages answered, its subscriptions served. No I/O."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fleetlab.simulator import wire
from fleetlab.simulator.conversation import Conversation, Service
from fleetlab.simulator.frames import Subscription
from fleetlab.simulator.requests import Refusal, read_requests

if TYPE_CHECKING:
    from fleetlab.simulator.frames import Frames
    from fleetlab.simulator.requests import Message, Request
    from fleetlab.simulator.world import World

__all__ = ["Feed", "Platform"]


@dataclass(slots=True, kw_only=True)
class Platform(Service):
    """What all connections to the simulated fleet share.

    Attributes
    ----------
    world : World
    frames : Frames
    iso : bool or None
        Whether times are ISO 8601; None lets each client choose by `iso_datetime`.
    refusals : deque of (int, str or None)
        Codes and descriptions of the errors that the next subscribes are answered with.
    """

    world: World
    frames: Frames
    iso: bool | None
    refusals: deque[tuple[int, str | None]] = field(default_factory=deque)


class Feed(Conversation):
    """The subscriptions of one connection."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform)
        self._platform = platform
        self._subscriptions: list[Subscription] = []

    def due(self) -> list[str]:
        """Return the event frames that the client has coming as of the latest update."""
        frames = self._platform.frames
        return [text for one in self._subscriptions for text in frames.due(one)]

    def hears_of(self, tracker_ids: set[int]) -> bool:
        """Return whether lifecycle events of any of these trackers are subscribed to."""
        return any(
            one.request.event != "iot_monitor" and not tracker_ids.isdisjoint(one.tracker_ids)
            for one in self._subscriptions
        )

    @property
    def subscribed(self) -> bool:
        """Whether anything is subscribed to, and logout with it."""
        return bool(self._subscriptions)

    def _accept(self, message: Message) -> list[str]:
        if message.action == "subscribe" and self._platform.refusals:
            raise Refusal(message.action, *self._platform.refusals.popleft())
        requests = read_requests(message)
        told: dict[str, dict[str, str]] = {}
        for request in requests:
            told.setdefault(request.event, {}).update(self._statuses(request))
        replies = [wire.response(message.action, told)]
        if message.action == "unsubscribe":
            for request in requests:
                self._unsubscribe(request)
            return replies
        iso = message.iso if self._platform.iso is None else self._platform.iso
        self._subscribe(requests, told, iso=iso)
        return replies + self.due()

    def _statuses(self, request: Request) -> dict[str, str]:
        world = self._platform.world
        ids = world.trackers if request.trackers is None else request.trackers
        return {str(tracker_id): world.status(tracker_id) for tracker_id in ids}

    def _subscribe(
        self, requests: list[Request], told: dict[str, dict[str, str]], *, iso: bool
    ) -> None:
        """Take requests on; they replace what was asked for before of the same event."""
        kept = [one for one in self._subscriptions if one.request.event not in told]
        for request in requests:
            heard = ("normal", "blocked")
            statuses = self._statuses(request)
            ids = tuple(int(key) for key, status in statuses.items() if status in heard)
            kept.append(Subscription(request, ids, iso))
        self._subscriptions = kept

    def _unsubscribe(self, request: Request) -> None:
        remaining = []
        for one in self._subscriptions:
            if one.request.event == request.event:
                gone = one.tracker_ids if request.trackers is None else request.trackers
                one.tracker_ids = tuple(i for i in one.tracker_ids if i not in gone)
            if one.tracker_ids:
                remaining.append(one)
        self._subscriptions = remaining
