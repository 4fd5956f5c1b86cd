"""A recording for other tools: Parquet, CSV, a workbook, a DuckDB database."""

from __future__ import annotations

import importlib
import io
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from fleetlab.errors import FleetlabError, InvalidArgument, argument
from fleetlab.recording.disk import explained
from fleetlab.schemas import EVENTS, TABLES, TIME
from fleetlab.tables.times import is_zone

if TYPE_CHECKING:
    import os

    from fleetlab.recording import Recording

__all__ = ["FORMATS", "export"]

SHEET_ROWS: Final = 1_048_575
"""Rows that a sheet of a workbook takes below its header."""

EXACT: Final = 2**53
"""Above this a workbook, which knows floating point only, changes whole numbers."""

_OFFSET: Final = re.compile(r"([+-])(\d{2}):(\d{2})")


def export(
    recording: Recording,
    format: str,
    to: str | os.PathLike[str] | None = None,
    *,
    timezone: str | None = None,
) -> Path:
    """Write all frames of a recording for another tool.

    Parameters
    ----------
    recording : Recording
        What to write.
    format : {"parquet", "csv", "xlsx", "duckdb"}
        ``parquet`` and ``csv`` give a folder with one file a frame, ``xlsx`` one workbook with one
        sheet a frame, ``duckdb`` one database with one table a frame. Times are in UTC, but for
        those of a workbook. CSV and workbooks hold lists as JSON text, in which times stay in UTC,
        and workbooks hold ids above 2⁵³ as text.
    to : path, optional
        Folder or file to write; default: the recording's name, in the working directory. A file
        that is there already is not replaced; what fails leaves none.
    timezone : str, optional
        Of a workbook, whose cells know no zones: the zone whose clock its times show, named in
        each header, as in ``event_time (Europe/Madrid)``; an IANA name or an offset such as
        ``"+05:45"``. Default: the recording's. A column with a moment in an hour that the clocks
        repeat stands there in UTC, too, so that none is lost.

    Returns
    -------
    pathlib.Path
        What was written.

    Raises
    ------
    InvalidArgument
        For an unknown format or zone, a zone for another format than ``xlsx``, a file that is
        there, or a frame with more rows than a sheet takes.
    FleetlabError
        If the format needs a package that isn't installed.
    RecordingError
        If it can't be written.
    """
    if format not in FORMATS:
        raise InvalidArgument(f"{format!r} is no format; choose from {', '.join(FORMATS)}.")
    if timezone is not None and format != "xlsx":
        raise InvalidArgument(
            argument("timezone", timezone),
            f" is for xlsx: {format} holds moments in UTC, which other tools show in any zone. "
            "Leave it out.",
        )
    suffix, write = FORMATS[format]
    info = recording.info
    zone = _zone(timezone or info.timezone or info.utc_offset or "UTC")
    target = Path(to).expanduser() if to is not None else Path(f"{recording.info.name}{suffix}")
    if target.exists() and (target.is_file() or any(target.iterdir())):
        raise InvalidArgument(
            f"{target} is there already; name another one with ", argument("to"), "."
        )
    with explained("be written", target, also=pl.exceptions.ComputeError):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fleetlab-", dir=target.parent) as beside:
            made = Path(beside) / target.name
            write(recording, made, zone)
            if target.is_dir():
                target.rmdir()  # which is empty
            made.replace(target)
    return target


def _frames(recording: Recording) -> dict[str, pl.LazyFrame]:
    frames = {event: recording.scan(event) for event in EVENTS}
    return frames | {name: getattr(recording, name).lazy() for name in TABLES}


def _parquet(recording: Recording, target: Path, _: str) -> None:
    recording._sink(target)  # noqa: SLF001


