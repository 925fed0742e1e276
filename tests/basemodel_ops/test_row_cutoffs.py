"""Rows with moments of their own, before any long work: within the grid, and known only after they are asked."""

from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from basemodel_ops.contract.types import Grid, Moments, Relation, Task, TaskType
from basemodel_ops.data_quality.row_cutoffs import row_cutoff_results
from basemodel_ops.report import CheckResult
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse

GRID = Grid(
    relation=Relation(schema_name="main", name="weeks"), cutoff="cutoff", data_end="data_end", start=None, now=None
)  # fmt: skip
TASK = Task(
    name="claims", relation=Relation(schema_name="main", name="claims"), type=TaskType.BINARY, entity="patient",
    cutoff="claimed_at", target="is_fraud", horizon=0, population=None, predicts=None, reads=(), moments=Moments.OWN,
    known="decided_at",
)  # fmt: skip
TABLES = """
create table weeks as select unnest([timestamp '2024-01-08', timestamp '2024-01-15']) as cutoff,
    timestamp '2024-01-31' as data_end;
create table claims as
    select i as patient, timestamp '2024-01-08' + to_hours((i * 10)::integer) as claimed_at, i % 2 as is_fraud,
        timestamp '2024-01-09' + to_hours((i * 10)::integer) as decided_at
    from range(9) as numbers (i);
insert into claims values (9, timestamp '2024-01-31', null, null);
"""


def check_results(folder: Path, change: str = "") -> dict[str, CheckResult]:
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(TABLES + change)
    with DuckDBWarehouse(folder / "warehouse.duckdb") as warehouse:
        result = row_cutoff_results(warehouse, TASK, GRID, datetime(2024, 1, 31))
        return {check_result.name.split(": ")[1]: check_result for check_result in result}


def test_sound_rows_pass(tmp_path: Path) -> None:
    result = check_results(tmp_path)
    assert len(result) == 2
    assert all(check_result.passed for check_result in result.values())


@pytest.mark.parametrize(
    ("change", "name", "parts"),
    [
        ("update claims set claimed_at = timestamp '2024-01-07 23:59' where patient < 2", "moments are within the grid",
         ("2 rows of main.claims have claimed_at before 2024-01-08", "0 have it after")),
        ("update claims set claimed_at = timestamp '2024-02-01' where patient = 9", "moments are within the grid",
         ("0 rows", "1 have it after 2024-01-31", "Filter them out")),
        ("update claims set decided_at = claimed_at where patient < 3", "labels are known after their moment",
         ("3 rows", "decided_at at or before claimed_at", "must be later")),
        ("update claims set decided_at = null where patient = 1", "labels are known after their moment",
         ("1 rows", "carry a is_fraud and no decided_at")),
        ("update claims set decided_at = timestamp '2024-02-03' where patient = 1",
         "labels are known after their moment", ("1 rows", "known only after 2024-01-31", "Return null there")),
        ("update claims set is_fraud = null where patient in (1, 3)", "labels are known after their moment",
         ("2 rows", "have decided_at and no is_fraud")),
    ],
)  # fmt: skip
def test_unsound_rows_are_counted_and_named(change: str, name: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    check_result = check_results(tmp_path, change)[name]
    assert not check_result.passed
    for part in parts:
        assert part in check_result.description, check_result.description
