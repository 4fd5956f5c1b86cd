"""`make fuzz`: hostile messages and journals, found by how far they get in the code.

`python -m tests.fuzz messages --minutes 20` tries one of the two harnesses; with files instead of
minutes, it tries those alone. What it learned and what broke lies in build/fuzz.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[2] / "build" / "fuzz"
WATCHED = ["protocol", "limits", "records", "tables", "recording"]
LIMITS = ("-rss_limit_mb=2000", "-timeout=20")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("harness", choices=["messages", "journal"])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0, help="0: another one each time")
    parser.add_argument("files", nargs="*", help="try these alone")
    given = parser.parse_args()
    os.environ["POLARS_MAX_THREADS"] = "1"  # frames are small here
    with atheris.instrument_imports(include=[f"fleetlab.{name}" for name in WATCHED]):
        harness = importlib.import_module(f"tests.fuzz.{given.harness}")
    corpus = ROOT / given.harness
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(harness.SEEDS):
        (corpus / f"seed-{number}").write_bytes(seed)
    words = ROOT / f"{given.harness}.dict"
    words.write_text("".join(f'"{quoted(word)}"\n' for word in harness.WORDS), "utf-8")
    options = [
        *LIMITS,
        f"-artifact_prefix={ROOT}/{given.harness}-",
        f"-dict={words}",
        f"-seed={given.seed}",
        f"-max_total_time={given.minutes * 60:.0f}",
        f"-max_len={harness.LENGTH}",
        "-print_final_stats=1",
    ]
    atheris.Setup(
        [sys.argv[0], *options, *(given.files or [str(corpus)])],
        harness.check,
        custom_mutator=harness.mutate,
    )
    atheris.Fuzz()


def quoted(word: str) -> str:
    escaped = word.encode("ascii", "backslashreplace").decode().replace("\\", "\\\\")
    return escaped.replace('"', '\\"')


main()
