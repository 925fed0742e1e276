"""Targets before anything is learnt: what training would say of them after long work."""

import numpy as np
from sqlglot import exp

from basemodel_ops.contract.task_types import Shape
from basemodel_ops.errors import DataError
from basemodel_ops.report import CheckResult
from basemodel_ops.stages.snapshot.parts import PARTS
from basemodel_ops.stages.snapshot.sampling import TaskPlan
from basemodel_ops.stages.snapshot.task_rows import load_task_rows, prepared
from basemodel_ops.stages.snapshot.times import read_times
from basemodel_ops.stages.tasks.targets import read_targets, refuse_constant
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.queries import table_of

ROWS = 100_000
"""Rows whose targets are read, about: those of some entities where there are more."""


def check_targets(ws: Workspace, name: str) -> CheckResult:
    """The targets of a task with one answer are of its type, and those to learn from differ."""
    task = ws.contract.task(name)
    if task.form.shape is not Shape.ANSWER:
        return CheckResult("targets", True, "Its rows are items.", {"rows": 0})
    try:
        with ws.warehouse() as warehouse:
            counted = exp.select(exp.Count(this=exp.Star())).from_(table_of(task.relation))
            share = min(1.0, ROWS / max(warehouse.read(counted).column(0)[0].as_py(), 1))
            times = read_times(ws.contract, ws.settings, warehouse)
            rows = prepared(task, load_task_rows(warehouse, task, times, TaskPlan(share, {}, {})), ws.settings.seed)
        target, _ = read_targets(task, rows)
        if share == 1:  # of a rare answer a part of the rows may hold none
            refuse_constant(task, target, {part: np.flatnonzero(rows.part == part) for part in PARTS})
    except DataError as error:
        return CheckResult("targets", False, str(error), {"rows": 0})
    return CheckResult("targets", True, f"{len(target)} targets can be learnt from.", {"rows": len(target)})
