"""Which trackers were asked for, event by event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleetlab.requests import SELECTED_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Asked"]


class Asked:
    """What a recording asked for.

    Parameters
    ----------
    requests : iterable of mapping
        As ``rec.info.requests`` has them: with ``type`` and ``trackers``.
    """

    def __init__(self, requests: Iterable[Mapping[str, Any]]) -> None:
        self._by_event = {
            request["type"]: None
            if request["trackers"] == "all"
            else frozenset(request["trackers"])
            for request in requests
        }

    def trackers(self, event: str) -> frozenset[int] | None:
        """Return the trackers asked for; None for all.

        An event that comes by itself, as lifecycle does, comes for those of all requests.
        """
        if event in self._by_event:
            return self._by_event[event]
        asked = [trackers for trackers in self._by_event.values() if trackers is not None]
        return frozenset().union(*asked) if asked and len(asked) == len(self._by_event) else None

    def is_filtered(self, event: str) -> bool:
        """Tell whether all came because more were asked for than one request may name."""
        trackers = self.trackers(event)
        return trackers is not None and len(trackers) > SELECTED_LIMIT
