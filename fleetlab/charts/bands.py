"""States that hold until the next one, as bands over time that say where nothing is known."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import altair as alt
import polars as pl

from fleetlab.charts import frame
from fleetlab.charts.theme import LINES, STATES, UNKNOWN, WIDTH
from fleetlab.charts.thinning import within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fleetlab.charts.source import Source

__all__ = ["BUDGET", "NOT_YET", "colours", "draw", "lasting", "merged", "spans"]

BUDGET: Final = 1_800_000
"""Bytes that a chart's bands may have as JSON."""

NOT_YET: Final = "not yet known"

_BAND: Final = 96  # bytes of a band as JSON, less its texts
_LEAST: Final = 14  # pixels that a word in a band needs
_MIDDLE: Final = 0.179  # luminance that white and black are read on alike
_SHARES: Final = 48  # of what one that was merged tells
_ESCAPED: Final = 6  # bytes of a letter beyond ASCII as JSON


def spans(events: pl.LazyFrame, source: Source, lines: Sequence[str]) -> pl.DataFrame:
    """Make bands of what is told at moments.

    A state holds until the next one. In a gap nothing is known, nor is it after a gap, or at the
    beginning, until something is told.

    Parameters
    ----------
    events : polars.LazyFrame
        ``line``, ``event_time``, ``state`` (null: unknown) and ``why`` (why it is unknown); what is
        later in the frame holds where moments are the same.
    source : Source
        What they are of.
    lines : sequence of str
        The lines that get bands, whether there are events of them or not.

    Returns
    -------
    polars.DataFrame
        ``line``, ``since``, ``until``, ``state``, ``told``: bands that follow each other without
        a break from the beginning to the end of what is drawn; consecutive equal ones are one.
        ``told`` is what is to be said of a band besides its state.
    """
    assert source.start is not None
    assert source.end is not None
    names = pl.LazyFrame({"line": pl.Series(lines, dtype=pl.String)})
    gaps = source.gaps.lazy().filter(pl.col("ended_at") > pl.col("started_at"))
    reason = pl.format("not received: {}", pl.col("reason").fill_null("nobody knows why"))
    order = pl.col("_rank").cast(pl.Int8)
    breaks = pl.concat(
        [
            gaps.select(event_time="started_at", why=reason, _rank=3),
            gaps.select(event_time="ended_at", why=pl.lit(NOT_YET), _rank=1),
            pl.LazyFrame({"event_time": [source.start], "why": [NOT_YET], "_rank": [1]}).cast(
                {"event_time": pl.Datetime("us", "UTC"), "_rank": pl.Int32}
            ),
        ],
    ).with_columns(order, state=pl.lit(None, pl.String))
    columns = ("line", "event_time", "state", "why", "_rank")
    told = events.filter(pl.col("line").is_in(list(lines))).with_columns(
        pl.col("why").cast(pl.String), _rank=pl.lit(2, pl.Int8)
    )
    in_order = (
        pl.concat([names.join(breaks, how="cross").select(columns), told.select(columns)])
        .with_columns(
            state=pl.coalesce("state", pl.lit(UNKNOWN)),
            # Sorted by when, what was before the beginning comes before the beginning itself;
            # it is the last of it that still held then.
            _before=pl.col("event_time") < source.start,
        )
        .sort("line", "event_time", "_rank", maintain_order=True)
    )
    start, end = pl.lit(source.start), pl.lit(source.end)
    first = pl.col("event_time") == start
    # The beginning itself tells nothing where a state was known before it.
    known = pl.col("_before").shift(1).over("line").fill_null(value=False)
    held = in_order.filter(~(first & (pl.col("_rank") == 1) & known))
    moment = pl.col("event_time").clip(start, end)
    until = moment.shift(-1).over("line").fill_null(end)
    same = pl.struct("line", "state", "why").rle_id().alias("_run")
    return (
        held.select("line", "state", "why", since=moment, until=until)
        .filter(pl.col("until") > pl.col("since"))
        .group_by(same, maintain_order=True)
        .agg(pl.col("line", "state", "why", "since").first(), pl.col("until").last())
        .select(
            "line",
            "since",
            "until",
            "state",
            told=pl.when(pl.col("state") == UNKNOWN).then(pl.format("unknown: {}", "why")),
        )
        .collect()
    )


