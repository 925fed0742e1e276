"""The data sets of the benchmark: each a dbt project with the contract, and what hand-made features need to know."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from basemodel_ops.errors import SettingsError

ROOT = Path(__file__).parents[2]
PROJECTS = ROOT / "benchmarks" / "projects"


@dataclass(frozen=True)
class Dataset:
    """Where a dbt project lies, how its cutoffs are split, and the columns that hand-made features are made of."""

    name: str
    projects: tuple[Path, ...]
    """dbt projects laid over each other and over the product's macros, the last on top."""
    settings: dict[str, object]
    """Settings of the product that differ from its own."""
    events: str
    """Table of the main event source, with its schema."""
    entity: str
    time: str
    item: str
    numbers: tuple[str, ...] = ()
    """Numbers of an event, that of money first."""
    basket: str | None = None
    """The column whose equal values are one occasion; none: what happens at one moment is."""
    top_items: str | None = None
    """Table of facts about items."""
    category: str | None = None
    """The column of `top_items` that says what kind of item it is; none: each item is a kind of its own."""
    files: dict[str, Path] = field(default_factory=dict)
    """CSV or Parquet files to load as raw tables."""
    timed: tuple[str, ...] = ()
    """Tasks whose fitting is compared with that of hand-made features; all if none are named."""
    is_sequences: bool = False
    """Whether the one question is the next item, over all items, for everyone."""


def complete_journey() -> Dataset:
    """The Complete Journey, split at the moments of the benchmark's grid."""
    return Dataset(
        name="complete_journey",
        projects=(ROOT / "dbt", PROJECTS / "complete_journey"),
        settings={"test_cutoffs": 3, "validation_cutoffs": 1},
        events="behavior.purchases",
        entity="household_id",
        time="purchased_at",
        basket="basket_id",
        item="product_id",
        numbers=("sales_value", "quantity", "retail_discount", "coupon_discount"),
        top_items="behavior.products",
        category="product_category",
        timed=("churn_28d", "spend_28d", "category_14d", "next_products_14d", "income_band"),
    )


def online_retail() -> Dataset:
    """Two years of a shop's invoices, validated 90 days before it is tested."""
    data = folder("BASEMODEL_ONLINE_RETAIL")
    return Dataset(
        name="online_retail",
        projects=(PROJECTS / "online_retail",),
        settings={"test_cutoffs": 3, "validation_cutoffs": 1, "horizons": (1, 3, 7, 14, 56)},
        events="behavior.purchases",
        entity="customer_id",
        time="purchased_at",
        item="product_id",
        numbers=("amount", "quantity", "price"),
        basket="invoice_id",
        top_items="behavior.products",
        category="kind",
        files={f"invoices_{years}": data / f"online_retail_{years}.parquet" for years in ("2009_2010", "2010_2011")},
    )


def _amazon(name: str) -> Dataset:
    """Sequences of items without times, laid out at their ends an item a day; `BASEMODEL_AMAZON` names their folder."""
    folder("BASEMODEL_AMAZON")
    return Dataset(
        name=name,
        projects=(PROJECTS / "amazon_sequences", PROJECTS / name),
        settings={
            "test_cutoffs": 1, "validation_cutoffs": 1, "dimension": 256, "half_lives": (3.0, 30.0),
            "windows": (1, 3, 7, 28), "horizons": (1,),
        },
        events="behavior.reviews",
        entity="user_id",
        time="reviewed_at",
        is_sequences=True,
        item="item_id",
        numbers=(),
        top_items="behavior.items",
        category="category_3",
    )  # fmt: skip


def amazon_toys() -> Dataset:
    """Reviews of toys."""
    return _amazon("amazon_toys")


def amazon_sports() -> Dataset:
    """Reviews of sports goods."""
    return _amazon("amazon_sports")


def _process_log(name: str, file: str, validations: int, tests: int) -> Dataset:
    """Cases of which only activities and their moments are known; `BASEMODEL_PROCESS_LOGS` names their folder."""
    return Dataset(
        name=name,
        projects=(PROJECTS / "process_logs", PROJECTS / name),
        settings={"validation_cutoffs": validations, "test_cutoffs": tests},
        events="behavior.activities",
        entity="case_id",
        time="completed_at",
        item="activity",
        files={"activities": folder("BASEMODEL_PROCESS_LOGS") / f"{file}.csv"},
    )


def incidents() -> Dataset:
    """Incidents of an IT desk (BPI challenge 2013), asked every day."""
    return _process_log("incidents", "bpi_13_incidents", 2, 4)


def permits() -> Dataset:
    """Environmental permits, asked every week."""
    return _process_log("permits", "env_permit", 4, 16)


def cdnow() -> Dataset:
    """Orders of which only moments, pieces and money are known; `BASEMODEL_CDNOW` names their folder."""
    return Dataset(
        name="cdnow",
        projects=(PROJECTS / "cdnow",),
        settings={"validation_cutoffs": 2, "test_cutoffs": 3},
        events="behavior.orders",
        entity="customer_id",
        time="ordered_at",
        item="customer_id",
        numbers=("amount", "discs"),
        files={"orders": folder("BASEMODEL_CDNOW") / "CDNOW_sample.txt"},
    )


def movielens() -> Dataset:
    """Ratings of films (ML-100k): who rates, how much, what next; `BASEMODEL_MOVIELENS` names the folder."""
    data = folder("BASEMODEL_MOVIELENS")
    return Dataset(
        name="movielens",
        projects=(PROJECTS / "movielens",),
        settings={"validation_cutoffs": 2, "test_cutoffs": 3},
        events="behavior.ratings",
        entity="user_id",
        time="rated_at",
        item="film_id",
        numbers=("rating",),
        top_items="behavior.films",
        category="genre",
        files={
            name: data / f"ml-100k.{end}" for name, end in (("ratings", "inter"), ("films", "item"), ("people", "user"))
        },
    )


def web_events() -> Dataset:
    """Sessions of typed events, generated: a call to support after a failed payment makes visitors leave."""
    return Dataset(
        name="web_events",
        projects=(PROJECTS / "web_events",),
        settings={"validation_cutoffs": 2, "test_cutoffs": 3},
        events="behavior.web_events",
        entity="visitor_id",
        time="happened_at",
        item="kind",
        basket="session_id",
    )


def named(name: str) -> Dataset:
    """A data set by its name; SettingsError lists those that exist."""
    every = (
        complete_journey, online_retail, amazon_toys, amazon_sports, incidents, permits, cdnow, movielens, web_events
    )  # fmt: skip
    makers = {maker.__name__: maker for maker in every}
    if name not in makers:
        raise SettingsError(f"No data set {name}. There are: {', '.join(makers)}.")
    return makers[name]()


def folder(variable: str) -> Path:
    """The folder that an environment variable names; SettingsError if there is none."""
    value = os.environ.get(variable, "")
    if not value or not Path(value).is_dir():
        raise SettingsError(f"{variable} names no folder ({value or 'not set'}). Point it at the data.")
    return Path(value)
