"""What is missing from a journal, in sentences."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fleetlab.records import MessageRecord

if TYPE_CHECKING:
    from fleetlab.records import Record

__all__ = ["Losses"]


class Losses:
    """Turns losses into sentences, once the next message shows which ones are missing.

    Parameters
    ----------
    problems : list of str
        Gets the sentences.
    last : int or None
        The last message before the first one that will be seen, where that is known.
    """

    def __init__(self, problems: list[str], last: int | None) -> None:
        self._problems = problems
        self._last = last
        self._open: list[str] = []
        self._file = self._suspect = ""
        self._again: Counter[str] = Counter()

    def begin(self, file: str) -> None:
        """Take note of the next file; if it goes on too late, the one before has lost its end."""
        self._suspect, self._file = self._file or file, file

    def note(self, sentence: str) -> None:
        """Take down a loss; what it cost is told later."""
        self._open.append(sentence)

    def saw(self, record: Record) -> bool:
        """Take note of the next record that could be read; tell whether it comes in its turn.

        Numbers of messages grow. One that doesn't was written before, or belongs somewhere else.
        """
        if not isinstance(record, MessageRecord):
            return True
        if self._last is not None and record.seq <= self._last:
            self._again[self._file] += 1
            return False
        if not self._open and self._last is not None and record.seq > self._last + 1:
            self.note(f"{self._suspect}: its end is missing")
        self._suspect = self._file
        if self._open:
            if self._last is None:
                self._tell(f"messages before {record.seq} may be missing")
            elif record.seq == self._last + 2:
                self._tell(f"message {record.seq - 1} is missing")
            elif record.seq > self._last + 1:
                self._tell(f"messages {self._last + 1} to {record.seq - 1} are missing")
            else:
                self._tell("no message is missing")
        self._last = record.seq
        return True

    def finish(self) -> None:
        """Tell what is still open at the journal's end."""
        self._tell(
            f"messages after {self._last} may be missing" if self._last else "messages are missing"
        )
        self._problems += [
            f"{file}: messages that come twice or after later ones are left out: {count:,}."
            for file, count in self._again.items()
        ]

    def _tell(self, what: str) -> None:
        self._problems += [f"{sentence}; {what}." for sentence in self._open]
        self._open.clear()
