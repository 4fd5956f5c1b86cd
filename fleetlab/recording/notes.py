"""Notes on moments of a recording, kept beside its frames."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from fleetlab.errors import InvalidArgument, RecordingError
from fleetlab.recording.parquet import read_table, write_table
from fleetlab.schemas import schema

if TYPE_CHECKING:
    from fleetlab.recording.folder import Folder

__all__ = ["add_note"]


def add_note(folder: Folder, when: object, text: object) -> pl.DataFrame:
    """Add a note to those of a recording, and return all.

    Parameters
    ----------
    folder : Folder
        Where the recording lives.
    when : datetime.datetime or str
        The moment, with its zone; text in ISO 8601 with an offset.
    text : str
        The note.

    Raises
    ------
    InvalidArgument
        If the moment has no zone, or the text is empty.
    RecordingError
        If the notes that are there can't be read, or the new ones not be written.
    """
    moment = _moment(when)
    if not isinstance(text, str) or not text.strip():
        raise InvalidArgument("annotate: the text of a note is empty.")
    new = pl.DataFrame({"noted_at": [moment], "text": [text]}, schema=schema("notes"))
    try:
        old = read_table(folder, "notes")
    except RecordingError as error:
        raise RecordingError(
            f"annotate: {error}. Move the file away, to begin with none; notes can't be made again."
        ) from error
    notes = new if old is None else pl.concat([old, new])
    write_table(folder, "notes", notes)
    return notes


def _moment(when: object) -> datetime:
    moment = when
    if isinstance(when, str):
        try:
            moment = datetime.fromisoformat(when)
        except ValueError:
            moment = None
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise InvalidArgument(
            f"annotate: {when!r} is not a moment with a zone. "
            'Write for example "2026-11-23T18:05:00+01:00" or datetime.now(UTC).'
        )
    return moment.astimezone(UTC)
