"""A treatment whose effect follows from where riders go, from labels to scores, reasons, deciles and a card."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops import stages
from basemodel_ops.contract.types import Relation, Task, TaskType
from basemodel_ops.errors import DataError
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks.answers import check_scores, check_task
from basemodel_ops.stages.checks.deciles import check_deciles
from basemodel_ops.stages.checks.explanations import check_sums
from basemodel_ops.stages.reporting.worth import worth
from basemodel_ops.stages.tasks.evaluation_artifact import EvaluationArtifact
from basemodel_ops.stages.tasks.predictions import read_predictions
from basemodel_ops.tasks.uplift import qini
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse

from ..riding import CUTOFFS, RIDES, is_over
from ..trips import RIDERS

CHANCES = ((0.1, 0.9), (0.5, 0.5), (0.9, 0.3))
"""Of coming without and with a voucher, by the zone that a rider keeps to."""

NEWEST = CUTOFFS[-1]

Label = Callable[[str, datetime], tuple[Any, Any]]
"""Outcome and treatment of a rider and a cutoff whose window is over."""


def zone(rider: str) -> int:
    return int(rider.split()[1]) % len(CHANCES)


def by_chance(rider: str, cutoff: datetime) -> tuple[int, int]:
    """A coin treats; whether a rider comes follows from its zone and that."""
    coin, luck = np.random.default_rng((int(rider.split()[1]), CUTOFFS.index(cutoff))).random(2)
    return int(luck < CHANCES[zone(rider)][int(coin < 0.5)]), int(coin < 0.5)


def treating(ws: Workspace, name: str, described: Label, kind: pa.DataType | None = None) -> tuple[Workspace, Task]:
    """A workspace with a task that asks what a voucher changes."""
    rows = [(*key, *(described(*key) if is_over(key[1]) else (None, None))) for key in RIDES]
    rider, cutoff, came, voucher = zip(*rows, strict=True)
    table = pa.table(
        {
            "rider": pa.array(rider), "cutoff": pa.array(cutoff, pa.timestamp("us")),
            "came": pa.array(came, pa.int64()), "voucher": pa.array(voucher, kind or pa.int64()),
        }
    )  # fmt: skip
    relation = Relation(schema_name="tasks", name=name)
    with DuckDBWarehouse(ws.settings.warehouse_path) as warehouse:
        warehouse.load(relation, table)
    task = ws.contract.tasks[0].model_copy(
        update={
            "name": name, "relation": relation, "type": TaskType.UPLIFT, "target": "came", "treatment": "voucher",
        }
    )  # fmt: skip
    return Workspace.open(ws.settings, ws.contract.model_copy(update={"tasks": (task,)}), lambda _: None), task


def rows_of(ws: Workspace, table: str) -> list[dict[str, Any]]:
    with duckdb.connect(str(ws.settings.warehouse_path), read_only=True) as connection:
        return connection.sql(f'select * from basemodel."{table}" order by rider').to_arrow_table().to_pylist()


@pytest.fixture(scope="module")
def treated(riders: Workspace) -> tuple[Workspace, Task, list[dict[str, Any]]]:
    ws, task = treating(riders, "comes_for_a_voucher", by_chance)
    stages.task_model(ws, task.name)
    stages.task_evaluation(ws, task.name)
    stages.task_scores(ws, task.name, NEWEST, "run")
    return ws, task, rows_of(ws, "comes_for_a_voucher_scores")


def test_scores_are_the_difference_of_two_chances_and_tell_the_zones_apart(
    treated: tuple[Workspace, Task, list[dict[str, Any]]],
) -> None:
    ws, task, rows = treated
    assert check_scores(ws, task.name, NEWEST).passed
    assert len(rows) == RIDERS
    for row in rows:
        assert 0 <= row["without_treatment"] <= 1
        assert 0 <= row["with_treatment"] <= 1
        assert row["score"] == pytest.approx(row["with_treatment"] - row["without_treatment"])
    effects = [np.mean([row["score"] for row in rows if zone(row["rider"]) == n]) for n in range(3)]
    assert effects[0] > effects[1] + 0.1 > effects[2] + 0.2


def test_the_planted_effect_is_above_the_interval_of_a_random_order(
    treated: tuple[Workspace, Task, list[dict[str, Any]]],
) -> None:
    ws, task, _ = treated
    report = EvaluationArtifact.current(ws.store, task.name).report
    selected = report["shipped"]
    assert report["metric"] == "qini"
    assert 0 < report[f"{selected}: qini_low"] < report["shipped_value"] < report[f"{selected}: qini_high"]
    result = check_task(ws, task.name)
    assert result.passed
    assert "Random is 0" in result.description
    kept = read_predictions(ws.store, task.name, "test")
    assert set(kept.column("label").to_pylist()) == set(kept.column("treatment").to_pylist()) == {0, 1}
    label, voucher, effect = (kept.column(name).to_numpy() for name in ("label", "treatment", "prediction"))
    assert qini(label + 2 * voucher, effect) == pytest.approx(report["shipped_value"], abs=1e-5)


def test_reasons_deciles_and_the_card_are_made_of_it(treated: tuple[Workspace, Task, list[dict[str, Any]]]) -> None:
    ws, task, rows = treated
    explained = stages.explain_entity(ws, task.name, "rider 3", NEWEST)
    (published,) = (row["score"] for row in rows if row["rider"] == "rider 3")
    assert explained.score == pytest.approx(published, rel=1e-6)
    total = sum(reason.contribution for reason in explained.reasons)
    assert total == pytest.approx(explained.score - explained.empty, rel=1e-6, abs=1e-6)
    stages.task_explanations(ws, task.name, NEWEST, "run")
    assert check_sums(ws, task.name, NEWEST).passed
    stages.task_deciles(ws, task.name, NEWEST, "run")
    assert check_deciles(ws, task.name, NEWEST).passed
    best = max(rows_of(ws, f"{task.name}_deciles"), key=lambda row: row["score"])
    assert (best["decile"], best["score"]) == (10, max(row["score"] for row in rows))
    with ws.warehouse() as warehouse:
        card = worth(ws.contract, ws.snapshot(), ws.store, warehouse, task, NEWEST, ws.settings.seed)
    measured = card.card.measured["shipped"]
    assert 0 < measured.low < measured.value < measured.high
    report = EvaluationArtifact.current(ws.store, task.name).report
    assert [measured.low, measured.high] == [report[f"{report['shipped']}: qini_{end}"] for end in ("low", "high")]
    assert measured.value == pytest.approx(report["shipped_value"], abs=1e-5)
    picture, held = card.pictures
    assert [picture.title, held.title] == ["Qini curve", "Effects foreseen and seen"]
    assert f"shipped {measured}" in picture.words
    assert "at random" in dict(picture.legend)


def always(rider: str, cutoff: datetime) -> tuple[int, int]:
    return by_chance(rider, cutoff)[0], 1


def never(rider: str, cutoff: datetime) -> tuple[int, bool]:
    return by_chance(rider, cutoff)[0], False


def by_zone(rider: str, cutoff: datetime) -> tuple[int, int]:
    """The riders of one zone get it."""
    return by_chance(rider, cutoff)[0], int(zone(rider) == 0)


def twice(rider: str, cutoff: datetime) -> tuple[int, int]:
    return by_chance(rider, cutoff)[0], 2


def unsaid(rider: str, cutoff: datetime) -> tuple[int, int | None]:
    return by_chance(rider, cutoff)[0], None


def often(rider: str, cutoff: datetime) -> tuple[int, int]:
    return 3 * by_chance(rider, cutoff)[0], by_chance(rider, cutoff)[1]


def in_words(rider: str, cutoff: datetime) -> tuple[int, str]:
    return by_chance(rider, cutoff)[0], "mailed"


MISTAKES: list[tuple[Label, pa.DataType, str]] = [
    (always, pa.int64(), "voucher is 1 in .*a comparison.*control group"),
    (never, pa.bool_(), "voucher is 1 in 0.*a comparison.*control group"),
    (by_zone, pa.int64(), "follows from the history.*AUROC of.*Treat some at random"),
    (twice, pa.int64(), "voucher of twice is 2 in some rows.*0 and 1"),
    (unsaid, pa.int64(), "has came without voucher in .* Say of each row"),
    (often, pa.int64(), "came of often is 3 in some rows"),
    (in_words, pa.string(), "holds what is no number. Cast it"),
]


@pytest.mark.parametrize(
    ("described", "kind", "words"), MISTAKES, ids=[described.__name__ for described, _, _ in MISTAKES]
)
def test_what_cannot_be_compared_is_refused_with_a_way_out(
    riders: Workspace, described: Label, kind: pa.DataType, words: str
) -> None:
    ws, task = treating(riders, described.__name__, described, kind)
    with pytest.raises(DataError, match=words):
        stages.task_model(ws, task.name)
    assert ws.store.newest(f"{task.name}/model") is None
