"""Asking why one entity has its score, or its items."""

from dataclasses import replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import Contract, Task
from basemodel_ops.errors import DataError
from basemodel_ops.stages.explanations.explaining import Explained, explainable_question, groups, open_question
from basemodel_ops.stages.explanations.items import item_reasons
from basemodel_ops.stages.features.builder import Builder
from basemodel_ops.stages.scoring.answering import ItemQuestion
from basemodel_ops.stages.scoring.population import population_query
from basemodel_ops.stages.scoring.querying import typed_key
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.tasks.reranking import TOP
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import entities_query

EVALUATIONS, CONTEXTS = 1024, 8
"""Times that the models are asked about one entity, and surroundings in which its events are seen, at most."""

EVERY = 1_000_000
"""Reasons of an item that are told one by one: all of them."""


def explain_entity(ws: Workspace, name: str, entity: str, as_of: datetime, label: str | None = None) -> Explained:
    """Why the score of an entity is what it is at `as_of`, whether or not the task asks about it then.

    Args:
        ws: The project.
        name: The task.
        entity: Its key as text.
        as_of: The cutoff; no event from it on is read.
        label: Of many classes or labels that to explain; else the likeliest.

    Raises:
        DataError: no such task, label or entity, no event of it before, no model, or the task is a recommendation.
    """
    task = _task(ws.contract, name)
    if task.form.shape is Shape.ITEMS:
        raise DataError(f"Task {name} recommends items: ask what speaks for them, `explain_items`.")
    question = open_question(ws, task, as_of)
    with ws.warehouse() as warehouse:
        key = typed_key(ws.contract, warehouse, entity)[0].as_py()
        for group in groups(Builder.of(ws, warehouse, as_of, [key]), question, label):
            (explained,) = group.in_raw_events(group.explain(EVALUATIONS, ws.settings.seed, CONTEXTS))
            return replace(explained, is_asked=_is_asked(ws.contract, warehouse, task, key, as_of))
        raise _unknown(ws.contract, warehouse, task, entity, key, as_of)


def explain_items(
    ws: Workspace, name: str, entity: str, as_of: datetime, item: str | None = None
) -> list[dict[str, object]]:
    """What speaks for the items that are named to an entity at `as_of`: rows as in the table of explanations.

    Args:
        ws: The project.
        name: The task, a recommendation.
        entity: Its key as text.
        as_of: The cutoff; no event from it on is read.
        item: As text, that to explain; else all.

    Raises:
        DataError: no such task, entity or item, no event of it before, or no model.
    """
    task = _task(ws.contract, name)
    with ws.warehouse() as warehouse:
        question = explainable_question(ws, warehouse, task, as_of)
        if not isinstance(question, ItemQuestion):
            raise DataError(f"Task {name} recommends nothing: ask why a score is what it is, `explain_entity`.")
        key = typed_key(ws.contract, warehouse, entity)[0].as_py()
        for _, rows, _ in item_reasons(Builder.of(ws, warehouse, as_of, [key]), question, TOP, EVERY):
            chosen = [row for row in rows if item in (None, str(row["item"]))]
            if item is not None and not chosen:
                there = ", ".join(dict.fromkeys(str(row["item"]) for row in rows)) or "none"
                raise DataError(f"{item!r} is not among the items that {name} names to {entity}. These are: {there}.")
            return chosen
        raise _unknown(ws.contract, warehouse, task, entity, key, as_of)


def _task(contract: Contract, name: str) -> Task:
    tasks = [task.name for task in contract.tasks]
    if name not in tasks:
        raise DataError(f"No task {name!r}. There are: {', '.join(tasks) or 'none'}.")
    return contract.task(name)


def _is_asked(contract: Contract, warehouse: Warehouse, task: Task, key: object, as_of: datetime) -> bool:
    """Whether a task asks about an entity at a cutoff."""
    population = warehouse.read(population_query(contract.grid, task, as_of, is_open=False)).column(0)
    return bool(pc.is_in(pa.array([key], population.type), population)[0].as_py())


def _unknown(
    contract: Contract, warehouse: Warehouse, task: Task, entity: str, key: object, as_of: datetime
) -> DataError:
    """What to say of an entity without an event before the cutoff."""
    is_asked = _is_asked(contract, warehouse, task, key, as_of)
    examples = warehouse.read(entities_query(contract, as_of).limit(3)).column(0).to_pylist()
    there = (
        f"Entities with events are, for example: {', '.join(map(str, examples))}." if examples else "Nobody has any."
    )
    known = f"{task.name} asks about it" if is_asked else f"{task.name} does not ask about it either"
    return DataError(
        f"{task.entity} {entity!r} has no event before {key_of(as_of)}, so none explains its score; {known}. "
        f"{there} Look at its spelling, or choose a later --as-of."
    )
