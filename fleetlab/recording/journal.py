"""The journal: everything that came, in the order in which it came, before it is decoded.

Segments ``raw/00000001.jsonl.zst``, … hold one line a record. Every flush ends a Zstandard frame
with a checksum of its own, written in one go. So whatever was flushed can be verified, a torn end
costs only what was never flushed, a damaged byte costs one frame, and ``zstdcat raw/*`` still
shows all lines.
"""

from __future__ import annotations

import os
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

    from fleetlab.recording.disk import AppendFile
    from fleetlab.recording.folder import Folder
    from fleetlab.records import Record

__all__ = ["JournalWriter", "Position", "decode", "encode", "has_journal", "read_journal", "remedy"]

_FOLDER: Final = "raw"
_SUFFIX: Final = ".jsonl.zst"
_BAD_LINES: Final = 100
"""Lines of a frame that can't be read, after which the rest isn't tried: millions fit in one."""

_OPTIONS: Final[dict[int, int]] = {
    zstd.CompressionParameter.compression_level: 1,
    zstd.CompressionParameter.checksum_flag: 1,
}


class Position(NamedTuple):
    """The place in a journal just after a record; later places are greater.

    Reading goes on from it without a look at what is before, which may even be damaged.

    Attributes
    ----------
    segment : int
        Number of the file, from 1.
    frame : int
        Byte of that file where the record's Zstandard frame begins.
    line : int
        Lines of that frame up to and with the record.
    """

    segment: int
    frame: int
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
        self._frame: list[bytes] = []
        self._frame_start = 0
        self._frames = b""
        self._waiting_raw = 0
        self._waiting_since = 0.0
        last = max((number for number, _ in _segments(folder)), default=0)
        self.appended = self.flushed = Position(last, 0, 0)

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
        now = self._clock()
        file = self._file or self._open(now)
        if not self._waiting_raw:
            self._waiting_since = now
        before = self.appended
        count = before.line if self._frame else 0
        for part in encode(record):
            self._frame.append(self._compressor.compress(part))
            self._waiting_raw += len(part)
            self._segment_raw += len(part)
        self.appended = Position(before.segment, self._frame_start, count + 1)
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
            self._frames = b""
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
        self._file = self._folder.open_append(_name(number))
        self.appended = Position(number, 0, 0)
        self._frame_start = 0
        self._segment_raw = 0
        self._segment_since = now
        return self._file

    def _write(self, file: AppendFile) -> None:
        if self._frame:
            self._frame.append(self._compressor.flush(zstd.ZstdCompressor.FLUSH_FRAME))
            frame = b"".join(self._frame)
            self._frame.clear()
            self._frame_start += len(frame)
            self._frames += frame
        # What the disk refuses goes on waiting: forgotten only after it is written.
        file.write(self._frames)
        self._frames = b""
        self._waiting_raw = 0
        self.flushed = self.appended


def read_journal(
    folder: Folder,
    after: Position | None = None,
    problems: list[str] | None = None,
    last: int | None = None,
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
    last : int or None
        The last message before that place, where that is known.

    Yields
    ------
    tuple of Position and record
        The record and the place just after it.
    """
    losses = Losses([] if problems is None else problems, last if after else 0)
    expected = max(1, after.segment) if after else 1
    for number, name in _segments(folder):
        if number < expected:
            continue
        if number > expected:
            first, last_one = _name(expected), _name(number - 1)
            files = f"{first} is" if first == last_one else f"{first} to {last_one} are"
            losses.note(f"{files} missing")
        expected = number + 1
        losses.begin(name)
        begin = after if after and number == after.segment else Position(number, 0, 0)
        try:
            file = folder.open_read(name)
        except (FileNotFoundError, RecordingError) as error:
            losses.note(f"{name} can't be opened ({error})")
            continue
        with file:
            yield from _read_segment(file, name, begin, losses)
    if after is not None and expected <= after.segment:
        losses.note(f"{_name(after.segment)} is missing")
    losses.finish()


def has_journal(folder: Folder) -> bool:
    """Tell whether there is anything of a journal."""
    return bool(_segments(folder))


def remedy(folder: Folder, what: str) -> str:
    """Tell how something that is lost can be made again, if it can."""
    if has_journal(folder):
        return f"fleetlab rebuild makes {what} again from the journal"
    return f"the journal, which {what} could be made from again, is not there"


def _read_segment(
    file: BinaryIO, name: str, begin: Position, losses: Losses
) -> Iterator[tuple[Position, Record]]:
    if begin.line and file.seek(0, os.SEEK_END) <= begin.frame:
        losses.note(f"{name}: its end is missing")
    for found in read_frames(file, begin.frame):
        if isinstance(found, Damage):
            losses.note(f"{name}: {found}")
            continue
        place, frame = found
        skip = begin.line if place == begin.frame else 0
        start = bad = 0
        with memoryview(frame) as view:
            for line in range(1, frame.count(b"\n") + 1):
                stop = frame.index(b"\n", start) + 1
                if line > skip:
                    try:
                        record = decode(view[start:stop])
                    except ValueError as error:
                        losses.note(f"{name}: line {line} from byte {place:,} on is {error}")
                        bad += 1
                        if bad == _BAD_LINES:
                            losses.note(f"{name}: the lines of that frame behind it are left out")
                            break
                    else:
                        if losses.saw(record):
                            yield Position(begin.segment, place, line), record
                start = stop


def _name(number: int) -> str:
    return f"{_FOLDER}/{number:08}{_SUFFIX}"


def _segments(folder: Folder) -> list[tuple[int, str]]:
    """Return number and name of the segments, in order."""
    names = folder.files(_FOLDER, _SUFFIX)
    numbers = [(name.removeprefix(f"{_FOLDER}/").removesuffix(_SUFFIX), name) for name in names]
    return sorted((int(text), name) for text, name in numbers if text.isdecimal())
