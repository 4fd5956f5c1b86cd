"""A recording for other tools: Parquet, CSV, a workbook, a DuckDB database."""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from fleetlab.errors import FleetlabError, InvalidArgument, RecordingError
from fleetlab.schemas import EVENTS, TABLES

if TYPE_CHECKING:
    import os

    from fleetlab.recording import Recording

__all__ = ["FORMATS", "export"]

SHEET_ROWS: Final = 1_048_575
"""Rows that a sheet of a workbook takes below its header."""

EXACT: Final = 2**53
"""Above this a workbook, which knows floating point only, changes whole numbers."""


def export(
    recording: Recording,
    format: str,
    to: str | os.PathLike[str] | None = None,
) -> Path:
    """Write all frames of a recording for another tool.

    Parameters
    ----------
    recording : Recording
        What to write.
    format : {"parquet", "csv", "xlsx", "duckdb"}
        ``parquet`` and ``csv`` give a folder with one file a frame, ``xlsx`` one workbook with one
        sheet a frame, ``duckdb`` one database with one table a frame. Times are in UTC; CSV and
        workbooks hold lists as JSON text, and workbooks hold ids above 2⁵³ as text.
    to : path, optional
        Folder or file to write; default: the recording's name, in the working directory. A file
        that is there already is not replaced.

    Returns
    -------
    pathlib.Path
        What was written.

    Raises
    ------
    InvalidArgument
        For an unknown format, a file that is there, or a frame with more rows than a sheet takes.
    FleetlabError
        If the format needs a package that isn't installed.
    """
    if format not in FORMATS:
        raise InvalidArgument(f"{format!r} is no format; choose from {', '.join(FORMATS)}.")
    suffix, write = FORMATS[format]
    target = Path(to).expanduser() if to is not None else Path(f"{recording.info.name}{suffix}")
    if target.exists() and (target.is_file() or any(target.iterdir())):
        raise InvalidArgument(f"{target} is there already; name another one with --to.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write(recording, target)
    except OSError as error:
        raise RecordingError(f"{target} can't be written: {error.strerror or error}.") from error
    return target


def _frames(recording: Recording) -> dict[str, pl.LazyFrame]:
    frames = {event: recording.scan(event) for event in EVENTS}
    return frames | {name: getattr(recording, name).lazy() for name in TABLES}


def _parquet(recording: Recording, target: Path) -> None:
    recording.to_parquet(target)


def _csv(recording: Recording, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for name, frame in _frames(recording).items():
        _flat(frame).sink_csv(target / f"{name}.csv", datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ")


def _xlsx(recording: Recording, target: Path) -> None:
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
    }
    with xlsxwriter.Workbook(target, options) as workbook:
        for name, frame in _frames(recording).items():
            _in_sheet(_flat(frame).collect()).write_excel(
                workbook,
                worksheet=name,
                autofit=True,
                freeze_panes=(1, 0),
                dtype_formats={pl.Datetime: "yyyy-mm-dd hh:mm:ss", pl.Int64: "0"},
            )


def _duckdb(recording: Recording, target: Path) -> None:
    duckdb = _needed("duckdb")
    with tempfile.TemporaryDirectory(prefix="fleetlab-") as folder:
        files = recording.to_parquet(folder)
        with duckdb.connect(str(target)) as database:
            for file in files:
                database.execute(
                    f'CREATE TABLE "{file.stem}" AS SELECT * FROM read_parquet(?)',  # noqa: S608
                    [str(file)],
                )


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


def _in_sheet(frame: pl.DataFrame) -> pl.DataFrame:
    """Turn what a workbook would change: moments with a zone, and large ids."""
    large = [
        name
        for name, dtype in frame.schema.items()
        if dtype == pl.Int64 and (frame[name].abs() > EXACT).any()
    ]
    return frame.with_columns(
        pl.col(pl.Datetime("us", "UTC")).dt.replace_time_zone(None),
        pl.col(large).cast(pl.String),
    )


def _needed(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise FleetlabError(
            f"This format needs {package}: pip install 'fleetlab[export]'."
        ) from error
