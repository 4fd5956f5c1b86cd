"""`fleetlab demo`: the simulator as a test platform of its own."""

from __future__ import annotations

import time
from datetime import datetime  # noqa: TC003 - typer reads the annotations
from functools import partial
from typing import Annotated

import typer

from fleetlab.console import err
from fleetlab.errors import InvalidArgument
from fleetlab.serving import serving

__all__ = ["demo"]


def demo(
    vehicles: Annotated[int, typer.Option(min=1, help="How many vehicles.")] = 12,
    seed: Annotated[int, typer.Option(help="Same seed, same city, same fleet.")] = 1,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    timezone: Annotated[
        str, typer.Option(help="Zone of the user, in which states and readings are dated.")
    ] = "Europe/Madrid",
    tick: Annotated[float, typer.Option(help="Seconds from one update to the next.")] = 1.0,
    speed: Annotated[float, typer.Option(help="Simulated seconds in a real one.")] = 1.0,
    start: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
            help="When simulated time begins, in the zone of the user; default: now.",
            metavar="2026-07-01T06:00",
            show_default=False,
        ),
    ] = None,
    busy: Annotated[
        bool, typer.Option("--busy", help="Every device reports at every update: a load test.")
    ] = False,
    iso: Annotated[
        bool, typer.Option("--iso", help="Times as ISO 8601 to clients that ask for it.")
    ] = False,
    patience: Annotated[
        float | None,
        typer.Option(help="Close a client that sends no heartbeat for so many seconds."),
    ] = None,
    session: Annotated[
        float, typer.Option(help="Seconds that a session hash from user/auth lives.")
    ] = 30 * 86_400.0,
    oddity: Annotated[
        list[str] | None,
        typer.Option(help="A rarer form of the protocol; may be given several times."),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="What goes wrong every so often; several come in turn."),
    ] = None,
    every: Annotated[float, typer.Option(help="Seconds from one fault to the next.")] = 60.0,
) -> None:
    """Serve the embedded simulator until stopped, and print its base URL and key.

    It speaks the platform's protocol on loopback, REST and the event WebSocket on one port, for
    this client and any other. The fleet drives in a made-up city: tours to customers, filling
    stations, nights in the depot, tunnels, dead zones, level sensors with their faults. The first
    dozen vehicles are in the middle of their day whenever you start; of them, one has been silent
    for nine days, one goes out of reach for 80 s and sends what it stored, one leaks, and from one
    28 litres are stolen after four minutes. The others keep the hours of the local clock.

    **Oddities**: what real servers and devices do besides the usual

    - `wrapped_states`: each state in an envelope; `no_nulls`: fields that are null are left out;
      `position_beside`: lat and lng right under gps
    - `mislabelled_readings`: readings say that they are states; `one_map`: those of all trackers in
      one map; `iot_lists`: fields of iot_monitor as lists
    - `unknown_fields`: fields and statuses that no documentation knows; `binary_frames`
    - `same_second`: several messages with one time; `late_data`: reports after later ones;
      `stored_messages`: every device out of reach for 20 s in every two minutes

    **Faults**: what happens on a bad day

    - `cut`: connections are aborted; `half_open`: they stay open and dead; `hang_up`: the server
      closes them with 1000; `restart`: that, and nobody can connect for 3 s
    - `garbage`: rubbish between the messages; `refuse`: connections are cut, and the next
      subscription is refused for now
    - until the next fault: `hang`, the application says nothing; `slow`, every frame takes 2 s;
      `rest_down`, REST answers 503; `clock`, the platform's clock is 3 h ahead

    **Examples**

    - `fleetlab demo`: a dozen vehicles on a free port
    - `fleetlab demo --port 8080 --vehicles 500 --seed 7 --speed 60 --start 2026-07-01T06:00`
    - `fleetlab demo --oddity wrapped_states --oddity no_nulls --timezone Asia/Kathmandu`
    - `fleetlab demo --fault cut --fault half_open --every 30`: a test of another's client
    - `fleetlab demo --vehicles 12000 --busy`: a load test
    - then, in another terminal: `FLEETLAB_API_KEY=KEY fleetlab capture --server URL`
    """
    from fleetlab.simulator import Simulator  # noqa: PLC0415 - so that --help answers at once
    from fleetlab.simulator.arguments import read_zone  # noqa: PLC0415
    from fleetlab.simulator.faults import Faults  # noqa: PLC0415

    if every <= 0:
        raise InvalidArgument(f"--every must be more than 0 seconds, not {every:g}.")
    simulator = Simulator(
        vehicles=vehicles,
        seed=seed,
        timezone=timezone,
        tick=tick,
        speed=speed,
        busy=busy,
        start_at=None if start is None else start.replace(tzinfo=read_zone(timezone)),
        iso="ask" if iso else False,
        client_patience=patience,
        session_lifetime=session,
        oddities=oddity or (),
    )
    faults = Faults(simulator, fault or ())
    start_it = partial(simulator.start, port=port)
    about = f"vehicles  {vehicles}, seed {seed}"
    with serving(start_it, port, about, "Ctrl-C stops it.") as stopped:
        due = time.monotonic() + every
        while not stopped.wait(min(1.0, every)):  # in steps: Windows sees Ctrl-C only in between
            if time.monotonic() >= due:
                due += every
                if (happened := faults.next()) is not None:
                    err.print(f"{time.strftime('%H:%M:%S')} fault: {happened}")
