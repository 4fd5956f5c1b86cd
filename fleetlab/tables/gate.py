"""The strict gate: JSON items to typed objects, and what to do with those that don't fit.

A whole piece of items is decoded in one typed, strict call. When that refuses the piece, its items
are mended one by one: a field of a wrong type becomes null and is named as a reject, an item
without what it can't do without is left out, and a field that nobody knows yet is learned, so that
from then on it passes at full speed and ends in the column ``extra``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Raw

from fleetlab.limits import OBJECTS
from fleetlab.tables.payload import join

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["BOOL", "BOOLS", "IDS", "INT64", "RAW", "REAL", "TEXT", "Gate", "Many", "MapOf", "Obj"]

INT64: Final = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
REAL: Final = float
BOOL: Final = bool
TEXT: Final = str
BOOLS: Final = tuple[bool | None, ...]
IDS: Final = tuple[INT64, ...]  # type: ignore[valid-type]
RAW: Final = Raw

LEARNED_LIMIT: Final = 200
"""Unknown fields that are learned; a server that invents more gets rejects instead."""

_UNFIT: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
# Names that a typed field can't have, and those that stand for them.
_UNFIT_NAME: Final = re.compile(r'[\x00-\x1f"\\]|~')
_NULL: Final = b"null"
_ABSENT: Final = Raw(b"")
_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
_ARRAY: Final = msgspec.json.Decoder(list[Raw])

Trail = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Obj:
    """An object: its fields, and those without which it means nothing, which come first."""

    fields: Mapping[str, Any]
    required: frozenset[str] = frozenset()

    @property
    def names(self) -> tuple[str, ...]:
        """The fields in the order of the typed objects; learned ones come after them."""
        return tuple(self.fields)


@dataclass(frozen=True, eq=False)
class Many:
    """A list of objects; one that can't be read leaves a None in its place."""

    item: Obj


@dataclass(frozen=True, eq=False)
class MapOf:
    """A map from any text to objects."""

    item: Obj


@dataclass
class _Unknown:
    """The learned fields of one object, attribute → name on the wire, and of those inside it."""

    own: dict[str, str] = field(default_factory=dict)
    inner: dict[str, _Unknown] = field(default_factory=dict)


