"""What can be asked of the platform's event stream, as plain frozen objects."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from fleetlab.errors import InvalidArgument, Words
from fleetlab.ids import tracker_ids, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fleetlab.ids import Trackers

__all__ = ["IotMonitor", "ReadingsBatch", "Request", "State", "StateBatch", "resolve_requests"]

SELECTED_LIMIT = 500
"""Ids that one request asks for by name."""

BYTES_LIMIT = 7_800
"""Bytes that all requests together may take: a message over 8 KB closes the connection."""

IOT_LIMIT = 10
"""Trackers that one ``iot_monitor`` request may name."""


@dataclass(frozen=True)
class Request:
    """Base of the requests; use one of its four kinds.

    Attributes
    ----------
    trackers : "all" or sequence of int, optional
        Which trackers; None takes what the capture asks for.
    """

    event: ClassVar[str]
    trackers: Sequence[int] | Literal["all"] | None = None
    _crowded: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "trackers", tracker_ids(self.trackers, type(self).__name__))
        for name in ("rate_limit", "sensor_type"):
            value = getattr(self, name, None)
            if value is not None and not (isinstance(value, str) and value):
                raise InvalidArgument(
                    f'{type(self).__name__}: {name} must be text such as "5s", not {value!r}.'
                )
        if getattr(self, "format", "full") not in ("full", "compact"):
            raise InvalidArgument(
                f'{type(self).__name__}: format must be "full" or "compact", not {self.format!r}.'  # type: ignore[attr-defined]
            )

    @property
    def filters_here(self) -> bool:
        """Whether more ids are asked for than one message may name, so that all come."""
        return isinstance(self.trackers, tuple) and (
            self._crowded or len(self.trackers) > SELECTED_LIMIT
        )

    def describe(self) -> dict[str, Any]:
        """Return what is asked for, JSON-able: ``type``, ``trackers`` and the options.

        ``filtered`` is there, and true, where all trackers come and these are picked out here.
        """
        trackers = self.trackers
        return {
            "type": self.event,
            "trackers": list(trackers) if isinstance(trackers, tuple) else trackers,
            **self._options(),
            **({"filtered": True} if self.filters_here else {}),
        }

    def wire(self) -> dict[str, Any]:
        """Return the request as it goes over the wire."""
        return {"type": self.event, "target": self._target(), **self._options()}

    def _options(self) -> dict[str, Any]:
        names = [item.name for item in fields(self) if item.name not in ("trackers", "_crowded")]
        options = {name: getattr(self, name) for name in names}
        return {name: value for name, value in options.items() if value is not None}

    def _target(self) -> dict[str, Any]:
        if self.trackers in (None, "all") or self.filters_here:
            return {"type": "all"}
        return {"type": "selected", "tracker_ids": list(self.trackers)}


@dataclass(frozen=True)
class State(Request):
    """Each change of the state of single trackers, as its own message.

    Attributes
    ----------
    trackers : sequence of int
        Up to 500 ids; this request knows no "all".
    format : {"full", "compact"}
        What a state carries; compact leaves out network, battery, inputs, outputs and more.
    """

    event: ClassVar[str] = "state"
    format: Literal["full", "compact"] = "full"

    def wire(self) -> dict[str, Any]:
        """Return the request as it goes over the wire: a list of trackers, no target."""
        return {"type": self.event, "trackers": list(self.trackers or ()), "format": self.format}


@dataclass(frozen=True)
class StateBatch(Request):
    """The states that changed, in batches; the first batch carries every tracker.

    Attributes
    ----------
    trackers : "all" or sequence of int, optional
        Which trackers; None takes what the capture asks for.
    rate_limit : str, optional
        Least time between two batches, such as ``"5s"``; None takes the capture's.
    format : {"full", "compact"}
        What a state carries; compact leaves out network, battery, inputs, outputs and more.
    """

    event: ClassVar[str] = "state_batch"
    rate_limit: str | None = None
    format: Literal["full", "compact"] = "full"


@dataclass(frozen=True)
class ReadingsBatch(Request):
    """Readings of sensors, states, virtual sensors and counters that changed, in batches.

    Attributes
    ----------
    trackers : "all" or sequence of int, optional
        Which trackers; None takes what the capture asks for.
    rate_limit : str, optional
        Least time between two batches, such as ``"5s"``; None takes the capture's.
    sensor_type : str, optional
        Only sensors of this metering type, such as ``"fuel"``; the server then leaves out states
        and counters.
    include_components : bool
        Whether the sensors that a composite sensor is made of come too.
    """

    event: ClassVar[str] = "readings_batch"
    rate_limit: str | None = None
    sensor_type: str | None = None
    include_components: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.include_components, bool):
            raise InvalidArgument(
                "ReadingsBatch: include_components must be True or False, not "
                f"{self.include_components!r}."
            )


@dataclass(frozen=True)
class IotMonitor(Request):
    """The last values of every raw attribute of up to 10 devices.

    Attributes
    ----------
    trackers : sequence of int
        Up to 10 ids; this request knows no "all".
    rate_limit : str, optional
        Least time between two messages, such as ``"5s"``; None takes the capture's.
    flow_id : int, optional
        The data stream of IoT Logic whose values are asked for.
    """

    event: ClassVar[str] = "iot_monitor"
    rate_limit: str | None = None
    flow_id: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.trackers, tuple) and len(self.trackers) > IOT_LIMIT:
            raise InvalidArgument(
                f"iot_monitor takes at most {IOT_LIMIT} trackers at once, and "
                f"{len(self.trackers)} were given. Name the ones to watch, for example ",
                _naming(type(self), self.trackers[:2]),
                ".",
            )
        if self.flow_id is not None:
            number = whole(self.flow_id)
            if number is None:
                raise InvalidArgument(
                    f"IotMonitor: flow_id must be a whole number, not {self.flow_id!r}."
                )
            object.__setattr__(self, "flow_id", number)


_KINDS: Mapping[str, type[Request]] = {
    kind.event: kind for kind in (State, StateBatch, ReadingsBatch, IotMonitor)
}
DEFAULT_EVENTS = ("state_batch", "readings_batch")


def resolve_requests(
    events: Iterable[str | Request] | None,
    trackers: object = "all",
    rate_limit: str = "5s",
) -> tuple[Request, ...]:
    """Make complete requests out of names and request objects.

    Parameters
    ----------
    events : iterable of str or Request, optional
        Names such as ``"state_batch"`` and request objects; None asks for ``state_batch`` and
        ``readings_batch``.
    trackers : "all" or iterable of int
        For those that name none themselves.
    rate_limit : str
        For those that name none themselves.

    Raises
    ------
    InvalidArgument
        For an unknown name, an event asked for twice, or a request that can't do without ids.
    """
    wanted = tracker_ids("all" if trackers is None else trackers)
    if isinstance(events, (str, Request)):
        events = [events]
    if events is not None and not hasattr(events, "__iter__"):
        raise InvalidArgument(
            f"events={events!r} is no list; choose from {', '.join(_KINDS)}, "
            'for example events=["state_batch"].'
        )
    requests: dict[str, Request] = {}
    for item in DEFAULT_EVENTS if events is None else events:
        request = item if isinstance(item, Request) else _named(item)
        if request.event in requests:
            raise InvalidArgument(f"{request.event} is asked for twice; ask for each event once.")
        requests[request.event] = _complete(request, wanted, rate_limit)
    if not requests:
        empty = Words("events is empty", "--events is empty")
        raise InvalidArgument(empty, f"; choose from {', '.join(_KINDS)}.")
    return _fitted(tuple(requests.values()))


def _fitted(requests: tuple[Request, ...]) -> tuple[Request, ...]:
    """Ask for all trackers where the ids of all requests are too long for one message."""
    asking = [request for request in requests if isinstance(request, (StateBatch, ReadingsBatch))]
    while asking and _bytes(requests) > BYTES_LIMIT:
        longest = max(asking, key=lambda each: len(each.trackers or ()))
        asking.remove(longest)
        object.__setattr__(longest, "_crowded", True)
    return requests


def _bytes(requests: tuple[Request, ...]) -> int:
    return len(json.dumps([request.wire() for request in requests], separators=(",", ":")))


def _named(name: object) -> Request:
    if isinstance(name, str) and name in _KINDS:
        return _KINDS[name]()
    hint = ""
    if name in ("lifecycle", "logout"):
        hint = f" {name} events come by themselves with every subscription."
    raise InvalidArgument(
        f"{name!r} can't be asked for; choose from {', '.join(_KINDS)}",
        Words(", or a request object such as fl.StateBatch().", "."),
        hint,
    )


def _naming(kind: type[Request], ids: Sequence[int]) -> Words:
    """Return how trackers are named for a request."""
    typed = ",".join(map(str, ids))
    return Words(f"fl.{kind.__name__}(trackers={list(ids)})", f"--trackers {typed}")


def _complete(request: Request, trackers: Trackers | None, rate_limit: str) -> Request:
    changes: dict[str, Any] = {}
    if request.trackers is None:
        changes["trackers"] = trackers
    if "rate_limit" in {item.name for item in fields(request)} and request.rate_limit is None:  # type: ignore[attr-defined]
        changes["rate_limit"] = rate_limit
    request = replace(request, **changes)
    if isinstance(request, (State, IotMonitor)) and request.trackers == "all":
        limit = IOT_LIMIT if isinstance(request, IotMonitor) else SELECTED_LIMIT
        raise InvalidArgument(
            f"{request.event} needs tracker ids, at most {limit}: for example ",
            _naming(type(request), (101, 102)),
            ". For all trackers at once there is state_batch.",
        )
    if isinstance(request, State) and request.filters_here:
        raise InvalidArgument(
            f"state takes at most {SELECTED_LIMIT} trackers, and "
            f"{len(request.trackers or ())} were given. Use state_batch for more."
        )
    return request
