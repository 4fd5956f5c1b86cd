"""The world as frames: what a subscription gets to see of the latest update.

States are encoded once for everybody who asks for them, and so is a whole batch when several
connections have the same one coming.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fleetlab.simulator import wire
from fleetlab.simulator.oddities import Oddity

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from fleetlab.simulator.clock import Clock
    from fleetlab.simulator.fleet import Tracker
    from fleetlab.simulator.readings import ReadingLog
    from fleetlab.simulator.requests import Request
    from fleetlab.simulator.world import World

__all__ = ["Frames", "Subscription"]


_NULL: Final = re.compile(r',"\w+":null')
_ENTRIES_PER_S: Final = {"state": 350, "state_batch": 12_000}


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
        Time before which no further batch may be sent.
    behind : list of int
        Vehicles with news that the limit of entries a second has held back.
    second, spent : int
        The latest second in which entries were sent, and how many in it.
    """

    request: Request
    tracker_ids: tuple[int, ...]
    iso: bool
    sent_through: int = -1
    next_us: int = 0
    behind: list[int] = field(default_factory=list)
    second: int = -1
    spent: int = 0


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
        now = self._clock.real_update_us
        nothing_new = subscription.sent_through == self._world.update and not subscription.behind
        if now < subscription.next_us or nothing_new:
            return []
        frames = self._frames(subscription, now)
        subscription.sent_through = self._world.update
        if frames:
            subscription.next_us = now + subscription.request.rate_limit_us
        return frames

    def _frames(self, subscription: Subscription, now: int) -> list[str]:
        event, iso = subscription.request.event, subscription.iso
        user_time = self._times[iso].text(self._clock.now_us)
        if event in _ENTRIES_PER_S:
            states = self._state_texts(subscription, now)
            if event == "state":
                return [wire.event(event, text, user_time) for text in states]
            return [wire.event(event, f"[{','.join(states)}]", user_time)] if states else []
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
            if request.event == "readings_batch":
                self._batches[key] = self._readings(found, subscription)
            else:
                self._batches[key] = self._iot(found)
        return self._batches[key]

    def _state_texts(self, subscription: Subscription, now: int) -> list[str]:
        """Return each vehicle's state once, also where two trackers share it."""
        request = subscription.request
        found = self._world.audible(subscription.tracker_ids, subscription.sent_through)
        heard = (index for index in subscription.behind if index not in self._world.blocked)
        vehicles = list(dict.fromkeys((*heard, *(tracker.vehicle for tracker in found))))
        if subscription.second != now // 1_000_000:
            subscription.second, subscription.spent = now // 1_000_000, 0
        room = _ENTRIES_PER_S[request.event] - subscription.spent
        subscription.behind = vehicles[room:]
        subscription.spent += len(vehicles[:room])
        compact, iso = request.compact, subscription.iso
        return [self._state(index, compact, iso) for index in vehicles[:room]]

    def _state(self, index: int, compact: bool, iso: bool) -> str:
        key = (index, compact, iso)
        changed = self._world.changed[index]
        kept = self._states.get(key)
        if kept is None or kept[0] != changed:
            vehicle, moment = self._world.fleet.vehicles[index], self._world.moments[index]
            connection = self._world.connections[index]
            times = self._times[iso]
            state = wire.state(vehicle, moment, connection, self._clock, times, compact=compact)
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
        objects = []
        for tracker in trackers:
            parts = self._news(self._world.readings(tracker), subscription)
            if parts:
                objects.append(f'"{tracker.tracker_id}":{{{",".join(parts)}}}')
        if not objects:
            return ""
        if Oddity.ONE_MAP in self._oddities:
            return f"{{{','.join(objects)}}}"
        return f"[{{{'},{'.join(objects)}}}]"

    def _news(self, log: ReadingLog, subscription: Subscription) -> list[str]:
        """Return the parts of one tracker's readings that are news to a subscription."""
        request, after = subscription.request, subscription.sent_through
        parts: dict[str, list[str]] = {}
        updated_s, updated = -1.0, ""
        for n, channel in enumerate(log.channels):
            if (
                log.updates[n] <= after
                or (channel.component and not request.include_components)
                or (request.sensor_type is not None and channel.kind != request.sensor_type)
            ):
                continue
            if not updated or updated_s != log.updated_s[n]:
                updated_s = log.updated_s[n]
                updated = self._times[subscription.iso].text(self._clock.moment_us(updated_s))
            texts = parts.setdefault(channel.part, [])
            text = channel.text(log.values[n], log.converted[n], updated)
            if Oddity.NO_NULLS in self._oddities:
                text = _NULL.sub("", text)
            if Oddity.UNKNOWN_FIELDS in self._oddities and not texts:
                text = f'{text[:-1]},"quality":{{"score":1}}}}'
            texts.append(text)
        return [f'"{part}":[{",".join(texts)}]' for part, texts in parts.items()]