def _csv(recording: Recording, target: Path, _: str) -> None:
    target.mkdir()
    for name, frame in _frames(recording).items():
        _flat(frame).sink_csv(target / f"{name}.csv", datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ")


def _xlsx(recording: Recording, target: Path, zone: str) -> None:
    xlsxwriter = _needed("xlsxwriter")
    too_long = {
        name: rows
        for name, frame in _frames(recording).items()
        if (rows := frame.select(pl.len()).collect().item()) > SHEET_ROWS
    }
    if too_long:
        named = ", ".join(f"{name} {rows:,}" for name, rows in too_long.items())
        raise InvalidArgument(
            f"A sheet takes {SHEET_ROWS:,} rows, and there are more ({named}). "
            "Export to parquet, csv or duckdb."
        )
    options = {
        "default_date_format": "yyyy-mm-dd hh:mm:ss",
        "strings_to_formulas": False,  # text that came from outside is text
        "strings_to_urls": False,
        "in_memory": True,
    }
    written = io.BytesIO()  # its own errors of a full disk are none of the system's
    with xlsxwriter.Workbook(written, options) as workbook:
        for name, frame in _frames(recording).items():
            _in_sheet(_flat(frame).collect(), zone).write_excel(
                workbook,
                worksheet=name,
                autofit=True,
                freeze_panes=(1, 0),
                dtype_formats={pl.Datetime: "yyyy-mm-dd hh:mm:ss", pl.Int64: "0"},
            )
    target.write_bytes(written.getvalue())


def _duckdb(recording: Recording, target: Path, _: str) -> None:
    duckdb = _needed("duckdb")
    with tempfile.TemporaryDirectory(prefix="fleetlab-") as folder:
        files = recording.to_parquet(folder)
        try:
            with duckdb.connect(str(target)) as database:
                for file in files:
                    database.execute(
                        f'CREATE TABLE "{file.stem}" AS SELECT * FROM read_parquet(?)',  # noqa: S608
                        [str(file)],
                    )
        except duckdb.IOException as error:
            raise OSError(str(error)) from error


FORMATS: Final = {
    "parquet": ("-parquet", _parquet),
    "csv": ("-csv", _csv),
    "xlsx": (".xlsx", _xlsx),
    "duckdb": (".duckdb", _duckdb),
}
"""Formats by name: what the default name ends in, and what writes it."""


def _flat(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Turn lists, which flat files don't know, into JSON text."""
    nested = [name for name, dtype in frame.collect_schema().items() if dtype == pl.List]
    return frame.with_columns(
        pl.struct(pl.col(name).alias("list"))
        .struct.json_encode()
        .str.strip_prefix('{"list":')
        .str.strip_suffix("}")
        .replace("null", None)
        .alias(name)
        for name in nested
    )


def _in_sheet(frame: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Turn what a workbook would change: moments, for its cells know no zone, and large ids."""
    columns: list[pl.Series] = []
    for column in frame:
        if column.dtype == TIME:
            columns += _on_clock(column, zone)
        elif column.dtype == pl.Int64 and (column.abs() > EXACT).any():
            columns.append(column.cast(pl.String))
        else:
            columns.append(column)
    return pl.DataFrame(columns)


def _on_clock(moments: pl.Series, zone: str) -> list[pl.Series]:
    """Return moments as a zone's clock shows them; in UTC as well where it shows two alike."""
    name = moments.name
    utc = moments.dt.replace_time_zone(None)
    offset = _OFFSET.fullmatch(zone)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3])
        local = utc.dt.offset_by(f"{offset[1].strip('+')}{minutes}m")
        is_plain = True
    else:
        local = moments.dt.convert_time_zone(zone).dt.replace_time_zone(None)
        known = local.dt.replace_time_zone(zone, ambiguous="null")
        is_plain = known.null_count() == local.null_count()
    shown = [local.alias(f"{name} ({zone})")]
    return shown if is_plain else [*shown, utc.alias(f"{name} (UTC)")]


def _zone(name: str) -> str:
    if _OFFSET.fullmatch(name) or is_zone(name):
        return name
    raise InvalidArgument(
        argument("timezone", name),
        " is no time zone; write an IANA name such as 'Europe/Madrid', or an offset such as "
        "'+05:45'.",
    )


def _needed(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise FleetlabError(f"This format needs {package}: pip install {package}.") from error
