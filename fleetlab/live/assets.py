"""Scripts and styles of the widgets, each after what all of them share."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["script", "style"]

_HERE: Final = Path(__file__).parent


def script(*names: str) -> str:
    """Return a view's JavaScript module, made of some files."""
    return _joined("base.js", *(f"{name}.js" for name in names))


def style(name: str) -> str:
    """Return a view's style sheet."""
    return _joined("base.css", f"{name}.css")


def _joined(*names: str) -> str:
    return "\n".join((_HERE / name).read_text("utf-8") for name in names)
