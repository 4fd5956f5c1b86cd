"""The simulator as Python users meet it: a server in a thread of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from fleetlab.errors import InvalidArgument
from fleetlab.simulator.account import Account
from fleetlab.simulator.arguments import (
    check_seconds,
    check_start,
    check_vehicles,
    read_oddities,
    read_zone,
)
from fleetlab.simulator.clock import Clock
from fleetlab.simulator.connection import Manners
from fleetlab.simulator.controls import Controls
from fleetlab.simulator.directory import account_calls
from fleetlab.simulator.entrance import Entrance
from fleetlab.simulator.feed import Platform
from fleetlab.simulator.fleet import make_fleet
from fleetlab.simulator.frames import Frames
from fleetlab.simulator.ledger import Ledger
from fleetlab.simulator.oddities import Oddity
from fleetlab.simulator.rest import Rest
from fleetlab.simulator.server import Server
from fleetlab.simulator.thread import ServerThread
from fleetlab.simulator.truth import Truth
from fleetlab.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from types import TracebackType
    from typing import Literal

    from fleetlab.simulator.ledger import Asked, Sent

__all__ = ["Simulator"]

_MADRID = (40.4168, -3.7038)
_THIRTY_DAYS = 30 * 86_400.0


class Simulator(Entrance, Controls):
    """A small platform with a driving fleet, on this machine.

    It speaks the WebSocket and REST protocol of the platform and shares no code with the client, so
    that an error of the one is not repeated by the other.

    Parameters
    ----------
    vehicles : int
        How many there are. From 8 on, some have a second tracker (a clone) on top; from 10 on,
        one has been silent for nine days.
    seed : int
        The same seed gives the same fleet, doing the same, on any machine.
    timezone : str
        IANA name of the user's time zone, in which states and readings are dated.
    tick : float or None
        Seconds from one update to the next. None: nothing moves but by `step`.
    speed : float
        Simulated seconds in a real one; 60 makes a day of 24 minutes.
    busy : bool
        Let every device report at every update, whatever its vehicle does: for load tests.
    record : bool
        Keep every frame that is sent, for `ledger`.
    iso : bool or "ask"
        Whether times have the form of ISO 8601 with an offset. "ask" does what a client's
        `iso_datetime` says; False, the default, ignores that, as real servers were seen to do.
    start_at : datetime or None
        The moment (with an offset) in which simulated time begins; None means now.
    city : (float, float)
        Latitude and longitude in degrees, around which the fleet drives.
    heartbeat : float
        Seconds of silence after which the server sends its char.
    client_heartbeat : float
        How often, in seconds, the handshake asks clients for theirs.
    heartbeat_char : str
    client_patience : float or None
        Close a client (1000) that has not sent its char for so many seconds; None never does.
    session_lifetime : float
        Seconds that a session hash from `user/auth` lives; 30 days by default.
    requests_per_second : int
        How many calls and messages one key may send in a second; more are answered with code 15.
    rest_down : bool
        Answer every REST call with 503; may be set at any time.
    oddities : iterable of Oddity or str
        Rarer forms of the protocol to use, such as "wrapped_states"; see `Oddity`.

    Raises
    ------
    InvalidArgument
        Where an argument makes no sense.

    Examples
    --------
    >>> with Simulator(vehicles=3) as sim:
    ...     print(sim.base_url)  # doctest: +SKIP
    """

    def __init__(
        self,
        vehicles: int = 12,
        seed: int = 1,
        *,
        timezone: str = "Europe/Madrid",
        tick: float | None = 1.0,
        speed: float = 1.0,
        busy: bool = False,
        record: bool = False,
        iso: bool | Literal["ask"] = False,
        start_at: datetime | None = None,
        city: tuple[float, float] = _MADRID,
        heartbeat: float = 60.0,
        client_heartbeat: float = 30.0,
        heartbeat_char: str = "X",
        client_patience: float | None = None,
        session_lifetime: float = _THIRTY_DAYS,
        requests_per_second: int = 50,
        rest_down: bool = False,
        oddities: Iterable[Oddity | str] = (),
    ) -> None:
        check_vehicles(vehicles)
        check_start(start_at)
        check_seconds(
            tick=tick,
            speed=speed,
            heartbeat=heartbeat,
            client_heartbeat=client_heartbeat,
            client_patience=client_patience,
            session_lifetime=session_lifetime,
            requests_per_second=requests_per_second,
        )
        zone = read_zone(timezone)
        odd = read_oddities(oddities)
        clock = Clock(start_at, tick, speed)
        fleet = make_fleet(
            vehicles,
            seed=seed,
            city=city,
            start=clock.start,
            zone=zone,
            busy=busy,
            stores=Oddity.STORED_MESSAGES in odd,
        )
        world = World(fleet, clock, odd)
        self._vehicles = vehicles
        self._seed = seed
        self._tick = tick
        self._ledger = Ledger(record=record)
        self._account = Account(seed, session_lifetime, requests_per_second)
        self._platform = Platform(
            world=world,
            frames=Frames(world, clock, zone, odd),
            account=self._account,
            ledger=self._ledger,
            iso=None if iso == "ask" else iso,
        )
        self._rest = Rest(self._platform, account_calls(self._platform, zone))
        self.rest_down = rest_down
        self._manners = Manners(
            heartbeat_s=heartbeat,
            client_heartbeat_ms=round(client_heartbeat * 1000),
            char=heartbeat_char,
            patience_s=client_patience,
            binary=Oddity.BINARY_FRAMES in odd,
        )
        self._thread: ServerThread[Server] | None = None

    def __repr__(self) -> str:
        where = "stopped" if self._thread is None else self.base_url
        return f"<Simulator vehicles={self._vehicles} seed={self._seed} {where}>"

    # Running

    def start(self, host: str = "127.0.0.1", port: int = 0) -> Self:
        """Serve in a daemon thread; returns once connections are accepted.

        Parameters
        ----------
        host : str
        port : int
            0 takes a free one. A simulator that was stopped may be started again.

        Raises
        ------
        OSError
            If the address can't be listened on.
        """
        if self._thread is None:
            self._thread = ServerThread(
                lambda: Server(self._platform, self._rest, self._manners), host=host, port=port
            )
            self._address = (host, self._thread.port)
        return self

    def stop(self) -> None:
        """Close all WebSockets with 1000 and an empty reason, and end the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def step(self, seconds: float = 1.0) -> None:
        """Move simulated time on and send what changed, as one update (only with tick=None).

        Raises
        ------
        InvalidArgument
            If the simulator ticks by itself.
        """
        if self._tick is not None:
            raise InvalidArgument(
                f"step() is for a simulator with tick=None; this one ticks every {self._tick} s."
            )
        self._call(lambda server: server.step(seconds))

    # What a client needs to know, beside the entrance

    @property
    def tracker_ids(self) -> tuple[int, ...]:
        """All trackers of the account at the start, clones last."""
        return tuple(t.tracker_id for t in self._platform.world.fleet.trackers)

    @property
    def sources(self) -> Mapping[int, int]:
        """The source id of each tracker id; clones share one."""
        fleet = self._platform.world.fleet
        return {t.tracker_id: fleet.vehicles[t.vehicle].source_id for t in fleet.trackers}

    @property
    def foreign_tracker_ids(self) -> tuple[int, ...]:
        """Trackers that exist but are somebody else's: asking for them gives `disallowed`."""
        return self._platform.world.fleet.foreign_ids

    # What happened

    @property
    def truth(self) -> Truth:
        """What really happened since the start, whatever was sent of it; see `Truth`."""
        world = self._platform.world
        return Truth(world.fleet, world.clock)

    @property
    def ledger(self) -> tuple[Sent, ...]:
        """Every frame sent so far; empty without record=True."""
        return self._ledger.frames

    @property
    def requests(self) -> tuple[Asked, ...]:
        """What clients asked for over the WebSocket, without hashes."""
        return self._ledger.requests

    @property
    def rest_requests(self) -> tuple[Asked, ...]:
        """What clients asked for over REST, without hashes and passwords."""
        return self._ledger.rest_requests

    @property
    def client_heartbeats(self) -> int:
        """How many heartbeats clients have sent."""
        return self._ledger.heartbeats
