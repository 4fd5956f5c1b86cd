"""Live maps as a test drives them, and what a page makes of their messages."""

from __future__ import annotations

import json
import math

from fleetlab.live.map import Map
from tests.live.fleets import state

MADRID = (40.0, -3.7)


class Sent(Map):
    """A map that keeps what it sends."""

    def __init__(self, *arguments) -> None:
        self.sent: list[dict] = []
        super().__init__(*arguments)

    def send(self, content, *_) -> None:
        self.sent.append(json.loads(json.dumps(content, allow_nan=False)))


def fix(second: float, who: int = 1, north: float = 0.0, east: float = 0.0, **more):
    """A state some metres from a place."""
    lat, lng = MADRID
    degree = 111_195
    lng += east / degree / math.cos(math.radians(lat))
    place = {"lat": lat + north / degree, "lng": lng, "heading_deg": 90.0, "alt_m": 600.0}
    return state(second, who, **place | more)


class Page:
    """What a page makes of the messages of a view."""

    def __init__(self, view: Sent) -> None:
        self.view, self.seen = view, 0
        self.tails: dict[int, list] = {}
        self.places: dict[int, tuple] = {}
        self.of = 0
        self._take(view._whole())

    def catch_up(self) -> Page:
        for told in self.view.sent[self.seen :]:
            if told["of"] > self.of + 1 or "columns" in told:
                self.tails, self.places = {}, {}
                self._take(self.view._whole())
            else:
                self._take(told)
        self.seen = len(self.view.sent)
        return self

    def _take(self, told: dict) -> None:
        self.of = told["of"]
        for n, kind, lat, lng, t in zip(*told["points"].values(), strict=True):
            self.places[n] = (lat, lng)
            if kind != 2:
                self.tails.setdefault(n, []).append((t, lat, lng, kind))
        for n, tail in self.tails.items():
            self.tails[n] = [point for point in tail if point[0] >= (told["since"] or 0)]

    def lines(self) -> dict[int, list[list[tuple]]]:
        """Pieces of tails by tracker, each of two points or more."""
        pieces: dict[int, list[list[tuple]]] = {}
        for n, tail in self.tails.items():
            mine: list[list[tuple]] = []
            for t, lat, lng, kind in tail:
                if kind == 1 or not mine:
                    mine.append([])
                mine[-1].append((t, lat, lng))
            mine = [piece for piece in mine if len(piece) > 1]
            if mine:
                pieces[self.view._order["tracker_id"][n]] = mine
        return pieces
