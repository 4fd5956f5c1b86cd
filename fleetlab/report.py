"""A recording as one HTML page that opens from a file, with the network off."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from altair.utils.schemapi import debug_mode

from fleetlab import charts
from fleetlab.charts import findings
from fleetlab.charts.source import Source
from fleetlab.charts.thinning import share
from fleetlab.charts.together import together
from fleetlab.charts.words import lasted
from fleetlab.errors import InvalidArgument, Words
from fleetlab.page import chart, page, paragraph, section, table
from fleetlab.recording.describe import as_html
from fleetlab.recording.disk import explained, replace_file
from fleetlab.recording.recording import Recording
from fleetlab.schemas import EVENTS, FRAMES, TABLES

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

__all__ = ["write_report"]

TRACKER_CHARTS: Final = (charts.speed, charts.status, charts.fuel_level)
"""What is drawn of each tracker, from top to bottom; fuel only where a sensor tells of it."""

TRACKERS: Final = 50
"""Trackers with a section of their own, unless the caller names some."""

_SHARE: Final = 1 / 8  # of what one chart may hold in a tracker's; the page has many
_ROWS: Final = 200  # of a table
_NAMES: Final = 1_000


def write_report(
    recording: Recording,
    path: str | os.PathLike[str] | None = None,
    *,
    trackers: Iterable[int | str] | int | str | None = None,
    timezone: str | None = None,
    force: bool = False,
) -> Path:
    """Write a recording as one HTML page: overview, quality, a section a tracker, gaps, dictionary.

    The page holds all that it needs and asks for nothing from anywhere. It follows the reader's
    light or dark theme, and prints with a page a tracker.

    Parameters
    ----------
    recording : Recording
        What to tell of.
    path : str or os.PathLike, optional
        The file; default: ``<name of the recording>.html`` in the working folder.
    trackers : int, str, or iterable of them, optional
        Ids or labels of the trackers to tell of, in the overview and in a section each; if left
        out, the overview is of all, and sections are of the 50 that told most.
    timezone : str, optional
        IANA name of the zone of all times but those of the recording's facts, which are in UTC; the
        recording's zone if left out.
    force : bool
        Whether a file that is there already is replaced.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InvalidArgument
        If the file is there already, a tracker isn't in the recording, or the zone is none.
    RecordingError
        If the file can't be written.
    """
    target = Path(path).expanduser() if path is not None else Path(f"{recording.info.name}.html")
    if target.exists() and not force:
        raise InvalidArgument(
            f"{target} is there already; name another file with ",
            Words("path=, or replace it with force=True.", "--out, or replace it with --force."),
        )
    text = _report(recording, trackers, timezone)
    with explained("be written", target):
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, text.encode())
    return target


def _report(rec: Recording, trackers: Any, timezone: str | None) -> str:
    source = Source.of(rec, trackers=trackers, timezone=timezone)
    heard = _heard(rec, source)
    _check(source, heard)
    shown = heard if trackers is not None else heard.head(TRACKERS)
    common: dict[str, Any] = {"trackers": source.trackers, "timezone": timezone}
    parts = [
        _contents(shown),
        as_html(
            rec.info,
            dict(rec.summary().select("event", "rows").rows()),
            {"gaps": len(rec.gaps), "rejects": len(rec.rejects)},
        ),
        section("What happened", [chart(charts.overview(rec, **common))], name="overview"),
        section("How it came in", [chart(charts.quality(rec, **common))], name="quality"),
        section("Gaps", _gaps(rec, source), name="gaps", new_page=True),
        section("Not readable", _rejects(rec), name="rejects"),
        section("Notes", _notes(rec, source), name="notes"),
        section("Trackers", _choice(heard, shown), name="trackers"),
        *_trackers(rec, source, shown, timezone),
        section("Data dictionary", _dictionary(), name="dictionary", new_page=True),
    ]
    return page(f"Recording {rec.info.name}", parts)


def _heard(rec: Recording, source: Source) -> pl.DataFrame:
    """What was heard of each tracker asked for, those that told most first."""
    measured = ("state", "state_batch", "readings_batch", "iot_monitor")
    rows = pl.concat(
        source.chosen(rec.scan(event)).select(
            "tracker_id",
            "label",
            "received_at",
            "snapshot",
            pl.lit(event).alias("event"),
        )
        for event in measured
    )
    counts = (
        rows.filter(pl.col("tracker_id").is_not_null())
        .group_by("tracker_id")
        .agg(
            pl.col("label").last(),
            pl.len().alias("rows"),
            (~pl.col("snapshot")).sum().alias("news"),
            pl.col("received_at").min().alias("first"),
            pl.col("received_at").max().alias("last"),
        )
    )
    speed = pl.col("speed_kmh").filter(~pl.col("snapshot")).max().alias("top_speed")
    last = pl.col("movement_status", "connection_status", "lat", "lng").last()
    states = source.states().group_by("tracker_id").agg(speed, last)
    models = rec.trackers.lazy().select("tracker_id", "model").unique("tracker_id", keep="last")
    return (
        counts.join(states, on="tracker_id", how="left")
        .join(models, on="tracker_id", how="left")
        .sort("news", "tracker_id", descending=[True, False])
        .collect()
    )


def _check(source: Source, heard: pl.DataFrame) -> None:
    """Tell of trackers that were asked for and never heard of."""
    there = {*heard["tracker_id"], *heard["label"]}
    missing = [str(one) for one in source.trackers or () if one not in there]
    if missing:
        raise InvalidArgument(
            f"{source.name} tells nothing of {', '.join(missing)}: give ids or labels of trackers "
            "that are in it",
            Words(" (rec.trackers).", f" (fleetlab info {source.name} --rows 10 shows some)."),
        )


def _name(row: dict[str, Any]) -> str:
    return str(row["label"] or f"tracker {row['tracker_id']}")


def _contents(shown: pl.DataFrame) -> str:
    names = {
        "overview": "What happened",
        "quality": "How it came in",
        "gaps": "Gaps",
        "rejects": "Not readable",
        "notes": "Notes",
        "dictionary": "Data dictionary",
    } | {f"tracker-{row['tracker_id']}": _name(row) for row in shown.iter_rows(named=True)}
    links = (f'<a href="#{name}"><bdi>{escape(words)}</bdi></a>' for name, words in names.items())
    return f"<nav>{''.join(links)}</nav>"


def _choice(heard: pl.DataFrame, shown: pl.DataFrame) -> list[str]:
    """Say which trackers have a section, and which are left out."""
    if len(shown) == len(heard):
        return [paragraph(f"{len(heard):,} trackers were heard of; each has a section.")]
    rest = heard.slice(len(shown)).sort("label", "tracker_id")
    words = (
        f"{len(shown):,} of the {len(heard):,} trackers that were heard of have a section: those "
        "that told most. Choose others with --trackers ID,LABEL,… (in Python trackers=[…])."
    )
    more = f", and {len(rest) - _NAMES:,} more" if len(rest) > _NAMES else ""
    names = "".join(
        f"<span><bdi>{escape(_name(row))}</bdi> ({row['tracker_id']})</span>"
        for row in rest.head(_NAMES).iter_rows(named=True)
    )
    left_out = f'<summary>Left out</summary><div class="names">{names}{more}</div>'
    return [paragraph(words), f"<details>{left_out}</details>"]


def _trackers(
    rec: Recording, source: Source, shown: pl.DataFrame, timezone: str | None
) -> Iterator[str]:
    """A section a tracker."""
    for rows in _groups(rec, shown):
        alone = _alone(rec, [row["tracker_id"] for row in rows])
        sources = [Source.of(one, timezone=timezone) for one in alone]
        # To check each part of each chart as it is made takes long; the charts' own tests do.
        with together(sources), share(_SHARE), debug_mode(False):
            drawn = [
                _tracker(one, source, row, timezone) for one, row in zip(alone, rows, strict=True)
            ]
        yield from drawn


def _groups(rec: Recording, shown: pl.DataFrame) -> list[list[dict[str, Any]]]:
    """Trackers whose rows are looked through at once, as many as a chart would look through."""
    # Of a recording that has no end, the charts of each end with its own last row.
    most = findings.ROWS if rec.info.ended_at else 0
    groups: list[list[dict[str, Any]]] = []
    room = 0
    for row in shown.iter_rows(named=True):
        if row["rows"] > room:
            groups.append([])
            room = most
        groups[-1].append(row)
        room -= row["rows"]
    return groups


def _tracker(alone: Recording, source: Source, row: dict[str, Any], timezone: str | None) -> str:
    """A tracker's figures and charts."""
    zone = source.zone
    position = None if row["lat"] is None else f"{row['lat']:.5f}, {row['lng']:.5f}"
    top = None if row["top_speed"] is None else f"{row['top_speed']:,.0f} km/h"
    figures = {
        "tracker": row["tracker_id"],
        "model": row["model"],
        "rows": f"{row['rows']:,}",
        "first heard": zone.shown(row["first"]),
        "last heard": zone.shown(row["last"]),
        "top speed": top,
        "last status": row["movement_status"],
        "last connection": row["connection_status"],
        "last position": position,
    }
    told = "".join(
        f"<div><dt>{escape(what)}</dt><dd>{escape(str(value))}</dd></div>"
        for what, value in figures.items()
        if value is not None
    )
    told_of = alone.scan("readings_batch").filter(pl.col("type") == "fuel").head(1).collect()
    shown = [draw for draw in TRACKER_CHARTS if draw is not charts.fuel_level or len(told_of)]
    drawn = [chart(draw(alone, timezone=timezone)) for draw in shown]
    return section(
        _name(row),
        [f"<dl>{told}</dl>", *drawn],
        name=f"tracker-{row['tracker_id']}",
        new_page=True,
    )


