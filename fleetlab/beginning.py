"""The beginning of a recording: its folder, and what is known of it before anything has come."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fleetlab._version import __version__
from fleetlab.recording import Info
from fleetlab.recording.folder import DiskFolder, MemoryFolder

if TYPE_CHECKING:
    from datetime import datetime

    from fleetlab.plan import Plan
    from fleetlab.recording.folder import Folder

__all__ = ["first_info", "make_folder"]


def make_folder(plan: Plan, began: datetime) -> tuple[Folder, bool]:
    """Return the recording's folder, and whether it was made for it."""
    if plan.save_to is False:
        return MemoryFolder(f"{began:%Y-%m-%dT%H%M%SZ}"), True
    if plan.save_to is None:
        return DiskFolder.create_default(Path.cwd(), began), True
    path = Path(str(plan.save_to)).expanduser()
    made = not path.exists()
    return DiskFolder.create(path), made


def first_info(plan: Plan, folder: Folder, began: datetime) -> Info:
    """Return what is known of a recording before anything has come."""
    return Info(
        name=folder.name,
        started_at=began,
        server="demo" if plan.server is None else plan.server.base_url,
        timezone=plan.timezone,
        timezone_source=None if plan.timezone is None else "argument",
        requests=[request.describe() for request in plan.requests],
        note=plan.note,
        path=None if folder.path is None else str(folder.path),
        remark=_remark(plan),
        fleetlab=__version__,
    )


def _remark(plan: Plan) -> str | None:
    """Return what a reader of the journal should know."""
    asked = max(
        (len(request.trackers or ()) for request in plan.requests if request.filters_here),
        default=0,
    )
    if not asked:
        return None
    return (
        f"{asked:,} trackers were asked for, more than one message can name; so all came, and the "
        "journal holds more trackers than the frames"
    )
