"""Which rows are movement, and how long vehicles stood in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import narwhals as nw

from fleetlab.analysis.checks import number
from fleetlab.analysis.geometry import with_distance
from fleetlab.analysis.positions import COLUMNS, VALUES, believable
from fleetlab.analysis.timeline import once, over, within

if TYPE_CHECKING:
    from fleetlab.analysis.backends import Frame
    from fleetlab.analysis.sources import Source

__all__ = ["Rules", "moving", "since_until", "yes"]

_KMH_PER_M_US: Final = 3.6e6


def yes(flag: nw.Expr) -> nw.Expr:
    """Return a flag with its nulls as false."""
    return flag.fill_null(value=False)


@dataclass(frozen=True)
class Rules:
    """What counts as movement; defaults and units as in :func:`fleetlab.analysis.trips`."""

    min_speed_kmh: float = 3.0
    min_step_m: float = 50.0
    max_jump_kmh: float = 300.0
    min_satellites: float = 3.0
    max_cell_kmh: float = 200.0
    by: str = "speed"

    def __post_init__(self) -> None:
        """Check them."""
        number("min_speed_kmh", self.min_speed_kmh, 0, 200, "km/h")
        number("min_step_m", self.min_step_m, 0, 100_000, "m")
        number("max_jump_kmh", self.max_jump_kmh, 1, 100_000, "km/h")
        number("min_satellites", self.min_satellites, 0, 100, "")
        number("max_cell_kmh", self.max_cell_kmh, 0, 100_000, "km/h")

    def shown(self) -> dict[str, float]:
        """Return the thresholds by name."""
        return {name: float(value) for name, value in vars(self).items() if name != "by"}


def moving(source: Source, rules: Rules, *names: str) -> Frame:
    """Return the rows of states in the order of time, with whether each is movement.

    Parameters
    ----------
    source : Source
        States.
    rules : Rules
        What counts as movement.
    *names : str
        Further columns to keep.

    Returns
    -------
    narwhals.LazyFrame
        Rows that can be believed and have a speed, cut by :func:`within`, without the snapshots
        that tell of a speed (those are no movement, and no standing either). Added:

        ``move``: whether it is movement.
        ``t_before``, ``move_before``: of the row before.
        ``step_m``: the way from the row before, 0 where it can't be.
    """
    columns = dict.fromkeys((*COLUMNS, "movement_status", *names))
    rows = once(source.rows(*columns), VALUES)
    rows = believable(
        rows,
        max_jump_kmh=rules.max_jump_kmh,
        min_satellites=rules.min_satellites,
        max_cell_kmh=rules.max_cell_kmh,
    )
    fast = nw.col("speed_kmh") >= rules.min_speed_kmh
    rows = rows.filter(~nw.col("speed_kmh").is_null(), ~(nw.col("snapshot") & fast))
    rows = within(rows, source)
    rows = rows.with_columns(
        *(over(nw.col(axis).shift(1)).alias(f"_{axis}") for axis in "xyz"),
        t_before=over(nw.col("t").shift(1)),
        _until_before=over(nw.col("until").shift(1)),
        _event=over(nw.col("event_us").shift(1)),
    )
    rows = with_distance(rows, "", "_", "step_m")
    lasted = nw.col("event_us") - nw.col("_event")
    driven = nw.col("step_m") * _KMH_PER_M_US <= lasted * rules.max_jump_kmh
    step = nw.when(driven).then(nw.col("step_m")).otherwise(nw.lit(0.0))
    rows = rows.with_columns(step_m=step)
    rows = _moves(rows, source, rules).drop("x", "y", "z", "_x", "_y", "_z", "_event")
    return rows.with_columns(move_before=over(nw.col("move").cast(nw.Int64).shift(1)) == 1)


def _moves(rows: Frame, source: Source, rules: Rules) -> Frame:
    """Add ``move``."""
    status = nw.col("movement_status")
    if rules.by == "ignition":
        return rows.with_columns(move=yes(nw.col("ignition")) & ~nw.col("snapshot"))
    if rules.by == "motion":
        return rows.with_columns(move=yes(status == "moving") & ~nw.col("snapshot"))
    fast = (nw.col("speed_kmh") >= rules.min_speed_kmh) & ~nw.col("snapshot")
    if "movement_status" not in source.frame.collect_schema():
        return rows.with_columns(move=fast)
    # A speed without a movement that the platform knows of may be noise. It counts once the
    # vehicle is away from where this speed began, or, as it drove last, from there.
    doubtful = fast & yes(status != "moving")
    known = ~doubtful | nw.col("t_before").is_null()
    rows = rows.with_columns(_doubtful=doubtful, _known=known)
    rows = rows.with_columns(
        over(nw.when(nw.col("_known")).then(nw.col(axis)).fill_null(strategy="forward")).alias(
            f"_{axis}"
        )
        for axis in "xyz"
    )
    rows = with_distance(rows, "", "_", "_away")
    away = yes(nw.col("_away") >= rules.min_step_m)
    return rows.with_columns(move=fast & (~nw.col("_doubtful") | away)).drop(
        "_doubtful", "_known", "_away"
    )


def since_until(rows: Frame, max_gap_us: int, min_stop_us: int) -> Frame:
    """Add what trips need to know of the time between movements.

    Parameters
    ----------
    rows : narwhals.LazyFrame
        As :func:`moving` gives them.
    max_gap_us : int
        Rows that are farther apart are not of one trip.
    min_stop_us : int
        Nor are those with so much unknown between them: a stop may have been in it.

    Returns
    -------
    narwhals.LazyFrame
        Added: ``apart``, whether a row is so from the one before. ``stood_us``, since when its
        standing lasts, or the one before it if it is movement; long ago where that was apart from
        the movement before. ``seen_us``, since when that standing was seen without a gap.
        ``free_us``, until when it was seen. ``moves``, number of movements so far.
    """
    move, before = nw.col("move"), nw.col("move_before")
    opens = ~move & (before | nw.col("t_before").is_null())
    missed = nw.col("first") & (nw.col("t") - nw.col("_until_before") >= min_stop_us)
    apart = yes((nw.col("t") - nw.col("t_before") > max_gap_us) | missed)
    since = nw.when(apart).then(nw.lit(-(2**62))).otherwise(nw.col("t"))
    seen = nw.min_horizontal("event_us", "t")
    ends = nw.when(move).then(nw.col("t")).otherwise(nw.when(nw.col("last")).then(nw.col("until")))
    rows = rows.with_columns(
        _apart=apart,
        _since=nw.when(opens).then(since),
        _seen=nw.when(~move & (before | nw.col("first"))).then(seen),
        _ends=ends,
        _move=move.cast(nw.Int64),
    )
    return rows.with_columns(
        stood_us=over(nw.col("_since").fill_null(strategy="forward")),
        seen_us=over(nw.col("_seen").fill_null(strategy="forward")),
        free_us=over(nw.col("_ends").fill_null(strategy="backward")),
        moves=over(nw.col("_move").cum_sum()),
        apart=nw.col("_apart"),
    ).drop("_apart", "_since", "_seen", "_ends", "_move", "_until_before")
