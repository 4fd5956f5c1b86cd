"""What was known at regular moments: the last value told, with its age, never an invented one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from fleetlab.analysis.checks import number
from fleetlab.analysis.sources import STATES, Source
from fleetlab.analysis.timeline import once, over
from fleetlab.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from fleetlab.analysis.backends import Frame

__all__ = ["last_known", "period_us", "resample"]

_US: Final = 1_000_000
_EVERY: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)")
_UNITS: Final = {"ms": 1e-3, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_LONGEST_S: Final = 31 * 86_400
_STATE: Final = (
    "lat", "lng", "speed_kmh", "heading_deg", "movement_status", "ignition", "connection_status",
)  # fmt: skip
_READING: Final = ("sensor_label", "units", "value", "value_text")
_FIELD: Final = ("value", "value_text")
_CUT, _ROW, _AT = 0, 1, 2  # in this order where they are of the same moment


def period_us(every: str | float) -> int:
    """Return a period such as ``"10s"``, or a number of seconds, in microseconds."""
    seconds: Any = every
    if isinstance(every, str):
        found = _EVERY.fullmatch(every.strip())
        if found is None:
            raise InvalidArgument(
                f"every={every!r} is no period; write a number of seconds, or text such as '10s', "
                "'5m' or '1h'."
            )
        seconds = float(found[1]) * _UNITS[found[2]]
    return round(number("every", seconds, 0.001, _LONGEST_S, "s") * _US)


def resample(
    data: Any,
    every: str | float = "1m",
    *,
    columns: Iterable[str] | None = None,
    max_age_s: float | None = None,
    gaps: Any = None,
    observed: tuple[datetime | str, datetime | str] | None = None,
    states: Any = None,
) -> Any:
    """Return what was known of each tracker at regular moments, and how old it was.

    At each moment it is the last row told until then: nothing is interpolated, and nothing looks
    ahead. On a live connection no news means no change, so it holds until the next row, however
    long that takes; `max_age_s` sets a limit. In a gap, and from there to the next row, nothing is
    known: null.

    Parameters
    ----------
    data : Recording, path, iterable of paths, or a frame of Polars, DuckDB or PySpark
        States, or rows of ``readings_batch`` or ``iot_monitor``; of a recording, its states.
    every : str or float
        From moment to moment: ``"10s"``, ``"5m"``, ``"1h"``, or seconds. The moments are multiples
        of it since 1970 UTC.
    columns : iterable of str, optional
        Which columns to keep; if left out, of states where it was, how fast, and in what status; of
        readings and attributes the value, its text and unit.
    max_age_s : float, optional
        What is older is null.
    gaps, observed, states
        As of :func:`fleetlab.trips`.

    Returns
    -------
    frame
        Of the input's kind, sorted by tracker (and ``reading`` or ``field``) and time:
        ``tracker_id``, ``label``, ``event_time`` (UTC), the moment; ``reading`` or ``field`` where
        the rows are of these; the columns; ``age_s``, the time since the moment that the row speaks
        of. From the first row of each on to the end of the recording, or its last row of a frame.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    """
    step = period_us(every)
    oldest = None if max_age_s is None else number("max_age_s", max_age_s, 0, 1e10, "s")
    source = Source.of(data, events=STATES, gaps=gaps, observed=observed, rows=states)
    found = source.frame.collect_schema()
    key, usual = next(
        (
            (name, shown)
            for name, shown in (("reading", _READING), ("field", _FIELD))
            if name in found
        ),
        (None, _STATE),
    )
    wanted = list(usual if columns is None else columns)
    missing = [name for name in wanted if columns is not None and name not in found]
    if missing or not wanted:
        raise InvalidArgument(
            f"columns={wanted!r}: there is no {', '.join(missing) or 'column'}; there are "
            f"{', '.join(found)}."
        )
    of = ("tracker_id", key) if key else ("tracker_id",)
    rows = source.rows(*(name for name in of if name != "tracker_id"), keep=True)
    kept = [f"_raw_{name}" for name in wanted if name in found]
    plain = [name for name in wanted if name in found and not found[name].is_nested()]
    rows = once(rows, [f"_raw_{name}" for name in plain], of=of)
    known = last_known(source, rows, of, step)
    told = rows.select(*of, nw.col("t").alias("_row"), "event_us", *kept)
    known = known.join(told, on=[*of, "_row"], how="left")
    age = (nw.col("at_us") - nw.col("event_us")).cast(nw.Float64) / _US
    known = known.with_columns(age_s=age)
    if oldest is not None:
        fresh = nw.col("age_s") <= oldest
        known = known.with_columns(
            nw.when(fresh).then(nw.col(name)).alias(name) for name in (*kept, "age_s")
        )
    names = [name for name in wanted if f"_raw_{name}" in kept]
    known = known.select(
        *of,
        nw.col("at_us").alias("event_time"),
        *(nw.col(f"_raw_{name}").alias(name) for name in names if name not in of),
        "age_s",
    )
    known = source.backend.moments(source.labelled(known), ["event_time"])
    names = [name for name in names if name not in (*of, "label", "event_time")]
    head = ("tracker_id", "label", "event_time", *of[1:])
    return source.ordered(known, [*head, *names, "age_s"], *of[1:], "event_time")


def last_known(source: Source, rows: Frame, of: Sequence[str], step: int) -> Frame:
    """Return each regular moment of each line of rows, and which row counts then.

    Parameters
    ----------
    source : Source
        Its gaps and bounds.
    rows : narwhals.LazyFrame
        The keys of `of`, and ``t``, each once.
    of : sequence of str
        What makes a line.
    step : int
        From moment to moment, in µs.

    Returns
    -------
    narwhals.LazyFrame
        The keys, ``at_us``, and ``_row``, the ``t`` of the row; where nothing is known, there is
        none of it.
    """
    lines = rows.group_by(*of).agg(
        nw.col("t").min().alias("_first"), nw.col("t").max().alias("_last")
    )
    last = nw.col("_last")
    if source.observed is not None:
        last = nw.max_horizontal(last, nw.lit(source.observed[1]))
    lines = lines.with_columns(_last=last)
    at = source.backend.every(lines, "t", step).select(*of, "t", _kind=nw.lit(_AT))
    parts = [rows.select(*of, "t", _kind=nw.lit(_ROW)), at]
    if source.gaps:
        cuts = lines.join(source.gap_table(), how="cross")
        who = nw.col("gap_tracker")
        cuts = cuts.filter(who.is_null() | (who == nw.col("tracker_id")))
        parts.append(cuts.select(*of, nw.col("gap_start").alias("t"), _kind=nw.lit(_CUT)))
    moments = nw.concat(parts)
    by = ("t", "_kind")
    told = nw.when(nw.col("_kind") != _AT).then(nw.col("t"))
    moments = moments.with_columns(_row=told)
    # That a gap began is no row: nothing is found under its moment.
    moments = moments.with_columns(
        _row=over(nw.col("_row").fill_null(strategy="forward"), *by, of=of)
    )
    moments = moments.filter(nw.col("_kind") == _AT)
    return moments.select(*of, nw.col("t").alias("at_us"), "_row")
