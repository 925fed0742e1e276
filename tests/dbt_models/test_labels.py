"""Labels made by SQL equal those of a plain loop over events."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from basemodel_ops.contract.manifest import read_contract
from basemodel_ops.settings import Settings
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks.label_counts import check_labels

from .conftest import Project
from .raw import GRID_START

ROOT = Path(__file__).parents[2]


class Oracle:
    """The questions, answered one household and one cutoff at a time."""

    def __init__(self, raw: dict[str, pd.DataFrame]) -> None:
        self.events = raw["transactions"].rename(columns={"transaction_timestamp": "at"})
        self.income = raw["demographics"].set_index("household_id")["income"].to_dict()
        categories = dict(raw["products"][["product_id", "product_category"]].itertuples(index=False))
        self.events["category"] = [categories.get(product) for product in self.events["product_id"]]
        self.data_end: datetime = self.events["at"].max().to_pydatetime()
        weeks = (self.data_end - GRID_START).days // 7
        self.cutoffs = [GRID_START + timedelta(weeks=week) for week in range(weeks + 1)]

    def between(self, start: datetime, end: datetime) -> pd.DataFrame:
        return self.events.loc[(self.events["at"] >= start) & (self.events["at"] < end)]

    def population(self) -> list[tuple[int, datetime]]:
        return [
            (household, cutoff)
            for cutoff in self.cutoffs
            for household in self.between(cutoff - timedelta(days=56), cutoff)["household_id"].unique()
        ]

    def future(self, household: int, cutoff: datetime, days: int) -> pd.DataFrame | None:
        """The household's events in the window; None while it is open."""
        if cutoff + timedelta(days=days) > self.data_end:
            return None
        window = self.between(cutoff, cutoff + timedelta(days=days))
        return window.loc[window["household_id"] == household]

    def largest(self) -> set[str]:
        seen = self.events.loc[self.events["at"] < GRID_START + timedelta(days=56), "category"]
        counts = Counter(seen.dropna())
        return set(sorted(counts, key=lambda name: (-counts[name], name))[:100])


@pytest.fixture(scope="module")
def oracle(raw: dict[str, pd.DataFrame]) -> Oracle:
    return Oracle({name: frame.copy() for name, frame in raw.items()})


@pytest.fixture(scope="module")
def rows(built: Project) -> Callable[[str], list[tuple]]:
    """Reads all rows of a query."""

    def read(query: str) -> list[tuple]:
        with duckdb.connect(str(built.warehouse), read_only=True) as connection:
            return connection.execute(query).fetchall()

    return read


def test_cutoffs_are_the_mondays_that_the_data_reach(rows, oracle):
    assert sorted(rows("select cutoff, data_end from tasks.cutoffs")) == [
        (cutoff, oracle.data_end) for cutoff in oracle.cutoffs
    ]


def test_population_bought_in_the_eight_weeks_before(rows, oracle):
    result = rows("select household_id, cutoff from tasks.active_households")
    assert sorted(result) == sorted(oracle.population())


def test_churn(rows, oracle):
    expected = {}
    for household, cutoff in oracle.population():
        future = oracle.future(household, cutoff, days=28)
        expected[household, cutoff] = None if future is None else int(future.empty)
    result = {(row[0], row[1]): row[2] for row in rows("select household_id, cutoff, churned from tasks.churn_28d")}
    assert result == expected
    assert {0, 1, None} == set(result.values())


def test_spend(rows, oracle):
    expected = {}
    for household, cutoff in oracle.population():
        future = oracle.future(household, cutoff, days=28)
        expected[household, cutoff] = None if future is None else pytest.approx(future["sales_value"].sum())
    result = {(row[0], row[1]): row[2] for row in rows("select household_id, cutoff, spend from tasks.spend_28d")}
    assert result == expected


@pytest.mark.parametrize(
    ("model", "target", "column"),
    [("category_14d", "product_category", "category"), ("next_products_14d", "product_id", "product_id")],
)
def test_items_bought(rows, oracle, model, target, column):
    listed = oracle.largest()
    expected = set()
    for household, cutoff in oracle.population():
        future = oracle.future(household, cutoff, days=14)
        if future is None:
            continue
        items = set(future[column].dropna())
        expected |= {(household, cutoff, item) for item in (items & listed if column == "category" else items)}
    result = rows(f"select household_id, cutoff, {target} from tasks.{model}")
    assert len(result) == len(set(result))
    assert set(result) == expected


def test_the_mini_data_have_more_categories_than_are_listed(oracle):
    assert oracle.events["category"].nunique() > len(oracle.largest()) == 100


def test_income_bands(rows, oracle):
    bands = {
        "Under 15K": "under 35K",
        "15-24K": "under 35K",
        "25-34K": "under 35K",
        "35-49K": "35-49K",
        "50-74K": "50-74K",
        "75-99K": "75K and more",
        "250K+": "75K and more",
    }
    result = {
        (row[0], row[1]): row[2] for row in rows("select household_id, cutoff, income_band from tasks.income_band")
    }
    assert result == {
        (household, cutoff): bands.get(oracle.income.get(household)) for household, cutoff in oracle.population()
    }


@pytest.mark.parametrize("task", ["churn_28d", "spend_28d", "category_14d", "next_products_14d", "income_band"])
def test_labels_counted_again_as_every_run_does_agree(built, task):
    contract = read_contract(built.home / "target" / "manifest.json")
    check_result = check_labels(Workspace.open(Settings(home=built.home), contract, lambda _: None), task)
    assert check_result.passed, check_result.description
    if task == "income_band":
        assert "trait" in check_result.description
    else:
        assert float(check_result.metrics["rows"]) > 400
        assert check_result.metrics["left_out"] == 0


def test_no_package_file_hides_dbt_itself():
    assert not (ROOT / "dbt" / "__init__.py").exists()
