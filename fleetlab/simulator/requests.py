"""What a client may send, read strictly."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

__all__ = ["Message", "Refusal", "Request", "read_message", "read_requests"]

_FORMAT = 5
_PARAMETERS = 7
_MOST_IOT_TRACKERS = 10
_EVENTS = ("state", "state_batch", "readings_batch", "iot_monitor")
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_UNITS_US = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}


class Refusal(Exception):
    """A request that is answered with an error.

    Attributes
    ----------
    action : str or None
        What was asked for, as far as that could be read.
    code : int
    description : str or None
        None takes the platform's words for the code.
    """

    def __init__(self, action: str | None, code: int, description: str | None = None) -> None:
        super().__init__(f"{code}: {description}")
        self.action = action
        self.code = code
        self.description = description


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a client: what it wants, who it says it is, and everything it wrote."""

    action: str
    key: object
    iso: bool
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One request for events; trackers is None for all of them."""

    event: str
    trackers: tuple[int, ...] | None
    rate_limit_us: int = 0
    compact: bool = False
    sensor_type: str | None = None
    include_components: bool = True


def read_message(text: str) -> Message:
    """Read the frame of a client.

    Raises
    ------
    Refusal
        Code 5: no JSON object, or no action that there is.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise Refusal(None, _FORMAT) from None
    action = body.get("action") if isinstance(body, dict) else None
    if action not in ("subscribe", "unsubscribe"):
        raise Refusal(None, _FORMAT)
    return Message(action, body.get("hash"), body.get("iso_datetime") is True, body)


def read_requests(message: Message) -> list[Request]:
    """Read what is asked for, in the old form (events and trackers at the root) too.

    Raises
    ------
    Refusal
        Code 7, with the reason.
    """
    body = message.body
    items = body.get("requests")
    if items is None and isinstance(body.get("events"), list):
        trackers = body.get("trackers")
        target = {"type": "selected", "tracker_ids": trackers}
        items = [{"type": e, "trackers": trackers, "target": target} for e in body["events"]]
    try:
        if not isinstance(items, list) or not items:
            raise _Invalid("requests must be a list that is not empty")  # noqa: TRY301
        return [_read(item) for item in items]
    except _Invalid as problem:
        raise Refusal(message.action, _PARAMETERS, f"Invalid parameters: {problem}") from None


class _Invalid(Exception):
    pass


def _read(item: Any) -> Request:
    if not isinstance(item, dict):
        raise _Invalid("a request must be an object")
    event = item.get("type")
    if event not in _EVENTS:
        raise _Invalid(f"type must be one of {', '.join(_EVENTS)}")
    form = item.get("format", "full")
    if form not in ("full", "compact"):
        raise _Invalid("format must be full or compact")
    sensor_type = item.get("sensor_type")
    if sensor_type is not None and not isinstance(sensor_type, str):
        raise _Invalid("sensor_type must be text")
    components = item.get("include_components", True)
    if not isinstance(components, bool):
        raise _Invalid("include_components must be true or false")
    flow = item.get("flow_id")
    if flow is not None and not _is_int(flow):
        raise _Invalid("flow_id must be a whole number")
    return Request(
        event=event,
        trackers=_ids(item.get("trackers"), "trackers") if event == "state" else _target(item),
        rate_limit_us=_rate_limit(item.get("rate_limit")),
        compact=form == "compact",
        sensor_type=sensor_type,
        include_components=components,
    )


def _target(item: dict[str, Any]) -> tuple[int, ...] | None:
    target = item.get("target")
    kind = target.get("type") if isinstance(target, dict) else None
    iot = item["type"] == "iot_monitor"
    if kind == "all" and not iot:
        return None
    if not isinstance(target, dict) or kind != "selected":
        raise _Invalid(f"target type must be selected{'' if iot else ' or all'}")
    ids = _ids(target.get("tracker_ids"), "tracker_ids")
    if iot and len(ids) > _MOST_IOT_TRACKERS:
        raise _Invalid(f"iot_monitor takes {_MOST_IOT_TRACKERS} trackers, not {len(ids)}")
    return ids


def _ids(value: Any, name: str) -> tuple[int, ...]:
    if not isinstance(value, list) or not value or not all(_is_int(one) for one in value):
        raise _Invalid(f"{name} must be a list of tracker ids that is not empty")
    return tuple(dict.fromkeys(value))


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _rate_limit(value: Any) -> int:
    if value is None:
        return 0
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _Invalid('rate_limit must be text such as "5s"')
    return round(float(match[1]) * _UNITS_US[match[2]])
