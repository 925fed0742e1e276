"""What training and scoring will take, known before any of it: rows, numbers in a row, disk, memory and minutes.

The rates are those of two cores; they say whether a night is enough, not when to come back. Memory and disk are what a
run is refused for.
"""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from basemodel_ops.assets import FOUNDATION_MODEL, TRAINING_EXAMPLES, category_columns, embedding_key, model_key
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import Contract, Task
from basemodel_ops.errors import BudgetError
from basemodel_ops.insight.cells import EXACT
from basemodel_ops.memory import size_of
from basemodel_ops.report import Report
from basemodel_ops.settings import Settings
from basemodel_ops.stages.explanations.explaining import EVALUATIONS, TESTED_ENTITIES
from basemodel_ops.stages.explanations.scored import ROWS as MASKED
from basemodel_ops.stages.features.builder import GROUP, ROWS
from basemodel_ops.stages.foundation.embedding import EMBEDDING
from basemodel_ops.stages.insight.past import ROWS as PAST_WINDOWS
from basemodel_ops.stages.planning.widths import count_values, row_numbers
from basemodel_ops.stages.snapshot.snapshot import Snapshot
from basemodel_ops.stages.tasks.recommendation import EVENTS
from basemodel_ops.stages.workspace import Workspace

MB = 2**20

SCORES = "scores of one cutoff"
"""The line of scoring."""

INSIGHT, EXPLANATIONS = "look-alikes to anomalies of one cutoff", "explanations of one cutoff"
"""Those of what is made from answers."""

TRUSTED = 1.5
"""How far off an estimate of memory may be."""

BASE = 1_200
"""Megabytes of a process that has everything loaded, and its kernels compiled."""

EVENTS_A_SECOND = 400_000
"""Read, encoded and sorted."""

NUMBERS_A_SECOND = 25e6
"""Numbers of rows represented."""

ACTIVITY_A_SECOND = 1_600
"""Rows that the learners of activity take, all passes together."""

ITEMS_A_SECOND = 6e6
"""Numbers of rows that the learners of items take."""

FITTED_A_SECOND = {Shape.ANSWER: 3_000, Shape.LABELS: 400, Shape.ITEMS: 300}
"""Labelled rows that the candidates of a task take."""

FITTED_SECONDS, MANY_OUTPUTS = 20, 3
"""What one answer takes however few the rows are; and so many times as long where it is of classes or periods."""

ANSWERED_A_SECOND = {Shape.ANSWER: 3_000, Shape.LABELS: 1_500, Shape.ITEMS: 600}
"""Entities that a task is asked about."""

COMPARED_A_SECOND = 16e6
"""Pairs of entities, for look-alikes."""

REMOVED = 5
"""Histories by which the check of an explanation sees what removing its events does."""

MASKED_A_SECOND = 1_300
"""Histories without some of their events that are represented and scored."""

PAIRED = 128 * 12 * 4 * 8
"""Bytes that a row takes as a pair with each label, copies of the learners included."""

PAIRS_MB = 700
"""Megabytes of the pairs that the boosters of items learn from, with the features of the rows that they come from."""

RANKED_MB = 1_200
"""Megabytes of candidates and what speaks for them."""

READ = 500
"""Numbers that activity is foreseen from, about."""


@dataclass(frozen=True)
class Line:
    """What one stage takes, about."""

    stage: str
    rows: int
    numbers: int
    disk_mb: float
    memory_mb: float
    minutes: float


def budget(contract: Contract, settings: Settings, snapshot: Snapshot, length: int) -> list[Line]:
    """The lines of the stages that take most, where a row is `length` numbers."""
    lines = [*_embeddings(contract, settings, snapshot), *_training(contract, settings, snapshot, length)]
    lines += [_fitting(task, settings, snapshot) for task in contract.tasks]
    lines += [_scoring(contract, settings, snapshot, length), _insight(snapshot, length)]
    return [*lines, *([_explaining(contract, settings, snapshot, length)] if settings.explained else [])]


def _embeddings(contract: Contract, settings: Settings, snapshot: Snapshot) -> Iterator[Line]:
    for source, column in category_columns(contract):
        events = min(snapshot.events[source], settings.embedding_events)
        seconds = events / EVENTS_A_SECOND + events * settings.iterations * settings.dimension / 1.5e9
        memory = BASE + min(events, 2_000_000) * 200 / MB + events * 30 / MB
        yield Line(embedding_key(source, column), events, settings.dimension, events * 40 / MB, memory, seconds / 60)


