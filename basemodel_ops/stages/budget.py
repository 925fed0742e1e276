"""What training and scoring will take, known before any of it: rows, numbers in a row, disk, memory and minutes.

The rates are those of two cores; they say whether a night is enough, not when to come back. Memory and disk are what a
run is refused for.
"""

import os
import shutil
from dataclasses import dataclass

from basemodel_ops.assets import category_columns
from basemodel_ops.contract.types import AttributeSource, Column, ColumnType, Contract, EventSource, TaskType
from basemodel_ops.errors import BudgetError
from basemodel_ops.report import Report
from basemodel_ops.settings import Settings
from basemodel_ops.stages.builder import ROWS
from basemodel_ops.stages.snapshot import Snapshot
from basemodel_ops.stages.workspace import Workspace

MB = 2**20

BASE = 650
"""Megabytes of a process that has everything loaded."""

EVENTS_A_SECOND = 400_000
"""Read, encoded and sorted."""

NUMBERS_A_SECOND = 25e6
"""Numbers of rows represented."""

LEARNT_A_SECOND = 800
"""Rows that the learners of the foundation model take, all passes together."""

FITTED_A_SECOND = 1_500
"""Labelled rows that the candidates of a task take."""

WORKERS = 2

SKETCHED = 1000
"""Values of a category above which it is taken to be sketched."""

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


def budget(contract: Contract, settings: Settings, snapshot: Snapshot, length: int | None = None) -> list[Line]:
    """The lines of the stages that take most; `length` of a row where it is known, else as wide as it may be."""
    length = length or min(widest(contract, settings), settings.row_numbers)
    threads = min(os.cpu_count() or 1, 64)
    shard = ROWS * length * 10 / MB * threads  # a part in float32 with its sums, and the float16 that comes of it
    lines = []
    for source, column in category_columns(contract):
        events = min(snapshot.events[source], settings.embedding_events)
        seconds = events / EVENTS_A_SECOND + events * settings.iterations * settings.dimension / 1.5e9
        memory = BASE + min(events, 2_000_000) * 200 / MB + events * 30 / MB
        lines.append(
            Line(f"embeddings/{source}__{column}", events, settings.dimension, events * 40 / MB, memory, seconds / 60)
        )
    drawn = {name: _drawn(snapshot, name) for name in snapshot.pooled}
    tasks = {task.name: task for task in contract.tasks}
    represented = sum(
        n for name, n in drawn.items() if name in tasks and tasks[name].type is not TaskType.RECOMMENDATION
    )
    rows = min(represented + settings.pretraining_rows + settings.activity_rows, _pairs(snapshot))
    wide = min(settings.pretraining_rows + 3 * 12_000, rows)
    read_events = sum(snapshot.events.values()) * snapshot.read
    disk = (wide * length + (rows - wide) * length * 0.7) * 2 / MB
    seconds = read_events / EVENTS_A_SECOND + rows * length / NUMBERS_A_SECOND
    lines.append(
        Line("training_examples", rows, length, disk + read_events * 60 / MB, BASE + shard + 200, seconds / 60)
    )
    things, activity = min(settings.pretraining_rows, rows), min(settings.activity_rows, rows)
    memory = BASE + things * length * 2 * 1.6 / MB + activity * READ * 12 / MB
    seconds = (things + activity) / LEARNT_A_SECOND
    lines.append(Line("foundation_model", things + activity, length, rows * READ / MB, memory, seconds / 60))
    for task in contract.tasks:
        own = _drawn(snapshot, task.name)
        many = task.type in (TaskType.MULTILABEL, TaskType.RECOMMENDATION)
        memory = BASE + own * (128 * 12 * 4 if many else READ * 4 * 4) / MB + (600 if many else 0)
        lines.append(Line(f"{task.name}/model", own, READ, 20, memory, own / FITTED_A_SECOND / 60))
    asked = snapshot.entities
    every = sum(snapshot.events.values())
    memory = BASE + 2048 * length * 10 / MB * threads + asked * 60 / MB + 400
    seconds = every / EVENTS_A_SECOND + asked * length / NUMBERS_A_SECOND + asked * len(contract.tasks) / 2_000
    lines.append(Line("scores of one cutoff", asked, length, asked * 512 / MB + every * 60 / MB, memory, seconds / 60))
    return lines


def prepare(ws: Workspace, renew: bool | None = None) -> tuple[Report, list[Line]]:
    """Pin what training sees, and say what it and scoring will take, before either begins.

    Raises:
        BudgetError: it does not fit.
    """
    report = ws.pin(renew)
    snapshot, made = ws.snapshot(), ws.store.newest("training_examples")
    length = None if made is None else int(made.json("report")["length"])
    lines = budget(ws.contract, ws.settings, snapshot, length)
    check_budget(lines, ws.settings)
    return report, lines


def as_text(lines: list[Line]) -> str:
    """The lines as a table."""
    head = f"{'stage':40} {'rows':>12} {'numbers':>8} {'disk MB':>9} {'memory MB':>9} {'minutes':>8}"
    rows = [
        f"{one.stage[:40]:40} {one.rows:12,} {one.numbers:8,} {one.disk_mb:9,.0f} {one.memory_mb:9,.0f} "
        f"{one.minutes:8,.1f}"
        for one in lines
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
    asked = (
        max(line.disk_mb for line in lines) + sum(line.disk_mb for line in lines if "scores" not in line.stage) * 0.5
    )
    if asked > free:
        raise BudgetError(
            f"About {asked:,.0f} MB of disk are needed below {settings.home}, and {free:,.0f} MB are free. Free some, "
            "name another place by BASEMODEL_HOME, or lower BASEMODEL_TASK_ROWS or BASEMODEL_PRETRAINING_ROWS."
        )


def widest(contract: Contract, settings: Settings) -> int:
    """The numbers in a row, at most, told from the declarations alone."""
    things = {source.name: source for source in contract.attributes}
    total = sum(_source_numbers(event, things, settings) for event in contract.events)
    facts = [source for source in contract.attributes if source.key == contract.entity]
    return total + sum(settings.things for source in facts for _ in source.columns) + 2


def _source_numbers(event: EventSource, things: dict[str, AttributeSource], settings: Settings) -> int:
    lives, exact = len(settings.half_lives), len(settings.counted_half_lives)
    counted = settings.things * (2 + exact)
    total = (len(settings.windows) + 1) * 3 + 8 + 31 * lives
    for column in event.columns:
        total += _column_numbers(column, settings, lives, counted)
        if column.type is ColumnType.CATEGORY:
            sketch = (settings.depth + 2) * settings.width + settings.dimension + 1
            total += sketch * lives
        facts = things[column.references].columns if column.references else ()
        total += sum(_column_numbers(fact, settings, lives, counted) for fact in facts)
    return total


def _column_numbers(column: Column, settings: Settings, lives: int, counted: int) -> int:
    if column.type is ColumnType.CATEGORY:
        return counted
    if column.type is ColumnType.NUMBER:
        return (len(settings.windows) + 1) + 2 * lives + 1 + 32 * lives
    if column.type is ColumnType.TIME:
        return 84 * lives
    return (16 * 128 + 1) * lives if column.type in (ColumnType.TEXT, ColumnType.IMAGE) else 0


def _drawn(snapshot: Snapshot, task: str) -> int:
    plan = snapshot.plans[task]
    return int(sum(count * plan.drawn(part) for part, count in plan.rows.items()))


def _pairs(snapshot: Snapshot) -> int:
    """All pairs of an entity and a cutoff."""
    return max(snapshot.entities * len(snapshot.times.cutoffs), 1)