def _alone(rec: Recording, ids: list[int]) -> list[Recording]:
    """Return what was recorded of each tracker, in memory, so that charts need one look at it."""
    one_of = pl.col("tracker_id").is_in(ids)
    found = pl.collect_all(rec.scan(event).filter(one_of) for event in EVENTS)
    tables = {name: getattr(rec, name) for name in TABLES}
    return [
        Recording(
            rec.info,
            None,
            {},
            {
                event: [rows.filter(tracker_id=who)]
                for event, rows in zip(EVENTS, found, strict=True)
            },
            tables,
        )
        for who in ids
    ]


def _gaps(rec: Recording, source: Source) -> list[str]:
    """The gaps in the order of time, or the longest of them where there are too many."""
    gaps = rec.gaps
    if gaps.is_empty():
        return [paragraph("Nothing is missing: the connection held from the beginning to the end.")]
    by_reason = gaps.group_by("reason").agg(pl.len(), pl.col("duration_s").sum()).sort("reason")
    parts = [
        paragraph("Data may be missing in these times."),
        table(
            ("reason", "gaps", "in all"),
            ((reason, number, lasted(seconds)) for reason, number, seconds in by_reason.rows()),
        ),
    ]
    if len(gaps) > _ROWS:
        parts.append(
            paragraph(
                f"{_ROWS} of {len(gaps):,} are shown: the connection's own first, then the "
                "longest. rec.gaps and fleetlab export have all."
            )
        )
        # A whole connection's are of more weight than those of one queue.
        of_one = pl.col("tracker_id").is_not_null()
        gaps = gaps.sort(of_one, pl.col("duration_s"), descending=[False, True]).head(_ROWS)
    zone = source.zone
    rows = (
        (
            zone.shown(row["started_at"]),
            zone.shown(row["ended_at"]),
            lasted(row["duration_s"]),
            row["reason"],
            row["event"] or "all",
            "all" if row["tracker_id"] is None else str(row["tracker_id"]),
            row["field"] or "all",
        )
        for row in gaps.sort("started_at", maintain_order=True).iter_rows(named=True)
    )
    headings = (f"from ({zone.name})", "to", "lasted", "reason", "event", "tracker", "field")
    return [*parts, table(headings, rows)]


