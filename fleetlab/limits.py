"""How much JSON is too much: 64 MB of nothing but `{},` would take gigabytes once it is parsed."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["OBJECTS", "UNREADABLE", "VALUES", "excess"]

UNREADABLE: Final = (msgspec.MsgspecError, RecursionError)
"""What decoding raises: nesting deeper than the interpreter's limit is valid JSON, too. How deep
that is depends on who calls, so what could be opened may still be too deep inside."""

OBJECTS: Final = 500_000
"""Objects in one text: three times the readings of 12,000 trackers at once."""

VALUES: Final = 4_000_000
"""Values in one text: as many of full states have 75 MB."""

# Shorter texts are parsed without counting: what they may hold is bearable.
_OBJECTS_FROM: Final = 4_000_000
_VALUES_FROM: Final = 16_000_000


def excess(text: bytes | bytearray) -> str | None:
    """Tell what of a JSON text is too much; None where it may be parsed.

    Braces and commas are counted, also those in strings, which are few.
    """
    if len(text) > _OBJECTS_FROM and text.count(b"{") > OBJECTS:
        return f"more than {OBJECTS:,} objects"
    if len(text) > _VALUES_FROM and text.count(b",") > VALUES:
        return f"more than {VALUES:,} values"
    return None
