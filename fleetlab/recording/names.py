"""Names of files inside a recording: relative, with forward slashes on every system."""

from __future__ import annotations

from fleetlab.errors import RecordingError

__all__ = ["checked"]


def checked(relative: str) -> str:
    """Return the name as it came if it stays within a recording's folder.

    Parameters
    ----------
    relative : str
        Such as ``"raw/00000001.jsonl.zst"``; a recording made elsewhere may name anything.

    Raises
    ------
    RecordingError
        If it is absolute, leads upwards, or would mean something else on another system.
    """
    parts = relative.split("/")
    if any(part in {"", ".", ".."} for part in parts) or any(mark in relative for mark in "\\:\0"):
        raise RecordingError(
            f"{relative!r} is not a file name inside a recording (like 'state/00000001.parquet'). "
            f"The recording was damaged or tampered with; `fleetlab rebuild` makes it anew."
        )
    return relative
