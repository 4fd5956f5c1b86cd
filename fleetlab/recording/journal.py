"""The journal: everything that came, in the order in which it came, before it is decoded.

Segments ``raw/00000001.jsonl.zst``, … hold one line a record. Every flush ends a Zstandard frame
with a checksum of its own, written in one go. So whatever was flushed can be verified, a torn end
costs only what was never flushed, a damaged byte costs one frame, and ``zstdcat raw/*`` still
shows all lines.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from fleetlab.errors import RecordingError
from fleetlab.recording.frames import Damage, read_frames
from fleetlab.recording.lines import decode, encode
from fleetlab.recording.losses import Losses
from fleetlab.recording.zstd import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import BinaryIO, Self

    from fleetlab.recording.folder import AppendFile, Folder
    from fleetlab.records import Record

__all__ = ["JournalWriter", "Position", "decode", "encode", "read_journal"]

_FOLDER: Final = "raw"
_SUFFIX: Final = ".jsonl.zst"
_OPTIONS: Final[dict[int, int]] = {
    zstd.CompressionParameter.compression_level: 1,
    zstd.CompressionParameter.checksum_flag: 1,
}


class Position(NamedTuple):
    """The place in a journal just after a record.

    Attributes
    ----------
    segment : int
        Number of the file, from 1.
    line : int
        Lines of that file up to and with the record.
    """

    segment: int
    line: int


class JournalWriter:
    """Appends records to a recording's journal; used by one thread.

    Parameters
    ----------
    folder : Folder
        Where the recording lives. Segments that are there already stay as they are.
    clock : callable
        Seconds, for the times below.
    segment_bytes, segment_seconds : int, float
        A segment ends with the record that makes it this long or old, counted in raw bytes.
    flush_bytes, flush_seconds : int, float
        An appended record is flushed with all before it when so many raw bytes wait, or when the
        oldest of them waits so long.

    Attributes
    ----------
    appended : Position
        The place after the last record appended.
    flushed : Position
        The place after the last record that other processes can read, and that a ``kill -9``
        can't take away any more. May be read from any thread.
    """

    def __init__(
        self,
        folder: Folder,
        *,
        clock: Callable[[], float] = time.monotonic,
        segment_bytes: int = 128_000_000,
        segment_seconds: float = 600.0,
        flush_bytes: int = 4_000_000,
        flush_seconds: float = 0.5,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._segment_bytes = segment_bytes
        self._segment_seconds = segment_seconds
        self._flush_bytes = flush_bytes
        self._flush_seconds = flush_seconds
        self._compressor = zstd.ZstdCompressor(options=_OPTIONS)
        self._file: AppendFile | None = None
        self._segment_raw = 0
        self._segment_since = 0.0
        self._waiting: list[bytes] = []
        self._waiting_raw = 0
        self._waiting_since = 0.0
        self._frame_open = False
        last = max((number for number, _ in _segments(folder)), default=0)
        self.appended = self.flushed = Position(last, 0)

    def append(self, record: Record) -> Position:
        """Append a record; flushed at once where that is due.

        Returns
        -------
        Position
            The place just after it.

        Raises
        ------
        RecordingError
            If the disk takes no more. `flushed` says what is safe; the rest goes on waiting for a
            flush that succeeds.
        """
        line = encode(record)
        now = self._clock()
        file = self._file or self._open(now)
        if not self._waiting_raw:
            self._waiting_since = now
        self._waiting.append(self._compressor.compress(line))
        self._frame_open = True
        self._waiting_raw += len(line)
        self._segment_raw += len(line)
        self.appended = Position(self.appended.segment, self.appended.line + 1)
        if (
            self._segment_raw >= self._segment_bytes
            or now - self._segment_since >= self._segment_seconds
        ):
            self._write(file)
            self._file = None
            file.close()
        elif self._is_due(now):
            self._write(file)
        return self.appended

    def flush_due(self) -> bool:
        """Flush if something waits for ``flush_seconds``; to be called a few times a second.

        Returns
        -------
        bool
            Whether it flushed.
        """
        due = bool(self._waiting_raw) and self._is_due(self._clock())
        if due:
            self.flush()
        return due

    def flush(self) -> None:
        """Make everything appended so far readable by others, whatever happens to this process.

        Raises
        ------
        RecordingError
            If the disk doesn't take it; may be tried again.
        """
        if self._file is not None and self._waiting_raw:
            self._write(self._file)

    def close(self) -> None:
        """Flush and let go of the file, even if flushing fails."""
        file = self._file
        if file is None:
            return
        try:
            self.flush()
        finally:
            self._file = None
            self._waiting.clear()
            self._waiting_raw = 0
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _is_due(self, now: float) -> bool:
        return (
            self._waiting_raw >= self._flush_bytes
            or now - self._waiting_since >= self._flush_seconds
        )

    def _open(self, now: float) -> AppendFile:
        """Open the next segment, which comes with its first record."""
        number = self.appended.segment + 1
        self._file = self._folder.open_append(f"{_FOLDER}/{number:08}{_SUFFIX}")
        self.appended = Position(number, 0)
        self._segment_raw = 0
        self._segment_since = now
        return self._file

    def _write(self, file: AppendFile) -> None:
        if self._frame_open:
            self._waiting.append(self._compressor.flush(zstd.ZstdCompressor.FLUSH_FRAME))
            self._frame_open = False
        # What the disk refuses goes on waiting: forgotten only after it is written.
        file.write(b"".join(self._waiting))
        self._waiting.clear()
        self._waiting_raw = 0
        self.flushed = self.appended


def read_journal(
    folder: Folder, after: Position | None = None, problems: list[str] | None = None
) -> Iterator[tuple[Position, Record]]:
    """Yield the records of a journal, also of one that is still being written.

    One verified Zstandard frame at a time is in memory. What can't be read is left out, and never
    made up.

    Parameters
    ----------
    folder : Folder
        Where the recording lives.
    after : Position or None
        Yield only what comes after that place; all if None.
    problems : list of str or None
        Gets a sentence for each loss, with the file and what is missing.

    Yields
    ------
    tuple of Position and record
        The record and the place just after it. Lines of a damaged frame count as far as they can
        be told.
    """
    losses = Losses([] if problems is None else problems, None if after else 0)
    expected = after.segment if after else 1
    for number, name in _segments(folder):
        if number < expected:
            continue
        if number > expected:
            missing = "1 file is" if number == expected + 1 else f"{number - expected} files are"
            losses.note(f"{name}: the {missing} missing that came before it")
        expected = number + 1
        skip = after.line if after and number == after.segment else 0
        try:
            file = folder.open_read(name)
        except (FileNotFoundError, RecordingError) as error:
            losses.note(f"{name} can't be opened ({error})")
            continue
        with file:
            yield from _read_segment(file, number, name, skip, losses)
    losses.finish()


def _read_segment(
    file: BinaryIO, number: int, name: str, skip: int, losses: Losses
) -> Iterator[tuple[Position, Record]]:
    line = 0
    for frame in read_frames(file):
        if isinstance(frame, Damage):
            line += frame.lines
            if line >= skip:
                losses.note(f"{name}: {frame}")
            continue
        lines = frame.count(b"\n")
        if line + lines <= skip:
            line += lines
            continue
        start = 0
        with memoryview(frame) as view:
            for _ in range(lines):
                stop = frame.index(b"\n", start) + 1
                line += 1
                if line > skip:
                    try:
                        record = decode(view[start:stop])
                    except ValueError as error:
                        losses.note(f"{name}: line {line} is {error}")
                    else:
                        losses.saw(record)
                        yield Position(number, line), record
                start = stop


def _segments(folder: Folder) -> list[tuple[int, str]]:
    """Return number and name of the segments, in order."""
    names = folder.files(_FOLDER, _SUFFIX)
    numbers = [(name.removeprefix(f"{_FOLDER}/").removesuffix(_SUFFIX), name) for name in names]
    return sorted((int(text), name) for text, name in numbers if text.isdecimal())
