"""Files of other programs, GPX and CSV, row by row; errors name the line."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from datetime import UTC, datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple
from xml.parsers import expat
from zoneinfo import ZoneInfo

import polars as pl

from fleetlab.errors import InvalidArgument
from fleetlab.tables.times import is_zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Row", "csv_rows", "gpx_rows", "value_of", "zone_of"]

_CHUNK: Final = 1 << 16
_SEPARATORS: Final = ",;\t"
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


class Row(NamedTuple):
    """A row of a file.

    Attributes
    ----------
    line : int
        Where it ends in the file, from 1.
    segment : int
        Number of the stretch that it is part of; 0 where a file has none.
    values : dict of str to str
        Texts by our names; what is empty isn't in it.
    """

    line: int
    segment: int
    values: dict[str, str]


def zone_of(timezone: str | None) -> ZoneInfo | None:
    """Return the zone of an argument ``timezone=``, or say what one is."""
    if timezone is None:
        return None
    if not is_zone(timezone):
        raise InvalidArgument(f"timezone={timezone!r} is no IANA name, such as 'Europe/Madrid'.")
    return ZoneInfo(timezone)


def value_of(text: str, dtype: Any, zone: ZoneInfo | None, where: str) -> Any:
    """Return what a text says, as a value of a type of the contract.

    Parameters
    ----------
    text : str
        As it stands in the file.
    dtype : polars.DataType
        A moment, a number, a flag or text.
    zone : zoneinfo.ZoneInfo or None
        Of moments without an offset.
    where : str
        File, line and column, for the sentence of an error.

    Returns
    -------
    object
        Moments in UTC; None of a number that is none or has no end.

    Raises
    ------
    InvalidArgument
        If it can't be read, or is a moment without an offset and there is no zone.
    """
    try:
        if isinstance(dtype, pl.Datetime):
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is not None or zone is not None:
                return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
        elif dtype == pl.Float64:
            number = float(text)
            return number if isfinite(number) else None
        elif dtype == pl.Int64:
            return int(text)
        elif dtype == pl.Boolean:
            return _FLAGS[text.lower()]
        else:
            return text
    except (ValueError, OverflowError, KeyError):
        kinds = {pl.Float64: "number", pl.Int64: "whole number", pl.Boolean: "true or false"}
        kind = kinds.get(dtype, "time in ISO 8601, such as 2026-07-01T09:30:00Z")
        raise InvalidArgument(f"{where}: {text[:60]!r} is no {kind}.") from None
    raise InvalidArgument(
        f"{where}: {text!r} has no offset from UTC; name its zone, as in timezone='Europe/Madrid'."
    )


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    try:
        with file.open("rb") as stream:
            yield stream
    except OSError as error:
        raise InvalidArgument(f"{file} can't be read: {error.strerror or error}.") from error


def csv_rows(file: Path, wanted: Mapping[str, str], needed: Mapping[str, str]) -> Iterator[Row]:
    """Read a CSV file whose columns are separated by commas, semicolons or tabs.

    Parameters
    ----------
    file : pathlib.Path
        In UTF-8; its first line names the columns.
    wanted : mapping of str to str
        Our names, and those of the file. What the file lacks is left out.
    needed : mapping of str to str
        Those of them that the file has to have.

    Raises
    ------
    InvalidArgument
        If it can't be read; the message names the line.
    """
    with _opened(file) as stream:
        lines = _decoded(stream, file)
        first = next(lines, "")
        separator = max(_SEPARATORS, key=first.count)
        rows = csv.reader(_with(first, lines), delimiter=separator, strict=True)
        try:
            header = [name.strip() for name in next(rows, [])]
            if lacking := [name for name in needed.values() if name not in header]:
                raise InvalidArgument(
                    f"{file} has no column {', '.join(lacking)}; it has "
                    f"{', '.join(header) or 'none'}. Name them as in columns={{"
                    f"{next(iter(needed))!r}: 'Their name'}}."
                )
            found = [
                (header.index(theirs), ours) for ours, theirs in wanted.items() if theirs in header
            ]
            for cells in rows:
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise InvalidArgument(
                        f"{file}, line {rows.line_num}: {len(cells)} values for "
                        f"{len(header)} columns."
                    )
                told = {ours: text for n, ours in found if (text := cells[n].strip())}
                yield Row(rows.line_num, 0, told)
        except csv.Error as error:
            raise InvalidArgument(f"{file}, line {rows.line_num}: no CSV ({error}).") from None


def _with(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _decoded(stream: BinaryIO, file: Path) -> Iterator[str]:
    for number, line in enumerate(stream, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise InvalidArgument(f"{file}, line {number}: not UTF-8; save it as that.") from None


def gpx_rows(file: Path) -> Iterator[Row]:
    """Read the points of all tracks of a GPX file, of version 1.0 or 1.1, a piece at a time.

    The rows have ``event_time``, ``lat``, ``lng``, ``alt_m``, ``speed_kmh`` (in m/s, as it stands
    in the file) and ``heading_deg``, where they are there.

    Raises
    ------
    InvalidArgument
        If it is no GPX, or has a document type, whose entities could grow without an end.
    """
    with _opened(file) as stream:
        points = _Points(file)
        try:
            while chunk := stream.read(_CHUNK):
                points.parser.Parse(chunk)
                yield from points.taken()
            points.parser.Parse(b"", True)
        except expat.ExpatError as error:
            words = expat.errors.messages[error.code]
            raise InvalidArgument(f"{file}, line {error.lineno}: broken XML ({words}).") from None
        except (LookupError, UnicodeError, ValueError) as error:
            if isinstance(error, InvalidArgument):
                raise
            line = points.parser.CurrentLineNumber
            raise InvalidArgument(f"{file}, line {line}: broken XML ({error}).") from None
        yield from points.taken()


class _Points:
    """What a parser of XML met on its way: points of tracks."""

    _CHILDREN: Final = {"time": "event_time", "ele": "alt_m"}
    _ANYWHERE: Final = {"speed": "speed_kmh", "course": "heading_deg"}

    def __init__(self, file: Path) -> None:
        self.file = file
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self._path: list[str] = []
        self._segment = 0
        self._words: list[str] = []
        self._point: dict[str, str] | None = None
        self._rows: list[Row] = []

    def taken(self) -> list[Row]:
        """Return the points that were met since last time."""
        rows, self._rows = self._rows, []
        return rows

    def _refuse(self, *_: Any) -> None:
        line = self.parser.CurrentLineNumber
        raise InvalidArgument(
            f"{self.file}, line {line}: it has a document type (DTD), which GPX doesn't need and "
            "which may hide entities without an end; remove it."
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(" ")[2]
        if not self._path and name != "gpx":
            raise InvalidArgument(f"{self.file} is no GPX: its outermost element is {name!r}.")
        self._path.append(name)
        self._words = []
        if name == "trkseg":
            self._segment += 1
        elif self._path[1:] == ["trk", "trkseg", "trkpt"]:
            self._point = {
                ours: attributes[theirs]
                for ours, theirs in (("lat", "lat"), ("lng", "lon"))
                if attributes.get(theirs)
            }

    def _text(self, text: str) -> None:
        if self._point is not None:
            self._words.append(text)

    def _end(self, name: str) -> None:
        name = name.rpartition(" ")[2]
        inside = len(self._path) - 4  # gpx, trk, trkseg, trkpt
        self._path.pop()
        if self._point is None:
            return
        if inside == 0:
            self._rows.append(Row(self.parser.CurrentLineNumber, self._segment, self._point))
            self._point = None
            return
        ours = self._ANYWHERE.get(name) or (self._CHILDREN.get(name) if inside == 1 else None)
        if ours and (text := "".join(self._words).strip()):
            self._point[ours] = text
        self._words = []
