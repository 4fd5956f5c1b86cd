"""The fleet at the latest update, what changed when, and which trackers are blocked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetlab.simulator.iot import IotQueues
from fleetlab.simulator.readings import Reading, ReadingLog

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleetlab.simulator.clock import Clock
    from fleetlab.simulator.fleet import Fleet, Tracker
    from fleetlab.simulator.vehicle import Moment, Vehicle

__all__ = ["World"]


class World:
    """The fleet now.

    Attributes
    ----------
    update : int
        Number of the latest update, from 1.
    moments : list of Moment
        The last report of each vehicle.
    changed : list of int
        The update in which each vehicle last reported, or was unblocked.
    """

    def __init__(self, fleet: Fleet, clock: Clock) -> None:
        self.fleet = fleet
        self.clock = clock
        self.update = 1
        self.trackers = {tracker.tracker_id: tracker for tracker in fleet.trackers}
        self._places = {tracker.tracker_id: n for n, tracker in enumerate(fleet.trackers)}
        self.blocked: set[int] = set()
        self.moments: list[Moment] = [vehicle.at(0.0) for vehicle in fleet.vehicles]
        self.changed = [1] * len(self.moments)
        self._readings: dict[int, ReadingLog] = {}
        self._queues: dict[int, IotQueues] = {}

    def advance(self) -> None:
        """Make an update: take every vehicle's report as of the clock."""
        self.update += 1
        elapsed = self.clock.update_us / 1e6
        for index, vehicle in enumerate(self.fleet.vehicles):
            moment = vehicle.at(elapsed)
            if moment.at > self.moments[index].at:
                self.moments[index] = moment
                self.changed[index] = self.update
                if index in self._queues:
                    self._queues[index].add(moment)

    def status(self, tracker_id: int) -> str:
        """Return what a subscription is told of a tracker."""
        if tracker_id in self.fleet.foreign_ids:
            return "disallowed"
        tracker = self.trackers.get(tracker_id)
        if tracker is None:
            return "unknown"
        return "blocked" if tracker.vehicle in self.blocked else "normal"

    def audible(self, tracker_ids: Iterable[int], after: int) -> list[Tracker]:
        """Return the trackers that exist, are not blocked, and changed after an update."""
        found = []
        for tracker_id in tracker_ids:
            tracker = self.trackers.get(tracker_id)
            if (
                tracker is not None
                and self.changed[tracker.vehicle] > after
                and tracker.vehicle not in self.blocked
            ):
                found.append(tracker)
        return found

    def vehicle(self, tracker: Tracker) -> Vehicle:
        """Return the vehicle of a tracker."""
        return self.fleet.vehicles[tracker.vehicle]

    def readings(self, tracker: Tracker) -> list[Reading]:
        """Return the readings of a tracker as of the latest update."""
        log = self._readings.get(tracker.tracker_id)
        if log is None:
            place = self._places[tracker.tracker_id]
            log = ReadingLog(self.vehicle(tracker), tracker, place)
            self._readings[tracker.tracker_id] = log
        return log.at(self.moments[tracker.vehicle], self.update)

    def queues(self, tracker: Tracker) -> IotQueues:
        """Return the attribute queues of a tracker as of the latest update."""
        index = tracker.vehicle
        if index not in self._queues:
            vehicle, moment = self.fleet.vehicles[index], self.moments[index]
            self._queues[index] = IotQueues(vehicle, self.clock, moment)
        return self._queues[index]

    def block(self, tracker: Tracker) -> None:
        """Silence a vehicle, with all its trackers."""
        self.blocked.add(tracker.vehicle)

    def unblock(self, tracker: Tracker) -> None:
        """Let a vehicle be heard again; its state then counts as news."""
        self.blocked.discard(tracker.vehicle)
        self.update += 1
        self.changed[tracker.vehicle] = self.update

    def remove(self, tracker: Tracker) -> None:
        """Take a vehicle out of the account, with all its trackers."""
        for other in [t for t in self.trackers.values() if t.vehicle == tracker.vehicle]:
            del self.trackers[other.tracker_id]
