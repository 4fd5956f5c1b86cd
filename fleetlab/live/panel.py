"""The panel itself: one self-contained widget, and the markup that it has alive and at its end."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Final

import anywidget
import traitlets

from fleetlab.live.assets import script, style
from fleetlab.live.comm import answer_where_asked

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleetlab.live.figures import Shown

__all__ = ["Panel", "ended", "living"]

_MARKUP: Final = Template((Path(__file__).parent / "panel.html").read_text("utf-8"))

_HINT: Final = '<span class="fleetlab-hint" data-is="hint">{}</span>'
_STOP: Final = (
    '<button type="button" class="fleetlab-button fleetlab-stop" data-is="stop">Stop</button>'
)


class Panel(anywidget.AnyWidget):
    """What a running capture shows.

    Parameters
    ----------
    markup : str
        What its places are in.
    on_stop : callable
        Called when somebody presses Stop.
    """

    _esm = script("panel")
    _css = style("panel")

    markup = traitlets.Unicode().tag(sync=True)
    texts = traitlets.Dict().tag(sync=True)
    percent = traitlets.Float(None, allow_none=True).tag(sync=True)
    mood = traitlets.Unicode("busy").tag(sync=True)
    line = traitlets.Unicode().tag(sync=True)
    is_stopping = traitlets.Bool(default_value=False).tag(sync=True)
    has_ended = traitlets.Bool(default_value=False).tag(sync=True)

    def __init__(self, markup: str, on_stop: Callable[[], None]) -> None:
        super().__init__(markup=markup)
        self._on_stop = on_stop
        self.on_msg(self._on_message)
        answer_where_asked(self)

    def __repr__(self) -> str:
        return "A capture's panel; this front end can't show it."

    def show(self, shown: Shown) -> None:
        """Show what it is about at this moment, in one message."""
        with self.hold_sync():
            self.percent, self.mood, self.line = shown.percent, shown.mood, shown.line
            self.texts = shown.texts

    def end(self, markup: str) -> None:
        """Show the last word, and take no more."""
        with self.hold_sync():
            self.markup, self.has_ended = markup, True

    def _on_message(self, _: Any, content: Any, __: Any) -> None:
        if content == {"ask": "stop"}:
            self.is_stopping = True
            self._on_stop()


def living(where: str, hint: str = "") -> str:
    """Return the markup of a capture that goes on.

    Parameters
    ----------
    where : str
        Where the recording is kept.
    hint : str
        What stands in the place of Stop, where that would not be heard.
    """
    control = _HINT.format(escape(hint)) + ("" if hint else _STOP)
    empty = dict.fromkeys(_MARKUP.get_identifiers(), "")
    value = 'aria-valuemin="0" aria-valuemax="100"'
    return _MARKUP.substitute(
        empty | {"control": control, "where": escape(where), "mood": "busy", "value": value}
    )


def ended(shown: Shown, where: str, why: str, whole: str = "") -> str:
    """Return the same at its end, complete in itself: what a saved notebook shows.

    Parameters
    ----------
    shown : Shown
        The last of it.
    where : str
        Where the recording is kept.
    why : str
        Why it ended.
    whole : str
        The recording in HTML, which can be unfolded.
    """
    texts = {name: escape(text) for name, text in shown.texts.items()}
    percent = 100.0 if shown.percent is None else shown.percent
    panel = _MARKUP.substitute(
        texts,
        control=_HINT.format(escape(why)),
        where=escape(where),
        mood=f"{shown.mood} fleetlab-over",
        line=shown.line,
        percent=percent,
        value=f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent:.0f}"',
    )
    if whole:
        panel += (
            f'<details class="fleetlab-whole"><summary>What was recorded</summary>{whole}</details>'
        )
    return f"<style>{style('panel')}</style>{panel}"
