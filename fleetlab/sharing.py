"""A recording for others: without names, ids, texts and the journal; without homes, if wanted.

Kept are moments, measures, flags, and the words of fixed lists. What people or devices can write as
they like is dropped or replaced, column by column.
"""

from __future__ import annotations

import os  # noqa: TC003 - shown by help()
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

import polars as pl

from fleetlab.errors import InvalidArgument, RecordingError
from fleetlab.pseudonyms import Pseudonyms
from fleetlab.recording import load
from fleetlab.recording.folder import DiskFolder
from fleetlab.recording.parquet import write_table
from fleetlab.recording.writer import PART_ROWS, RecordingWriter
from fleetlab.schemas import EVENTS, TABLES, empty
from fleetlab.trip_ends import TripEnds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetlab.recording import Info, Recording

__all__ = ["FATES", "share"]

Fate = Literal["kept", "replaced", "dropped"]


def _fates(kept: str = "", replaced: str = "", dropped: str = "") -> dict[str, Fate]:
    return {
        **dict.fromkeys(kept.split(), "kept"),
        **dict.fromkeys(replaced.split(), "replaced"),
        **dict.fromkeys(dropped.split(), "dropped"),
    }


_COMMON: Final = _fates(
    kept="seq received_at server_time event_time snapshot",
    replaced="recording tracker_id label",
)
_STATE: Final = _COMMON | _fates(
    kept="""gps_updated lat lng speed_kmh heading_deg alt_m gps_signal_level precision_m gsm_lbs
        connection_status movement_status movement_status_update ignition ignition_update
        last_update gsm_updated gsm_signal_level gsm_roaming battery_level battery_update inputs
        inputs_update outputs outputs_update actual_track_update""",
    dropped="source_id gsm_network_name additional extra",
)
FATES: Final[Mapping[str, Mapping[str, Fate]]] = {
    "state": _STATE,
    "state_batch": _STATE,
    "readings_batch": _COMMON
    | _fates(
        kept="kind name type value_type min_value max_value converted_units updated_at",
        replaced="""reading sensor_id sensor_label units value value_text converted_value
            composite_sensor_ids""",
        dropped="extra",
    ),
    "iot_monitor": _COMMON
    | _fates(
        kept="queue field msg_time srv_time value_type",
        replaced="value value_text",
    ),
    "lifecycle": _COMMON | _fates(kept="lifecycle_event", dropped="source_id"),
    "logout": _COMMON | _fates(dropped="reason"),
    "trackers": _fates(
        kept="clone blocked state state_batch readings_batch iot_monitor",
        replaced="tracker_id label",
        dropped="group_id source_id device_id model",
    ),
    "connection": _fates(kept="logged_at what attempt code steady_s", dropped="detail"),
    "gaps": _fates(kept="started_at ended_at duration_s reason event field", replaced="tracker_id"),
    "rejects": _fates(
        kept="seq received_at event", replaced="tracker_id", dropped="path reason raw"
    ),
    "notes": _fates(dropped="noted_at text"),
}
"""What becomes of each column where names are replaced; of notes, no row is kept."""


def share(
    recording: Recording,
    folder: str | os.PathLike[str],
    *,
    pseudonymise: bool = True,
    raw: bool = False,
    cut_ends_m: float | None = None,
) -> Recording:
    """Write a copy of a recording for others; see :meth:`fleetlab.Recording.share`."""
    _check(recording, pseudonymise=pseudonymise, raw=raw, cut_ends_m=cut_ends_m)
    if raw:
        return recording.save(folder)
    ends = None if cut_ends_m is None else TripEnds(recording, cut_ends_m)
    target = DiskFolder.create(folder)
    try:
        names = Pseudonyms(recording, target.name) if pseudonymise else None
        _write(recording, target, ends, names)
    except BaseException:
        shutil.rmtree(target.path, ignore_errors=True)
        raise
    return load(target.path)


def _check(
    recording: Recording, *, pseudonymise: bool, raw: bool, cut_ends_m: float | None
) -> None:
    for name, value in (("pseudonymise", pseudonymise), ("raw", raw)):
        if not isinstance(value, bool):
            raise InvalidArgument(f"{name} must be True or False, not {value!r}.")
    if raw and pseudonymise:
        raise InvalidArgument(
            "raw=True shares the journal, which holds every name and id as it came: leave it out, "
            "or share all of it with pseudonymise=False."
        )
    if raw and cut_ends_m is not None:
        raise InvalidArgument(
            "raw=True shares the journal, which holds every position: cut_ends_m would cut nothing."
        )
    if recording.info.stopped_because is None:
        raise RecordingError("The recording still runs: stop it first, then share it.")


def _write(
    recording: Recording, target: DiskFolder, ends: TripEnds | None, names: Pseudonyms | None
) -> None:
    """Write all frames and tables, a part at a time."""

    def shown(name: str, frame: pl.DataFrame) -> pl.DataFrame:
        if ends is not None:
            frame = ends.cut(name, frame)
        if names is not None:
            frame = _without(name, names.replaced(name, frame))
        return frame

    info = _info(recording, target.name, ends, names)
    running = replace(info, ended_at=None, stopped_because=None)  # until all of it is there
    writer = RecordingWriter(target, running)
    tables = {name: shown(name, getattr(recording, name)) for name in TABLES}
    trackers, notes = tables.pop("trackers").sort("tracker_id"), tables.pop("notes")
    tables["rejects"] = tables["rejects"].with_columns(raw=pl.lit("", pl.String))  # of the journal
    write_table(target, "notes", notes)
    writer.add(tables, trackers, empty("gaps"), running)
    for event in EVENTS:
        for piece in recording._pieces(event):  # noqa: SLF001 - whole messages, so many at a time
            writer.add({event: shown(event, piece.collect())}, trackers, empty("gaps"), running)
            if writer.pending_rows >= PART_ROWS:
                writer.publish(None, 0, {})
    asked = {request["type"] for request in info.requests}
    writer.publish(None, 0, {}, [event for event in EVENTS if event in asked], whole=True)
    writer.finish(info)


def _without(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame without what is dropped; a column that nobody decided on is."""
    if name == "notes":
        return empty(name)
    fates = FATES[name]
    return frame.with_columns(
        pl.lit(None, dtype).alias(column)
        for column, dtype in frame.schema.items()
        if fates.get(column, "dropped") == "dropped"
    )


def _info(recording: Recording, name: str, ends: TripEnds | None, names: Pseudonyms | None) -> Info:
    """Return what is told of the recording as a whole, and that it was shared."""
    told = ["shared without the journal"]
    if names is not None:
        told.append("names, ids and texts replaced or left out")
    if ends is not None:
        told.append(f"no positions within {ends.metres:g} m of where a trip began or ended")
    info = replace(recording.info, remark=None, path=None)
    if names is None:
        return replace(info, note="; ".join([*filter(None, [info.note]), *told]))
    return replace(
        info,
        name=name,
        server="not told",
        requests=[names.request(request) for request in info.requests],
        note="; ".join(told),
        error=None,
    )
