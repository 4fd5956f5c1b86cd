import runpy
from pathlib import Path

import fleetlab


def test_a_simulated_day_is_like_those_of_real_fleets():
    path = Path(fleetlab.__file__).parents[1] / "docs" / "fleet_day.py"
    figures = runpy.run_path(str(path))["figures"]()
    assert len(figures) > 8
    for figure in figures:
        assert figure.low <= figure.value <= figure.high, figure
        assert figure.source