class Gate:
    """Decodes items of one shape.

    Parameters
    ----------
    shape : Obj
        What an item looks like.
    learned : iterable of list of str, optional
        What another one had learned, to go on from there.

    Attributes
    ----------
    learned : list of list of str
        Unknown fields met so far: the names that lead to each.
    """

    def __init__(self, shape: Obj, learned: Iterable[Sequence[str]] = ()) -> None:
        self._shape = shape
        self._unknown = _Unknown()
        self.learned: list[list[str]] = []
        for *trail, name in learned:
            self._learn(name, tuple(trail))
        self._leaves: dict[Any, msgspec.json.Decoder[Any]] = {}
        self._build()

    def decode(
        self,
        raw: Raw | bytes,
        items: Callable[[], Sequence[Raw | bytes]],
        reject: Callable[[int, str, str, bytes], None],
    ) -> list[Any]:
        """Decode items, in order.

        Parameters
        ----------
        raw : msgspec.Raw or bytes
            A JSON array of them.
        items : callable
            Called where the array is refused: returns the items one by one.
        reject : callable
            Called with the item's number, the JSON path inside it, a reason and the raw part, for
            all that can't be read.

        Returns
        -------
        list
            An object with the shape's fields as attributes, or None for an item left out.
        """
        found: list[Any]
        try:
            found = self._strict.decode(raw)
        except _UNFIT:
            mended = [
                self._mend_item(bytes(item), lambda *why, n=n: reject(n, *why))
                for n, item in enumerate(items())
            ]
            found = self._lenient.decode(join(mended))
        return found

    def decode_maps(self, raw: Raw | bytes) -> list[dict[str, Any]] | None:
        """Decode an array of maps of items, or return None if anything in it doesn't fit."""
        try:
            found: list[dict[str, Any]] = self._maps.decode(raw)
        except _UNFIT:
            return None
        return found

    def extra(self, items: Sequence[Any]) -> list[str | None]:
        """Return the unknown fields of each decoded item as JSON text, None where it has none."""
        return self._extra(items, self._unknown)

    def inner_extra(self, name: str, items: Sequence[Any]) -> list[str | None]:
        """Return the same for objects of the list of that name inside the items."""
        return self._extra(items, self._unknown.inner.get(name))

    def _extra(self, items: Sequence[Any], unknown: _Unknown | None) -> list[str | None]:
        if not self.learned or unknown is None:
            return [None] * len(items)
        return [_extra(item, unknown) for item in items]

    def _build(self) -> None:
        strict = _struct(self._shape, self._unknown, lenient=False)
        lenient = _struct(self._shape, self._unknown, lenient=True)
        self._strict = msgspec.json.Decoder(list[strict])  # type: ignore[valid-type]
        self._maps = msgspec.json.Decoder(list[dict[str, strict]])  # type: ignore[valid-type]
        self._lenient = msgspec.json.Decoder(list[lenient | None])  # type: ignore[valid-type]

    def _mend_item(self, raw: bytes, reject: Callable[[str, str, bytes], None]) -> bytes:
        learned = len(self.learned)
        if raw == _NULL:
            reject("", "Expected object, got null", raw)
        mended = self._mend(raw, self._shape, (), "", reject)
        if len(self.learned) != learned:
            self._build()
        return mended

    def _mend(
        self,
        raw: bytes,
        node: Any,
        trail: Trail,
        path: str,
        reject: Callable[[str, str, bytes], None],
    ) -> bytes:
        """Return the JSON of a value with all that doesn't fit replaced by null."""
        try:
            if isinstance(node, Obj):
                return raw if raw == _NULL else self._mend_object(raw, node, trail, path, reject)
            if isinstance(node, Many):
                return raw if raw == _NULL else self._mend_list(raw, node, trail, path, reject)
            if isinstance(node, MapOf):
                if raw == _NULL:
                    return raw
                parts = _OBJECT.decode(raw)
                return _object(
                    (name, self._mend(bytes(part), node.item, trail, f"{path}.{name}", reject))
                    for name, part in parts.items()
                )
            if raw != _NULL:
                self._leaf(node).decode(raw)
        except _UNFIT as error:
            reject(path, str(error).replace("`", ""), raw)
            return _NULL
        return raw

    def _mend_object(
        self,
        raw: bytes,
        node: Obj,
        trail: Trail,
        path: str,
        reject: Callable[[str, str, bytes], None],
    ) -> bytes:
        parts = _OBJECT.decode(raw)
        mended: dict[str, bytes] = {}
        for name, part in parts.items():
            known = node.fields.get(name)
            where = f"{path}.{name}"
            if known is None:
                if self._learn(name, trail):
                    mended[_fit(name)] = bytes(part)
                else:
                    reject(where, f"more than {LEARNED_LIMIT} unknown fields", bytes(part))
                continue
            needed = name in node.required
            tell = _leaving_out(reject) if needed else reject
            mended[name] = self._mend(bytes(part), known, (*trail, name), where, tell)
            if needed and mended[name] == _NULL:
                if bytes(part) == _NULL:
                    tell(where, f"{name} is null", bytes(part))
                return _NULL
        missing = sorted(node.required - mended.keys())
        if missing:
            _leaving_out(reject)(path, f"{' and '.join(missing)} is missing", raw)
            return _NULL
        return _object(mended.items())

    def _mend_list(
        self,
        raw: bytes,
        node: Many,
        trail: Trail,
        path: str,
        reject: Callable[[str, str, bytes], None],
    ) -> bytes:
        mended = []
        parts = _ARRAY.decode(raw)
        if len(parts) > OBJECTS:
            reject(path, f"more than {OBJECTS:,} items", raw)
            return _NULL
        for number, part in enumerate(parts):
            where = f"{path}[{number}]"
            item = bytes(part)
            if item == _NULL:
                reject(where, "Expected object, got null", item)
            mended.append(self._mend(item, node.item, trail, where, reject))
        return join(mended)

    def _learn(self, name: str, trail: Trail) -> bool:
        unknown = self._unknown
        for step in trail:
            unknown = unknown.inner.setdefault(step, _Unknown())
        if name in unknown.own.values():
            return True
        if len(self.learned) >= LEARNED_LIMIT:
            return False
        # In the order of their names, so that `extra` doesn't depend on which came first.
        own = {**unknown.own, f"unknown_{len(unknown.own)}": name}
        unknown.own = dict(sorted(own.items(), key=lambda item: item[1]))
        self.learned.append([*trail, name])
        return True

    def _leaf(self, node: Any) -> msgspec.json.Decoder[Any]:
        if node not in self._leaves:
            self._leaves[node] = msgspec.json.Decoder(node)
        return self._leaves[node]


