"""What goes wrong about once a minute, at random; a capture has to come through all of it."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from tests.faults.server import Wire, accepted, frame

if TYPE_CHECKING:
    from tests.soak.sender import Fleet

__all__ = ["troubled"]

HOSTILE: Final = (
    '{"type":"event","event":"state_batch","data":[{"source_id":1,',
    '{"type":"event","event":"state_batch","data":{"source_id":1}}',
    '{"type":"event","event":"readings_batch","data":[[]]}',
    '{"type":"event","event":"nothing_known","data":[]}',
    "[]",
    "{}",
)
"""Messages that can't be understood."""


async def troubled(wire: Wire, fleet: Fleet) -> bool:
    """Send with something going wrong now and then; returns whether the connection went with it."""
    while True:
        await fleet.send(wire, random.uniform(30, 90))
        if fleet.over.is_set():
            return False
        trouble = random.choice(TROUBLES)
        print(f"{trouble.__name__} on connection {wire.number}", file=sys.stderr)  # noqa: T201
        await wire.arrived()
        if await trouble(wire, fleet):
            return True


async def cut(wire: Wire, fleet: Fleet) -> bool:
    """Cut the connection in the middle of a message."""
    whole = frame(fleet.told(first=False)[0].encode())
    await wire.raw(whole[: random.randrange(1, len(whole))])
    await wire.cut()
    return True


async def close(wire: Wire, _: Fleet) -> bool:
    """Close the connection with a code."""
    await wire.close(random.choice((1000, 1001, 1009, 1011, 1012)), "going")
    return True


async def vanish(wire: Wire, _: Fleet) -> bool:
    """End the connection without a word."""
    wire._writer.close()
    return True


async def freeze(wire: Wire, _: Fleet) -> bool:
    """Leave the connection open, and neither read nor answer."""
    wire.freeze()
    await asyncio.sleep(60)
    return True


async def restart(wire: Wire, _: Fleet) -> bool:
    """Refuse all connections for a while."""
    server = wire._server
    await server.refuse()
    await wire.cut()
    await asyncio.sleep(random.uniform(1, 10))
    await server.listen()
    return True


async def deaf(wire: Wire, _: Fleet) -> bool:
    """Have no working REST side for a while, and cut."""
    server, well = wire._server, wire._server.rest
    server.rest = random.choice((lambda _: (500, b"{}"), lambda _: None))
    await wire.cut()
    await asyncio.sleep(20)
    server.rest = well
    return True


async def hang(wire: Wire, _: Fleet) -> bool:
    """Send nothing more until the same is asked for again."""
    await wire.heard()
    await wire.say(accepted())
    return False


async def drip(wire: Wire, fleet: Fleet) -> bool:
    """Send a message very slowly, in fragments: pings are answered between them."""
    data = fleet.told(first=False)[0].encode()
    size = len(data) // 10
    for start in range(0, len(data), size):
        is_last = start + size >= len(data)
        await wire.raw(frame(data[start : start + size], 0 if start else 1, final=is_last))
        await asyncio.sleep(0.5)
    wire.note(data)
    return False


async def hostile(wire: Wire, fleet: Fleet) -> bool:
    """Send what can't be understood between good messages."""
    for text in HOSTILE:
        await wire.say(text, good=False)
        for good in fleet.told(first=False):
            await wire.say(good)
    return False


TROUBLES: Final[tuple[Callable[[Wire, Fleet], Awaitable[bool]], ...]] = (
    *(cut, close, vanish, freeze, restart, deaf, hang, drip, hostile),
)
