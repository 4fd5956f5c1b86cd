"""What readings are of: how they are called and told apart, their units and limits."""

from __future__ import annotations

from operator import getitem
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from fleetlab.schemas import schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["DESCRIBING", "KINDS", "Descriptions"]

# Field: column.
_COLUMNS: Final = {
    "sensor_id": "sensor_id",
    "label": "sensor_label",
    "units": "units",
    "field": "field",
    "name": "name",
    "type": "type",
    "min_value": "min_value",
    "max_value": "max_value",
    "units_type": "units_type",
    "converted_units_type": "converted_units",
    "composite_sensor_ids": "composite_sensor_ids",
}
DESCRIBING: Final = tuple(_COLUMNS)
"""The fields of a reading that say what it is of."""

KINDS: Final = ("input", "state", "virtual_sensor", "counter")


class Descriptions:
    """Descriptions of readings, as they are met.

    Nearly all of a reading describes it and comes again with each one of the same sensor, so each
    different description is made into columns once.
    """

    def __init__(self) -> None:
        self._met: list[tuple[int, tuple[Any, ...]]] = []
        self._by_kind = [_Numbers(kind, self._met) for kind in range(len(KINDS))]

    def numbers_of(self, kinds: Iterable[int], fields: Iterable[tuple[Any, ...]]) -> Iterable[int]:
        """Return the numbers of some readings' descriptions.

        Parameters
        ----------
        kinds : iterable of int
            Places of their kinds in ``KINDS``.
        fields : iterable of tuple
            Their values of the fields ``DESCRIBING``.
        """
        return map(getitem, map(self._by_kind.__getitem__, kinds), fields)

    def columns(self, numbers: Sequence[int]) -> pl.DataFrame:
        """Return the columns that describe readings, given their numbers.

        ``reading`` is null where nothing tells it from others.
        """
        kinds, rows = zip(*self._met, strict=True) if self._met else ((), ())
        columns = dict(zip(_DTYPES, zip(*rows, strict=True), strict=False))
        described = pl.DataFrame(
            [
                pl.Series("kind", kinds, dtype=pl.UInt8),
                *(
                    pl.Series(name, columns.get(name, ()), dtype=dtype, strict=True)
                    for name, dtype in _DTYPES.items()
                ),
            ]
        ).select(_DESCRIBED)
        return described[pl.Series(numbers, dtype=pl.UInt32)]


class _Numbers(dict[tuple[Any, ...], int]):
    """The numbers of the descriptions of one kind; one that is met for the first time gets one."""

    def __init__(self, kind: int, met: list[tuple[int, tuple[Any, ...]]]) -> None:
        self._kind = kind
        self._met = met

    def __missing__(self, fields: tuple[Any, ...]) -> int:
        number = self[fields] = len(self._met)
        self._met.append((self._kind, fields))
        return number


# By number, which is compared faster than text.
_INPUT, _STATE, _VIRTUAL_SENSOR, _COUNTER = range(4)
_KIND: Final = pl.col("kind")
_KIND_NAME: Final = pl.lit(pl.Series(KINDS, dtype=pl.String)).gather(_KIND)
_NAME: Final = (
    pl.when(_KIND == _STATE).then("field").when(_KIND == _COUNTER).then("type").otherwise("name")
)
_SENSOR: Final = pl.coalesce(pl.col("sensor_id").cast(pl.String), "name", "sensor_label")
_ID: Final = pl.when(_KIND.is_in([_INPUT, _VIRTUAL_SENSOR])).then(_SENSOR).otherwise(_NAME)
_DTYPES: Final = {name: schema("readings_batch").get(name, pl.String) for name in _COLUMNS.values()}
# 0.0 and -0.0 are found as the same description, so that which one came first must not show.
_LIMITS: Final = [
    pl.when(pl.col(name) == 0).then(0.0).otherwise(name).alias(name)
    for name in ("min_value", "max_value")
]
_DESCRIBED: Final = [
    *_LIMITS,
    _KIND_NAME.alias("kind"),
    pl.concat_str(_KIND_NAME, _ID, separator=":").alias("reading"),
    _NAME.alias("name"),
    pl.when(_KIND != _COUNTER).then("type").alias("type"),
    pl.when(pl.col("units") != "").then("units").otherwise("units_type").alias("units"),
    pl.col(
        "sensor_id",
        "sensor_label",
        "converted_units",
        "composite_sensor_ids",
    ),
]
