"""What detectors found, as marks in charts: stops, speeding and trips."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import altair as alt
import polars as pl

from fleetlab.charts import frame
from fleetlab.charts.bands import lasting
from fleetlab.charts.together import detected
from fleetlab.recording.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fleetlab.charts.source import Source

__all__ = [
    "MARKS", "ROWS", "TRIP", "crowded", "findings", "marks", "over_time", "told", "too_many_rows",
]  # fmt: skip

ROWS: Final = 250_000
"""Rows that are looked through while a chart is drawn: more would take too long."""

MARKS: Final = 500
"""Findings in one chart; more are no marks any more."""

TRIP: Final = (
    alt.Tooltip("distance_m:Q", title="distance (m)", format=",.0f"),
    alt.Tooltip("avg_speed_kmh:Q", title="average speed (km/h)", format=".0f"),
    alt.Tooltip("max_speed_kmh:Q", title="top speed (km/h)", format=".0f"),
)
"""What is told of a trip."""

_PART: Final = "start=, end= and trackers= choose a part in which they are."
_SINCE: Final = "started_at"
_UNTIL: Final = "ended_at"


def findings(
    detector: Callable[..., Any],
    source: Source,
    lines: Iterable[str],
    what: str,
    **thresholds: Any,
) -> tuple[pl.DataFrame, str | None]:
    """Return what a detector finds of some trackers in what is drawn.

    Parameters
    ----------
    detector : callable
        Of :mod:`fleetlab.analysis`, such as :func:`fleetlab.stops`.
    source : Source
        What is drawn.
    lines : iterable of str
        Names of the trackers.
    what : str
        What is found, in words.
    **thresholds
        Of the detector.

    Returns
    -------
    frame : polars.DataFrame
        What the detector returns, and ``line``.
    words : str or None
        A sentence, where there is too much to look through, or to mark.
    """
    rows = source.states().filter(
        pl.col("line").cast(pl.String).is_in(list(lines)), pl.col("tracker_id").is_not_null()
    )
    names = rows.group_by("tracker_id").agg(pl.col("line").last().cast(pl.String), n=pl.len())
    known = names.collect()
    if known.is_empty() or source.start is None or source.end is None:
        return _none(detector, thresholds), None
    why = too_many_rows(what, int(known["n"].sum()))
    if why:
        return _none(detector, thresholds), why

    def detect(states: pl.DataFrame) -> pl.DataFrame:
        is_whole = isinstance(source.data, Recording)
        found: pl.DataFrame = (
            detector(source.data, states=states, **thresholds)
            if is_whole
            else detector(states, **thresholds)
        )
        return found

    asked = (detector, *thresholds.items())
    found = detected(asked, detect, [rows], lambda one: [one.states()])
    return crowded(
        found.join(known.drop("n"), on="tracker_id", maintain_order="left"), source, what
    )


def too_many_rows(what: str, n: int) -> str | None:
    """Say that there are too many rows to look through while a chart is drawn, if so."""
    return f"{what} are not marked over so much; {_PART}" if n > ROWS else None


def crowded(found: pl.DataFrame, source: Source, what: str) -> tuple[pl.DataFrame, str | None]:
    """Return the findings in what is drawn; none, and a sentence, if they are too many."""
    shown = found.filter(pl.col(_UNTIL) > source.start, pl.col(_SINCE) < source.end)
    if len(shown) > MARKS:
        return shown.clear(), f"{len(shown):,} {what.lower()} are too many to be marked; {_PART}"
    return shown, None


def _none(detector: Callable[..., Any], thresholds: dict[str, Any]) -> pl.DataFrame:
    """Return a frame of no findings."""
    empty = pl.DataFrame(schema={"event_time": pl.Datetime("us", "UTC")})
    found: pl.DataFrame = detector(empty, **thresholds)
    return found.with_columns(line=pl.lit(None, pl.String))


def marks(found: pl.DataFrame, source: Source) -> alt.Chart:
    """Return a chart of findings, with what :func:`told` tells of them."""
    zone = source.zone
    rows = found
    if "censored_start" in found.columns:
        censored = pl.concat_str(
            pl.when("censored_start").then(pl.lit("its beginning")),
            pl.when("censored_end").then(pl.lit("its end")),
            separator=" and ",
            ignore_nulls=True,
        )
        rows = found.with_columns(unseen=pl.when(censored != "").then(censored))
    chart: alt.Chart = alt.Chart(frame.rows(rows)).transform_calculate(
        **{
            "from": zone.text(f"datum.{_SINCE}"),
            "to": zone.text(f"datum.{_UNTIL}"),
            "lasting": lasting(_SINCE, _UNTIL),
            "not_seen": "isValid(datum.unseen)?datum.unseen:'nothing'",
        }
    )
    return chart


def over_time(source: Source, *, labels: bool = True) -> dict[str, Any]:
    """Return the encoding of findings from their beginning to their end."""
    return {"x": frame.time_x(source, _SINCE, labels=labels), "x2": alt.X2(_UNTIL)}


def told(
    source: Source, *figures: alt.Tooltip, who: str = "tracker", seen: bool = True
) -> Sequence[alt.Tooltip]:
    """Return what is told of a finding: whose it is, when it was, and the figures.

    Parameters
    ----------
    source : Source
        What is drawn.
    *figures : altair.Tooltip
        Figures of the finding.
    who : str
        What ``line`` is the name of.
    seen : bool
        Whether to tell if its beginning, or its end, was not seen.
    """
    unseen = [alt.Tooltip("not_seen:N", title="not seen")] if seen else []
    return [
        alt.Tooltip("line:N", title=who),
        alt.Tooltip("from:N", title=f"from ({source.zone.name})"),
        alt.Tooltip("to:N"),
        alt.Tooltip("lasting:N", title="duration"),
        *figures,
        *unseen,
    ]
