"""The generated populations: sizes, bounds, what was planted, and labels counted again by plain loops."""

import json
import math
import os
import subprocess
import sys
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from basemodel_ops.settings import Settings
from benchmarks.scale import careers, shop
from benchmarks.scale.generation import END, Size
from benchmarks.scale.measurement import metrics
from benchmarks.scale.project import SHOP, Kind, lay
from benchmarks.scale.project import careers as careers_of
from benchmarks.scale.watching import watched
from dagster_project.lib.project import dbt_environment, dbt_executable

WIDE = Size(entities=200, weeks=30, events=60, seed=3)
NARROW = Size(entities=40, weeks=150, events=20, seed=3)
FINISH = datetime(END.year, END.month, END.day)


def build(kind: Kind, size: Size, home: Path) -> Settings:
    """Tables of dbt over raw tables that are there."""
    settings = Settings.model_validate({"dbt_project_dir": home / "project", "home": home})
    lay(kind, size, settings)
    with dbt_environment(settings):
        done = subprocess.run(
            [dbt_executable(), "--no-use-colors", "build"], cwd=settings.dbt_project_dir, capture_output=True, text=True
        )
    assert done.returncode == 0, done.stdout[-3000:]
    return settings


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("wide")
    shop.generate(str(home / "warehouse.duckdb"), "500MB", **vars(WIDE))
    return build(SHOP, WIDE, home)


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("narrow")
    careers.generate(str(home / "warehouse.duckdb"), "500MB", sources=2, **vars(NARROW))
    return build(careers_of(2), NARROW, home)


def rows(settings: Settings, query: str) -> list[tuple]:
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_there_are_as_many_events_as_were_asked_for(wide: Settings, narrow: Settings) -> None:
    ((purchases, baskets),) = rows(wide, "select count(*), count(distinct basket_id) from raw.purchases")
    ((visits,),) = rows(wide, "select count(*) from raw.visits")
    assert purchases + visits == pytest.approx(200 * 60, rel=0.1)
    assert purchases / baskets == pytest.approx(shop.LINES, rel=0.1)
    for source in (1, 2):
        ((events,),) = rows(narrow, f"select count(*) from raw.source_{source}")
        assert events == pytest.approx(40 * 20, rel=0.15)


def test_everything_happens_within_the_weeks_of_the_data(wide: Settings, narrow: Settings) -> None:
    for settings, size, table, moment in (
        (wide, WIDE, "purchases", "purchased_at"),
        (wide, WIDE, "visits", "visited_at"),
        (narrow, NARROW, "source_1", "happened_at"),
    ):
        ((first, last),) = rows(settings, f"select min({moment}), max({moment}) from raw.{table}")
        assert FINISH - timedelta(weeks=size.weeks) <= first < last < FINISH
        cutoffs = [cutoff for (cutoff,) in rows(settings, "select cutoff from tasks.cutoffs order by 1")]
        assert len(cutoffs) == size.cutoffs == size.weeks - 7
        assert cutoffs[-1] == FINISH


def test_attributes_are_known_when_a_customer_first_comes(wide: Settings) -> None:
    both = "raw.customers inner join raw.purchases using (customer_id)"
    assert rows(wide, f"select count(*) from {both} where purchased_at < valid_from") == [(0,)]
    assert rows(wide, "select count(*), count(distinct customer_id) from raw.customers") == [(200, 200)]
    ((products, departments, brands),) = rows(
        wide, "select count(*), count(distinct department), count(distinct brand) from raw.products"
    )
    assert (products, departments, brands) == (shop.PRODUCTS, shop.DEPARTMENTS, shop.BRANDS)


def test_tastes_activity_and_popularity_are_uneven_as_planted(wide: Settings) -> None:
    bought = rows(
        wide,
        "select taste, department, count(*) from raw.purchases inner join raw.products using (product_id)"
        " inner join generator.population using (customer_id) group by all",
    )
    current = sum(count for taste, name, count in bought if int(name[-2:]) in {(taste * 3 + j) % 30 for j in range(3)})
    chance = 3 / shop.DEPARTMENTS
    assert current / sum(count for *_, count in bought) == pytest.approx(0.7 + 0.3 * chance, abs=0.04)
    counts = sorted((n for (n,) in rows(wide, "select count(*) from raw.purchases group by customer_id")), reverse=True)
    assert sum(counts[:20]) > 0.25 * sum(counts)
    ((top, distinct),) = rows(
        wide, "select count(*) filter (product_id < 3000) / count(*), count(distinct product_id) from raw.purchases"
    )
    assert top == pytest.approx(0.52, abs=0.08)  # log(101) / log(6667): places are drawn evenly on a log scale
    assert distinct > 1000


def test_a_seed_makes_the_same_events_and_another_makes_others(wide: Settings, tmp_path: Path) -> None:
    print_of = "select bit_xor(hash(customer_id, purchased_at, product_id, amount, store)) from raw.purchases"
    result = []
    for seed in (WIDE.seed, 4):
        path = tmp_path / f"{seed}.duckdb"
        shop.generate(str(path), "500MB", **{**vars(WIDE), "seed": seed})
        with duckdb.connect(str(path), read_only=True) as connection:
            result.append(connection.execute(print_of).fetchall())
    assert result[0] == rows(wide, print_of)
    assert result[1] != result[0]


