"""What is known of a device moment by moment: whether it was heard, drove, and where it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw

from fleetlab.analysis.geometry import unit_vector, with_distance
from fleetlab.analysis.movement import Rules, moving, yes
from fleetlab.analysis.timeline import over, told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleetlab.analysis.backends import Frame
    from fleetlab.analysis.sources import Source

__all__ = ["device_timeline"]

_COLUMNS = ("tracker_id", "t", "heard", "engine", "move", "step_m", "lat", "lng")
_STATUS = ("ignition", "movement_status")


def device_timeline(states: Source | None, heard: Iterable[Frame]) -> Frame:
    """Return each moment at which anything is known of a tracker, once.

    Parameters
    ----------
    states : Source or None
        States, where there are any.
    heard : iterable of narwhals.LazyFrame
        ``tracker_id``, ``t`` and ``heard`` of other rows: the moment, and whether the row came
        because something changed, and so is a sign of life.

    Returns
    -------
    narwhals.LazyFrame
        ``tracker_id`` and ``t``, in µs, of each moment, and

        ``life_us``: the last sign of life before it; null of the first.
        ``engine_us``: for how long the engine was on until then, or the vehicle moved, where
        nothing tells of the ignition.
        ``way_m``: how far it drove until then, and ``way_before_m`` until the moment before;
        null where no position is known.
        ``moved_us``, ``moves_us``: the last movement up to then, and the first from then on.
        ``lat``, ``lng``: where it was.
        ``away_m``: how far that is from where it was at the moment before.
        ``until_us``, ``way_until_m``: the tracker's last sign of life, and how far it drove in all.
    """
    parts = [_of_other_rows(rows) for rows in heard]
    if states is not None:
        parts += _of_states(states)
    rows = nw.concat([part.select(*_COLUMNS) for part in parts])
    rows = rows.group_by("tracker_id", "t").agg(
        nw.col("heard", "engine", "move", "step_m", "lat", "lng").max()
    )
    names = {"life_us": "heard", "moved_us": "move"}
    marks = {name: nw.when(nw.col(of) == 1).then(nw.col("t")) for name, of in names.items()}
    rows = rows.with_columns(**marks, moves_us=marks["moved_us"])
    hold = ("life_us", "engine", "moved_us", "lat", "lng")
    rows = rows.with_columns(
        *(over(nw.col(name).fill_null(strategy="forward")).alias(name) for name in hold),
        moves_us=over(nw.col("moves_us").fill_null(strategy="backward")),
        way_m=over(nw.col("step_m").fill_null(0.0).cum_sum()),
        _known=nw.col("step_m").max().over("tracker_id"),
        _lasted=nw.col("t") - over(nw.col("t").shift(1)),
    )
    rows = rows.with_columns(way_m=nw.when(~nw.col("_known").is_null()).then(nw.col("way_m")))
    rows = rows.with_columns(
        *unit_vector("lat", "lng", ""),
        life_us=over(nw.col("life_us").shift(1)),
        way_before_m=over(nw.col("way_m").shift(1)),
        until_us=nw.col("life_us").max().over("tracker_id"),
        way_until_m=nw.col("way_m").max().over("tracker_id"),
        _on=over(nw.col("engine").shift(1)),
    )
    on = nw.when(nw.col("_on") == 1).then(nw.col("_lasted")).otherwise(nw.lit(0))
    rows = rows.with_columns(
        *(over(nw.col(axis).shift(1)).alias(f"_{axis}") for axis in "xyz"), _on=on
    )
    rows = rows.with_columns(engine_us=over(nw.col("_on").cum_sum()))
    return with_distance(rows, "", "_", "away_m").select(
        "tracker_id",
        "t",
        "life_us",
        "engine_us",
        "way_m",
        "way_before_m",
        "moved_us",
        "moves_us",
        "lat",
        "lng",
        "away_m",
        "until_us",
        "way_until_m",
    )


def _of_other_rows(rows: Frame) -> Frame:
    return rows.with_columns(
        heard=nw.col("heard").cast(nw.Int64),
        **_nothing(
            engine=nw.Int64, move=nw.Int64, step_m=nw.Float64, lat=nw.Float64, lng=nw.Float64
        ),
    )


def _of_states(states: Source) -> list[Frame]:
    """Return what was told of status, and the positions that can be believed."""
    rows = told(states.rows("server_time", *_STATUS), _STATUS)
    moves = yes(nw.col("movement_status") == "moving")
    known = ~nw.col("movement_status").is_null()
    engine = nw.coalesce(nw.col("ignition"), nw.when(known).then(moves))
    status = rows.with_columns(
        heard=(~nw.col("snapshot")).cast(nw.Int64),
        engine=engine.cast(nw.Int64),
        **_nothing(move=nw.Int64, step_m=nw.Float64, lat=nw.Float64, lng=nw.Float64),
    )
    driven = (nw.col("move") | yes(nw.col("move_before"))) & ~nw.col("first")
    places = moving(states, Rules()).with_columns(
        step_m=nw.when(driven).then(nw.col("step_m")).otherwise(nw.lit(0.0)),
        move=nw.col("move").cast(nw.Int64),
        **_nothing(heard=nw.Int64, engine=nw.Int64),
    )
    return [status, places]


def _nothing(**columns: Any) -> dict[str, nw.Expr]:
    return {name: nw.lit(None, dtype) for name, dtype in columns.items()}
