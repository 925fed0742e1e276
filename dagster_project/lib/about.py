"""What Dagster shows of an asset: whom it belongs to, what question it is about, and which table it is."""

import re

from basemodel_ops.assets import category_columns, codes_key, embedding_key, encoder_key, evaluation_key, model_key
from basemodel_ops.contract.types import Contract, Relation, Task
from basemodel_ops.settings import Settings
from dagster_project.lib.targets import database_of

EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")


def owners(contract: Contract, relation: Relation) -> list[str]:
    """The owners of a dbt model, for what is made from it; none where the dbt project names none."""
    return as_owners(contract.owners.get(str(relation), ()))


def subjects(contract: Contract) -> dict[str, Relation]:
    """The dbt model that each artifact is about, by its key: a task's, or that of one source; no other artifact is."""
    results = {encoder_key(source.name): source.relation for source in (*contract.events, *contract.attributes)}
    for source, column in category_columns(contract):
        relation = contract.event(source).relation
        results |= {embedding_key(source, column): relation, codes_key(source, column): relation}
    for task in contract.tasks:
        results |= {model_key(task.name): task.relation, evaluation_key(task.name): task.relation}
    return results


def as_owners(names: tuple[str, ...]) -> list[str]:
    """Emails as they are; any other name as Dagster has it, a team."""
    return [name if EMAIL.fullmatch(name) or name.startswith("team:") else f"team:{name}" for name in names]


def task_tags(task: Task) -> dict[str, str]:
    """What assets of a task can be found by."""
    tags = {"basemodel/task_type": task.type.value}
    return tags | ({"basemodel/horizon_days": str(task.horizon)} if task.horizon else {})


def table_metadata(settings: Settings, relation: Relation) -> dict[str, str]:
    """Where a table is: its whole name and the kind of warehouse."""
    parts = (database_of(settings), relation.schema_name, relation.name)
    return {"dagster/table_name": ".".join(part for part in parts if part), "dagster/storage_kind": settings.kind}