def test_labels_of_the_shop_are_what_a_plain_loop_finds(wide: Settings) -> None:
    bought = defaultdict(list)
    for customer, *purchase in rows(
        wide,
        "select customer_id, purchased_at, amount, product_id, department from raw.purchases"
        " inner join raw.products using (product_id)",
    ):
        bought[customer].append(purchase)
    churn, spend, departments, products = {}, {}, set(), set()
    for (cutoff,) in rows(wide, "select cutoff from tasks.cutoffs"):
        for customer, purchases in bought.items():
            if not any(cutoff - timedelta(days=56) <= moment < cutoff for moment, *_ in purchases):
                continue
            month = [entry for entry in purchases if cutoff <= entry[0] < cutoff + timedelta(days=28)]
            is_over = cutoff + timedelta(days=28) <= FINISH
            churn[customer, cutoff] = not month if is_over else None
            spend[customer, cutoff] = pytest.approx(sum(entry[1] for entry in month)) if is_over else None
            if cutoff + timedelta(days=14) <= FINISH:
                soon = [entry for entry in month if entry[0] < cutoff + timedelta(days=14)]
                products |= {(customer, cutoff, entry[2]) for entry in soon}
                departments |= {(customer, cutoff, entry[3]) for entry in soon}
    for task, expected in (("churn_28d", churn), ("spend_28d", spend)):
        result = rows(wide, f"from tasks.{task}")
        assert len(result) == len(expected) > 1000
        assert {(customer, cutoff): label for customer, cutoff, label in result} == expected
    for task, expected in (("departments_14d", departments), ("next_products_14d", products)):
        result = rows(wide, f"from tasks.{task}")
        assert len(result) == len(expected)
        assert set(result) == expected
    assert set(rows(wide, "from tasks.active_customers")) == set(churn)
    assert 0.05 < sum(map(bool, churn.values())) / len(churn) < 0.6


def test_labels_of_careers_are_what_a_plain_loop_finds(narrow: Settings) -> None:
    first, last = (rows(narrow, f"select entity_id, happened_at, points, kind from raw.source_{k}") for k in (1, 2))
    returned, points, kinds = {}, {}, set()
    for (cutoff,) in rows(narrow, "select cutoff from tasks.cutoffs"):
        end = cutoff + timedelta(days=28)
        active = {entry[0] for entry in first + last if cutoff - timedelta(days=56) <= entry[1] < cutoff}
        month = [entry for entry in first if cutoff <= entry[1] < end]
        for entity in active:
            current = [entry[2] for entry in month if entry[0] == entity]
            returned[entity, cutoff] = bool(current) if end <= FINISH else None
            points[entity, cutoff] = pytest.approx(sum(current)) if end <= FINISH else None
        if end <= FINISH:
            kinds |= {(entry[0], cutoff, entry[3]) for entry in last if cutoff <= entry[1] < end and entry[0] in active}
    for task, expected in (("returns_28d", returned), ("points_28d", points)):
        result = rows(narrow, f"from tasks.{task}")
        assert len(result) == len(expected) > 100
        assert {(entity, cutoff): label for entity, cutoff, label in result} == expected
    assert sorted(rows(narrow, "from tasks.kinds_28d")) == sorted(kinds)


def test_about_as_many_careers_go_on_at_the_end_as_at_any_time(narrow: Settings) -> None:
    counts = dict(rows(narrow, "select cutoff, count(*) from tasks.active_entities group by cutoff"))
    newest = [counts.get(FINISH - timedelta(weeks=week), 0) for week in range(20)]
    assert sum(newest) / 20 == pytest.approx(sum(counts.values()) / NARROW.cutoffs, rel=0.7)


def test_a_watched_command_tells_memory_disk_and_stages(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, time; kept = bytearray(80_000_000); pathlib.Path('file').write_bytes(bytes(5_000_000));"
        "time.sleep(0.6); print('  ✓ first/step 1.5 s', file=sys.stderr, flush=True); del kept; sys.exit(3)"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    result = watched([sys.executable, "-c", program], environment, tmp_path, tmp_path)
    assert 80 < result["peak_anonymous_mb"] <= result["peak_mb"] < 300
    assert result["disk_mb"] == pytest.approx(5_000_000 / 2**20, abs=0.1)
    assert result["stages"]["first/step"]["seconds"] == 1.5
    assert result["stages"]["first/step"]["peak_mb"] > 76
    assert result["error"].startswith("exit status 3")


def test_metrics_are_those_of_the_shipped_model_and_the_baseline(tmp_path: Path) -> None:
    folder = tmp_path / "churn" / "evaluation"
    (folder / "v1").mkdir(parents=True)
    (folder / "current.json").write_text(json.dumps({"version": "v1"}))
    report = {"shipped": "linear", "test": {"linear": {"auroc": 0.8}, "baseline": {"auroc": math.nan}}}
    (folder / "v1" / "metrics.json").write_text(json.dumps(report))
    assert metrics(tmp_path) == {"churn": {"shipped": "linear", "auroc": 0.8, "baseline": {"auroc": None}}}
