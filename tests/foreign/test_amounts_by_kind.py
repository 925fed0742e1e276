"""Payments in and out of one column: what tells is the sum of each kind, not of both."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from basemodel_ops import stages
from basemodel_ops.contract.types import Cadence
from basemodel_ops.stages.tasks.single_artifact import SingleModelArtifact

from .clinics import PATIENTS, clinic, represented

ACCOUNTS = clinic(Cadence.WEEK, datetime(2023, 1, 2), 40, 14)
PAYMENTS, REMEMBERED = 600, timedelta(days=28)


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


def test_what_was_paid_in_and_out_is_told_apart(tmp_path: Path) -> None:
    """The label is whether more came in than went out in four weeks. Without sums by kind the AUROC is .942."""
    who, paid_at, kind, amount = zip(*payments(), strict=True)
    moment = pa.timestamp("us")
    visits = {"patient": list(who), "visited_at": pa.array(paid_at, moment), "clinic": kind, "duration": amount}
    seconds, signed = np.array(paid_at, "datetime64[us]"), np.where(np.array(kind) == "in", 1, -1) * np.array(amount)
    labels = []
    for name in ACCOUNTS.names:
        of = np.array(who) == name
        for cutoff in ACCOUNTS.cutoffs:
            seen = of & (seconds >= np.datetime64(cutoff - REMEMBERED)) & (seconds < np.datetime64(cutoff))
            is_over = cutoff + timedelta(days=ACCOUNTS.horizon) <= ACCOUNTS.end
            labels.append((name, cutoff, int(signed[seen].sum() > 0) if is_over else None))
    patient, cutoff, more_in = zip(*labels, strict=True)
    returns = pa.table({"patient": list(patient), "cutoff": pa.array(cutoff, moment), "returned": pa.array(more_in)})
    declared = ACCOUNTS.contract()
    task = declared.tasks[0].model_copy(update={"predicts": None})
    declared = declared.model_copy(update={"tasks": (task,)})
    workspace = ACCOUNTS.workspace(tmp_path, declared, visits=pa.table(visits), returns=returns)
    represented(workspace)
    stages.foundation_model(workspace)
    stages.task_model(workspace, "returns")
    metrics = SingleModelArtifact.current(workspace.store, "returns").metrics
    assert metrics.test[metrics.shipped]["auroc"] > 0.97