def _training(contract: Contract, settings: Settings, snapshot: Snapshot, length: int) -> Iterator[Line]:
    tasks = {task.name: task for task in contract.tasks}
    drawn = {name: _drawn(snapshot, name) for name in snapshot.pooled}
    represented = sum(n for name, n in drawn.items() if name in tasks and tasks[name].form.shape is not Shape.ITEMS)
    rows = min(represented + settings.pretraining_rows + settings.activity_rows, _pairs(snapshot))
    wide = min(settings.pretraining_rows + 3 * 12_000, rows)
    read_events = sum(snapshot.events.values()) * snapshot.read
    disk = (wide * length + (rows - wide) * length * 0.7) * 2 / MB
    seconds = read_events / EVENTS_A_SECOND + rows * length / NUMBERS_A_SECOND
    every = sum(snapshot.events.values())
    memory = BASE + _held(min(ROWS, rows), length) + 200 + _sorted_by_duckdb(settings, every)
    yield Line(TRAINING_EXAMPLES, rows, length, disk + read_events * 60 / MB, memory, seconds / 60)
    pretrained, activity = min(settings.pretraining_rows, rows), min(settings.activity_rows, rows)
    memory = BASE + 200 + pretrained * length * 2 * 1.6 / MB + activity * READ * 12 / MB
    memory += PAIRS_MB if snapshot.item_targets else 0
    seconds = activity / ACTIVITY_A_SECOND + pretrained * length / ITEMS_A_SECOND
    yield Line(FOUNDATION_MODEL, pretrained + activity, length, rows * READ / MB, memory, seconds / 60)


def _fitting(task: Task, settings: Settings, snapshot: Snapshot) -> Line:
    rows = _drawn(snapshot, task.name)
    memory = BASE + rows * READ * 4 * (13 if task.form.is_amount else 10) / MB
    if task.form.shape is Shape.LABELS:
        memory = BASE + 300 + rows * PAIRED / MB
    if task.form.shape is Shape.ITEMS:
        events = snapshot.events[task.predicts.source] if task.predicts else 0
        memory = BASE + RANKED_MB + min(events, EVENTS) * 350 / MB
    seconds = rows * task.form.rows_each / FITTED_A_SECOND[task.form.shape]
    if task.form.shape is Shape.ANSWER:
        seconds = (FITTED_SECONDS + seconds) * (MANY_OUTPUTS if task.form.has_labels or task.observed else 1)
    return Line(model_key(task.name), rows, READ, 20, memory, seconds / 60)


def _scoring(contract: Contract, settings: Settings, snapshot: Snapshot, length: int) -> Line:
    entities, events = snapshot.entities, sum(snapshot.events.values())
    group = min(GROUP, entities)
    memory = BASE + _held(group, length) + group * length * 30 / MB + entities * 60 / MB + 400
    memory += _sorted_by_duckdb(settings, events)
    seconds = events / EVENTS_A_SECOND + entities * length / NUMBERS_A_SECOND
    seconds += sum(entities * task.form.rows_each / ANSWERED_A_SECOND[task.form.shape] for task in contract.tasks)
    return Line(SCORES, entities, length, entities * 512 / MB + events * 60 / MB, memory, seconds / 60)


def _insight(snapshot: Snapshot, length: int) -> Line:
    """Embeddings of everyone side by side, and, a group at a time, windows of everyone and of the past."""
    entities = snapshot.entities
    group = min(GROUP, entities)
    memory = BASE + max(entities * EMBEDDING * 2 * 3 / MB, _held(group, length) + group * length * 2 / MB) + 400
    seconds = (
        entities * min(entities, EXACT) / COMPARED_A_SECOND + (entities + PAST_WINDOWS) * length / NUMBERS_A_SECOND
    )
    return Line(INSIGHT, entities, EMBEDDING, entities * 200 / MB, memory, seconds / 60)


def _explaining(contract: Contract, settings: Settings, snapshot: Snapshot, length: int) -> Line:
    """Masked histories of every task's entities, and some more of those whose explanations are checked."""
    tasks = sum(not task.has_row_cutoffs for task in contract.tasks)
    entities = tasks * min(2 * settings.explained, snapshot.entities)
    checked = tasks * min(TESTED_ENTITIES, 2 * settings.explained, snapshot.entities)
    rows = entities * EVALUATIONS + checked * REMOVED
    memory = BASE + min(rows, MASKED * min(os.cpu_count() or 1, 64)) * length * 8 / MB + 400
    return Line(EXPLANATIONS, rows, length, entities * 2_000 / MB, memory, rows / MASKED_A_SECOND / 60)


def _sorted_by_duckdb(settings: Settings, events: int) -> float:
    """Megabytes that the embedded warehouse holds in this process while it looks through events."""
    return min(size_of(settings.duckdb_memory), events * 60) / MB if settings.kind == "duckdb" else 0.0


