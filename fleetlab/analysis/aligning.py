"""States, readings and attributes side by side in time."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from fleetlab.analysis.checks import number
from fleetlab.analysis.movement import yes
from fleetlab.analysis.resampling import last_known, period_us
from fleetlab.analysis.sources import STATES, Source, labels_of
from fleetlab.analysis.timeline import once
from fleetlab.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from fleetlab.analysis.backends import Frame

__all__ = ["align"]

_US: Final = 1_000_000
_HEAD: Final = ("recording", "seq", "received_at", "server_time", "event_time", "snapshot",
                "tracker_id", "label")  # fmt: skip
_OF: Final = ("tracker_id", "column")
_KINDS: Final[dict[str, Any]] = {"number": nw.Float64, "text": nw.String, "flag": nw.Int64}
_VALUES: Final = (*_KINDS, "event_us")
_READING: Final = ("type", "sensor_label", "name", "reading")
_SHOWN: Final = 20  # names that an error lists, those that are most alike first


@dataclass(frozen=True)
class _Column:
    """One column of the result: its name and kind, and which rows tell it (None: all)."""

    name: str
    kind: str
    of: str  # states, readings or attributes
    value: str
    rows: nw.Expr | None = None


def align(
    data: Any,
    names: Iterable[str] | str,
    every: str | float = "10s",
    *,
    max_age_s: float | None = None,
    ages: bool = False,
    gaps: Any = None,
    observed: tuple[datetime | str, datetime | str] | None = None,
    states: Any = None,
    readings: Any = None,
    attributes: Any = None,
) -> Any:
    """Return states, readings and attributes of each tracker side by side, at regular moments.

    Each is the last value told until then, as :func:`fleetlab.resample` takes it: nothing is
    interpolated, and nothing is known in a gap and from there to the next value. A null tells
    nothing: the value before it goes on to hold.

    Parameters
    ----------
    data : Recording, path, iterable of paths, or a frame of Polars, DuckDB or PySpark
        A recording, or rows of one of its events.
    names : str or iterable of them
        Columns of states, such as ``speed_kmh``; readings by ``type``, sensor's label, ``name`` or
        ``reading``, such as ``fuel``, ``Tank 1``, ``counter:odometer``; or attributes by ``field``.
        What is found first counts, in this order.
    every : str or float
        From moment to moment, as of :func:`fleetlab.resample`.
    max_age_s : float, optional
        What is older is null.
    ages : bool
        Add how old each value is, ``<name>_age_s``.
    gaps, observed
        As of :func:`fleetlab.trips`.
    states, readings, attributes : frame, optional
        Rows of ``state_batch``, ``readings_batch`` and ``iot_monitor``, of the kind of `data`,
        where these are other rows; a recording brings its own.

    Returns
    -------
    frame
        Of the input's kind, sorted by tracker and time: ``tracker_id``, ``label``, ``event_time``
        (UTC), the moment, and a column a name. Readings that are found by their type have one a
        sensor, ``"fuel: Tank 1"``. Numbers are Float64, flags Boolean, else text. A tracker's rows
        begin with the first of its values.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit, or there is nothing of a name.
    """
    step = period_us(every)
    oldest = None if max_age_s is None else number("max_age_s", max_age_s, 0, 1e10, "s")
    sources = _sources(data, gaps, observed, states, readings, attributes)
    wanted = [names] if isinstance(names, str) else list(names)
    columns = [one for name in dict.fromkeys(wanted) for one in _columns(name, sources)]
    if not columns:
        raise InvalidArgument("names= is empty; name columns of states, readings or attributes.")
    source = labels_of(*sources.values())
    rows = once(nw.concat(list(_rows(columns, sources))), tuple(_KINDS), of=_OF)
    known = last_known(source, rows, _OF, step)
    told = rows.select(*_OF, nw.col("t").alias("_row"), *_VALUES)
    known = known.join(told, on=[*_OF, "_row"], how="left")
    known = known.with_columns(age=(nw.col("at_us") - nw.col("event_us")).cast(nw.Float64) / _US)
    if oldest is not None:
        fresh = nw.col("age") <= oldest
        known = known.with_columns(
            nw.when(fresh).then(nw.col(name)).alias(name) for name in (*_KINDS, "age")
        )
    kept = {one.name: (n, one.kind) for n, one in enumerate(columns)}
    if ages:
        kept |= {f"{one.name}_age_s": (n, "age") for n, one in enumerate(columns)}
    known = known.group_by("tracker_id", "at_us").agg(
        nw.when(nw.col("column") == n).then(nw.col(kind)).max().alias(name)
        for name, (n, kind) in kept.items()
    )
    flags = [name for name, (_, kind) in kept.items() if kind == "flag"]
    known = known.with_columns(
        *(nw.col(name) == 1 for name in flags), event_time=nw.col("at_us")
    ).drop("at_us")
    known = source.backend.moments(source.labelled(known), ["event_time"])
    return source.ordered(known, ["tracker_id", "label", "event_time", *kept], "event_time")


def _sources(
    data: Any, gaps: Any, observed: Any, states: Any, readings: Any, attributes: Any
) -> dict[str, Source]:
    """Return what there is of states, readings and attributes, in this order."""
    first = Source.of(data, gaps=gaps, observed=observed, rows=states)
    given = {"states": states, "readings": readings, "attributes": attributes}
    events = {"states": STATES, "readings": ("readings_batch",), "attributes": ("iot_monitor",)}
    if first.recording is None and states is None:
        found = first.frame.collect_schema()
        is_of = "readings" if "reading" in found else "attributes" if "field" in found else "states"
        given[is_of] = data if given[is_of] is None else given[is_of]
    return {
        name: Source.of(
            data if first.recording is None else first.recording,
            events=events[name],
            gaps=gaps,
            observed=observed,
            rows=rows,
        )
        for name, rows in given.items()
        if rows is not None or first.recording is not None
    }


def _columns(name: str, sources: dict[str, Source]) -> list[_Column]:
    """Return the columns that a name stands for."""
    there: list[str] = []
    if "states" in sources:
        found = sources["states"].frame.collect_schema()
        told = [one for one in found if one not in _HEAD and not found[one].is_nested()]
        if name in told:
            dtype = found[name]
            kind = "flag" if dtype == nw.Boolean else "number" if dtype.is_numeric() else "text"
            return [_Column(name, kind, "states", f"_raw_{name}")]
        there += told
    if "readings" in sources:
        columns, more = _of_readings(name, sources["readings"])
        if columns:
            return columns
        there += more
    if "attributes" in sources:
        source = sources["attributes"]
        fields = _distinct(source, ("field",), "value")
        for field, has_number in fields:
            if field == name:
                kind, value = ("number", "value") if has_number else ("text", "value_text")
                return [_Column(name, kind, "attributes", value, nw.col("field") == name)]
        there += [field for field, _ in fields]
    shown = ", ".join(get_close_matches(name, sorted(set(there)), _SHOWN, cutoff=0))
    raise InvalidArgument(f"There is nothing called {name!r}; there are {shown or 'no rows'}.")


def _of_readings(name: str, source: Source) -> tuple[list[_Column], list[str]]:
    """Return the columns of readings that a name stands for, and what there is."""
    sensors = _distinct(source, _READING, "value")
    made: dict[str, list[tuple[nw.Expr, bool]]] = {}
    for key in _READING:
        for *told, has_number in sensors:
            sensor = dict(zip(_READING, told, strict=True))
            if sensor[key] != name:
                continue
            own = next(one for one in _READING[1:] if sensor[one])
            rows, column = yes(nw.col(key) == name), name
            if key == "type":
                rows, column = rows & yes(nw.col(own) == sensor[own]), f"{name}: {sensor[own]}"
            made.setdefault(column, []).append((rows, has_number))
        if made:
            break
    columns = []
    for column, (first, *others) in sorted(made.items()):
        numbers = first[1] or any(has_number for _, has_number in others)
        kind, value = ("number", "value") if numbers else ("text", "value_text")
        columns.append(_Column(column, kind, "readings", value, first[0]))
    return columns, [one for sensor in sensors for one in sensor[:3] if one]


def _distinct(source: Source, keys: Sequence[str], value: str) -> list[tuple[Any, ...]]:
    """Return what there is of some columns, and whether any of it has a number."""
    rows = source.rows(*keys, value)
    found = rows.group_by(*keys).agg((~nw.col(value).is_null()).cast(nw.Int64).max())
    return sorted(source.backend.fetch(found.select(*keys, value)), key=str)


def _rows(columns: Sequence[_Column], sources: dict[str, Source]) -> Iterator[Frame]:
    """Return what is told of each column, in long form."""
    for n, column in enumerate(columns):
        source = sources[column.of]
        if column.of == "states":
            rows = source.rows(keep=True)
        else:
            queue = ("queue",) if column.of == "attributes" else ()
            rows = source.rows(*_READING, "field", column.value, *queue)
            if queue:
                # What a queue held before was measured then.
                rows = rows.filter(nw.col("queue").fill_null("nonnull") == "nonnull")
                rows = rows.with_columns(
                    snapshot=nw.lit(value=False), received_us=nw.col("event_us")
                )
        if column.rows is not None:
            rows = rows.filter(column.rows)
        rows = rows.filter(~nw.col(column.value).is_null())
        yield rows.select(
            "tracker_id",
            "event_us",
            "received_us",
            "seq",
            "snapshot",
            *(
                (nw.col(column.value) if kind == column.kind else nw.lit(None, dtype))
                .cast(dtype)
                .alias(kind)
                for kind, dtype in _KINDS.items()
            ),
            column=nw.lit(n),
        )