def _rejects(rec: Recording) -> list[str]:
    """How many parts could not be read, by what was wrong."""
    rejects = rec.rejects
    if rejects.is_empty():
        return [paragraph("All that was received could be read.")]
    counts = (
        rejects.group_by("event", "path", "reason")
        .len("parts")
        .sort("parts", "event", "path", "reason", descending=[True, False, False, False])
    )
    words = f"{len(rejects):,} parts could not be read; the journal holds them as they came."
    if len(counts) > _ROWS:
        words += f" The {_ROWS} most frequent kinds:"
    rows = counts.head(_ROWS).select("event", "path", "reason", "parts").rows()
    return [paragraph(words), table(("event", "path", "reason", "parts"), rows)]


def _notes(rec: Recording, source: Source) -> list[str]:
    notes = rec.notes
    if notes.is_empty():
        return [paragraph("None was made.")]
    rows = ((source.zone.shown(at), text) for at, text in notes.select("noted_at", "text").rows())
    return [table((f"time ({source.zone.name})", "note"), rows)]


def _dictionary() -> list[str]:
    """Every frame's columns, their types, units and meanings."""
    told: dict[Any, list[str]] = {}
    for name, columns in FRAMES.items():
        told.setdefault(columns, []).append(name)
    parts = []
    for columns, names in told.items():
        kind = "Event" if names[0] in EVENTS else "Table"
        parts.append(f"<h3>{kind}: {escape(', '.join(names))}</h3>")
        rows = (
            (column.name, _type(column.dtype), column.unit, column.meaning, column.source)
            for column in columns
        )
        parts.append(table(("column", "type", "unit", "meaning", "from the wire's"), rows))
    return parts


def _type(dtype: object) -> str:
    return str(dtype).replace("time_unit=", "").replace("time_zone=", "")
