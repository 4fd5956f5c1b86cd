"""Fuel events once more, slow and plain, written from the definition alone.

For levels that are two minutes apart and more, so that none of them is noise. It shares no code
with fleetlab. Change it only from the definition, never to agree with the fast one.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import NamedTuple

from tests.analysis.reference import metres


class State(NamedTuple):
    t: int
    ignition: bool | None
    lng: float


@dataclass
class Step:
    kind: str | None
    since: int
    t: int
    before: float
    after: float
    off: bool = False


def events(
    levels: list[tuple[int, float]], states: list[State], tank: float, limit_per_h: float = 120.0
) -> list[tuple[str, int, int, float, float]]:
    """Kind, from when to when, level before and after."""
    found = steps(changes(levels), levels, states, limit_per_h)
    threshold = tank / 10
    runs = [run for run in together(found) if size(run) >= threshold / 4]
    runs = together([step for run in runs for step in run])
    return [trimmed(run) for run in runs if run[0].kind and size(run) > threshold]


def changes(levels: list[tuple[int, float]]) -> list[tuple[int, float]]:
    kept: list[tuple[int, float]] = []
    for t, value in sorted(levels):
        if not kept or kept[-1][1] != value:
            kept.append((t, value))
    return kept


def steps(
    kept: list[tuple[int, float]],
    levels: list[tuple[int, float]],
    states: list[State],
    limit_per_h: float,
) -> list[Step]:
    heard = sorted({t for t, _ in levels} | {state.t for state in states})
    found = []
    for (t0, before), (t, after) in itertools.pairwise(kept):
        since = max(moment for moment in heard if moment < t)
        fall = before - after
        if fall < 0:
            kind = "fill"
        elif t - since > 600:
            far = away(states, since, t) >= 1000
            slow = fall <= (t - since) * limit_per_h / 3600
            kind = None if far and slow else "unexplained_loss"
        else:
            lasted = max(t - since, engine(states, heard, t0, t))
            kind = "drain" if fall > lasted * limit_per_h / 3600 else None
        off = fall > 0 and t - since <= 600 and engine(states, heard, t0, t) == 0
        found.append(Step(kind, since, t, before, after, off))
    drains = [step.kind == "drain" for step in found]
    for n, step in enumerate(found):
        later = n + 1 < len(found) and drains[n + 1] and found[n + 1].since - step.t <= 300
        earlier = n > 0 and drains[n - 1] and step.since - found[n - 1].t <= 300
        if step.kind is None and step.off and (later or earlier):
            step.kind = "drain"
    return found


def engine(states: list[State], heard: list[int], start: int, end: int) -> int:
    """Seconds between two moments in which the last that was told of the ignition was on."""
    total = 0
    for one, other in itertools.pairwise(heard):
        if start <= one and other <= end:
            told = [s.ignition for s in states if s.t <= one and s.ignition is not None]
            total += (other - one) if told and told[-1] else 0
    return total


def away(states: list[State], before: int, now: int) -> float:
    def place(t: int) -> dict[str, float] | None:
        known = [{"lat": 40.0, "lng": s.lng} for s in states if s.t <= t]
        return known[-1] if known else None

    one, other = place(before), place(now)
    return -1.0 if one is None or other is None else metres(one, other) or 0.0


def together(found: list[Step]) -> list[list[Step]]:
    runs: list[list[Step]] = []
    for step in found:
        last = runs[-1][-1] if runs else None
        same = last and last.kind == step.kind != "unexplained_loss" and step.since - last.t <= 300
        if same:
            runs[-1].append(step)
        else:
            runs.append([step])
    return runs


def size(run: list[Step]) -> float:
    return abs(run[-1].after - run[0].before)


def trimmed(run: list[Step]) -> tuple[str, int, int, float, float]:
    """From when the level has changed by 5 % of the change until all but 5 % are done."""
    before, after = run[0].before, run[-1].after
    little = abs(after - before) * 0.05
    begun = next(step for step in run if abs(step.after - before) > little)
    over = next(step for step in run if abs(step.after - before) >= abs(after - before) - little)
    return str(run[0].kind), begun.since, over.t, before, after


def consumption(
    levels: list[tuple[int, float]], states: list[State], tank: float
) -> list[tuple[int, float, float, float, float, float]]:
    """Start, first and last level, filled, drained and burnt of each stretch without a silence."""
    heard = sorted({t for t, _ in levels} | {state.t for state in states})
    stretches: list[list[tuple[int, float]]] = []
    for t, value in changes(levels):
        before = [moment for moment in heard if moment < t]
        if not stretches or t - before[-1] > 1800:
            stretches.append([])
        stretches[-1].append((t, value))
    starts = [stretch[0][0] for stretch in stretches]
    found = []
    for stretch, after in zip(stretches, [*starts[1:], None], strict=True):
        told = [(t, v) for t, v in levels if t >= stretch[0][0] and (after is None or t < after)]
        happened = events(told, states, tank)
        filled = sum(b - a for kind, _, _, a, b in happened if kind == "fill")
        drained = sum(a - b for kind, _, _, a, b in happened if kind != "fill")
        first, last = stretch[0][1], stretch[-1][1]
        burnt = max(0.0, first + filled - drained - last)
        found.append((stretch[0][0], first, last, filled, drained, burnt))
    return found