def merged(
    bands: pl.DataFrame, source: Source, budget: int = BUDGET
) -> tuple[pl.DataFrame, str | None]:
    """Merge bands that are too short to be seen, where there are too many of them.

    Bands that follow each other in one column of pixels, each shorter than the column, become one
    in the colour of the state that took most of the time; it tells the share of each. A short
    band between two long ones stays. Columns are as wide as the budget needs, a pixel at first.

    Parameters
    ----------
    bands : polars.DataFrame
        What :func:`spans` returns, and ``what`` they are of; several such one after the other.
    source : Source
        What they are of.
    budget : int
        Bytes that they may have as JSON.

    Returns
    -------
    bands : polars.DataFrame
        The bands that are left.
    words : str or None
        A sentence on what was done; None where nothing was.
    """
    assert source.start is not None
    assert source.end is not None
    budget = within(budget)
    most = int(budget / (_BAND + _letters(bands)))
    if len(bands) <= most:
        return bands, None
    whole = source.end - source.start
    most = int(budget / (_BAND + _SHARES + _letters(bands)))
    few, many = 1, WIDTH + 1  # columns that suffice and that are too many, so far
    while many - few > 1:
        between = (few + many) // 2
        fits = _groups(bands, source, whole / between).n_unique() <= most
        few, many = (between, many) if fits else (few, between)
    width = whole / few
    lasting = pl.col("until") - pl.col("since")
    grouped = bands.with_columns(_group=_groups(bands, source, width), _lasting=lasting)
    shares = (
        grouped.lazy()
        .group_by("_group", "state", maintain_order=True)
        .agg(pl.col("_lasting").sum(), pl.col("told").first(), n=pl.len())
        .sort("_group", "_lasting", descending=[False, True], maintain_order=True)
        .with_columns(share=100 * pl.col("_lasting") / pl.col("_lasting").sum().over("_group"))
        .group_by("_group", maintain_order=True)
        .agg(
            pl.col("state", "told").first(),
            shares=pl.format("{} {} %", "state", pl.col("share").round(0).cast(pl.Int64)).str.join(
                ", "
            ),
            n=pl.col("n").sum(),
        )
    )
    kept = (
        grouped.lazy()
        .group_by("_group", maintain_order=True)
        .agg(pl.col("line", "what", "since").first(), pl.col("until").last())
        .join(shares, on="_group", maintain_order="left")
        .select(
            "line",
            "what",
            "since",
            "until",
            "state",
            told=pl.when(pl.col("n") > 1)
            .then(pl.format("{} bands merged: {}", "n", "shares"))
            .otherwise("told"),
        )
        .collect()
    )
    return kept, (
        f"Where several bands shorter than {_words(width)} follow each other, they are merged "
        f"({len(bands):,} became {len(kept):,}): the colour is that of the longest share, the "
        "tooltip tells all. start= and end= show a part in full."
    )


