"""What is told of trackers' status, and the bands that are made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from fleetlab.analysis.islands import UNHEARD
from fleetlab.charts.bands import NOT_YET, colours, draw, merged, spans
from fleetlab.charts.moments import changes
from fleetlab.recording.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt

    from fleetlab.charts.source import Source

__all__ = ["UNHEARD", "WHAT", "States", "Strips", "strips"]

WHAT: Final = {
    "movement": "movement_status",
    "ignition": "ignition",
    "connection": "connection_status",
}
"""The kinds of status, and the columns that tell them."""


@dataclass(frozen=True)
class States:
    """What is told of trackers' status.

    Attributes
    ----------
    rows : polars.DataFrame
        ``line``, ``event_time`` (since when it holds), ``movement_status``, ``ignition``,
        ``connection_status``; the rows in which one of them changes.
    lives : polars.DataFrame
        ``line``, ``event_time``, ``life``: ``blocked``, ``removed``, or null where that is over.
    lines : list of str
        The trackers: those asked for in the order of asking, or those that change most first.
    """

    rows: pl.DataFrame
    lives: pl.DataFrame
    lines: list[str]

    @classmethod
    def of(cls, source: Source) -> States:
        """Look at the status of a source's trackers."""
        states = source.states()
        columns = ("line", "event_time", "server_time", "received_at", "snapshot")
        lives = _lives(source)
        told = changes(
            states.select(*columns, *WHAT.values()),
            source,
            tuple(WHAT.values()),
            lives if len(lives) else None,
        )
        return cls(told, lives, _lines(told, lives, source))

    def events(self, what: str) -> pl.LazyFrame:
        """Return what :func:`fleetlab.charts.bands.spans` makes bands of."""
        connection = pl.col("connection_status")
        unheard = pl.when(connection.is_in(UNHEARD)).then(connection)
        value = pl.col(WHAT[what])
        if what == "ignition":
            value = (
                pl.when(value)
                .then(pl.lit("ignition on"))
                .otherwise(pl.when(~value).then(pl.lit("ignition off")))
            )
        if what != "connection":
            value = pl.when(unheard.is_null()).then(value)
        rows = self.rows.lazy().select(
            "line", "event_time", state=value, why=pl.coalesce(unheard, pl.lit("not told"))
        )
        life = pl.col("life")
        lives = self.lives.lazy().select(
            "line",
            "event_time",
            state=life if what == "movement" else pl.lit(None, pl.String),
            why=life.fill_null(NOT_YET),
        )
        return pl.concat([lives, rows])


def _lives(source: Source) -> pl.DataFrame:
    """Return when trackers were blocked, unblocked or removed."""
    moment = pl.Datetime("us", "UTC")
    if not isinstance(source.data, Recording):
        return pl.DataFrame(schema={"line": pl.String, "event_time": moment, "life": pl.String})
    words = {"block": "blocked", "corrupt": "removed"}
    event = pl.col("lifecycle_event")
    told = (
        source.lifecycle()
        .select(
            pl.col("line").cast(pl.String),
            "tracker_id",
            event_time="received_at",
            life=event.replace_strict(words, default=None, return_dtype=pl.String),
        )
        .sort("event_time", maintain_order=True)
        .collect()
    )
    # A tracker has one name, whatever tells of it.
    names = _names(source.states())
    # Those of which an unblocking is told first were blocked before. So were those of which
    # nothing is told, and the server answered our subscribing with `blocked`.
    first = told.unique("tracker_id", keep="first", maintain_order=True)
    silent = ~pl.col("tracker_id").is_in(
        pl.concat([names["tracker_id"], told["tracker_id"]]).implode()
    )
    label = pl.coalesce("label", pl.format("tracker {}", "tracker_id"))
    listed = source.chosen(source.data.trackers.lazy()).filter(
        silent, pl.any_horizontal(pl.col("state", "state_batch") == "blocked")
    )
    blocked = pl.concat(
        [
            first.filter(pl.col("life").is_null()).select("line", "tracker_id"),
            listed.select(label.alias("line"), "tracker_id").collect(),
        ]
    ).with_columns(
        event_time=pl.lit(source.data.info.started_at).cast(moment), life=pl.lit("blocked")
    )
    return (
        pl.concat([blocked, told])
        .join(names.select("tracker_id", name="line"), on="tracker_id", how="left")
        .select(pl.coalesce("name", "line").alias("line"), "event_time", "life")
        .sort("event_time", maintain_order=True)
    )


def _names(rows: pl.LazyFrame) -> pl.DataFrame:
    names = rows.select("tracker_id", "label", "line").unique("tracker_id", keep="last").collect()
    return names.with_columns(pl.col("line").cast(pl.String))


def _lines(told: pl.DataFrame, lives: pl.DataFrame, source: Source) -> list[str]:
    """Return the trackers: those asked for as asked, or those that change most first."""
    lines = pl.concat([told["line"], lives["line"]]).unique(maintain_order=True)
    if source.trackers is not None:
        names = _names(source.states()).rows_by_key("line", unique=True)
        asked = {one: place for place, one in enumerate(source.trackers)}
        last = len(asked)

        def place(line: str) -> int:
            return min(asked.get(one, last) for one in names.get(line, (line,)))

        return sorted(lines, key=place)
    news = ~pl.col("snapshot") & (pl.col("event_time") > source.start)
    changed = pl.concat([told.filter(news)["line"], lives["line"]]).value_counts(name="n")
    ranks = lines.to_frame().join(changed, on="line", how="left")
    return ranks.sort("n", "line", descending=[True, False], nulls_last=True)["line"].to_list()


@dataclass(frozen=True)
class Strips:
    """Bands of status ready to be drawn."""

    bands: dict[str, pl.DataFrame]
    source: Source
    lines: Sequence[str]
    words: str | None

    def draw(
        self,
        what: str,
        *,
        height: int,
        step: int,
        offset: int = 0,
        legend: str | None = None,
        labels: bool = True,
    ) -> alt.Chart | alt.LayerChart:
        """Draw one kind of bands; see :func:`fleetlab.charts.bands.draw`."""
        bands = self.bands[what]
        return draw(
            bands,
            self.source,
            what=what,
            lines=self.lines,
            palette=colours(bands["state"].unique().to_list()),
            legend=legend,
            height=height,
            offset=offset,
            step=step,
            labels=labels,
        )


def strips(
    states: States, source: Source, lines: Sequence[str], whats: Sequence[str], **more: int
) -> Strips:
    """Make bands of status, merged where there would be too many.

    Parameters
    ----------
    states : States
        What is told.
    source : Source
        What it is of.
    lines : sequence of str
        The trackers.
    whats : sequence of str
        Of ``movement``, ``ignition`` and ``connection``.
    **more
        ``budget``, see :func:`fleetlab.charts.bands.merged`.
    """
    made = [spans(states.events(what), source, lines) for what in whats]
    marked = [
        bands.with_columns(what=pl.lit(what)) for bands, what in zip(made, whats, strict=True)
    ]
    kept, words = merged(pl.concat(marked), source, **more)
    by_what = {what: kept.filter(pl.col("what") == what).drop("what") for what in whats}
    return Strips(by_what, source, lines, words)
