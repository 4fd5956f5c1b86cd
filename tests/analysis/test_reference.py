"""Every detector finds what its definition says, whatever the rows are like."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings

import fleetlab as fl
from tests.analysis import made, reference
from tests.analysis.reference import World

DETECTORS = {
    "trips": {},
    "stops": {},
    "idling": {},
    "speeding": {},
    "status_spans": {},
    "silences": {},
    "mileage": {"timezone": "UTC"},
    "latency": {},
    "clean_positions": {},
}
every = pytest.mark.parametrize("name", DETECTORS)
# A smaller example would be nice to have, and takes longer to find than a test may last.
quick = settings(
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@every
@settings(quick, max_examples=50)
@given(world=made.worlds())
def test_a_detector_agrees_with_its_definition(name: str, world: World) -> None:
    found = getattr(fl, name)(made.frame(world.rows), **made.known(world), **DETECTORS[name])
    expected = getattr(reference, name)(world)
    made.assert_same(found.to_dicts(), keep(expected, found.columns))


@every
@settings(quick, max_examples=8)
@given(world=made.worlds())
def test_duckdb_finds_the_same_row_by_row(name: str, world: World) -> None:
    detector, more = getattr(fl, name), {**made.known(world), **DETECTORS[name]}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "states.parquet"
        made.frame(world.rows).write_parquet(path)
        relation = detector(duckdb.read_parquet(str(path)), **more)
        assert isinstance(relation, duckdb.DuckDBPyRelation)
        epochs = [
            f'epoch_us("{column}") / 1e6 AS "{column}"'
            if "TIME ZONE" in str(kind)
            else f'"{column}"'
            for column, kind in zip(relation.columns, relation.types, strict=True)
        ]
        rows = relation.project(", ".join(epochs)).fetchall()
        found = [dict(zip(relation.columns, row, strict=True)) for row in rows]
    expected = detector(made.frame(world.rows), **more)
    assert relation.columns == expected.columns
    seconds = expected.with_columns(pl.col(pl.Datetime).dt.epoch("us") / 1e6)
    made.assert_same(found, seconds.to_dicts())


def keep(rows: list[reference.Row], columns: list[str]) -> list[reference.Row]:
    return [{name: value for name, value in row.items() if name in columns} for row in rows]
