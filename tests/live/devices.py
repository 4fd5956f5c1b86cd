"""Attributes of devices as a test says they were told, and what a page makes of what it is sent."""

from __future__ import annotations

from dataclasses import replace

from fleetlab.live.attributes import Attributes
from tests.charts.recordings import at
from tests.live.fleets import Job, add, job_of

TYPES = ("null", "bool", "int", "float", "string")


def told(second: float, text: str | None, who: int = 1, field: str = "rpm", **more):
    """A value: ``srv_time`` a second after ``msg_time``, an int unless its text is none."""
    kind = more.get("value_type", "null" if text is None else "int")
    value = float(text) if kind in ("int", "float") else None
    stamps = {name: at(second) for name in ("event_time", "msg_time", "received_at")}
    row = {"tracker_id": who, "queue": "nonnull", "field": field, **stamps}
    row |= {"srv_time": at(second + 1), "value": value, "value_text": text, "value_type": kind}
    return row | more


def job_with(*rows, asked=(1, 2)) -> Job:
    job = job_of(("iot_monitor", rows)) if rows else job_of()
    requests = [{"type": "iot_monitor", "trackers": list(asked)}] if asked else []
    job.rec.info = replace(job.rec.info, requests=requests)
    return job


def tell(job: Job, *rows, **more) -> None:
    add(job, *rows, event="iot_monitor", **more)


class Sent(Attributes):
    """A view that keeps what it sends."""

    def __init__(self, job, trackers=None, every: float = 3600.0) -> None:
        self.sent: list[dict] = []
        super().__init__(job, every, trackers, "nonnull")

    def send(self, content, *_) -> None:
        self.sent.append(content)


class Page:
    """What a page has: all values as it was sent them, the newest first."""

    def __init__(self, view: Attributes) -> None:
        self.take(view._whole())

    def take(self, sent: dict) -> None:
        self.devices = sent["devices"]
        if "columns" in sent:
            self.queues: dict[tuple, list[tuple]] = {}
        news = sent.get("columns") or sent["rows"]
        for who, queue, t, msg, srv, fields, types, texts in news["messages"]:
            for field, kind, text in zip(fields, types, texts, strict=True):
                values = self.queues.setdefault((int(who), queue, news["fields"][field]), [])
                place = next((n for n, one in enumerate(values) if one[0] <= t), len(values))
                values.insert(place, (t, msg, srv, text, TYPES[kind]))
                del values[13:]


def shown(view: Attributes, who: int = 1, field: str = "rpm", queue: str = "nonnull") -> list:
    """Texts of an attribute in the frame, the newest first."""
    rows = view.frame.filter(tracker_id=who, field=field, queue=queue)
    assert rows["depth"].to_list() == list(range(len(rows)))
    return rows["value_text"].to_list()


def in_page(page: Page) -> dict[tuple, list]:
    return {place: [one[3:] for one in values] for place, values in page.queues.items()}


def in_frame(view: Attributes) -> dict[tuple, list]:
    columns = ("tracker_id", "queue", "field", "value_text", "value_type")
    found: dict[tuple, list] = {}
    for *place, text, kind in view.frame.select(columns).rows():
        found.setdefault(tuple(place), []).append((text, kind))
    return found
