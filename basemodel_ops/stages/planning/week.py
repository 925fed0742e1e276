"""Which answers of a week a run would write, and why; nothing is answered for it."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.assets import model_key
from basemodel_ops.code import code_behind
from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.contract.types import Grid, Task
from basemodel_ops.errors import DataError
from basemodel_ops.stages.planning.plan import Step
from basemodel_ops.stages.scoring.answering import score_relation
from basemodel_ops.stages.scoring.ledger import made_from
from basemodel_ops.stages.scoring.population import population_at
from basemodel_ops.stages.scoring.scoring import SCORING, answers_version, tables_fingerprint
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse


def plan_answers(ws: Workspace, as_of: datetime, trained: Sequence[Step]) -> list[Step]:
    """A step per task: its answers as of a cutoff, by the models that `trained` makes or leaves as they are."""
    due = {step.key for step in trained if step.is_due}
    with ws.warehouse() as warehouse:
        fingerprint = tables_fingerprint(ws.contract, warehouse)
        steps = []
        for task in ws.contract.tasks:
            try:
                is_trained = model_key(task.name) in due
                changes = _changes(ws.contract.grid, ws.store, warehouse, task, as_of, fingerprint, is_trained)
                why = "; ".join(changes)
            except DataError as error:  # nobody is asked about
                why = str(error)
            steps.append(
                Step(f"{task.name}/scores", bool(why), why or f"answered as of {key_of(as_of)}, from the same")
            )
    return steps


def _changes(
    grid: Grid, store: ArtifactStore, warehouse: Warehouse, task: Task, as_of: datetime, fingerprint: str,
    is_trained: bool,
) -> Iterator[str]:  # fmt: skip
    """Why the answers that are there, if any are, would be written again."""
    relation = score_relation(task.name, warehouse.ledger.schema_name)
    written = made_from(warehouse, relation, as_of)
    if not written:
        yield f"not answered as of {key_of(as_of)} yet"
    if is_trained:
        yield f"{model_key(task.name)} will be made"
    if not written or is_trained:
        return
    model = store.current(model_key(task.name)).version
    population = population_at(warehouse, grid, task, as_of)
    version = answers_version(warehouse, task, relation, as_of, model, population, fingerprint)
    if written[1] != code_behind(SCORING):
        yield "its code changed"
    if written[0] != version:
        yield "its model, tables that it reads or whom it asks about changed since"
