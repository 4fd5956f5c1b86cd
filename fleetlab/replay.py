"""``fleetlab.replay``: a recording, served again as the platform served it."""

from __future__ import annotations

import os  # noqa: TC003 - shown by help()
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fleetlab.simulator.replay import Replay

__all__ = ["replay"]


def replay(
    folder: str | os.PathLike[str],
    *,
    speed: float | Literal["max"] = 1.0,
    gaps: Literal["include", "skip"] = "include",
    host: str = "127.0.0.1",
    port: int = 0,
) -> Replay:
    """Serve a recording over the wire as the platform served it, message for message.

    Whatever connects to the platform connects to this: it speaks the WebSocket and REST protocol,
    on loopback unless told otherwise. The first subscription starts the playback; every client
    sees the same one, and whoever comes later joins where it is.

    Parameters
    ----------
    folder : str or os.PathLike
        A recording's folder. One whose process died, one that is still being written (as far as
        it has come), and a damaged one give what can be read of them.
    speed : float or "max"
        Recorded seconds in a real one. "max" goes as fast as the clients take it, and waits for
        one where there is none.
    gaps : "include" or "skip"
        Whether connections are cut where the recording lost its own, and refused (HTTP 503) until
        it came back; then the playback waits for a subscription. With "skip" they stay, and the
        playback goes on at once.
    host : str
    port : int
        Where to listen; 0 takes a free port.

    Returns
    -------
    Replay
        Serves from ``start()``, or in a ``with`` block.

    Raises
    ------
    InvalidArgument
        Where an argument makes no sense.
    RecordingError
        If the folder is no recording, or holds no message.

    Notes
    -----
    Frames are sent byte for byte, in order. Three things are made for each client instead:
    the handshake, with a uuid of its own; the answer to its subscription, which is the recorded
    one where it asks for the same; and a heartbeat after 90 s without a word. Events are sent to
    whoever asked for them, whole, so also with trackers that the client did not ask for.

    Times are those of the recording. ``user/get_info`` answers with the recorded zone; where the
    capture was told its zone, with that; where the zone was inferred, with a zone that had this
    offset (such as ``Etc/GMT-2`` for +02:00), because nobody can infer it from a replay. A client
    that does not ask needs to be told the zone.

    Examples
    --------
    >>> with fl.replay("recordings/2026-11-23T231500Z", speed=10) as server:  # doctest: +SKIP
    ...     rec = fl.capture(minutes=1, server=server.base_url, api_key=server.api_key)
    """
    from fleetlab.simulator.replay import Replay  # noqa: PLC0415 - only who replays needs a server

    return Replay(folder, speed=speed, gaps=gaps, host=host, port=port)
