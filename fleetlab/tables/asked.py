"""Which trackers were asked for, event by event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Asked"]


class Asked:
    """What a recording asked for.

    Parameters
    ----------
    requests : iterable of mapping
        As ``rec.info.requests`` has them: with ``type``, ``trackers`` and maybe ``filtered``.
    """

    def __init__(self, requests: Iterable[Mapping[str, Any]]) -> None:
        self._by_event: dict[str, frozenset[int] | None] = {}
        self._filtered: set[str] = set()
        for one in requests:
            trackers, event = one["trackers"], one["type"]
            self._by_event[event] = None if trackers == "all" else frozenset(trackers)
            if one.get("filtered"):
                self._filtered.add(event)

    def trackers(self, event: str) -> frozenset[int] | None:
        """Return the trackers asked for; None for all.

        An event that comes by itself, as lifecycle does, comes for those of all requests.
        """
        if event in self._by_event:
            return self._by_event[event]
        asked = [trackers for trackers in self._by_event.values() if trackers is not None]
        return frozenset().union(*asked) if asked and len(asked) == len(self._by_event) else None

    def is_filtered(self, event: str) -> bool:
        """Tell whether all trackers came because one message could not name those asked for."""
        return event in self._filtered if event in self._by_event else bool(self._filtered)
