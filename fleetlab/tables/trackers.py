"""Which tracker a source belongs to, what it is called, and what the server said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from fleetlab.records import whole
from fleetlab.schemas import empty, schema

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

__all__ = ["Directory"]

_NAMES = tuple(schema("trackers"))
_STATUSES = ("state", "state_batch", "readings_batch", "iot_monitor")


class Directory:
    """The trackers of the account, as far as they are known.

    Parameters
    ----------
    frame : polars.DataFrame, optional
        A frame of schema ``trackers`` to go on from.
    """

    def __init__(self, frame: pl.DataFrame | None = None) -> None:
        rows = (empty("trackers") if frame is None else frame).to_dicts()
        self._rows: dict[int, dict[str, Any]] = {row["tracker_id"]: row for row in rows}
        self._index()

    def _index(self) -> None:
        self._frame: pl.DataFrame | None = None
        self._chosen: dict[frozenset[int] | None, dict[int | None, int | None]] = {}
        self._label: dict[int | None, str | None] = {
            id_: row["label"] for id_, row in self._rows.items()
        }
        self._by_source: dict[int, list[int]] = {}
        for id_ in sorted(self._rows, key=lambda id_: (bool(self._rows[id_]["clone"]), id_)):
            source = self._rows[id_]["source_id"]
            if source is not None:
                self._by_source.setdefault(source, []).append(id_)

    @property
    def frame(self) -> pl.DataFrame:
        """The trackers as a frame of schema ``trackers``, sorted by id."""
        if self._frame is None:
            rows = [self._rows[id_] for id_ in sorted(self._rows)]
            self._frame = pl.DataFrame(rows, schema=schema("trackers"), orient="row")
        return self._frame

    def update(self, items: Iterable[Any]) -> None:
        """Take over the items of a ``tracker/list`` reply; what isn't one is passed over."""
        for item in items:
            id_ = _number(_get(item, "id"))
            if id_ is None:
                continue
            source = _get(item, "source")
            self._row(id_).update(
                label=_text(_get(item, "label")),
                group_id=_number(_get(item, "group_id")),
                source_id=_number(_get(source, "id")),
                device_id=_text(_get(source, "device_id")),
                model=_text(_get(source, "model")),
                clone=_flag(_get(item, "clone")),
                blocked=_flag(_get(source, "blocked")),
            )
        self._index()

    def answered(self, statuses: Mapping[str, Mapping[int, str]]) -> None:
        """Take over what the server said of each tracker as it was subscribed to."""
        for event, by_tracker in statuses.items():
            if event in _STATUSES:
                for id_, word in by_tracker.items():
                    self._row(id_)[event] = word
        self._index()

    def _row(self, id_: int) -> dict[str, Any]:
        if id_ not in self._rows:
            self._rows[id_] = dict.fromkeys(_NAMES) | {"tracker_id": id_}
        return self._rows[id_]

    def covers(self, trackers: Collection[int]) -> bool:
        """Tell whether the sources of all these trackers are known."""
        return all(id_ in self._rows and self._rows[id_]["source_id"] for id_ in trackers)

    def trackers_of(
        self, sources: Sequence[int | None], asked: Collection[int] | None
    ) -> list[int | None]:
        """Return the tracker of each source.

        A source with clones stands for the tracker that isn't the clone if it was asked for, else
        for the lowest id asked for.

        Parameters
        ----------
        sources : sequence of int or None
            Ids as in a state.
        asked : collection of int or None
            The trackers asked for; None for all.
        """
        key = None if asked is None else frozenset(asked)
        chosen = self._chosen.setdefault(key, {None: None})
        try:
            return list(map(chosen.__getitem__, sources))
        except KeyError:  # there are some that have not been looked up yet
            for source in set(sources).difference(chosen):
                candidates = self._by_source.get(source or 0, [])
                wanted = [id_ for id_ in candidates if asked is None or id_ in asked]
                chosen[source] = next(iter(wanted or candidates), None)
        return list(map(chosen.__getitem__, sources))

    def labels_of(self, trackers: Sequence[int | None]) -> list[str | None]:
        """Return the label of each tracker, None where it isn't known."""
        return list(map(self._label.get, trackers))


def _get(item: Any, name: str) -> Any:
    return item.get(name) if isinstance(item, dict) else None


def _number(value: Any) -> int | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    return value if fits else None


def _text(value: Any) -> str | None:
    return None if value is None or isinstance(value, (dict, list)) else whole(str(value))


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
