"""The world as frames: what a subscription gets to see of the latest update.

States are encoded once for everybody who asks for them, and so is a whole batch when several
connections have the same one coming.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetlab.simulator import wire
from fleetlab.simulator.oddities import Oddity

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

    from fleetlab.simulator.clock import Clock
    from fleetlab.simulator.fleet import Tracker
    from fleetlab.simulator.requests import Request
    from fleetlab.simulator.world import World

__all__ = ["Frames", "Subscription"]


@dataclass(slots=True)
class Subscription:
    """A request that was accepted.

    Attributes
    ----------
    tracker_ids : tuple of int
        Those of the asked-for trackers that exist and may be seen.
    sent_through : int
        The update that the client has been told about; -1 before the first batch.
    next_us : int
        Simulated time before which no further batch may be sent.
    """

    request: Request
    tracker_ids: tuple[int, ...]
    iso: bool
    sent_through: int = -1
    next_us: int = 0


class Frames:
    """Makes the event frames of a world, with the oddities that are switched on."""

    def __init__(
        self, world: World, clock: Clock, zone: ZoneInfo, oddities: frozenset[Oddity]
    ) -> None:
        self._oddities = oddities
        self._world = world
        self._clock = clock
        self._times = {iso: wire.Times(zone, iso=iso) for iso in (False, True)}
        self._states: dict[tuple[int, bool, bool], tuple[int, str]] = {}
        self._batches: dict[tuple[Request, tuple[int, ...], bool, int], str] = {}
        self._batches_of = -1

    def due(self, subscription: Subscription) -> list[str]:
        """Return the frames that a subscription has coming now, and take them as sent."""
        now = self._clock.update_us
        if now < subscription.next_us or subscription.sent_through == self._world.update:
            return []
        frames = self._frames(subscription)
        subscription.sent_through = self._world.update
        if frames:
            subscription.next_us = now + subscription.request.rate_limit_us
        return frames

    def _frames(self, subscription: Subscription) -> list[str]:
        event, iso = subscription.request.event, subscription.iso
        user_time = self._times[iso].text(self._clock.now_us)
        if event == "state":
            found = self._world.audible(subscription.tracker_ids, subscription.sent_through)
            states = self._state_texts(found, compact=subscription.request.compact, iso=iso)
            return [wire.event(event, text, user_time) for text in states]
        data = self._batch(subscription)
        if not data:
            return []
        if event == "readings_batch" and Oddity.MISLABELLED_READINGS in self._oddities:
            event = "state_batch"
        return [wire.event(event, data, None if event == "iot_monitor" else user_time)]

    def _batch(self, subscription: Subscription) -> str:
        """Return the data of a batch, empty where there is no news."""
        if self._batches_of != self._world.update:
            self._batches.clear()
            self._batches_of = self._world.update
        request, ids = subscription.request, subscription.tracker_ids
        key = (request, ids, subscription.iso, subscription.sent_through)
        if key not in self._batches:
            found = self._world.audible(ids, subscription.sent_through)
            if request.event == "state_batch":
                states = self._state_texts(found, compact=request.compact, iso=subscription.iso)
                data = f"[{','.join(states)}]" if states else ""
            elif request.event == "readings_batch":
                data = self._readings(found, subscription)
            else:
                data = self._iot(found)
            self._batches[key] = data
        return self._batches[key]

    def _state_texts(self, trackers: Iterable[Tracker], *, compact: bool, iso: bool) -> list[str]:
        """Return each vehicle's state once, also where two trackers share it."""
        vehicles = dict.fromkeys(tracker.vehicle for tracker in trackers)
        return [self._state(index, compact, iso) for index in vehicles]

    def _state(self, index: int, compact: bool, iso: bool) -> str:
        key = (index, compact, iso)
        changed = self._world.changed[index]
        kept = self._states.get(key)
        if kept is None or kept[0] != changed:
            vehicle, moment = self._world.fleet.vehicles[index], self._world.moments[index]
            state = wire.state(vehicle, moment, self._clock, self._times[iso], compact=compact)
            if Oddity.POSITION_BESIDE in self._oddities:
                state["gps"] |= state["gps"].pop("location")
            if Oddity.UNKNOWN_FIELDS in self._oddities:
                state |= {"mileage_class": "B", "axles": [{"load": 4.50}, None]}
                state["gps"]["hdop"] = 0.9
                state["movement_status"] = {"parked": "towed"}.get(
                    state["movement_status"], state["movement_status"]
                )
            if Oddity.NO_NULLS in self._oddities:
                state = {name: value for name, value in state.items() if value is not None}
            if Oddity.WRAPPED_STATES in self._oddities:
                state = {"type": "source_state_event", "state": state}
            kept = (changed, wire.encode(state))
            self._states[key] = kept
        return kept[1]

    def _iot(self, trackers: list[Tracker]) -> str:
        contents = [self._world.queues(one).content(one.tracker_id) for one in trackers]
        if Oddity.IOT_LISTS in self._oddities:
            for content in contents:
                for part in ("nonnull_fields", "all_fields"):
                    content[part] = [{name: queue} for name, queue in content[part].items()]
        return wire.encode({"iot_last_values": contents}) if contents else ""

    def _readings(self, trackers: list[Tracker], subscription: Subscription) -> str:
        request, times = subscription.request, self._times[subscription.iso]
        objects = []
        for tracker in trackers:
            news = [
                reading
                for reading in self._world.readings(tracker)
                if reading.update > subscription.sent_through
                and (request.include_components or not reading.component)
                and (
                    request.sensor_type is None
                    or (
                        reading.part in ("inputs", "virtual_sensors")
                        and reading.fields["type"] == request.sensor_type
                    )
                )
            ]
            if news:
                objects.append(wire.readings(tracker.tracker_id, news, self._clock, times))
        if Oddity.UNKNOWN_FIELDS in self._oddities:
            for one in objects:
                for parts in one.values():
                    for part in parts.values():
                        part[0]["quality"] = {"score": 1}
        if Oddity.ONE_MAP in self._oddities:
            objects = [{key: parts for one in objects for key, parts in one.items()}]
            return wire.encode(objects[0]) if objects[0] else ""
        return wire.encode(objects) if objects else ""
