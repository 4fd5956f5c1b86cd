"""The few things that Polars, DuckDB and Spark do each in a way of its own.

Detectors are written once, on Narwhals lazy frames. Narwhals has no whole microseconds of a
moment on DuckDB and Spark, no way back, and no frame from plain values; these are here, and
nowhere else. Order is never taken from how rows lie: every window names what it is ordered by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import narwhals as nw
import polars as pl

from fleetlab.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Backend", "Frame", "backend_of"]

Frame = nw.LazyFrame[Any]

_TIME: Final = pl.Datetime("us", "UTC")
_DAY_S: Final = 86_400
_SQL: Final = {nw.Int64: "BIGINT", nw.Float64: "DOUBLE", nw.Boolean: "BOOLEAN", nw.String: "TEXT"}
_SPARK: Final = {**_SQL, nw.String: "STRING"}


class Backend(Protocol):
    """What a kind of frame needs of its own.

    Attributes
    ----------
    eager : bool or None
        Whether it is a Polars frame in hand, or a lazy one; None of the others.
    """

    eager: bool | None

    def micros(self, frame: Frame, names: Sequence[str]) -> Frame:
        """Turn moments into whole microseconds since 1970 UTC; those without a zone are UTC."""
        ...

    def moments(self, frame: Frame, names: Sequence[str]) -> Frame:
        """Turn whole microseconds since 1970 UTC into moments in UTC."""
        ...

    def dates(self, frame: Frame, name: str, zone: str) -> Frame:
        """Turn whole microseconds since 1970 UTC into the date in a time zone."""
        ...

    def clock(self, frame: Frame, name: str, zone: str) -> Frame:
        """Add ``weekday`` (Monday is 1) and ``second`` of the day of µs since 1970 in a zone."""
        ...

    def every(self, frame: Frame, name: str, step: int) -> Frame:
        """Repeat each row for every multiple of a step from ``_first`` to ``_last``, as `name`."""
        ...

    def table(self, like: Frame, columns: Mapping[str, Any], rows: Sequence[Any]) -> Frame:
        """Make a frame of plain values, beside another one; Narwhals dtypes by name."""
        ...

    def fetch(self, frame: Frame) -> list[tuple[Any, ...]]:
        """Return all rows of a small frame as plain values."""
        ...

    def give(self, frame: Frame) -> Any:
        """Return the native frame, of the kind that the user gave."""
        ...


class _Polars:
    """Polars, eager or lazy."""

    def __init__(self, *, eager: bool) -> None:
        self.eager: bool | None = eager

    def micros(self, frame: Frame, names: Sequence[str]) -> Frame:
        return _frame(frame.to_native().with_columns(pl.col(names).dt.epoch("us").cast(pl.Int64)))

    def moments(self, frame: Frame, names: Sequence[str]) -> Frame:
        return _frame(frame.to_native().with_columns(pl.col(names).cast(_TIME)))

    def dates(self, frame: Frame, name: str, zone: str) -> Frame:
        local = pl.col(name).cast(_TIME).dt.convert_time_zone(zone).dt.date()
        return _frame(frame.to_native().with_columns(local))

    def clock(self, frame: Frame, name: str, zone: str) -> Frame:
        local = pl.col(name).cast(_TIME).dt.convert_time_zone(zone).dt.replace_time_zone(None)
        second = local.dt.epoch("s") % _DAY_S
        return _frame(
            frame.to_native().with_columns(
                weekday=local.dt.weekday().cast(pl.Int64), second=second.cast(pl.Int64)
            )
        )

    def every(self, frame: Frame, name: str, step: int) -> Frame:
        first, last = _multiples(step)
        rows = frame.filter(last >= first).with_columns(_first=first, _last=last).to_native()
        ranges = pl.int_ranges("_first", pl.col("_last") + 1, step)
        return _frame(rows.with_columns(ranges.alias(name)).explode(name).drop("_first", "_last"))

    def table(self, like: Frame, columns: Mapping[str, Any], rows: Sequence[Any]) -> Frame:
        del like
        schema = {name: getattr(pl, dtype.__name__) for name, dtype in columns.items()}
        return _frame(pl.DataFrame(list(rows), schema=schema, orient="row").lazy())

    def fetch(self, frame: Frame) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = frame.to_native().collect().rows()
        return rows

    def give(self, frame: Frame) -> Any:
        native = frame.to_native()
        return native.collect() if self.eager else native


class _DuckDB:
    """A relation of DuckDB, in its own connection."""

    eager: bool | None = None

    def _with(self, frame: Frame, function: str, names: Sequence[str], *more: Any) -> Frame:
        import duckdb  # noqa: PLC0415 - an extra, there if the user has a relation

        made = [
            duckdb.FunctionExpression(function, duckdb.ColumnExpression(name), *more).alias(name)
            if name in names
            else duckdb.ColumnExpression(name)
            for name in frame.columns
        ]
        return _frame(frame.to_native().select(*made))

    def micros(self, frame: Frame, names: Sequence[str]) -> Frame:
        return self._with(frame, "epoch_us", names)

    def moments(self, frame: Frame, names: Sequence[str]) -> Frame:
        return self._with(frame, "make_timestamptz", names)

    def dates(self, frame: Frame, name: str, zone: str) -> Frame:
        import duckdb  # noqa: PLC0415

        column = duckdb.ColumnExpression
        date = self._local(name, zone).cast("DATE").alias(name)
        made = [date if one == name else column(one) for one in frame.columns]
        return _frame(frame.to_native().select(*made))

    def clock(self, frame: Frame, name: str, zone: str) -> Frame:
        import duckdb  # noqa: PLC0415

        local = self._local(name, zone)
        call = duckdb.FunctionExpression
        second = call("mod", call("epoch", local).cast("BIGINT"), duckdb.ConstantExpression(_DAY_S))
        day = call("isodow", local).cast("BIGINT")
        kept = [duckdb.ColumnExpression(one) for one in frame.columns]
        native = frame.to_native().select(*kept, day.alias("weekday"), second.alias("second"))
        return _frame(native)

    def _local(self, name: str, zone: str) -> Any:
        """Return an expression for the local time of µs since 1970."""
        import duckdb  # noqa: PLC0415

        moment = duckdb.FunctionExpression("make_timestamptz", duckdb.ColumnExpression(name))
        return duckdb.FunctionExpression("timezone", duckdb.ConstantExpression(zone), moment)

    def every(self, frame: Frame, name: str, step: int) -> Frame:
        import duckdb  # noqa: PLC0415

        first, last = _multiples(step)
        rows = frame.filter(last >= first).with_columns(_first=first, _last=last + 1)
        column = duckdb.ColumnExpression
        numbers = duckdb.FunctionExpression(
            "range", column("_first"), column("_last"), duckdb.ConstantExpression(step)
        )
        made = duckdb.FunctionExpression("unnest", numbers).alias(name)
        kept = [column(one) for one in frame.columns if one not in ("_first", "_last")]
        return _frame(rows.to_native().select(*kept, made))

    def table(self, like: Frame, columns: Mapping[str, Any], rows: Sequence[Any]) -> Frame:
        types = [_SQL[dtype] for dtype in columns.values()]
        names = ", ".join(columns)
        values = [
            ", ".join(_literal(one, kind) for one, kind in zip(row, types, strict=True))
            for row in rows or [[None] * len(types)]
        ]
        lines = ", ".join(f"({row})" for row in values)
        some = "" if rows else " WHERE false"
        text = f"SELECT * FROM (VALUES {lines}) AS made({names}){some}"  # noqa: S608 - own values
        return _frame(like.to_native().query("_fleetlab_like", text))

    def fetch(self, frame: Frame) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = frame.to_native().fetchall()
        return rows

    def give(self, frame: Frame) -> Any:
        return frame.to_native()


class _Spark:
    """A DataFrame of PySpark."""

    eager: bool | None = None

    def micros(self, frame: Frame, names: Sequence[str]) -> Frame:
        from pyspark.sql import functions  # noqa: PLC0415 - there if the user has a frame of it

        native = frame.to_native()
        return _frame(native.withColumns({name: functions.unix_micros(name) for name in names}))

    def moments(self, frame: Frame, names: Sequence[str]) -> Frame:
        from pyspark.sql import functions  # noqa: PLC0415

        native = frame.to_native()
        return _frame(
            native.withColumns({name: functions.timestamp_micros(name) for name in names})
        )

    def dates(self, frame: Frame, name: str, zone: str) -> Frame:
        from pyspark.sql import functions  # noqa: PLC0415

        local = self._local(frame, name, zone)
        return _frame(frame.to_native().withColumn(name, functions.to_date(local)))

    def clock(self, frame: Frame, name: str, zone: str) -> Frame:
        from pyspark.sql import functions  # noqa: PLC0415

        native, local = frame.to_native(), self._local(frame, name, zone)
        hours, minutes = functions.hour(local), functions.minute(local)
        second = hours * 3600 + minutes * 60 + functions.second(local)
        day = functions.weekday(local) + 1
        return _frame(
            native.withColumns({"weekday": day.cast("bigint"), "second": second.cast("bigint")})
        )

    def _local(self, frame: Frame, name: str, zone: str) -> Any:
        """Return an expression for the local time of µs since 1970."""
        from pyspark.sql import functions  # noqa: PLC0415

        # Spark shows moments in the session's zone, so the way goes from that one to the asked.
        session = frame.to_native().sparkSession.conf.get("spark.sql.session.timeZone")
        moment = functions.timestamp_micros(name)
        return functions.convert_timezone(
            functions.lit(session), functions.lit(zone), moment.cast("timestamp_ntz")
        )

    def every(self, frame: Frame, name: str, step: int) -> Frame:
        from pyspark.sql import functions  # noqa: PLC0415

        first, last = _multiples(step)
        rows = frame.filter(last >= first).with_columns(_first=first, _last=last).to_native()
        numbers = functions.sequence("_first", "_last", functions.lit(step))
        return _frame(rows.withColumn(name, functions.explode(numbers)).drop("_first", "_last"))

    def table(self, like: Frame, columns: Mapping[str, Any], rows: Sequence[Any]) -> Frame:
        schema = ", ".join(f"{name} {_SPARK[dtype]}" for name, dtype in columns.items())
        session = like.to_native().sparkSession
        return _frame(session.createDataFrame([tuple(row) for row in rows], schema))

    def fetch(self, frame: Frame) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in frame.to_native().collect()]

    def give(self, frame: Frame) -> Any:
        return frame.to_native()


def _multiples(step: int) -> tuple[nw.Expr, nw.Expr]:
    """Return the first multiple of a step from ``_first`` on, and the last up to ``_last``."""
    first, last = nw.col("_first"), nw.col("_last")
    return ((first + (step - 1)) // step * step).cast(nw.Int64), (last // step * step).cast(
        nw.Int64
    )


def _frame(native: Any) -> Frame:
    frame: Frame = nw.from_native(native)
    return frame


def _literal(value: Any, kind: str) -> str:
    """Return a value as SQL of a type."""
    if value is None:
        return f"NULL::{kind}"
    quoted = str(value).replace("'", "''")
    return f"'{quoted}'::{kind}"


def backend_of(data: Any) -> tuple[Frame, Backend]:
    """Return a native frame as a lazy one of Narwhals, and what its kind needs of its own.

    Parameters
    ----------
    data : polars.DataFrame, polars.LazyFrame, duckdb.DuckDBPyRelation or pyspark DataFrame
        A frame.

    Raises
    ------
    InvalidArgument
        If it is none of these.
    """
    if isinstance(data, pl.DataFrame | pl.LazyFrame):
        return _frame(data.lazy()), _Polars(eager=isinstance(data, pl.DataFrame))
    frame = nw.from_native(data, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        if frame.implementation.is_duckdb():
            return frame, _DuckDB()
        if frame.implementation.is_pyspark() or frame.implementation.is_pyspark_connect():
            return frame, _Spark()
    raise InvalidArgument(
        "Detectors take a Recording, a folder, or a frame of Polars, DuckDB or PySpark, not "
        f"{type(data).__module__}.{type(data).__qualname__}."
    )
