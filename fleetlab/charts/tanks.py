"""The tanks of a fleet: what each is called, and its levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from fleetlab.charts.lines import MOST

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fleetlab.charts.source import Source

__all__ = ["UNTOLD", "Tanks"]

UNTOLD: Final = "no unit told"

_TANK: Final = ("tracker_id", "reading", "units")  # what makes a tank
_KINDS: Final = ("input", "virtual_sensor")
_TOLD: Final = 12  # sensors that a sentence names


@dataclass(frozen=True)
class Tanks:
    """The tanks that are to be shown.

    Attributes
    ----------
    shown : polars.DataFrame
        A row a tank: ``tracker_id``, ``reading``, ``units``, ``tracker``, ``sensor``, ``full`` (its
        greatest level) and ``tank``, what it is called; those of a tracker together.
    of : int
        How many there were to choose from.
    readings : polars.LazyFrame
        All that was told of levels.
    """

    shown: pl.DataFrame
    of: int
    readings: pl.LazyFrame

    @classmethod
    def find(
        cls,
        source: Source,
        sensors: Iterable[int | str] | int | str | None,
        *,
        composite: bool,
        chosen: bool,
    ) -> tuple[Tanks | None, str | None]:
        """Look for tanks.

        Parameters
        ----------
        source : Source
            Where to look.
        sensors : int, str, iterable of them, or None
            Ids, labels or names of sensors; None: all.
        composite : bool
            Whether sensors count that are made of others.
        chosen : bool
            Whether somebody chose the trackers, so that all of their tanks are shown.

        Returns
        -------
        tanks : Tanks or None
            None where there is nothing to show.
        words : str or None
            A sentence on what is not shown.
        """
        readings = source.readings().filter(
            pl.col("type") == "fuel", pl.col("kind").fill_null("input").is_in(_KINDS)
        )
        found = _tanks(readings, source.start) if source.start else None
        if found is None or found.is_empty():
            return None, source.asked("readings_batch")
        wanted = _wanted(found, sensors, composite=composite)
        if wanted.is_empty():
            return None, _others(found, sensors)
        shown = _named(wanted if chosen or sensors else wanted.head(MOST))
        left_out = None if composite else _left_out(found, sensors)
        return cls(shown, len(wanted), readings), left_out

    def levels(self) -> pl.LazyFrame:
        """Return ``line`` (the tank), ``event_time``, ``received_at``, ``snapshot``, ``value``."""
        return self.readings.join(
            self.shown.lazy().select(*_TANK, "tank"), on=_TANK, how="inner", nulls_equal=True
        ).select("event_time", "received_at", "snapshot", "value", line="tank")


def _tanks(readings: pl.LazyFrame, start: datetime) -> pl.DataFrame:
    """Return the tanks that have a level, those that vary most of what they hold first."""
    value = pl.col("value")
    full = pl.col("max_value").drop_nulls().last()
    news = value.filter(~pl.col("snapshot"), pl.col("event_time") >= start)
    label = pl.when(pl.col("sensor_label") != "").then("sensor_label")
    return (
        readings.group_by(_TANK)
        .agg(
            pl.col("line").last().cast(pl.String).alias("tracker"),
            pl.coalesce(label, "name", "reading").last().alias("sensor"),
            pl.col("sensor_id", "name", "sensor_label").last(),
            full.alias("full"),
            (pl.col("composite_sensor_ids").list.len() > 0).any().alias("composite"),
            ((news.max() - news.min()) / pl.max_horizontal(full, value.max())).alias("share"),
            news.count().alias("n"),
            value.count().alias("any"),
        )
        .filter(pl.col("any") > 0)
        .sort("share", "n", *_TANK, descending=[True, True, *[False] * 3], nulls_last=True)
        .collect()
    )


def _wanted(
    tanks: pl.DataFrame, sensors: Iterable[int | str] | int | str | None, *, composite: bool
) -> pl.DataFrame:
    if sensors is None:
        return tanks.filter(pl.lit(composite) | ~pl.col("composite"))
    chosen = [sensors] if isinstance(sensors, int | str) else list(sensors)
    ids = [one for one in chosen if isinstance(one, int)]
    names = [one for one in chosen if isinstance(one, str)]
    return tanks.filter(
        pl.col("sensor_id").is_in(ids)
        | pl.any_horizontal(pl.col("sensor_label", "name", "reading").is_in(names))
    )


def _others(tanks: pl.DataFrame, sensors: Iterable[int | str] | int | str | None) -> str:
    """Say why none of the tanks that are there was wanted."""
    if sensors is None:
        return _left_out(tanks, sensors) or ""
    names = tanks["sensor"].unique(maintain_order=True)
    told = ", ".join(names.head(_TOLD)) + (", …" if len(names) > _TOLD else "")
    return f"No fuel sensor is called {sensors!r}. There are: {told}."


def _left_out(tanks: pl.DataFrame, sensors: object) -> str | None:
    """Say how many composite sensors are not drawn."""
    n = tanks["composite"].sum()
    if not n or sensors is not None:
        return None
    many = "1 composite sensor is" if n == 1 else f"{n:,} composite sensors are"
    return f"{many} left out; composite=True draws what is made of several sensors."


def _named(tanks: pl.DataFrame) -> pl.DataFrame:
    """Return tanks with what they are called, those of a tracker together."""
    first = pl.int_range(pl.len()).min().over("tracker")
    named = tanks.sort(first, "sensor", maintain_order=True).with_columns(
        tank=pl.format("{} · {}", "tracker", "sensor")
    )
    for column in ("sensor_id", "units"):
        told = pl.format("{} ({})", "tank", pl.col(column).cast(pl.String).fill_null(UNTOLD))
        named = named.with_columns(
            tank=pl.when(pl.len().over("tank") > 1).then(told).otherwise("tank")
        )
    return named
