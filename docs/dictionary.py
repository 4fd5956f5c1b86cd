"""Write docs/data.md from ``fleetlab.schemas``; run it as ``python docs/dictionary.py``."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import polars as pl

from fleetlab.schemas import FRAMES, Column

PAGE = Path(__file__).parent / "data.md"
INTRODUCTION = """\
# Data dictionary

<!-- Made from fleetlab/schemas.py by `python docs/dictionary.py`; a test fails when it is stale -->

Every frame of a recording, every column: what it says, in which unit, from which field of the wire,
and when it is null. Types are declared and never inferred, so a frame without rows has them too.

- **Moments** are in UTC, to the microsecond. What the wire says in the user's zone was converted:
  [time zones](howto/time-zones.md).
- **Ids** and `seq` are whole numbers, all that is measured is a `Float64`, flags are `Boolean`, the
  rest is text.
- **Null** means that nobody said it, never 0 and never "as before". What was sent as null counts as
  not sent. So does what was sent and can't be read: `rejects` names that cell.
- **Tracks of other programs** (`fl.read_track`) have the columns of `state_batch`. What their file
  doesn't tell is null in them, `received_at` among it.

`seq` joins rows with the journal and with `rejects`. The time that counts is `event_time`.
"""
ROWS = {
    "state": "A row is the state of a vehicle: in `state_batch` of all trackers that changed, in "
    "`state` of one that was asked for by name.",
    "readings_batch": "A row is one reading of a sensor, a state, a virtual sensor or a counter.",
    "iot_monitor": "A row is one new value of a raw attribute of a device. The platform sends the "
    "last values again and again; what was there before is left out.",
    "lifecycle": "A row says that a vehicle was blocked, unblocked or removed.",
    "logout": "A row says that the platform ended the session.",
    "trackers": "A row is a tracker of the account, or one that the server spoke of.",
    "connection": "A row is something that happened to the connection, in order.",
    "gaps": "A row is a time in which data may be missing. No row, no gap.",
    "rejects": "A row is a part of a message, or of a file, that could not be understood. The rest "
    "of the message is in the frames, and all of it in the journal.",
    "notes": "A row is a note made by `rec.annotate`.",
}
HEAD = "| column | type | says | field of the wire | null |\n|---|---|---|---|---|\n"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8")


def page() -> str:
    """Return the page as Markdown."""
    parts = [INTRODUCTION]
    for columns, same in groupby(FRAMES.items(), key=lambda item: item[1]):
        names = [name for name, _ in same]
        lines = "".join(_line(column) for column in columns)
        parts.append(f"## {', '.join(reversed(names))}\n\n{ROWS[names[0]]}\n\n{HEAD}{lines}")
    return "\n".join(parts)


def _line(column: Column) -> str:
    kind = f"{_type(column.dtype)}, {column.unit}" if column.unit else _type(column.dtype)
    source = ", ".join(f"`{name}`" for name in column.source.split(", ")) if column.source else ""
    cells = (f"`{column.name}`", kind, column.meaning, source, column.null)
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n"


def _type(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.List):
        return f"List of {_type(dtype.inner)}"  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        return f"Struct ({', '.join(field.name for field in dtype.fields)})"
    return "Datetime" if isinstance(dtype, pl.Datetime) else str(dtype)


if __name__ == "__main__":
    main()
