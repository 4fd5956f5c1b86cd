"""A round over the roads, as uniform pieces of motion and of standing.

A tour leaves the depot, calls at customers and comes back. All of it is known beforehand: where a
vehicle is after so many seconds is arithmetic, not history, which is what makes a simulated day the
same on every machine.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Activity", "Piece", "Span", "Spot", "Tour"]

_TRIP_PAUSE_S: Final = 300.0  # a standstill as long as this ends a trip (the platform's definition)


class Activity(Enum):
    """What a vehicle does in a piece of its tour."""

    DRIVE = "drive"
    LIGHT = "light"
    UNLOAD = "unload"
    IDLE = "idle"
    REFUEL = "refuel"
    DEPOT = "depot"


class Piece(msgspec.Struct, frozen=True, gc=False):
    """Motion with one acceleration on a straight stretch, or standing.

    Times are seconds since the tour began, lengths metres, speeds m/s. `wave` is how much the speed
    swings about its value while cruising, in `waves` whole periods, so that it takes no distance.
    `sky_lost` is when the vehicle went into the tunnel that it is in, null outside.
    """

    start: float
    duration: float
    x: float
    y: float
    direction_x: float
    direction_y: float
    travelled: float
    engine_s: float
    speed: float
    acceleration: float
    wave: float
    waves: int
    activity: Activity
    ignition: bool
    limit: float
    sky_lost: float | None
    status_since: float
    ignition_since: float


class Spot(msgspec.Struct, frozen=True, gc=False):
    """Where a tour is at one moment: metres from the centre of the city, and how it moves."""

    x: float
    y: float
    speed: float
    heading: float
    travelled: float
    engine_s: float
    piece: Piece


class Span(NamedTuple):
    """A part of a tour in which something went on, in seconds since the tour began."""

    start: float
    end: float
    first: Spot
    last: Spot
    top_speed: float


class Tour:
    """One round, from switching the engine on at the depot to switching it off there.

    Attributes
    ----------
    pieces : tuple of Piece
    duration : float
        Seconds.
    length : float
        Metres driven.
    engine_s : float
        Seconds with the ignition on.
    refuel : Piece or None
        The halt at the filling station, where there is one.
    """

    def __init__(self, pieces: tuple[Piece, ...]) -> None:
        last = pieces[-1]
        self.pieces = pieces
        self.duration = last.start + last.duration
        self.length = last.travelled
        self.engine_s = last.engine_s + (last.duration if last.ignition else 0.0)
        self.refuel = next((p for p in pieces if p.activity is Activity.REFUEL), None)
        self._starts = [piece.start for piece in pieces]
        self._phase_ends = _phase_ends(pieces)
        self._trips: list[Span] | None = None
        self._idling: list[Span] | None = None

    def spot(self, seconds: float) -> Spot:
        """Return where the tour is so many seconds after it began (0 ≤ seconds ≤ duration)."""
        piece = self.pieces[bisect_right(self._starts, seconds) - 1]
        t = seconds - piece.start
        speed = piece.speed + piece.acceleration * t
        way = (piece.speed + speed) / 2 * t
        if piece.waves:
            turn = 2 * math.pi * piece.waves / piece.duration
            speed += piece.wave * math.sin(turn * t)
            way += piece.wave / turn * (1 - math.cos(turn * t))
        return Spot(
            piece.x + piece.direction_x * way,
            piece.y + piece.direction_y * way,
            speed,
            math.degrees(math.atan2(piece.direction_x, piece.direction_y)) % 360,
            piece.travelled + way,
            piece.engine_s + (t if piece.ignition else 0.0),
            piece,
        )

    def phase_end(self, seconds: float) -> float:
        """Return until when the tour moves, stands or is parked as it does now."""
        return self._phase_ends[bisect_right(self._starts, seconds) - 1]

    # What happened: computed once, for all vehicles that drive this tour

    def trips(self) -> list[Span]:
        """Return the drives, which standing for five minutes ends."""
        if self._trips is None:
            self._trips = [
                self._span(start, end)
                for start, end in _runs(
                    self.pieces, lambda p: p.activity is Activity.DRIVE, _TRIP_PAUSE_S
                )
            ]
        return self._trips

    def idling(self) -> list[Span]:
        """Return every standstill with the ignition on, red lights too."""
        if self._idling is None:
            self._idling = [
                self._span(start, end)
                for start, end in _runs(
                    self.pieces, lambda p: p.ignition and p.activity is not Activity.DRIVE, 0.0
                )
            ]
        return self._idling

    def above(self, limit: float | None) -> list[Span]:
        """Return where the speed was above a limit in m/s (None: the road's own), by the second."""
        found: list[Span] = []
        for piece in self.pieces:
            allowed = piece.limit if limit is None else limit
            if piece.speed + piece.wave + max(0.0, piece.acceleration) * piece.duration > allowed:
                first = math.ceil(piece.start)
                for second in range(first, math.ceil(piece.start + piece.duration)):
                    if self.spot(second).speed > allowed:
                        if found and found[-1].end >= second - 1:
                            found[-1] = found[-1]._replace(end=float(second))
                        else:
                            spot = self.spot(second)
                            found.append(Span(float(second), float(second), spot, spot, 0.0))
        return [self._span(one.start, one.end) for one in found]

    def _span(self, start: float, end: float) -> Span:
        pieces = self.pieces[
            bisect_right(self._starts, start) - 1 : bisect_right(self._starts, end)
        ]
        top = 0.0
        for piece in pieces:
            low, high = max(start, piece.start), min(end, piece.start + piece.duration)
            if piece.waves:
                quarter = piece.duration / piece.waves / 4
                peak = piece.start + quarter
                if low <= peak <= high:
                    top = max(top, piece.speed + piece.wave)
            for moment in (low, high):
                top = max(top, piece.speed + piece.acceleration * (moment - piece.start))
        return Span(start, end, self.spot(start), self.spot(min(end, self.duration)), top)


def _phase_ends(pieces: tuple[Piece, ...]) -> list[float]:
    ends: list[float] = []
    end = pieces[-1].start + pieces[-1].duration
    for n in range(len(pieces) - 1, -1, -1):
        ends.append(end)
        if pieces[n].status_since == pieces[n].start:
            end = pieces[n].start
    return ends[::-1]


def _runs(
    pieces: tuple[Piece, ...], fits: Callable[[Piece], bool], bridge: float
) -> list[tuple[float, float]]:
    """Return from when to when pieces fit, pauses shorter than `bridge` included."""
    runs: list[tuple[float, float]] = []
    for piece in pieces:
        if fits(piece):
            end = piece.start + piece.duration
            touches = runs and piece.start - runs[-1][1] < max(bridge, 1e-9)
            if touches:
                runs[-1] = (runs[-1][0], end)
            else:
                runs.append((piece.start, end))
    return runs
