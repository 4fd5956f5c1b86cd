"""What really happened to the simulated fleet, whatever its devices made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fleetlab.simulator.clock import Clock
    from fleetlab.simulator.duty import Leg
    from fleetlab.simulator.fleet import Fleet
    from fleetlab.simulator.tour import Span, Tour
    from fleetlab.simulator.vehicle import Vehicle

__all__ = ["Truth"]

_KMH: Final = 1 / 3.6
_STOP_S: Final = 300.0
_TIME: Final = pl.Datetime("us", "UTC")
_SPAN: Final[dict[str, Any]] = {
    "tracker_id": pl.Int64,
    "source_id": pl.Int64,
    "started_at": _TIME,
    "ended_at": _TIME,
    "duration_s": pl.Float64,
}
_PLACE: Final[dict[str, Any]] = {"lat": pl.Float64, "lng": pl.Float64}


class Truth:
    """What happened between the start of a simulator and now, exactly.

    Each frame starts with tracker_id (of the tracker that is no clone), source_id, started_at and
    ended_at (UTC) and duration_s, sorted by tracker and start. What was going on at the start has
    its true beginning; of what still goes on, ended_at and what depends on it are null. `totals`
    has a row for each vehicle.

    Parameters
    ----------
    fleet : Fleet
    clock : Clock
    """

    def __init__(self, fleet: Fleet, clock: Clock) -> None:
        self._fleet = fleet
        self._clock = clock
        self._now = clock.update_us / 1e6

    @property
    def trips(self) -> pl.DataFrame:
        """Drives, ended by a standstill of 300 s: distance_m, max_speed_kmh, start and end."""
        schema = {
            "distance_m": pl.Float64,
            "max_speed_kmh": pl.Float64,
            "start_lat": pl.Float64,
            "start_lng": pl.Float64,
            "end_lat": pl.Float64,
            "end_lng": pl.Float64,
        }

        def rows(vehicle: Vehicle) -> Iterator[tuple[float, float, tuple[Any, ...]]]:
            for start, end, span in self._spans(vehicle, lambda tour: tour.trips()):
                distance = span.last.travelled - span.first.travelled
                lat, lng = vehicle.degrees(span.first.x, span.first.y)
                speed: tuple[float | None, ...] = (distance, span.top_speed * 3.6)
                there: tuple[float | None, ...] = vehicle.degrees(span.last.x, span.last.y)
                if end > self._now:
                    speed = there = (None, None)
                yield start, end, (*speed, lat, lng, *there)

        return self._frame(schema, rows)

    @property
    def stops(self) -> pl.DataFrame:
        """Standing for 300 s and longer, with the engine on or off: lat, lng, ignition_on_s."""

        def rows(vehicle: Vehicle) -> Iterator[tuple[float, float, tuple[Any, ...]]]:
            before = vehicle.duty.days(self._now)[0].parked_since
            for start, end, span in self._spans(vehicle, lambda tour: tour.trips(), every=True):
                place = vehicle.degrees(span.first.x, span.first.y)
                yield before, start, (*place, self._ignition_on(vehicle, before, start))
                before = end
            if before < self._now:
                here = vehicle.where(self._now)
                yield before, float("inf"), (*vehicle.degrees(here.x, here.y), None)

        def long(vehicle: Vehicle) -> Iterator[tuple[float, float, tuple[Any, ...]]]:
            return (row for row in rows(vehicle) if row[1] - row[0] >= _STOP_S)

        return self._frame(_PLACE | {"ignition_on_s": pl.Float64}, long)

    @property
    def idling(self) -> pl.DataFrame:
        """Every standstill with the ignition on, red lights too: lat, lng."""

        def rows(vehicle: Vehicle) -> Iterator[tuple[float, float, tuple[Any, ...]]]:
            for start, end, span in self._spans(vehicle, lambda tour: tour.idling()):
                yield start, end, vehicle.degrees(span.first.x, span.first.y)

        return self._frame(_PLACE, rows)

    @property
    def speeding(self) -> pl.DataFrame:
        """Driving faster than the road allows: limit_kmh, max_speed_kmh, distance_m."""
        return self.above(None)

    def above(self, limit_kmh: float | None) -> pl.DataFrame:
        """Return when vehicles were faster than one limit for all; None takes the road's own."""
        limit = None if limit_kmh is None else limit_kmh * _KMH
        schema = {"limit_kmh": pl.Float64, "max_speed_kmh": pl.Float64, "distance_m": pl.Float64}

        def rows(vehicle: Vehicle) -> Iterator[tuple[float, float, tuple[Any, ...]]]:
            for start, end, span in self._spans(vehicle, lambda tour: tour.above(limit)):
                allowed = span.first.piece.limit * 3.6 if limit_kmh is None else limit_kmh
                way = span.last.travelled - span.first.travelled
                known = (span.top_speed * 3.6, way) if end <= self._now else (None, None)
                yield start, end, (allowed, *known)

        return self._frame(schema, rows)

    @property
    def fuel_events(self) -> pl.DataFrame:
        """Fuel that came or went otherwise than through the engine.

        kind (`fill`, `drain`, `leak`), tank (from 1), litres (positive), level_before and
        level_after in litres.
        """
        schema = {
            "kind": pl.String,
            "tank": pl.Int64,
            "litres": pl.Float64,
            "level_before": pl.Float64,
            "level_after": pl.Float64,
        }

        def rows(vehicle: Vehicle) -> Iterator[tuple[float, float, tuple[Any, ...]]]:
            for day in vehicle.duty.days(self._now):
                for change in day.changes:
                    before = vehicle.litres(change.start)
                    after = vehicle.litres(min(change.end, day.end - 1e-6))
                    for tank, litres in enumerate(change.litres):
                        if litres:
                            levels = (abs(litres), before[tank], after[tank])
                            known = levels if change.end <= self._now else (None, levels[1], None)
                            yield change.start, change.end, (change.kind, tank + 1, *known)

        return self._frame(schema, rows)

    @property
    def silences(self) -> pl.DataFrame:
        """When nothing came from a device: reason (`dead_zone`, `no_power`, `forgotten`), stored.

        `stored`: what the device measured meanwhile came afterwards.
        """

        def rows(vehicle: Vehicle) -> Iterator[tuple[float, float, tuple[Any, ...]]]:
            if vehicle.silent_since is not None:
                yield vehicle.silent_since, float("inf"), ("forgotten", False)
                return
            for outage in vehicle.outages(self._now):
                yield outage.start, outage.end, (outage.reason, outage.stores)

        return self._frame({"reason": pl.String, "stored": pl.Boolean}, rows)

    @property
    def totals(self) -> pl.DataFrame:
        """What each vehicle did since the start: tracker_id, source_id, kind, and how much.

        distance_m, engine_s, burnt_l (litres through the engine; what was filled in or stolen is
        not in it).
        """
        rows = []
        for tracker in self._fleet.trackers:
            if tracker.clone:
                continue
            vehicle = self._fleet.vehicles[tracker.vehicle]
            first, last = vehicle.where(0.0), vehicle.where(self._now)
            metres, engine_s = last.metres - first.metres, last.engine_s - first.engine_s
            burnt = vehicle.duty.burnt(metres, engine_s)
            ids = (tracker.tracker_id, vehicle.source_id)
            rows.append((*ids, vehicle.kind.name, metres, engine_s, burnt))
        schema = {
            "tracker_id": pl.Int64,
            "source_id": pl.Int64,
            "kind": pl.String,
            "distance_m": pl.Float64,
            "engine_s": pl.Float64,
            "burnt_l": pl.Float64,
        }
        return pl.DataFrame(rows, schema=schema, orient="row").sort("tracker_id")

    def _legs(self, vehicle: Vehicle) -> Iterator[Leg]:
        for day in vehicle.duty.days(self._now):
            yield from day.legs

    def _spans(
        self, vehicle: Vehicle, find: Callable[[Tour], list[Span]], *, every: bool = False
    ) -> Iterator[tuple[float, float, Span]]:
        """Return spans of the tours that were driven, with when they began and ended."""
        for leg in self._legs(vehicle):
            if every or leg.end > 0:
                for span in find(leg.tour):
                    if leg.start + span.start <= self._now:
                        yield leg.start + span.start, leg.start + span.end, span

    def _ignition_on(self, vehicle: Vehicle, start: float, end: float) -> float:
        return sum(
            max(0.0, min(end, leg.start + span.end) - max(start, leg.start + span.start))
            for leg in self._legs(vehicle)
            if leg.end > start and leg.start < end
            for span in leg.tour.idling()
        )

    def _frame(
        self,
        schema: dict[str, Any],
        rows: Callable[[Vehicle], Iterable[tuple[float, float, tuple[Any, ...]]]],
    ) -> pl.DataFrame:
        """Make a frame of what began before now and was not over at the start."""
        found = []
        originals = [tracker for tracker in self._fleet.trackers if not tracker.clone]
        for tracker in originals:
            vehicle = self._fleet.vehicles[tracker.vehicle]
            for start, end, values in rows(vehicle):
                if start > self._now or end <= 0:
                    continue
                over = end <= self._now
                found.append(
                    (
                        tracker.tracker_id,
                        vehicle.source_id,
                        self._clock.moment_us(start),
                        self._clock.moment_us(end) if over else None,
                        end - start if over else None,
                        *values,
                    )
                )
        frame = pl.DataFrame(found, schema=_SPAN | schema, orient="row")
        return frame.sort("tracker_id", "started_at", maintain_order=True)
