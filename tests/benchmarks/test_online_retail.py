"""Online Retail as a project with the contract: what its staging models make of raw lines, and its labels by hand."""

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from rich.console import Console

from basemodel_ops.contract.types import TaskType
from basemodel_ops.errors import SettingsError
from basemodel_ops.settings import Settings
from benchmarks.quality.datasets import named
from benchmarks.quality.product import build_tables, load_files, open_project, settings_of

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
DECEMBER = ("200", "22222", "BOX OF BIRDS ", 3, "2010-12-05 09:00", 2.0, 7, "France")
EARLIER = [
    ("100", "11111a", "RED BIRD CUP", 2, "2010-05-10 10:00", 1.5, 7, "France"),
    ("100", "11111A", "RED BIRD CUP", 2, "2010-05-10 10:00", 2.5, 7, "France"),
    ("100", "POST", "POSTAGE", 1, "2010-05-10 10:00", 18.0, 7, "France"),
    ("101", "22222", "BOX OF BIRDS", 6, "2010-06-01 10:00", 2.0, 8, "Norway"),
    ("102", "33333", "TEA CUP", 6, "2010-06-20 10:00", 2.0, None, "France"),
    DECEMBER,
]
LATER = [
    DECEMBER,
    ("C300", "22222", "BOX OF BIRDS", -1, "2011-01-05 09:00", 2.0, 7, "France"),
    ("301", "22222", "BOX OF BIRDS", 80_000, "2011-02-01 09:00", 2.0, 8, "Norway"),
    ("C302", "22222", "BOX OF BIRDS", -80_000, "2011-02-01 09:10", 2.0, 8, "Norway"),
    ("303", "33333", "TEA CUP", 4, "2011-02-02 09:00", 0.0, 8, "Norway"),
    ("304", "33333", "TEA CUPS", 4, "2011-07-02 09:00", 1.25, 8, "Norway"),
    ("A305", "B", "Adjust bad debt", 1, "2011-08-12 14:50", 11_062.06, 8, "Norway"),
    ("306", "44444", None, 1, "2011-12-09 12:50", 4.0, 9, "United Kingdom"),
]


def write(rows: list[tuple], path: Path) -> None:
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["InvoiceDate"] = pd.to_datetime(frame["InvoiceDate"])
    frame["CustomerID"] = frame["CustomerID"].astype("Int64")
    parquet.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of a home whose tables are built from the lines above."""
    data, home = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("home")
    write(EARLIER, data / "online_retail_2009_2010.parquet")
    write(LATER, data / "online_retail_2010_2011.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BASEMODEL_ONLINE_RETAIL", str(data))
        dataset = named("online_retail")
    settings = settings_of(dataset, home)
    build_tables(dataset, settings)
    return settings


def rows(settings: Settings, query: str) -> list[tuple]:
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_the_project_carries_a_contract_with_a_task_of_every_type_but_survival_and_uplift(settings: Settings) -> None:
    contract = open_project(settings, Console(quiet=True)).contract
    assert [event.name for event in contract.events] == ["purchases", "returns"]
    assert {task.type for task in contract.tasks} == set(TaskType) - {TaskType.SURVIVAL, TaskType.UPLIFT}
    trait = contract.task("trait_country")
    assert trait.horizon is None
    assert trait.reads == ("customers",)


def test_purchases_are_goods_that_a_known_customer_took_once(settings: Settings) -> None:
    result = rows(
        settings,
        "select customer_id, invoice_id, product_id, quantity, price, amount, purchased_at from behavior.purchases"
        " order by purchased_at",
    )
    assert result == [
        (7, "100", "11111A", 4, 2.0, 8.0, datetime(2010, 5, 10, 10)),
        (8, "101", "22222", 6, 2.0, 12.0, datetime(2010, 6, 1, 10)),
        (7, "200", "22222", 3, 2.0, 6.0, datetime(2010, 12, 5, 9)),
        (8, "304", "33333", 4, 1.25, 5.0, datetime(2011, 7, 2, 9)),
        (9, "306", "44444", 1, 4.0, 4.0, datetime(2011, 12, 9, 12, 50)),
    ]


def test_returns_stand_apart_and_count_pieces_that_came_back(settings: Settings) -> None:
    result = rows(settings, "select customer_id, invoice_id, product_id, quantity, amount from behavior.returns")
    assert result == [(7, "C300", "22222", 1, 2.0)]


def test_a_kind_is_a_word_that_many_descriptions_end_with(settings: Settings) -> None:
    result = rows(settings, "select product_id, description, kind from behavior.products order by product_id")
    assert result == [
        ("11111A", "RED BIRD CUP", "CUP"),
        ("22222", "BOX OF BIRDS", "BIRD"),
        ("33333", "TEA CUPS", "CUP"),
        ("44444", None, None),
    ]


def test_labels_are_what_a_plain_loop_finds(settings: Settings) -> None:
    purchases = rows(settings, "select customer_id, purchased_at, amount from behavior.purchases")
    cutoffs = [cutoff for (cutoff,) in rows(settings, "select cutoff from tasks.cutoffs order by cutoff")]
    assert len(cutoffs) == 54
    expected = set()
    for cutoff in cutoffs:
        for customer in (7, 8, 9):
            chosen = [(moment, amount) for entity_index, moment, amount in purchases if entity_index == customer]
            if any(cutoff - timedelta(days=180) <= moment < cutoff for moment, _ in chosen):
                future = [amount for moment, amount in chosen if cutoff <= moment < cutoff + timedelta(days=90)]
                expected.add((customer, cutoff, int(not future), sum(future)))
    result = rows(settings, "select * from tasks.churn_90d inner join tasks.spend_90d using (customer_id, cutoff)")
    assert set(result) == expected
    assert len(result) == len(expected)


def test_a_file_that_is_no_table_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"notes\.txt"):
        load_files(None, {"notes": tmp_path / "notes.txt"})  # type: ignore[arg-type]
