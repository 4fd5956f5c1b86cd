"""Where the command line writes to, and how it shows a recording."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

if TYPE_CHECKING:
    from fleetlab.recording import Recording

__all__ = ["INTERRUPTED", "err", "out", "show"]

INTERRUPTED: Final = 130
"""The exit code after Ctrl-C or SIGTERM."""

out = Console(soft_wrap=True, highlight=False, markup=False)
# Sentences are wrapped between words on a terminal, and stay one line in a log.
err = Console(stderr=True, soft_wrap=not sys.stderr.isatty(), highlight=False, markup=False)

_STATE: Final = ("label", "lat", "lng", "speed_kmh", "movement_status", "ignition")
_SHOWN: Final = {
    "state": _STATE,
    "state_batch": _STATE,
    "readings_batch": ("label", "reading", "sensor_label", "value_text", "units"),
    "iot_monitor": ("label", "queue", "field", "value_text", "value_type"),
    "lifecycle": ("label", "source_id", "lifecycle_event"),
    "logout": ("reason",),
}
_ASKED: Final = ("state", "state_batch", "readings_batch", "iot_monitor")
_LEAST: Final = 3


def show(recording: Recording, rows: int) -> None:
    """Tell what a recording holds, with the last rows of each frame."""
    import polars as pl  # noqa: PLC0415

    out.print(repr(recording))
    caught = recording.summary().filter(pl.col("rows") > 0)["event"].to_list()
    with pl.Config(
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_cols=9,
        tbl_width_chars=min(out.width, 120),
        fmt_str_lengths=40,
    ):
        for event in caught if rows else ():
            moment = pl.col("event_time").dt.to_string("%H:%M:%S").alias("UTC")
            last = recording.scan(event).tail(rows).select(moment, *_SHOWN[event])
            out.print(f"\n{event}, the last rows")
            out.print(str(last.with_columns(pl.col(pl.Float64).round(5)).collect()))
    for what, lines in _missing(recording).items():
        if lines:
            out.print(f"\n{what}", *lines[: max(rows, _LEAST)], sep="\n")
    if caught and recording.info.path:
        folder = Path(recording.info.path)
        files = folder / caught[0] / "*.parquet"
        out.print("\nRead it again")
        out.print(f"  fleetlab  fl.load({str(folder)!r})")
        out.print(f"  Polars    pl.scan_parquet({str(files)!r})")
        out.print(f"  DuckDB    FROM read_parquet('{files}', union_by_name=true)")


def _missing(recording: Recording) -> dict[str, list[str]]:
    """Return in lines what isn't in the frames, for those who have no Python at hand."""
    gaps = recording.gaps.select("started_at", "duration_s", "reason").iter_rows()
    rejects = recording.rejects.select("path", "reason").iter_rows()
    trackers = recording.trackers.select("tracker_id", "label", *_ASKED).iter_rows()
    return {
        "Not received": [
            f"  {began:%Y-%m-%d %H:%M:%S} UTC, for {lasted or 0:.0f} s: {reason}"
            for began, lasted, reason in gaps
        ],
        "Not readable": [
            f"  {reason if reason.startswith(path or '$') else f'{path}: {reason}'}"
            for path, reason in rejects
        ],
        "Not sent": [
            f"  {' '.join(filter(None, [str(id_), label]))}: {', '.join(sorted(refused))}"
            for id_, label, *words in trackers
            if (refused := {*words} - {"normal", None})
        ],
    }
