"""What can be made to happen to a simulator while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetlab.errors import InvalidArgument
from fleetlab.simulator.arguments import check_seconds
from fleetlab.simulator.wire import DESCRIPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleetlab.simulator.feed import Platform
    from fleetlab.simulator.fleet import Tracker
    from fleetlab.simulator.rest import Rest
    from fleetlab.simulator.server import Server
    from fleetlab.simulator.thread import ServerThread

__all__ = ["Controls"]


class Controls:
    """The part of `Simulator` that plays fate."""

    _platform: Platform
    _rest: Rest
    _thread: ServerThread[Server] | None

    @property
    def rest_down(self) -> bool:
        """Whether every REST call gets 503."""
        return self._rest.down

    @rest_down.setter
    def rest_down(self, down: bool) -> None:
        self._rest.down = down

    @property
    def slow(self) -> float:
        """Seconds that every frame takes to be sent; 0, the default, for none."""
        return self._platform.slow_s

    @slow.setter
    def slow(self, seconds: float) -> None:
        self._platform.slow_s = seconds

    @property
    def clock_error(self) -> float:
        """Seconds by which the platform's clock is ahead; those of the devices are right.

        It dates user_time, last_update, srv_time and gsm.updated. May be set at any time.
        """
        return self._platform.world.clock.error_us / 1e6

    @clock_error.setter
    def clock_error(self, seconds: float) -> None:
        self._platform.world.clock.error_us = round(seconds * 1e6)

    def restart(self, seconds: float) -> None:
        """Restart the server: close every WebSocket with 1000, and refuse to connect for a while.

        Sessions stay good, subscriptions don't; the fleet drives on.
        """
        check_seconds(seconds=seconds)
        self._call(lambda server: server.restart(seconds))

    def cut(self) -> None:
        """Abort every WebSocket's TCP connection, without a close frame."""
        self._call(lambda server: server.cut())

    def half_open(self) -> None:
        """Leave every TCP connection open and dead: nothing is read, answered or sent any more.

        Pings stay without an answer. Clients that connect afterwards are served.
        """
        self._call(lambda server: server.freeze())

    @property
    def hanging(self) -> bool:
        """Whether the application says nothing, neither answers nor events nor heartbeats.

        Connections are accepted and pings answered all the same; may be set at any time.
        """
        return self._platform.hanging

    @hanging.setter
    def hanging(self, hanging: bool) -> None:
        self._platform.hanging = hanging

    def say(self, text: str) -> None:
        """Send a frame to every client, between the others and whatever it holds."""
        self._call(lambda server: server.say(text))

    def hang_up(self) -> None:
        """Close every WebSocket with 1000 and an empty reason; sessions stay good."""
        self._call(lambda server: server.hang_up())

    def logout(self) -> None:
        """End every session: a logout event, then 1000; hashes and API key are refused after."""
        self._call(lambda server: server.log_out())

    def block(self, tracker_id: int) -> None:
        """Block a tracker's source: of it, only lifecycle events come any more."""
        tracker = self._tracker(tracker_id)
        self._call(lambda server: server.lifecycle(tracker, "block"))

    def unblock(self, tracker_id: int) -> None:
        """Unblock a tracker's source; its state is sent by itself."""
        tracker = self._tracker(tracker_id)
        self._call(lambda server: server.lifecycle(tracker, "unblock"))

    def remove(self, tracker_id: int) -> None:
        """Remove a tracker's source (lifecycle event `corrupt`), and all trackers of it."""
        tracker = self._tracker(tracker_id)
        self._call(lambda server: server.lifecycle(tracker, "corrupt"))

    def renew(self, tracker_id: int, *, registered: bool = False) -> None:
        """Put a new device into a vehicle: just_replaced, or just_registered, until it reports."""
        tracker = self._tracker(tracker_id)
        status = "just_registered" if registered else "just_replaced"
        self._call(lambda server: server.renew(tracker, status))

    def refuse_next(self, code: int, description: str | None = None) -> None:
        """Answer the next subscribe with an error; called twice, the next two.

        Parameters
        ----------
        code : int
        description : str or None
            None takes the platform's words for a known code.
        """
        if description is None and code not in DESCRIPTIONS:
            raise InvalidArgument(f"The platform has no words for code {code}: give a description.")
        self._platform.refusals.append((code, description))

    def _tracker(self, tracker_id: int) -> Tracker:
        tracker = self._platform.world.trackers.get(tracker_id)
        if tracker is None:
            raise InvalidArgument(f"There is no tracker {tracker_id} in this simulator.")
        return tracker

    def _call(self, act: Callable[[Server], None]) -> None:
        if self._thread is None:
            raise InvalidArgument("The simulator is not running: call start() first.")
        self._thread.call(act)
