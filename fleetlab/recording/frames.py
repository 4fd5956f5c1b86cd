"""The Zstandard frames of a file: those that can be verified, and what lies between them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fleetlab.recording.zstd import zstd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

__all__ = ["FRAME_LIMIT", "Damage", "read_frames"]

FRAME_LIMIT: Final = 256_000_000
"""Raw bytes of a frame that are read at most; a larger one is taken for a decompression bomb."""

_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_CHECKSUM_FLAG: Final = 0x04
_CHUNK: Final = 1 << 16
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of a file that holds no readable frame.

    Attributes
    ----------
    start, stop : int
        From which byte to before which.
    end : bool
        Whether it reaches to the end of the file, as what a crash left half-written does.
    """

    start: int
    stop: int
    end: bool

    def __str__(self) -> str:
        size = self.stop - self.start
        if self.end:
            return f"its last {size:,} bytes are damaged or incomplete"
        return f"{size:,} bytes from byte {self.start:,} on are damaged"


def read_frames(file: BinaryIO, start: int = 0) -> Iterator[tuple[int, bytearray] | Damage]:
    """Yield the frames of a file, decompressed and verified, and the damage between them.

    Parameters
    ----------
    file : binary file
        Seekable; read up to where it ends now.
    start : int
        Byte to start at, where a frame begins.

    Yields
    ------
    tuple of int and bytearray, or Damage
        The byte where the frame begins, and what it holds.
    """
    end = file.seek(0, os.SEEK_END)
    start = max(0, start)
    while start < end:
        frame, stop = _frame(file, start, end)
        if frame is not None:
            yield start, frame
        else:
            stop = _next_frame(file, start + 1, end)
            yield Damage(start, stop, stop == end)
        start = stop


def _frame(file: BinaryIO, start: int, end: int) -> tuple[bytearray | None, int]:
    """Return the frame that starts there, and where it ends; None if it can't be verified."""
    raw = bytearray()
    unreadable = None, start
    try:
        for data, decompressor in _decompressed(file, start, end):
            raw += data
            if len(raw) > FRAME_LIMIT:
                return unreadable
            if decompressor.eof:
                return raw, file.tell() - len(decompressor.unused_data)
    except (zstd.ZstdError, OSError):
        return unreadable
    return unreadable


def _next_frame(file: BinaryIO, start: int, end: int) -> int:
    """Return where the next frame starts that can be verified, or the end."""
    while True:
        start = _find_magic(file, start, end)
        if start == end or _frame(file, start, end)[0] is not None:
            return start
        start += 1


def _find_magic(file: BinaryIO, start: int, end: int) -> int:
    while end - start >= len(_MAGIC):
        try:
            file.seek(start)
            chunk = file.read(min(_CHUNK, end - start))
        except OSError:
            return end
        found = chunk.find(_MAGIC)
        if found >= 0:
            return start + found
        if len(chunk) < len(_MAGIC):
            break
        start += len(chunk) - len(_MAGIC) + 1
    return end


def _decompressed(
    file: BinaryIO, start: int, end: int
) -> Iterator[tuple[bytes, zstd.ZstdDecompressor]]:
    """Yield the frame that starts there in pieces, to its end or as far as the file goes.

    A frame without a checksum is as good as damaged: nothing says that it's what was written.
    """
    file.seek(start)
    decompressor = zstd.ZstdDecompressor()
    while not decompressor.eof:
        chunk = b""
        if decompressor.needs_input:
            chunk = file.read(max(0, min(_CHUNK, end - file.tell())))
            if not chunk:
                return
            if file.tell() - len(chunk) == start and not _has_checksum(chunk):
                return
        yield decompressor.decompress(chunk, max_length=_PIECE), decompressor


def _has_checksum(chunk: bytes) -> bool:
    head = chunk[: len(_MAGIC) + 1]
    return head[:-1] == _MAGIC and bool(head[-1] & _CHECKSUM_FLAG)
