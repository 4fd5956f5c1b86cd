"""Record a live stream: ``capture`` blocks, ``start`` returns at once, ``acapture`` is awaited."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from fleetlab.arguments import with_arguments_of
from fleetlab.errors import FleetlabError, bare
from fleetlab.plan import Plan, make_plan
from fleetlab.progress import Progress, View, choose_view, clock
from fleetlab.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fleetlab.recording import Recording
    from fleetlab.requests import Request

__all__ = ["Job", "acapture", "capture", "start"]

_STEP_S = 0.1
_INTERRUPT_S = 2.0


class Job:
    """A capture that runs on its own; made by :func:`start`.

    Attributes
    ----------
    recording : Recording
        What has been recorded as of now, at a message boundary; it doesn't change any more.
    running : bool
        Whether the capture still goes on.
    view : object or None
        What shows the progress, where there is something.
    """

    def __init__(self, plan: Plan, view: View | None = None) -> None:
        self._session = Session(plan)
        self.view = view
        self._session.start()
        if view is not None:
            view.begin(self._session)

    @property
    def running(self) -> bool:
        """Whether the capture still goes on."""
        return not self._session.done.is_set()

    @property
    def recording(self) -> Recording:
        """What has been recorded as of now, at a message boundary."""
        return self._session.recording()

    def __repr__(self) -> str:
        """Say how far it is."""
        progress = self.progress()
        state = progress.state if self.running else "ended"
        return f"Job({state}, {clock(progress.elapsed_s)}, {sum(progress.rows.values()):,} rows)"

    def progress(self) -> Progress:
        """Return how far the capture is."""
        return self._session.progress()

    def stop(self) -> Recording:
        """End the capture and return what was caught.

        Returns
        -------
        Recording
            The whole recording, all of it written.

        Raises
        ------
        FleetlabError
            If an error had already ended it before anything was caught.
        """
        self._session.stop("stop")
        self._session.done.wait()
        error = self._session.error
        if error is not None and error.recording is None:
            raise error
        return self.recording

    def result(self) -> Recording:
        """Wait for the end and return the recording.

        Raises
        ------
        FleetlabError
            What ended the capture, if that was an error; ``.recording`` holds what was caught.
        """
        self._session.done.wait()
        return self._result()

    def _result(self) -> Recording:
        if self._session.error is not None:
            raise self._session.error
        return self.recording

    def _wait(self) -> Recording:
        """Wait in steps that an interrupt can end, showing the progress."""
        try:
            with _terminated(self._session):
                while not self._session.done.wait(_STEP_S):
                    self._show()
        except KeyboardInterrupt:
            return self._interrupted()
        finally:
            self._close_view()
        return self._result()

    async def _await(self) -> Recording:
        """Do the same without blocking the loop; an interrupt is seen between the steps."""
        try:
            while not self._session.done.is_set():
                await asyncio.sleep(_STEP_S)
                self._show()
        except asyncio.CancelledError:
            # What cancels us (Ctrl-C in asyncio.run, a time-out) gets no value: the rest is kept.
            self._session.stop("interrupt")
            raise
        except KeyboardInterrupt:
            return self._interrupted()
        finally:
            self._close_view()
        return self._result()

    def _interrupted(self) -> Recording:
        self._session.stop("interrupt")
        if self._session.done.wait(_INTERRUPT_S):
            error = self._session.error
            if error is not None and error.recording is None:
                raise error
        return self.recording

    def _show(self) -> None:
        if self.view is not None:
            self.view.update(self.progress())

    def _close_view(self) -> None:
        self._show()
        if self.view is not None:
            self.view.close()


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
    return Job(plan, view_of())._wait()  # noqa: SLF001 - for the functions of this module


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


@contextmanager
def _terminated(session: Session) -> Iterator[None]:
    """While we wait, let SIGTERM end the capture in good order before it ends the process."""
    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if not is_ours:
        yield
        return
    came = False

    def on_signal(*_: object) -> None:
        nonlocal came
        came = True
        session.stop("stop")

    signal.signal(signal.SIGTERM, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if came:
            session.done.wait()
            os.kill(os.getpid(), signal.SIGTERM)
