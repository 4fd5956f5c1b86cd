"""`make matrix`: wheel and sdist, tried on each Python with the lowest and the newest packages.

Lowest and newest are of Polars, Altair, websockets and ipywidgets, within what pyproject.toml
allows; all else is what pip takes. Pythons are those of pyenv and of the PATH; one that is not
there is named. `MATRIX_TESTS=1` runs the tests in each environment too, for half an hour.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
SMOKE = Path(__file__).with_name("smoke.py")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
VARIED = ("polars", "altair", "websockets", "ipywidgets")
IMPORT_S = 0.5


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what it found is what this is for


def run(*command: str | Path, folder: Path | None = None, **more: str) -> str:
    done = subprocess.run(
        [str(one) for one in command],
        cwd=folder,
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def found(version: str) -> str | None:
    """Return a Python of that version, if there is one."""
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    several = [one for one in home.glob(f"{version}.*") if (one / "bin" / "python").exists()]
    if several:
        newest = max(several, key=lambda one: Version(one.name))
        return str(newest / "bin" / "python")
    return shutil.which(f"python{version}")


def lowest() -> list[str]:
    """Return the four packages at the lowest version that is allowed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pins = []
    for text in project["dependencies"]:
        one = Requirement(text)
        if one.name in VARIED:
            [least] = [part.version for part in one.specifier if part.operator == ">="]
            pins.append(f"{one.name}=={least}")
    assert len(pins) == len(VARIED), pins
    return pins


def built(folder: Path) -> Iterator[Path]:
    """Build, and yield the wheel and then the sdist."""
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    for pattern in ("*.whl", "*.tar.gz"):
        [path] = folder.glob(pattern)
        yield path


def tried(python: str, package: Path, pins: list[str], folder: Path) -> dict[str, object]:
    """Install a package as a user would, without extras, and try it; returns what it told."""
    run(python, "-m", "venv", folder)
    own = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(own, "-m", "pip", "install", "--quiet", "--upgrade", "pip")
    run(own, "-m", "pip", "install", "--quiet", f"{package}", *pins)
    run(own, "-m", "pip", "check")
    told: dict[str, object] = json.loads(run(own, SMOKE, folder=folder).splitlines()[-1])
    if os.environ.get("MATRIX_TESTS"):
        run(own, "-m", "pip", "install", "--quiet", f"{package}[dev]", *pins)
        tests = [
            "--ignore=tests/browser",
            "--ignore=tests/extras",
            "--ignore=tests/notebooks",
            "-q",
        ]
        told["tests"] = run(own, "-m", "pytest", *tests, folder=ROOT).splitlines()[-1]
    return told


def main() -> int:
    broken = 0
    with tempfile.TemporaryDirectory() as made:
        wheel, sdist = built(Path(made) / "dist")
        say(f"{wheel.name}, {wheel.stat().st_size / 1000:,.0f} kB; {sdist.name}")
        newest = [f"{name}" for name in VARIED]
        cases = [(one, wheel, which) for one in PYTHONS for which in ("lowest", "newest")]
        cases.append((PYTHONS[0], sdist, "newest"))
        for number, (version, package, which) in enumerate(cases):
            what = f"Python {version}, {package.suffix[1:]}, {which}"
            python = found(version)
            if python is None:
                say(f"{what}: skipped, there is no such Python here")
                continue
            pins = lowest() if which == "lowest" else newest
            try:
                told = tried(python, package, pins, Path(made) / f"env{number}")
            except RuntimeError as error:
                broken += 1
                say(f"{what}: BROKEN\n{error}")
                continue
            slow = float(str(told["import_s"])) > IMPORT_S
            broken += slow
            say(f"{what}: {'TOO SLOW' if slow else 'good'} {json.dumps(told)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
