"""Records to rows to finished parts: what a capture and a rebuilding do alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fleetlab.recording.told import decoded_info
from fleetlab.recording.writer import RecordingWriter
from fleetlab.records import MessageRecord
from fleetlab.schemas import EVENTS
from fleetlab.tables.decoder import Decoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import polars as pl

    from fleetlab.recording.batches import Placed
    from fleetlab.recording.folder import Folder
    from fleetlab.recording.journal import Position
    from fleetlab.recording.manifest import Info

__all__ = ["Builder"]

IMPLIED: Final = frozenset({"lifecycle", "logout"})
"""Events that come without being asked for."""


class Builder:
    """Makes frames of the records of one recording, in the order of its journal.

    Parameters
    ----------
    folder : Folder
        Where the frames go.
    info : Info
        What is known of the recording at the start.
    guard : callable
        Does the pieces of work that Polars may be interrupted in; each may be done again if it
        raises.
    checkpoint : dict, optional
        What decoding begins with.

    Attributes
    ----------
    info : Info
        What is known of the recording, less what decoding finds out.
    decoder : Decoder
        What decodes them.
    writer : RecordingWriter
        What keeps their rows.
    position : Position or None
        The place in the journal after the last record taken.
    """

    def __init__(
        self,
        folder: Folder,
        info: Info,
        guard: Callable[[Callable[[], Any]], Any] = lambda work: work(),
        checkpoint: dict[str, Any] | None = None,
    ) -> None:
        self.info = info
        self.decoder = Decoder(checkpoint)
        self.writer = RecordingWriter(folder, info)
        self.position: Position | None = None
        self._seq = 0
        self._guard = guard

    def take(self, batch: Iterable[Placed]) -> None:
        """Take the next records."""
        for position, record in batch:
            self.decoder.feed(record)
            self.position = position
            if isinstance(record, MessageRecord):
                self._seq = record.seq

    def collect(self) -> dict[str, pl.DataFrame]:
        """Decode what was taken, keep its rows, and return them by event and by table."""
        decoder = self.decoder
        frames: dict[str, pl.DataFrame] = self._guard(decoder.decode)
        info = decoded_info(self.info, decoder)
        gap = decoder.log.open_gap(None)
        self._guard(lambda: self.writer.add(frames, decoder.directory.frame, gap, info))
        return frames

    def publish(self, *, whole: bool = False) -> None:
        """Make parts of the rows; the journal must be flushed as far as it was taken.

        Parameters
        ----------
        whole : bool
            Whether the journal holds nothing more. Events that were asked for and never came then
            get a part without rows.
        """
        asked = {request["type"] for request in self.info.requests}
        empty = [event for event in EVENTS if event in asked | IMPLIED] if whole else []
        checkpoint = self.decoder.checkpoint()
        self._guard(
            lambda: self.writer.publish(self.position, self._seq, checkpoint, empty, whole=whole)
        )
