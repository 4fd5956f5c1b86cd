"""The fleet at the latest update, what changed when, and which trackers are blocked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fleetlab.simulator.iot import LONGEST, IotQueues
from fleetlab.simulator.oddities import Oddity
from fleetlab.simulator.readings import ReadingLog

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleetlab.simulator.clock import Clock
    from fleetlab.simulator.fleet import Fleet, Tracker
    from fleetlab.simulator.report import Moment
    from fleetlab.simulator.vehicle import Vehicle

__all__ = ["World"]

_GPS_OLD_S: Final = 300.0  # the platform's definition of a position that is not updated
_LATE_EVERY: Final = 5
_OFFLINE_S: Final = 600.0  # and of a device that is offline


class World:
    """The fleet now.

    Attributes
    ----------
    update : int
        Number of the latest update, from 1.
    moments : list of Moment
        The last report of each vehicle that came in.
    connections : list of str
        The connection status of each vehicle.
    changed : list of int
        The update in which each vehicle last reported, changed its connection status, or was
        unblocked.
    """

    def __init__(self, fleet: Fleet, clock: Clock, oddities: frozenset[Oddity]) -> None:
        self.fleet = fleet
        self.clock = clock
        self.update = 1
        self.trackers = {tracker.tracker_id: tracker for tracker in fleet.trackers}
        self._places = {tracker.tracker_id: n for n, tracker in enumerate(fleet.trackers)}
        self.blocked: set[int] = set()
        self.moments: list[Moment] = [vehicle.at(0.0) for vehicle in fleet.vehicles]
        self._newest = [moment.made for moment in self.moments]
        self.connections = [""] * len(self.moments)
        self._due = [0.0] * len(self.moments)
        self._turns = [0.0] * len(self.moments)
        for index in range(len(self.moments)):
            self._look(index, 0.0)
        self.changed = [1] * len(self.moments)
        self._late = Oddity.LATE_DATA in oddities
        self._twice = Oddity.SAME_SECOND in oddities
        self._held: dict[int, tuple[int, Moment]] = {}
        self._readings: dict[int, ReadingLog] = {}
        self._queues: dict[int, IotQueues] = {}

    def advance(self) -> None:
        """Make an update: take every vehicle's reports as of the clock."""
        self.update += 1
        now = self.clock.update_us / 1e6
        due, turns = self._due, self._turns
        for index, vehicle in enumerate(self.fleet.vehicles):
            if now >= due[index] and self._take(index, vehicle, now):
                self.changed[index] = self.update
                self._look(index, now)
            elif now >= turns[index]:
                self._look(index, now)
                self.changed[index] = self.update

    def _take(self, index: int, vehicle: Vehicle, now: float) -> bool:
        """Take what came from a vehicle since the last update, if anything did."""
        made, before = vehicle.latest(now), self._newest[index]
        if made <= before:
            return False
        self._newest[index] = made
        self._due[index] = vehicle.following(made)
        arrived = [vehicle.report(made)]
        if index in self._queues:
            while len(arrived) < LONGEST and (made := vehicle.previous(made)) > before:
                arrived.append(vehicle.report(made))
        arrived.reverse()
        if self._late:
            self._delay(index, arrived)
        if not arrived:
            return False
        self.moments[index] = arrived[-1]
        if index in self._queues:
            for moment in arrived:
                self._queues[index].add(moment)
        return True

    def _delay(self, index: int, arrived: list[Moment]) -> None:
        """Take a report out now and then, and put it behind the one that was made after it."""
        if index not in self._held:
            if self.update % _LATE_EVERY == index % _LATE_EVERY:
                self._held[index] = (self.update, arrived.pop())
        elif self.update - self._held[index][0] > 1:  # the one after it is known by now
            arrived.append(self._held.pop(index)[1])

    def _look(self, index: int, now: float) -> None:
        """Tell a vehicle's connection status, and when it turns if nothing more comes."""
        moment = self.moments[index]
        silent, old = now - moment.at, now - moment.fixed_at
        if silent >= _OFFLINE_S:
            self.connections[index], self._turns[index] = "offline", float("inf")
            return
        offline = moment.at + _OFFLINE_S
        if old < _GPS_OLD_S:
            status, turns = "active", min(moment.fixed_at + _GPS_OLD_S, offline)
        else:
            status, turns = ("signal_lost" if moment.ignition else "idle"), offline
        self.connections[index], self._turns[index] = status, turns

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

    def readings(self, tracker: Tracker) -> ReadingLog:
        """Return the readings of a tracker as of the latest update."""
        log = self._readings.get(tracker.tracker_id)
        if log is None:
            place = self._places[tracker.tracker_id]
            log = ReadingLog(self.vehicle(tracker), place)
            self._readings[tracker.tracker_id] = log
        log.look(self.moments[tracker.vehicle], self.update)
        return log

    def queues(self, tracker: Tracker) -> IotQueues:
        """Return the attribute queues of a tracker as of the latest update."""
        index = tracker.vehicle
        if index not in self._queues:
            vehicle, moment = self.fleet.vehicles[index], self.moments[index]
            self._queues[index] = IotQueues(vehicle, self.clock, moment, twice=self._twice)
        return self._queues[index]

    def block(self, tracker: Tracker) -> None:
        """Silence a vehicle, with all its trackers."""
        self.blocked.add(tracker.vehicle)

    def unblock(self, tracker: Tracker) -> None:
        """Let a vehicle be heard again; its state then counts as news."""
        self.blocked.discard(tracker.vehicle)
        self.update += 1
        self.changed[tracker.vehicle] = self.update

    def renew(self, tracker: Tracker, status: str) -> None:
        """Put a new device into a vehicle: it has this connection status until it reports."""
        self.update += 1
        self.connections[tracker.vehicle] = status
        self._turns[tracker.vehicle] = float("inf")
        self.changed[tracker.vehicle] = self.update

    def remove(self, tracker: Tracker) -> None:
        """Take a vehicle out of the account, with all its trackers."""
        for other in [t for t in self.trackers.values() if t.vehicle == tracker.vehicle]:
            del self.trackers[other.tracker_id]
