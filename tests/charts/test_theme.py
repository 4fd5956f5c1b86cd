"""Colours that people can tell apart: with any kind of colour-blindness, and in grey print."""

from __future__ import annotations

from itertools import combinations
from math import dist

import pytest

from fleetlab.charts.theme import LINES, STATES

GROUPS = [
    ("moving", "stopped", "parked", "unknown"),
    ("ignition on", "ignition off", "unknown"),
    ("active", "idle", "offline", "unknown"),
]
# G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, 2009: what is seen of linear RGB.
EYES = {
    "trichromat": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanope": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deuteranope": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritanope": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}


def linear(colour: str) -> list[float]:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    return [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]


def luminance(colour: str) -> float:
    red, green, blue = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def seen(colour: str, eye: str) -> list[float]:
    """What an eye sees, on a scale on which equal steps look about equal."""
    parts = [sum(a * b for a, b in zip(row, linear(colour), strict=True)) for row in EYES[eye]]
    return [min(1.0, max(0.0, one)) ** (1 / 2.2) for one in parts]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0])
def test_states_can_be_told_apart_in_grey_print(group):
    for one, other in combinations(group, 2):
        dark, light = sorted((luminance(STATES[one]), luminance(STATES[other])))
        assert (light + 0.05) / (dark + 0.05) > 1.3, (one, other)


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0])
def test_states_can_be_told_apart_by_every_eye(group, eye):
    for one, other in combinations(group, 2):
        assert dist(seen(STATES[one], eye), seen(STATES[other], eye)) > 0.2, (one, other)


@pytest.mark.parametrize("eye", ["trichromat", "protanope", "deuteranope"])
def test_lines_can_be_told_apart(eye):
    for one, other in combinations(LINES, 2):
        assert dist(seen(one, eye), seen(other, eye)) > 0.1, (one, other)
