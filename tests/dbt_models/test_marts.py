"""The marts over score tables of two partitions."""

from datetime import datetime

import duckdb
import pytest

from .conftest import Project

OLD, NEW = datetime(2017, 5, 8), datetime(2017, 5, 15)
TABLES = {
    "churn_28d": "cast(0.25 * household_id as double) as score",
    "spend_28d": "cast(10 * household_id as double) as prediction",
    "income_band": "'50-74K' as class, cast(0.5 as double) as probability",
    "category_14d": "'category ' || rank as item, 1 / rank as score, cast(rank as integer) as rank",
    "next_products_14d": "1000 + rank as item, 1 / rank as score, cast(rank as integer) as rank",
}


@pytest.fixture(scope="module")
def household_360(built: Project) -> dict[int, dict]:
    """Households 1 and 2 were scored in the old partition, 1 alone in the new one."""
    with duckdb.connect(str(built.warehouse)) as connection:
        connection.execute("create schema basemodel")
        for task, answer in TABLES.items():
            ranks = 12 if "rank" in answer else 1
            connection.execute(
                f"""
                create table basemodel.{task}_scores as
                select household_id, as_of, {answer},
                    'v' as model_version, 'r' as run_id, as_of as scored_at
                from (values (1, ?), (2, ?), (1, ?)) scored (household_id, as_of)
                cross join range(1, {ranks + 1}) ranks (rank)
                """,
                [OLD, OLD, NEW],
            )
    built.build("--select", "source:basemodel+")
    with duckdb.connect(str(built.warehouse), read_only=True) as connection:
        rows = connection.sql("select * from marts.household_360").to_arrow_table().to_pylist()
    return {row["household_id"]: row for row in rows}


def test_one_row_per_household(household_360, raw):
    assert set(household_360) == set(raw["transactions"]["household_id"])


def test_answers_are_of_the_newest_partition(household_360):
    first = household_360[1]
    assert first["churn_as_of"] == first["spend_as_of"] == first["income_band_as_of"] == NEW
    assert (first["churn_score"], first["expected_spend"], first["income_band"]) == (0.25, 10.0, "50-74K")
    assert first["next_categories"] == ", ".join(f"category {rank}" for rank in range(1, 6))
    assert first["next_products"] == ", ".join(str(1000 + rank) for rank in range(1, 11))


def test_an_old_answer_is_not_shown(household_360):
    second = household_360[2]
    assert second["churn_score"] is second["expected_spend"] is second["next_products"] is None
