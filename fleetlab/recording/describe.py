"""A recording in a few lines: as text for terminals, as HTML for notebooks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetlab.recording.manifest import Info

__all__ = ["ENDS", "as_html", "as_text"]

ENDS: Final = {
    None: "still running",
    "time": "the time asked for was over",
    "stop": "stopped",
    "interrupt": "interrupted",
    "logout": "the session was ended by the platform",
    "error": "ended by an error",
    "unfinished": "unfinished: the process that wrote it is gone",
}


def _facts(
    info: Info, missed: Mapping[str, int], refused: Mapping[str, int] | None
) -> list[tuple[str, str]]:
    facts = [("started", f"{info.started_at:%Y-%m-%d %H:%M:%S} UTC")]
    if info.ended_at is not None:
        seconds = (info.ended_at - info.started_at).total_seconds()
        facts.append(("lasted", _duration(seconds)))
    facts.append(("state", ENDS.get(info.stopped_because, str(info.stopped_because))))
    facts.append(("server", info.server))
    zone = info.timezone or (f"UTC{info.utc_offset}" if info.utc_offset else "not known")
    source = f" ({info.timezone_source})" if info.timezone_source else ""
    facts.append(("zone of the wire", zone + source))
    gaps, rejects = missed["gaps"], missed["rejects"]
    lost = f"{_count(gaps, 'gap')}, see rec.gaps" if gaps else "no gaps"
    if missed.get("all"):
        lost = "anything: no subscription was answered, see rec.connection"
    facts.append(("not received", lost))
    if rejects:
        facts.append(("not readable", f"{_count(rejects, 'part')}, see rec.rejects"))
    if refused:
        told = ", ".join(f"{number:,} {word}" for word, number in refused.items())
        facts.append(("trackers", f"{told}, see rec.trackers"))
    facts += [
        (name, value)
        for name, value in (
            ("error", info.error),
            ("remark", info.remark),
            ("note", info.note),
            ("folder", info.path or "in memory only"),
        )
        if value
    ]
    return facts


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes)
    return " ".join([*parts, f"{rest} s"] if rest or not parts else parts)


def as_text(
    info: Info,
    counts: Mapping[str, int],
    missed: Mapping[str, int],
    refused: Mapping[str, int] | None = None,
) -> str:
    """Return a recording in lines for a terminal."""
    facts = _facts(info, missed, refused)
    width = max(len(name) for name, _ in facts) + 2
    lines = [f"Recording {info.name}"]
    lines += [f"  {name:<{width}}{value}" for name, value in facts]
    lines.append("  rows")
    width = max(map(len, counts), default=0) + 2
    lines += [f"    {event:<{width}}{rows:>12,}" for event, rows in counts.items()]
    if not counts:
        lines.append("    none")
    return "\n".join(lines)


def as_html(
    info: Info,
    counts: Mapping[str, int],
    missed: Mapping[str, int],
    refused: Mapping[str, int] | None = None,
) -> str:
    """Return a recording as HTML that takes its colours from the notebook's theme."""
    row = "<tr><th style='text-align:left'>{}</th><td style='text-align:{}'>{}</td></tr>"
    facts = "".join(
        row.format(escape(name), "left", escape(value))
        for name, value in _facts(info, missed, refused)
    )
    rows = "".join(row.format(escape(event), "right", f"{n:,}") for event, n in counts.items())
    return (
        f"<div class='fleetlab-recording'><strong>Recording {escape(info.name)}</strong>"
        "<div style='display:flex;gap:2em;flex-wrap:wrap;align-items:flex-start'>"
        f"<table>{facts}</table>"
        f"<table><thead><tr><th style='text-align:left'>event</th>"
        f"<th style='text-align:right'>rows</th></tr></thead><tbody>{rows}</tbody></table>"
        "</div></div>"
    )
