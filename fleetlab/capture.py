"""Record a live stream: ``capture`` blocks, ``start`` returns at once, ``acapture`` is awaited."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from fleetlab.arguments import with_arguments_of
from fleetlab.errors import FleetlabError, bare
from fleetlab.job import Job
from fleetlab.plan import Plan, make_plan
from fleetlab.progress import View, choose_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fleetlab.recording import Recording
    from fleetlab.requests import Request

__all__ = ["Job", "acapture", "capture", "start"]


def capture(
    minutes: float | None = None,
    seconds: float | None = None,
    *,
    server: str | None = None,
    api_key: str | None = None,
    login: str | None = None,
    password: str | None = None,
    trackers: Literal["all"] | Iterable[int] = "all",
    events: Iterable[str | Request] | None = None,
    rate_limit: str = "5s",
    timezone: str | None = None,
    save_to: str | os.PathLike[str] | Literal[False] | None = None,
    view: Literal["auto"] | bool = "auto",
    note: str | None = None,
    reentrant: bool = False,
) -> Recording:
    """Record the live stream of a fleet, and return it as typed frames.

    Blocks until the time is over. Ctrl-C (■ in Jupyter) ends it early and returns what was caught.

    Parameters
    ----------
    minutes, seconds : float, optional
        How long, from the first accepted subscription; neither: until stopped.
    server : str, optional
        ``"eu"``, ``"us"``, ``"me"``, an API base URL, or ``"demo"`` for the embedded simulator;
        else the environment's ``FLEETLAB_SERVER``.
    api_key : str, optional
        Else the environment's ``FLEETLAB_API_KEY``. ``"demo"`` needs none.
    login, password : str, optional
        Instead of a key; exchanged for a session hash.
    trackers : "all" or iterable of int
        Which trackers.
    events : iterable of str or request objects, optional
        ``"state"``, ``"state_batch"``, ``"readings_batch"``, ``"iot_monitor"``, or objects such as
        ``fl.IotMonitor(trackers=[101], flow_id=1335)``; default ``state_batch`` and
        ``readings_batch``.
    rate_limit : str
        Least time between two batches, as on the wire.
    timezone : str, optional
        IANA name of the zone of the wire's times; default: asked of the server.
    save_to : path or False, optional
        The recording's own folder, which must be empty or new; default ``recordings/<start>``.
        False keeps all in memory, up to 1 GB.
    view : "auto" or bool
        ``"auto"``: a panel in Jupyter, a progress bar on a terminal, nothing elsewhere.
    note : str, optional
        Text kept in the recording's info.
    reentrant : bool
        Where a loop already runs in this thread, outside a Jupyter kernel: keep its other tasks
        running while this call blocks. Nested calls end in the reverse order of their starts.

    Returns
    -------
    Recording
        All frames, with times in UTC.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit; nothing has been connected or written then.
    AuthenticationError, RequestRefused, ServerUnavailable, ProtocolError
        If the first connection fails, or a later one for good. What was caught until then is in
        the error's ``recording``.
    RecordingError
        If the folder can't be used or written any more.
    """
    arguments = dict(locals())
    del api_key, login, password
    plan, view_of = _planned(arguments)
    if reentrant:
        from fleetlab.reentrant import nested_loop  # noqa: PLC0415 - patches loops: only if asked

        loop = nested_loop()
        if loop is not None:
            job = Job(plan, view_of())
            recording: Recording = loop.run_until_complete(job._await())  # noqa: SLF001
            return recording
    return Job(plan, view_of())._wait()  # noqa: SLF001 - for these functions alone


@with_arguments_of(capture)
def start(arguments: dict[str, Any]) -> Job:
    """Begin to record, and return at once.

    Takes the arguments of :func:`capture`; ``reentrant`` means nothing here.

    Returns
    -------
    Job
        With ``recording``, ``running``, ``view``, ``stop()`` and ``result()``.

    Raises
    ------
    InvalidArgument, RecordingError
        As :func:`capture`; errors of the connection come with ``job.result()``.
    """
    plan, view_of = _planned(arguments)
    return Job(plan, view_of(waits=False))


@with_arguments_of(capture)
async def acapture(arguments: dict[str, Any]) -> Recording:
    """Record the live stream of a fleet from async code.

    Takes the arguments of :func:`capture`, and returns and raises what that does; ``reentrant``
    means nothing here. Cancelling it ends the capture, and what was caught stays in its folder.
    """
    plan, view_of = _planned(arguments)
    return await Job(plan, view_of())._await()  # noqa: SLF001


def _planned(arguments: dict[str, Any]) -> tuple[Plan, Callable[..., View | None]]:
    """Check the arguments of a call before anything is shown, connected or written.

    Secrets are taken out of them: tools that show the variables of a traceback would show them.
    """
    secrets = {name: arguments.pop(name) for name in ("api_key", "login", "password")}
    others = {name: arguments[name] for name in arguments.keys() - {"reentrant", "view"}}
    try:
        plan = make_plan(**others, **secrets, environ=os.environ)
    except FleetlabError as error:
        refused = bare(error)
    else:
        return plan, partial(choose_view, arguments["view"])
    finally:
        del secrets
    raise refused
