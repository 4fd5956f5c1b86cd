"""A server that sends recorded messages as fast as they are taken; in a process of its own."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from benchmarks.wire import ZONE, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection as Pipe


def serve(wire: Wire, entries: int, pipe: Pipe) -> None:
    """Serve one client at a time until the process is ended; tells its port first.

    Parameters
    ----------
    wire : Wire
        What to send, over and over.
    entries : int
        How many entries to send, at least.
    pipe : Connection
        Gets the port, and afterwards how many messages and bytes were sent.
    """
    asyncio.run(_serve(wire, entries, pipe))


async def _serve(wire: Wire, entries: int, pipe: Pipe) -> None:
    async def websocket(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        asked = json.loads(await socket.receive_str())
        events = [one["type"] for one in asked["requests"]]
        statuses = {str(tracker): "normal" for tracker in wire.trackers}
        data = {event: {"success": True, "value": statuses} for event in events}
        answer = {"type": "response", "action": "subscription/subscribe", "events": events}
        await socket.send_str(json.dumps(answer | {"data": data}))
        count = size = 0
        for message in _messages(wire, entries):
            await socket.send_str(message)
            count, size = count + 1, size + len(message)
        pipe.send((count, size))
        async for _ in socket:  # until the client goes
            pass
        return socket

    async def rest(request: web.Request) -> web.Response:
        replies: dict[str, Any] = {
            "tracker/list": {
                "list": [
                    {"id": tracker, "label": label, "source": {"id": source}}
                    for tracker, (source, label) in wire.trackers.items()
                ]
            },
            "user/get_info": {"user_info": {"time_zone": ZONE}},
        }
        call = request.path.strip("/").removeprefix("v2/")
        return web.json_response({"success": True, **replies[call]})

    app = web.Application()
    app.router.add_get("/v2/event/subscription", websocket)
    app.router.add_post("/{call:.*}", rest)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pipe.send(runner.addresses[0][1])
    await asyncio.Event().wait()


def passes_of(wire: Wire, entries: int) -> int:
    """Return how often the whole of what was recorded is sent."""
    return -(-entries // sum(wire.counts))


def _messages(wire: Wire, entries: int) -> Iterator[str]:
    """Yield messages over and over; queues of other devices each time, which none has seen."""
    texts = [message.decode() for message in wire.messages]
    for number in range(passes_of(wire, entries)):
        for text in texts:
            if wire.event == "iot_monitor" and number:
                yield text.replace('"tracker_id":1', f'"tracker_id":{number + 1}')
            else:
                yield text