def _struct(node: Obj, unknown: _Unknown, *, lenient: bool) -> Any:
    """Make the typed class of a shape, with the unknown fields learned so far."""
    members: list[tuple[str, Any, Any]] = []
    for name, part in node.fields.items():
        inner = unknown.inner.get(name, _Unknown())
        kind: Any
        if part is RAW:
            members.append((name, Raw, Raw(_NULL)))
            continue
        if isinstance(part, Obj):
            kind = _struct(part, inner, lenient=lenient)
        elif isinstance(part, Many):
            item = _struct(part.item, inner, lenient=lenient)
            kind = list[item | None] if lenient else list[item]  # type: ignore[valid-type]
        elif isinstance(part, MapOf):
            item = _struct(part.item, inner, lenient=lenient)
            kind = dict[str, item | None] if lenient else dict[str, item]  # type: ignore[valid-type]
        else:
            kind = part
        if name in node.required:
            members.append((name, kind, msgspec.NODEFAULT))
        else:
            members.append((name, kind | None, None))
    members += [(attribute, Raw, _ABSENT) for attribute in unknown.own]
    members.sort(key=lambda member: member[2] is not msgspec.NODEFAULT)
    names = {attribute: _fit(name) for attribute, name in unknown.own.items()}
    return msgspec.defstruct("Item", members, rename=names, forbid_unknown_fields=True, gc=False)


def _fit(name: str) -> str:
    """Return the name that an unknown field has in typed objects: its own, where that can be."""
    return f"~{name.encode().hex()}" if _UNFIT_NAME.search(name) else name


def _leaving_out(reject: Callable[[str, str, bytes], None]) -> Callable[[str, str, bytes], None]:
    return lambda path, reason, raw: reject(path, f"{reason}; the item is left out", raw)


def _object(members: Iterable[tuple[str, bytes]]) -> bytes:
    encode = msgspec.json.encode
    return b"{" + b",".join(encode(name) + b":" + part for name, part in members) + b"}"


def _extra(item: Any, unknown: _Unknown) -> str | None:
    """Return the learned fields that an item carries, nested as they came, as JSON text."""
    if item is None:
        return None
    parts: list[str] = []
    for attribute, name in unknown.own.items():
        raw = bytes(getattr(item, attribute, _ABSENT))
        if raw:
            parts.append(f"{_quoted(name)}:{raw.decode('utf-8', 'replace')}")
    for name, inner in sorted(unknown.inner.items()):
        value = getattr(item, name)
        if isinstance(value, list):
            continue  # its objects have rows of their own
        if isinstance(value, dict):
            inside = [(key, _extra(part, inner)) for key, part in value.items()]
            texts = [f"{_quoted(key)}:{text}" for key, text in inside if text]
            text = "{" + ",".join(texts) + "}" if texts else None
        else:
            text = _extra(value, inner)
        if text:
            parts.append(f"{_quoted(name)}:{text}")
    return "{" + ",".join(parts) + "}" if parts else None


def _quoted(name: str) -> str:
    return msgspec.json.encode(name).decode()
