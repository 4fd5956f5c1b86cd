"""What a new user does first, with nothing but the base dependencies; prints what it found."""

import importlib.metadata
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TIMED = (
    "import time; began = time.perf_counter(); import fleetlab; print(time.perf_counter() - began)"
)
WRONG = ("pandas", "numpy", "pyarrow", "duckdb", "pyspark", "geopandas", "xlsxwriter")


def took() -> float:
    done = subprocess.run([sys.executable, "-c", TIMED], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    there = [name for name in WRONG if importlib.util.find_spec(name)]
    assert not there, f"the base dependencies bring {there}"
    import_s = min(took() for _ in range(5))

    import fleetlab as fl  # noqa: PLC0415 - it is timed before

    assert Path(fl.__file__).is_relative_to(sys.prefix), fl.__file__
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rec"
        rec = fl.capture(seconds=3, server="demo", rate_limit="1s", save_to=path, view=False)
        assert not rec.state_batch.is_empty()
        again = fl.load(path)
        assert again.state_batch.equals(rec.state_batch)
        for chart in (again.plot.speed(), again.plot.status(), again.plot.overview()):
            chart.save(Path(folder) / "chart.svg")
        assert isinstance(fl.stops(again).height, int)
        for view in (fl.live.fleet, fl.live.speed, fl.live.status):
            assert view(again).errors == ()
        command = [sys.executable, "-m", "fleetlab", "info", str(path)]
        subprocess.run(command, check=True, capture_output=True)
    names = ("polars", "altair", "websockets", "ipywidgets")
    told = {name: importlib.metadata.version(name) for name in names}
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "fleetlab", "--help"], check=True, capture_output=True)
    help_s = time.perf_counter() - began
    print(json.dumps(told | {"import_s": round(import_s, 2), "help_s": round(help_s, 2)}))  # noqa: T201


if __name__ == "__main__":
    main()