def _groups(bands: pl.DataFrame, source: Source, width: timedelta) -> pl.Series:
    """Number the bands, those alike that are to be merged."""
    micros = max(1, width // timedelta(microseconds=1))
    since = (pl.col("since") - pl.lit(source.start)).dt.total_microseconds()
    short = (pl.col("until") - pl.col("since")).dt.total_microseconds() < micros
    # A band begins its group where it is long, in another column or of another row of bands.
    alike = (
        short
        & short.shift(1)
        & (since // micros == (since // micros).shift(1))
        & (pl.col("since") == pl.col("until").shift(1))
        & (pl.struct("line", "what") == pl.struct("line", "what").shift(1))
    )
    return bands.select((~alike.fill_null(value=False)).cum_sum().alias("_group")).to_series()


def _letters(bands: pl.DataFrame) -> float:
    """Bytes that a band's texts have in JSON, where letters beyond ASCII are escaped."""
    texts = pl.concat_str("line", "state", pl.col("told").fill_null(""))
    beyond = texts.str.len_bytes() - texts.str.len_chars()
    size = texts.str.len_chars() + beyond.clip(upper_bound=texts.str.len_chars()) * _ESCAPED
    return float(bands.select(size.mean().fill_null(0)).item())


def _words(span: timedelta) -> str:
    seconds = span.total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.2g} {unit}"
    return f"{seconds:.2g} s"


def colours(states: Sequence[str]) -> dict[str, str]:
    """Return colours of states: those of all charts, and for words that none knows, of lines."""
    known = [state for state in STATES if state in states]
    new = sorted(set(states) - set(known))
    return {state: STATES[state] for state in known if state != UNKNOWN} | {
        **{state: LINES[number % len(LINES)] for number, state in enumerate(new)},
        **({UNKNOWN: STATES[UNKNOWN]} if UNKNOWN in known else {}),
    }


def draw(
    bands: pl.DataFrame,
    source: Source,
    *,
    what: str,
    lines: Sequence[str],
    palette: Mapping[str, str],
    legend: str | None = None,
    height: int,
    offset: int = 0,
    step: int,
    labels: bool = True,
    words: bool = False,
) -> alt.Chart | alt.LayerChart:
    """Draw bands, a row a line.

    Parameters
    ----------
    bands : polars.DataFrame
        What :func:`spans` or :func:`merged` returns.
    source : Source
        What they are of.
    what : str
        What the states are of, in the tooltip.
    lines : sequence of str
        The rows, from above.
    palette : mapping of str to str
        Colour by state, in the legend's order.
    legend : str, optional
        The legend's title; ``what`` if left out.
    height, offset : int
        Pixels: of a band, and how far below the middle of its row it is.
    step : int
        Pixels from row to row.
    labels : bool
        Whether the time axis is labelled.
    words : bool
        Whether the states are written in the bands, as far as there is room.
    """
    zone = source.zone
    base: Any = alt.Chart(frame.rows(bands)).transform_calculate(
        **{
            "from": zone.text("datum.since"),
            "to": zone.text("datum.until"),
            "lasting": lasting("since", "until"),
            "value": "datum.told||datum.state",
        }
    )
    base = base.encode(
        x=frame.time_x(source, "since", labels=labels),
        y=alt.Y(
            "line:N",
            title=None,
            scale=alt.Scale(domain=list(lines)),
            axis=alt.Axis(labelLimit=200, ticks=False, domain=False, labelPadding=8),
        ),
        opacity=alt.when(frame.picked()).then(alt.value(1)).otherwise(alt.OpacityValue(0.15)),
        tooltip=[
            alt.Tooltip("line:N", title="tracker"),
            alt.Tooltip("value:N", title=what),
            alt.Tooltip("from:N", title=f"from ({zone.name})"),
            alt.Tooltip("to:N"),
            alt.Tooltip("lasting:N", title="duration"),
        ],
    )
    # A band of less than a pixel would be all but invisible: each is half a pixel wider.
    bars = base.mark_bar(height=height, yOffset=offset, x2Offset=0.5, clip=True).encode(
        x2=alt.X2("until"),
        color=alt.Color(
            "state:N",
            title=legend or what,
            scale=alt.Scale(domain=list(palette), range=list(palette.values())),
        ),
    )
    if not words:
        plain: alt.Chart = bars.properties(width=WIDTH, height=alt.Step(step))
        return plain
    room = "scale('x',time(datum.until))-scale('x',time(datum.since))-6"
    written = base.mark_text(
        align="left",
        dx=3,
        baseline="middle",
        fontSize=min(10, height - 2),
        limit={"expr": f"max(1,{room})"},
        text={"expr": f"{room}>{_LEAST}&&datum.state!='{UNKNOWN}'?datum.value:''"},
        color={"expr": f"indexof({_dark(palette)},datum.state)<0?'#1F2328':'#FFFFFF'"},
        clip=True,
    )
    return alt.LayerChart(layer=[bars, written], width=WIDTH, height=alt.Step(step))


def _dark(palette: Mapping[str, str]) -> str:
    """The states on whose colours white is read better than black, as Vega writes a list."""
    return json.dumps([state for state, colour in palette.items() if _light(colour) < _MIDDLE])


def _light(colour: str) -> float:
    """How light a colour is to the eye, 0 to 1."""
    parts = (math.pow(int(colour[place : place + 2], 16) / 255, 2.2) for place in (1, 3, 5))
    return sum(part * weight for part, weight in zip(parts, (0.2126, 0.7152, 0.0722), strict=True))


def lasting(since: str, until: str) -> str:
    """Return an expression for the duration from one field to another in its two largest units."""
    millis = f"(time(datum.{until})-time(datum.{since}))"
    seconds = f"round({millis}/1000)"
    expression = f"{seconds}+' s'"
    units = ((1, 60, "s", "min"), (60, 60, "min", "h"), (3_600, 24, "h", "d"))
    for size, many, unit, larger in units:
        rest = f"(floor({seconds}/{size})%{many}?' '+floor({seconds}/{size})%{many}+' {unit}':'')"
        whole = size * many
        expression = (
            f"{seconds}>={whole}?floor({seconds}/{whole})+' {larger}'+{rest}:({expression})"
        )
    # Nested from the smallest unit out, the largest is asked first.
    return f"{millis}<1000?'under 1 s':({expression})"
