"""Inferred types that the values contradict; annotated ones are left alone."""

from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from basemodel_ops.contract.inference import infer_type
from basemodel_ops.contract.types import AttributeSource, Column, ColumnType, EventSource, Relation
from basemodel_ops.data_quality.profiles import Profile, inference_report, profile
from basemodel_ops.data_quality.samples import sample
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse

ROWS = 400
ITEMS = Relation(schema_name="behavior", name="things")


def looked_at(tmp_path: Path, values: pa.Array, data_type: str, annotated: ColumnType | None = None) -> Profile:
    """The profile of one column `value`."""
    column = Column(
        name="value", data_type=data_type, type=annotated or infer_type("value", data_type), inferred=annotated is None
    )
    source = AttributeSource(name="things", relation=ITEMS, key="key", valid_from=None, columns=(column,))
    with DuckDBWarehouse(tmp_path / "w.duckdb") as warehouse:
        warehouse.load(ITEMS, pa.table({"key": range(len(values)), "value": values}))
        (result,) = profile(warehouse, source)
    return result


@pytest.mark.parametrize(
    ("values", "data_type", "text"),
    [
        (pa.nulls(ROWS, pa.string()), "varchar", "holds nothing"),
        (pa.array(["EUR"] * ROWS), "varchar", "one value only"),
        (pa.array([f"a long remark number {i}" for i in range(ROWS)]), "varchar", "`text`"),
        (pa.array([f"pictures/{i}.JPG" for i in range(ROWS)]), "varchar", "`image`"),
        (pa.array([f"{i:x}" for i in range(ROWS)]), "varchar", "nothing repeats"),
        (pa.array([10**9 + i for i in range(ROWS)]), "bigint", "an id?"),
        (pa.array([i % 3 for i in range(ROWS)]), "integer", "a code?"),
    ],
    ids=["nothing", "constant", "text", "paths", "unique", "ids", "codes"],
)
def test_what_the_values_contradict_is_said(tmp_path: Path, values: pa.Array, data_type: str, text: str) -> None:
    assert text in looked_at(tmp_path, values, data_type).advice


@pytest.mark.parametrize(
    ("values", "data_type"),
    [
        (pa.array([f"brand {i % 30}" for i in range(ROWS)]), "varchar"),
        (pa.array([i % 40 for i in range(ROWS)]), "integer"),
        (pa.array([i / 7 for i in range(ROWS)]), "double"),
        (pa.array([datetime(2024, 1, 1) + timedelta(hours=i) for i in range(ROWS)]), "timestamp"),
        (pa.array(["a remark of many words"] * 3), "varchar"),
    ],
    ids=["brands", "counts", "measures", "times", "few rows"],
)
def test_what_fits_is_left_alone(tmp_path: Path, values: pa.Array, data_type: str) -> None:
    assert looked_at(tmp_path, values, data_type).advice == ""


def test_what_came_late_is_seen(tmp_path: Path) -> None:
    late = 15_000
    values = pa.concat_arrays([pa.nulls(25_000, pa.string()), pa.array([f"brand {i % 30}" for i in range(late)])])
    result = looked_at(tmp_path, values, "varchar")
    assert (result.rows, result.nulls, result.advice) == (40_000, 25_000, "")
    assert result.distinct == 30


def test_a_verdict_on_all_rows_is_not_given_of_some(tmp_path: Path) -> None:
    few = pa.concat_arrays([pa.nulls(200_000, pa.string()), pa.array(["EUR"])])
    result = looked_at(tmp_path, few, "varchar")
    assert (result.nulls, result.advice) == (200_000, "")
    other = looked_at(tmp_path, pa.array(["EUR"] * 200_000 + ["USD"]), "varchar")
    assert other.advice.startswith("one value only in 1")
    assert other.advice.endswith("rows looked at: `ignore`?")


def test_rows_that_are_equal_to_many_are_a_sample_too(tmp_path: Path) -> None:
    visits = Relation(schema_name="behavior", name="visits")
    column = Column(name="value", data_type="varchar", type=ColumnType.CATEGORY, inferred=True)
    source = EventSource(name="visits", relation=visits, entity="who", time="at", session=None, columns=(column,))
    count = 60_000  # of two people at one moment, with four values
    rows = pa.table(
        {
            "who": [i % 2 for i in range(count)],
            "at": [datetime(2024, 1, 1)] * count,
            "value": [f"brand {i * 4 // count}" for i in range(count)],
        }
    )
    with DuckDBWarehouse(tmp_path / "w.duckdb") as warehouse:
        warehouse.load(visits, rows)
        drawn = sample(warehouse, source, ["value"], 10_000, count).column(0).to_pylist()
        assert sorted(sample(warehouse, source, ["value"], 10_000, count).column(0).to_pylist()) == sorted(drawn)
    # Five standard deviations of what independent draws would give.
    expected, spread = 2_500, 5 * (15_000 * (1 / 6) * (5 / 6)) ** 0.5
    assert all(abs(drawn.count(f"brand {number}") - expected) <= spread for number in range(4))


def test_an_annotation_wins(tmp_path: Path) -> None:
    result = looked_at(tmp_path, pa.array([i % 3 for i in range(ROWS)]), "integer", ColumnType.NUMBER)
    assert result.advice == ""
    assert (result.rows, result.nulls, result.distinct) == (ROWS, 0, 3)


def test_the_report_begins_with_what_is_to_review(tmp_path: Path) -> None:
    fine = looked_at(tmp_path, pa.array([i / 7 for i in range(ROWS)]), "double")
    odd = looked_at(tmp_path, pa.nulls(ROWS, pa.string()), "varchar")
    rows = [line for line in inference_report([fine, odd]).splitlines() if line.startswith("| things")]
    assert ["holds nothing" in row for row in rows] == [True, False]
