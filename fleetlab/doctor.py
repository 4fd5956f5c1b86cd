"""What a capture needs of this computer, looked at one by one, and what to do where it lacks.

The server's side is in :mod:`fleetlab.doctor_server`.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import psutil

from fleetlab._version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Finding", "Mark", "disk", "memory", "versions"]

Mark = Literal["ok", "attention", "problem"]

NOTEBOOKS: Final = {"ipykernel": "7.0", "jupyterlab": "4.0"}
"""What notebooks have beside our own needs, and from which version on nothing is missing there."""

DISK: Final = (500_000_000, 5_000_000_000)
MEMORY: Final = (300_000_000, 1_000_000_000)
"""Bytes below which there is a problem, or something to look at."""

_SHOWN: Final = ("polars", "websockets", "ipywidgets", "anywidget", "altair")
_UPDATE: Final = "pip install --upgrade {}"


@dataclass(frozen=True)
class Finding:
    """What one check has found.

    Attributes
    ----------
    name : str
        What was looked at.
    mark : {"ok", "attention", "problem"}
        How it is.
    words : str
        What was found, in a sentence.
    remedy : str
        What to do; empty where nothing is.
    """

    name: str
    mark: Mark
    words: str
    remedy: str = ""


def versions(
    version_of: Callable[[str], str | None] | None = None,
    required: Sequence[str] | None = None,
) -> Iterator[Finding]:
    """Look at Python, fleetlab, what it needs, and what notebooks have beside it.

    Parameters
    ----------
    version_of : callable, optional
        Returns a package's version, None if there is none; looks here if left out.
    required : sequence of str, optional
        What is needed, as in ``"polars>=2.1"``; what fleetlab's own metadata say if left out.
    """
    version_of = version_of or _installed
    if required is None:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            required = importlib.metadata.requires("fleetlab")
    where = f"{platform.system()} {platform.machine()}"
    yield Finding("Python", "ok", f"{platform.python_version()} on {where}")
    yield Finding("fleetlab", "ok", __version__)
    fine, shown = 0, []
    for name, least in _least(required or ()):
        version = version_of(name)
        if version is None:
            yield Finding(name, "problem", "is not installed", _UPDATE.format(f'"{name}>={least}"'))
        elif _numbers(version) < _numbers(least):
            words = f"{version} is too old: {least} or newer is needed"
            yield Finding(name, "problem", words, _UPDATE.format(f'"{name}>={least}"'))
        else:
            fine += 1
            shown += [f"{name} {version}"] * (name in _SHOWN)
    yield Finding("packages", "ok", f"{', '.join(shown)}, and {fine - len(shown)} more")
    yield from _notebooks(version_of)


def _notebooks(version_of: Callable[[str], str | None]) -> Iterator[Finding]:
    here = {name: found for name in NOTEBOOKS if (found := version_of(name)) is not None}
    old = [name for name in here if _numbers(here[name]) < _numbers(NOTEBOOKS[name])]
    shown = ", ".join(f"{name} {version}" for name, version in here.items())
    if old:
        needs = " ".join(f'"{name}>={NOTEBOOKS[name]}"' for name in old)
        words = f"{shown}: older than what a capture's panel and its Stop are made for"
        yield Finding("Jupyter", "attention", words, f"{_UPDATE.format(needs)}, then restart it")
    elif here:
        yield Finding("Jupyter", "ok", shown)
    else:
        yield Finding("Jupyter", "ok", "not in this environment; only notebooks need it")


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _least(required: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield names and least versions of what this Python needs, without the extras."""
    for one in required:
        needed, _, marker = one.partition(";")
        found = re.match(r"([\w.-]+)\s*(?:>=\s*([\d.]+))?", needed.strip())
        only = re.search(r"python_version\s*<\s*[\"']([\d.]+)", marker)
        is_old = only is None or _numbers(platform.python_version()) < _numbers(only[1])
        if found and "extra" not in marker and is_old:
            yield found[1], found[2] or "0"


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def disk(save_to: Path | None, *, is_parent: bool = False) -> Finding:
    """Look at where recordings would go; nothing is made there.

    Parameters
    ----------
    save_to : pathlib.Path or None
        A recording's own folder; None for the default, ``recordings`` in the working directory.
    is_parent : bool
        Whether recordings are to be made in the folder, which may hold others then.
    """
    path = Path("recordings") if save_to is None else save_to.expanduser()
    path = Path.cwd() / path
    other = "Name another folder with --save-to."
    if path.is_file():
        return Finding("disk", "problem", f"{path} is a file, where a folder is needed", other)
    if save_to is not None and not is_parent and path.exists() and any(path.iterdir()):
        words = f"{path} is not empty; a recording needs a folder of its own"
        return Finding("disk", "problem", words, f"{other} Recordings in it need --every.")
    there = next(one for one in (path, *path.parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=there, buffering=0) as file:
            file.write(b"fleetlab")
        free = shutil.disk_usage(there).free
    except OSError as error:
        words = f"{there} can't be written: {error.strerror or error}"
        return Finding("disk", "problem", words, other)
    words = f"{_size(free)} free at {path}"
    return Finding("disk", *_enough(free, DISK, words, f"Free some space there. {other}"))


def memory() -> Finding:
    """Look at the memory that is free."""
    free = psutil.virtual_memory().available
    remedy = "End other programs; large fleets need 600 MB."
    return Finding("memory", *_enough(free, MEMORY, f"{_size(free)} free", remedy))


def _enough(free: int, limits: tuple[int, int], words: str, remedy: str) -> tuple[Mark, str, str]:
    if free >= limits[1]:
        return "ok", words, ""
    return ("attention" if free >= limits[0] else "problem"), f"only {words}", remedy


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"  # noqa: PLR2004
