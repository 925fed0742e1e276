"""What speaks for recommended items: shares of the published score, and what they come from in the history."""

import duckdb
import pytest

from basemodel_ops import stages
from basemodel_ops.errors import DataError
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks.explanations import check_sums
from basemodel_ops.stages.explanations.items import ITEMS
from basemodel_ops.stages.explanations.published import explanation_relation, importance_relation
from basemodel_ops.tasks.evidence import PERSONAL

from ..riding import CUTOFFS
from ..tasks.test_eligible_items import answers, next_stations
from ..trips import trips

NEWEST = CUTOFFS[-1]


@pytest.fixture(scope="module")
def stations(riders: Workspace) -> tuple[Workspace, str]:
    ws = next_stations(riders, None)
    answers(ws)
    (task,) = ws.contract.tasks
    return Workspace.open(
        ws.settings.model_copy(update={"explained": 4}), ws.contract, lambda _: None, "run"
    ), task.name


def query(ws: Workspace, text: str) -> list[tuple]:
    with duckdb.connect(str(ws.settings.warehouse_path), read_only=True) as connection:
        return connection.execute(text).fetchall()


def test_reasons_of_items_are_published_and_sum_to_the_score(stations: tuple[Workspace, str]) -> None:
    ws, name = stations
    assert stages.task_explanations(ws, name, NEWEST, "run").metrics["written"] == 1
    check_result = check_sums(ws, name, NEWEST)
    assert check_result.passed, check_result.description
    table = explanation_relation(name)
    sums = query(ws, f"select rider, item, sum(contribution), max(score) - max(empty_score), max(item_rank) "
                     f"from {table} group by all")  # fmt: skip
    assert len({rider for rider, *_ in sums}) == 8
    assert all(rank <= ITEMS for *_, rank in sums)
    for _, _, added, difference, _ in sums:
        assert added == pytest.approx(difference, abs=1e-6)
    had = {(row["rider"], row["station"]) for row in trips().to_pylist() if row["started_at"] < NEWEST}
    for rider, value, kind, item, events in query(
        ws, f"select rider, column_value, evidence, item, events from {table} where column_value is not null"
    ):
        assert (rider, int(value)) in had
        assert events > 0
        assert kind != PERSONAL or int(value) == item
    share = query(ws, f"select sum(mean), max(of_entities) from {importance_relation(name)} where kind = 'evidence'")
    first = f"""
        select avg(added) from (
            select max(score) - max(empty_score) as added from {table}
            where item_rank = 1 and chosen_by = 'sample' group by rider
        )
        """
    assert share[0][0] == pytest.approx(query(ws, first)[0][0], abs=1e-6)
    with duckdb.connect(str(ws.settings.warehouse_path)) as connection:
        connection.execute(f"update {table} set contribution = contribution + 0.01 where rank = 1")
    assert not check_sums(ws, name, NEWEST).passed


def test_one_entity_is_asked_for_all_items_or_for_one(stations: tuple[Workspace, str]) -> None:
    ws, name = stations
    rows = stages.explain_items(ws, name, "rider 3", NEWEST)
    items = list(dict.fromkeys(row["item"] for row in rows))
    assert len(items) > ITEMS
    entry = stages.explain_items(ws, name, "rider 3", NEWEST, str(items[1]))
    assert entry == [row for row in rows if row["item"] == items[1]]
    with pytest.raises(DataError, match="'gone' is not among the items"):
        stages.explain_items(ws, name, "rider 3", NEWEST, "gone")
    with pytest.raises(DataError, match="'nobody' has no event"):
        stages.explain_items(ws, name, "nobody", NEWEST)
