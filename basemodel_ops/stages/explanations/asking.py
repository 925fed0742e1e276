"""Asking why one entity has its score."""

from datetime import datetime

from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.errors import DataError
from basemodel_ops.stages.explanations.explaining import Explained, groups, open_question
from basemodel_ops.stages.scoring.asked import asked_query
from basemodel_ops.stages.scoring.querying import typed_key
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.queries import entities_query

EVALUATIONS, CONTEXTS = 1024, 8
"""Times that the models are asked about one entity, and surroundings in which its events are seen, at most."""


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
    tasks = [task.name for task in ws.contract.tasks]
    if name not in tasks:
        raise DataError(f"No task {name!r}. There are: {', '.join(tasks) or 'none'}.")
    question = open_question(ws, ws.contract.task(name), as_of)
    with ws.warehouse() as warehouse:
        key = typed_key(ws, warehouse, entity)[0].as_py()
        for group in groups(ws, warehouse, question, [key], label):
            (found,) = group.told(group.explain(EVALUATIONS, ws.settings.seed, CONTEXTS))
            return found
        asked = asked_query(ws.contract.grid, question.task, as_of, is_open=False)
        is_asked = key in warehouse.read(asked).column(0).to_pylist()
        some = warehouse.read(entities_query(ws.contract, as_of).limit(3)).column(0).to_pylist()
    there = f"Entities with events are, for example: {', '.join(map(str, some))}." if some else "Nobody has any."
    known = f"{name} asks about it" if is_asked else f"{name} does not ask about it either"
    raise DataError(
        f"{question.task.entity} {entity!r} has no event before {key_of(as_of)}, so none explains its score; {known}. "
        f"{there} Look at its spelling, or choose a later --as-of."
    )