def _held(rows: int, length: int) -> float:
    """Megabytes of the parts of rows in work: in float32 with their sums, and the float16 that comes of them."""
    return rows * length * 20 / MB * min(os.cpu_count() or 1, 64)


def prepare(ws: Workspace, renew: bool | None = None) -> tuple[Report, list[Line]]:
    """Pin what training sees, and say what it and scoring will take, before either begins.

    Raises:
        BudgetError: it does not fit.
    """
    report = ws.pin(renew)
    snapshot, remade = ws.snapshot(), ws.store.newest(TRAINING_EXAMPLES)
    if remade is not None:
        length = int(remade.report["length"])
    else:
        with ws.warehouse() as warehouse:
            values = count_values(ws.contract, warehouse, snapshot)
        length = row_numbers(ws.contract, ws.settings, values)
    lines = budget(ws.contract, ws.settings, snapshot, length)
    check_budget(lines, ws.settings)
    path = _path(ws.settings)
    path.with_suffix(".next").write_text(json.dumps([asdict(line) for line in lines]))
    path.with_suffix(".next").replace(path)
    return report, lines


def check_scoring(ws: Workspace) -> None:
    """Hold a week's answers and what is made of them to memory and disk, as training was held to them.

    Raises:
        BudgetError: they do not fit.
    """
    examples = ws.store.newest(TRAINING_EXAMPLES)
    if examples is not None:
        lines = budget(ws.contract, ws.settings, ws.snapshot(), int(examples.report["length"]))
        check_budget([line for line in lines if line.stage in (SCORES, INSIGHT, EXPLANATIONS)], ws.settings)


def budgeted(settings: Settings, stage: str) -> Line | None:
    """What the newest budget of a home says of a stage; None where it says nothing."""
    path = _path(settings)
    lines = [Line(**line) for line in json.loads(path.read_text())] if path.exists() else []
    return next((line for line in lines if line.stage == stage), None)


def exceeded(line: Line, peak_mb: float) -> str:
    """What to say of a stage that took more memory than `TRUSTED` times its budget; empty where it did not."""
    if peak_mb <= TRUSTED * line.memory_mb:
        return ""
    return (
        f"{line.stage} took {peak_mb:,.0f} MB, {peak_mb / line.memory_mb:.1f} times the {line.memory_mb:,.0f} MB of "
        f"its budget ({line.rows:,} rows of {line.numbers:,} numbers): leave this much free beside it."
    )


def _path(settings: Settings) -> Path:
    return settings.home / "budget.json"


def as_text(lines: list[Line]) -> str:
    """The lines as a table."""
    head = f"{'stage':40} {'rows':>12} {'numbers':>8} {'disk MB':>9} {'memory MB':>9} {'minutes':>8}"
    rows = [
        f"{line.stage[:40]:40} {line.rows:12,} {line.numbers:8,} {line.disk_mb:9,.0f} {line.memory_mb:9,.0f} "
        f"{line.minutes:8,.1f}"
        for line in lines
    ]
    return "\n".join(["Budget, about, before any of it is done:", head, *rows])


def check_budget(lines: list[Line], settings: Settings) -> None:
    """Hold the lines to the memory that may be used and to the disk that is free.

    Raises:
        BudgetError: with numbers and the way out, before anything is made.
    """
    limit = settings.memory_bytes / MB
    worst = max(lines, key=lambda line: line.memory_mb)
    if worst.memory_mb > limit:
        raise BudgetError(
            f"{worst.stage} would take about {worst.memory_mb:,.0f} MB of memory ({worst.rows:,} rows of "
            f"{worst.numbers:,} numbers), and {limit:,.0f} MB may be used. Raise BASEMODEL_MEMORY, or lower "
            "BASEMODEL_PRETRAINING_ROWS, BASEMODEL_TASK_ROWS or BASEMODEL_ROW_NUMBERS."
        )
    there = settings.home if settings.home.exists() else settings.home.resolve().parent
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free / MB
    needed = (
        max(line.disk_mb for line in lines) + sum(line.disk_mb for line in lines if "scores" not in line.stage) * 0.5
    )
    if needed > free:
        raise BudgetError(
            f"About {needed:,.0f} MB of disk are needed below {settings.home}, and {free:,.0f} MB are free. Free "
            "some, "
            "name another place by BASEMODEL_HOME, or lower BASEMODEL_TASK_ROWS or BASEMODEL_PRETRAINING_ROWS."
        )


def _drawn(snapshot: Snapshot, task: str) -> int:
    plan = snapshot.plans[task]
    return int(sum(count * plan.drawn(part) for part, count in plan.rows.items()))


def _pairs(snapshot: Snapshot) -> int:
    """All pairs of an entity and a cutoff."""
    return max(snapshot.entities * len(snapshot.times.cutoffs), 1)
