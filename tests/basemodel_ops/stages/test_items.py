"""A label that only the items of a history tell is found: what came last, how often, in which order."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from basemodel_ops import stages
from basemodel_ops.contract.types import Relation, TaskType
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.tasks.single_artifact import SingleModelArtifact
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse

from .riding import CUTOFFS, is_over, trained

RIDERS, STATIONS = 400, 8
Histories = dict[str, list[tuple[datetime, int]]]


def histories() -> Histories:
    """Rides of which only the station differs, at moments and in numbers that say nothing of it."""
    generator = np.random.default_rng(0)
    result: Histories = {}
    for number in range(RIDERS):
        minutes = np.sort(generator.integers(0, 181 * 24 * 60, generator.integers(4, 30)))
        chosen = generator.integers(0, STATIONS, len(minutes))
        result[f"rider {number}"] = [
            (datetime(2024, 1, 1) + timedelta(minutes=int(minute)), int(station))
            for minute, station in zip(minutes, chosen, strict=True)
        ]
    return result


HISTORIES = histories()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    rows = [(rider, moment, station) for rider, rides in HISTORIES.items() for moment, station in rides]
    table = pa.table(
        {
            "rider": [rider for rider, _, _ in rows],
            "started_at": pa.array([moment for _, moment, _ in rows], pa.timestamp("us")),
            "booking": [str(number) for number in range(len(rows))],
            "station": [station for *_, station in rows],
            "fare": [1.0] * len(rows),
        }
    )
    return trained(tmp_path_factory.mktemp("items") / Path("home"), trips=table)


LABELS: dict[str, Callable[[list[int]], bool]] = {
    "newest": lambda past: past[-1:] == [3],
    "any": lambda past: 5 in past,
    "often": lambda past: past.count(1) > 2,
    "order": lambda past: past[-2:] == [4, 6],
    "pair": lambda past: 0 in past and 7 in past,
    "again": lambda past: len(past) > 1 and past[-1] == past[-2],
}


Label = Callable[[str, datetime], int | None]


def fitted(home: Workspace, name: str, label: Label) -> dict:
    """The metrics of a question whose answers are those of `label`."""
    rows = [(rider, cutoff, label(rider, cutoff)) for rider in HISTORIES for cutoff in CUTOFFS]
    table = pa.table(
        {
            "rider": [rider for rider, _, _ in rows],
            "cutoff": pa.array([cutoff for _, cutoff, _ in rows], pa.timestamp("us")),
            "target": pa.array([value for *_, value in rows], pa.int64()),
        }
    )
    relation = Relation(schema_name="tasks", name=f"told_{name}")
    with DuckDBWarehouse(home.settings.warehouse_path) as warehouse:
        warehouse.load(relation, table)
    changes = {"name": f"told_{name}", "relation": relation, "type": TaskType.BINARY, "target": "target"}
    task = home.contract.tasks[0].model_copy(update={**changes, "predicts": None})
    ws = Workspace.open(home.settings, home.contract.model_copy(update={"tasks": (task,)}), lambda _: None)
    stages.task_model(ws, task.name)
    model = SingleModelArtifact.current(ws.store, task.name)
    return vars(model.metrics) | {"shares": model.shares}


def had(rider: str, cutoff: datetime) -> list[int]:
    return [station for moment, station in HISTORIES[rider] if moment < cutoff]


@pytest.mark.parametrize("name", LABELS)
def test_a_label_that_items_tell_is_found(home: Workspace, name: str) -> None:
    def label(rider: str, cutoff: datetime) -> int | None:
        return int(LABELS[name](had(rider, cutoff))) if is_over(cutoff) else None

    metrics = fitted(home, name, label)
    selected = metrics["test"][metrics["shipped"]]["auroc"]
    assert sum(share for name, share in metrics["shares"].items() if "items" in name) > 0.9
    assert selected > 0.985
    assert metrics["test"]["baseline"]["auroc"] < 0.9


def test_a_baseline_of_raw_events_sees_what_the_automatic_one_does_not(home: Workspace) -> None:
    def label(rider: str, cutoff: datetime) -> int | None:
        return int(had(rider, cutoff)[-1:] == [2]) if is_over(cutoff) else None

    metrics = fitted(home, "seen", label)["test"]
    assert metrics["plain"]["auroc"] > 0.99
    assert metrics["baseline"]["auroc"] < 0.9


def test_an_outcome_that_depends_on_a_shared_item_is_found_as_by_its_true_rate(home: Workspace) -> None:
    generator = np.random.default_rng(1)
    rates = generator.permutation(np.linspace(0.05, 0.95, STATIONS))
    drawn: dict[tuple[str, datetime], tuple[int, float]] = {}
    for rider in HISTORIES:
        for cutoff in CUTOFFS:
            newest = had(rider, cutoff)[-1:]
            rate = rates[newest[0]] if newest else 0.5
            drawn[rider, cutoff] = int(generator.random() < rate), rate
    metrics = fitted(home, "shared", lambda rider, cutoff: drawn[rider, cutoff][0] if is_over(cutoff) else None)
    tested = sorted(cutoff for cutoff in CUTOFFS if is_over(cutoff))[-home.settings.test_cutoffs :]
    rows = [entry for (rider, cutoff), entry in drawn.items() if cutoff in tested and had(rider, cutoff)]
    best = roc_auc_score([answer for answer, _ in rows], [rate for _, rate in rows])
    assert metrics["test"][metrics["shipped"]]["auroc"] > best - 0.01
