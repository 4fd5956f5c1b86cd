"""Any attribute or reading over time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import altair as alt
import polars as pl

from fleetlab.charts import bands, frame, lines
from fleetlab.charts.moments import changes
from fleetlab.charts.named import find
from fleetlab.charts.source import Source
from fleetlab.charts.states import States, strips
from fleetlab.charts.theme import HEIGHT, LINES, UNKNOWN
from fleetlab.charts.thinning import BUDGET
from fleetlab.errors import InvalidArgument
from fleetlab.recording.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from fleetlab.charts.named import Named
    from fleetlab.charts.source import Drawable

__all__ = ["attribute"]

_ROWS: Final = 20  # of bands, where nobody chose trackers
_OTHER: Final = "other values"
_FLAGS: Final = {"true": "#0072B2", "false": "#C3D3E0"}
_STEP: Final = 18
_POINTS: Final = 20_000  # of all panels together, at most


def attribute(
    data: Drawable,
    name: str | Iterable[str],
    *,
    trackers: Iterable[int | str] | int | str | None = None,
    start: datetime | str | None = None,
    end: datetime | str | None = None,
    timezone: str | None = None,
    panels: bool = False,
) -> alt.LayerChart | alt.VConcatChart | alt.Chart:
    """Draw attributes of devices, or readings, over time.

    Numbers are drawn as lines, a value holding until the next one; texts and flags as bands.
    Each name and each unit has a panel of its own, under one another with one time axis. A line
    breaks, and a band is grey, where nothing is known: in a gap of the connection, where values
    may have been missed because a queue had overrun, and after a null.

    Parameters
    ----------
    data : Recording, polars.DataFrame or polars.LazyFrame
        A recording, or rows of ``iot_monitor`` or ``readings_batch``.
    name : str or iterable of str
        Attributes by ``field``; readings by ``reading`` (``"input:37641"``), ``name``
        (``"can_engine_rpm"``) or ``sensor_label`` (``"Tank 1"``). What is both is drawn twice.
    trackers : int, str, or iterable of them, optional
        Ids or labels; if left out and there are many, those whose first-named value varies most.
    start, end : datetime.datetime or str, optional
        What to draw of time; without an offset in the chart's zone.
    timezone : str, optional
        IANA name of the axis's zone; the recording's if left out.
    panels : bool
        Whether movement and ignition are drawn underneath; of a recording only.

    Returns
    -------
    altair.LayerChart or altair.VConcatChart
        A chart of Altair's own; a VConcatChart where there are several panels.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit; of a name that isn't there it tells which are close to it.
    """
    names = [name] if isinstance(name, str) else list(dict.fromkeys(name))
    if not names or not all(isinstance(one, str) for one in names):
        raise InvalidArgument(
            f"name={name!r} names nothing; give an attribute or a reading, or a list of them."
        )
    source = Source.of(data, trackers=trackers, start=start, end=end, timezone=timezone)
    title = ", ".join(names)
    found = find(source, names)
    if source.start is None or source.end is None or source.start >= source.end or not found:
        return frame.nothing(title, source.asked("readings_batch", "iot_monitor"))
    under = panels and isinstance(data, Recording)
    many = len(found) + 2 * under
    page = _Page(source, many, chosen=trackers is not None)
    for one in found:
        page.add(one)
    if under:
        page.add_states()
    return page.chart(title)


class _Page:
    """Panels of a chart as they come: the first one chooses the trackers of all."""

    def __init__(self, source: Source, many: int, *, chosen: bool) -> None:
        self._source = source
        self._many = many
        self._chosen = chosen
        self._who: list[str] | None = None
        self._panels: list[Any] = []
        self._told: list[str] = []
        self._lines: list[str] = []  # all that are drawn in a colour

    def add(self, named: Named) -> None:
        """Draw what has one name and one unit."""
        if self._who is not None:
            mine = named.rows.filter(pl.col("who").cast(pl.String).is_in(self._who))
            # What those chosen don't have is shown of others.
            if not mine.head(1).collect().is_empty():
                named = replace(named, rows=mine)
        labels = len(self._panels) == self._many - 1
        draw = self._numbers if named.numbers else self._words
        self._panels.append(draw(named, labels=labels))
        if named.others:
            self._told.append(
                f"{named.name}: {named.others:,} values that are no numbers break the line."
                if named.numbers
                else f"{named.name}: {named.others:,} numbers are drawn as texts."
            )

    def _choose(self, named: Named, shown: Sequence[str]) -> list[str]:
        """Take the first panel's trackers for all; return lines in the order of trackers."""
        who = dict(named.rows.select("line", "who").unique().collect().rows())
        if self._who is None:
            self._who = list(dict.fromkeys(who[line] for line in shown))
        places = {one: place for place, one in enumerate(self._who)}
        return sorted(shown, key=lambda line: places.get(who[line], len(places)))

    def _numbers(self, named: Named, *, labels: bool) -> alt.LayerChart:
        columns = ("line", "event_time", "received_at", "snapshot", "value")
        missed = named.overruns.lazy()
        rows = named.rows.select(columns)
        if len(named.overruns):
            half = pl.duration(microseconds=500)
            broken = missed.select(
                "line",
                pl.col("started_at") + half,
                pl.col("ended_at").alias("received_at"),
                snapshot=False,
                value=pl.lit(None, pl.Float64),
            ).rename({"started_at": "event_time"})
            rows = pl.concat([rows, broken.select(columns)])
        first = self._who is None
        found = lines.lines(
            rows,
            self._source,
            chosen=self._chosen or not first,
            budget=min(BUDGET, _POINTS // self._many),
        )
        found = replace(found, shown=self._choose(named, found.shown))
        self._told += found.words(f"those whose {named.name} varies most")
        new = [line for line in found.shown if line not in self._lines]
        self._lines += new
        colour = lines.colours(self._lines)
        if not new:
            colour["legend"] = None
        return lines.draw(
            found,
            self._source,
            y=alt.Y("value:Q", title=named.title, scale=alt.Scale(zero=False)),
            tooltip=[alt.Tooltip("value:Q", title=named.title)],
            labels=labels,
            height=HEIGHT if self._many == 1 else HEIGHT * 6 // 10,
            colour=colour,
        )

    def _words(self, named: Named, *, labels: bool) -> alt.Chart | alt.LayerChart:
        rows, missed = named.rows, named.overruns
        values = ["value_text"]
        if len(missed):
            # After values were missed, one that is as before tells something, too.
            last = missed.lazy().select("line", "ended_at", overrun="ended_at").sort("ended_at")
            rows = rows.sort("event_time", maintain_order=True).join_asof(
                last,
                left_on="event_time",
                right_on="ended_at",
                by="line",
                check_sortedness=False,
            )
            values.append("overrun")
        told = changes(rows, self._source, values)
        ranks = told["line"].value_counts(sort=True).sort("count", "line", descending=[True, False])
        first = self._who is None
        shown = ranks["line"].to_list()
        if first and not self._chosen and len(shown) > _ROWS:
            self._told.append(
                f"{_ROWS} of {len(shown):,} shown: those whose {named.name} changes most. "
                "Choose others with trackers=[…]."
            )
            shown = shown[:_ROWS]
        shown = self._choose(named, shown)
        events = told.lazy().select(
            "line", "event_time", state="value_text", why=pl.lit("null was sent")
        )
        if len(missed):
            lost = missed.lazy().select(
                pl.col("line").cast(pl.String),
                event_time="started_at",
                state=pl.lit(None, pl.String),
                why=pl.lit("not received: queue_overrun"),
            )
            events = pl.concat([events, lost])
        made = bands.spans(events, self._source, shown).with_columns(what=pl.lit(named.name))
        made, palette = _coloured(made)
        made, words = bands.merged(made, self._source, bands.BUDGET // self._many)
        self._told += [words] if words else []
        return bands.draw(
            made.drop("what"),
            self._source,
            what=named.name,
            lines=shown,
            palette=palette,
            height=_STEP * 3 // 4,
            step=_STEP,
            labels=labels,
            words=True,
        )

    def add_states(self) -> None:
        """Draw movement and ignition of the trackers that were chosen."""
        states = States.of(self._source)
        kept = [line for line in self._who or [] if line in set(states.lines)]
        budget = bands.BUDGET * 2 // self._many
        made = strips(states, self._source, kept, ("movement", "ignition"), budget=budget)
        self._told += [made.words] if made.words else []
        self._panels += [
            made.draw("movement", height=10, step=15, labels=False),
            made.draw("ignition", height=10, step=15),
        ]

    def chart(self, title: str) -> alt.LayerChart | alt.VConcatChart | alt.Chart:
        """Put the panels together."""
        words = frame.title(title, self._source.name, *dict.fromkeys(self._told))
        if len(self._panels) > 1:
            return frame.stacked(self._panels, words, legend=bool(self._lines))
        chart: alt.LayerChart = self._panels[0]
        chart.title = words
        return frame.selectable(chart, frame.zoom(), frame.picked(legend=bool(self._lines)))


def _coloured(made: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, str]]:
    """Give colours to the values that last longest; the others share one, and tell themselves."""
    lasting = (pl.col("until") - pl.col("since")).sum()
    ranks = (
        made.group_by("state")
        .agg(lasting.alias("lasting"))
        .sort("lasting", "state", descending=[True, False])
    )
    values = [state for state in ranks["state"] if state != UNKNOWN]
    if set(values) <= set(_FLAGS):
        palette = {value: colour for value, colour in _FLAGS.items() if value in values}
    else:
        palette = bands.colours(values[: len(LINES)])
    if len(values) > len(LINES):
        rest = pl.col("state").is_in(values[len(LINES) :])
        made = made.with_columns(
            state=pl.when(rest).then(pl.lit(_OTHER)).otherwise("state"),
            told=pl.when(rest).then("state").otherwise("told"),
        )
        palette[_OTHER] = "#6E7781"
    if len(values) < len(ranks):
        palette |= bands.colours([UNKNOWN])
    return made, palette
