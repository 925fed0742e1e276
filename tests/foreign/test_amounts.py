"""Questions that no sum answers alone: of payments in and out, and of how much there is of one number for another."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from basemodel_ops import stages
from basemodel_ops.contract.types import Cadence, Column, ColumnType
from basemodel_ops.stages.tasks.single_artifact import SingleModelArtifact

from .clinics import PATIENTS, clinic, column, represented

ACCOUNTS = clinic(Cadence.WEEK, datetime(2023, 1, 2), 40, 14)
PAYMENTS, LOOKBACK = 600, timedelta(days=28)


def payments() -> list[tuple[str, datetime, str, float]]:
    """Of each account as many in as out, whose amounts drift apart and back, by time."""
    generator, first = np.random.default_rng(0), ACCOUNTS.cutoffs[0] - timedelta(days=100)
    span, rows = (ACCOUNTS.end - first).total_seconds(), []
    for entry in range(PATIENTS):
        seconds = np.sort(generator.random(PAYMENTS) * span)
        drift = np.cumsum(generator.normal(0, 0.15, PAYMENTS))
        is_in = generator.random(PAYMENTS) < 0.5
        sign = np.where(is_in, 1, -1)
        amount = np.exp(generator.normal(0, 0.5, PAYMENTS) + 0.5 * sign * (drift - drift.mean()))
        for second, kind, value in zip(seconds, is_in, amount, strict=True):
            rows.append((f"patient {entry}", first + timedelta(seconds=int(second)), "in" if kind else "out", value))
    return sorted(rows, key=lambda row: row[1])


def shipped_auroc(home: Path, visits: dict[str, Any], amounts: np.ndarray, columns: tuple[Column, ...] = ()) -> float:
    """What is told on test rows whether the sum of `amounts` (events,) over four weeks before a cutoff is above 0."""
    moment = pa.timestamp("us")
    who, at = np.array(visits["patient"]), np.array(visits["visited_at"], "datetime64[us]")
    labels = []
    for name in ACCOUNTS.names:
        indices = np.flatnonzero(who == name)
        for cutoff in ACCOUNTS.cutoffs:
            seen = indices[(at[indices] >= np.datetime64(cutoff - LOOKBACK)) & (at[indices] < np.datetime64(cutoff))]
            is_over = cutoff + timedelta(days=ACCOUNTS.horizon) <= ACCOUNTS.end
            labels.append((name, cutoff, int(amounts[seen].sum() > 0) if is_over else None))
    patient, cutoff, is_above = zip(*labels, strict=True)
    returns = pa.table({"patient": list(patient), "cutoff": pa.array(cutoff, moment), "returned": pa.array(is_above)})
    declared = ACCOUNTS.contract()
    task = declared.tasks[0].model_copy(update={"predicts": None})
    event = declared.events[0]
    event = event.model_copy(update={"columns": (*event.columns, *columns)})
    declared = declared.model_copy(update={"events": (event,), "tasks": (task,)})
    table = pa.table(visits | {"visited_at": pa.array(visits["visited_at"], moment)})
    workspace = ACCOUNTS.workspace(home, declared, visits=table, returns=returns)
    represented(workspace)
    stages.foundation_model(workspace)
    stages.task_model(workspace, "returns")
    metrics = SingleModelArtifact.current(workspace.store, "returns").metrics
    return metrics.test[metrics.shipped]["auroc"]


def test_what_was_paid_in_and_out_is_told_apart(tmp_path: Path) -> None:
    """Whether more came in than went out. Without sums by kind the AUROC is .942."""
    who, paid_at, kind, amount = zip(*payments(), strict=True)
    visits = {"patient": list(who), "visited_at": list(paid_at), "clinic": list(kind), "duration": list(amount)}
    assert shipped_auroc(tmp_path, visits, np.where(np.array(kind) == "in", 1, -1) * np.array(amount)) > 0.97


def test_how_much_there_is_of_one_number_for_each_of_another_is_told(tmp_path: Path) -> None:
    """Whether more than usual was hit, of balls that differ by orders of magnitude. Without rates the AUROC is .687."""
    generator = np.random.default_rng(1)
    who, played_at, _, drift = zip(*payments(), strict=True)
    balls = np.exp(generator.normal(0, 1, len(who)) + 3 * generator.normal(0, 1, PATIENTS)[patients(who)])
    hits = balls / 3 * np.array(drift) * np.exp(generator.normal(0, 0.3, len(who)))
    visits = {
        "patient": list(who), "visited_at": list(played_at), "clinic": ["here"] * len(who), "duration": balls,
        "hits": hits,
    }  # fmt: skip
    above = hits - balls / 3 * np.mean(drift)
    assert shipped_auroc(tmp_path, visits, above, (column("hits", ColumnType.NUMBER),)) > 0.85


def patients(names: Sequence[str]) -> np.ndarray:
    """Numbers of patients, (names,)."""
    return np.array([int(name.split()[1]) for name in names])
