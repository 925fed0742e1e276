"""Whom an asset belongs to, and what questions it is about: its owners and tags."""

import re

from basemodel_ops.contract.types import Contract, Relation, Task

EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")


def owners(contract: Contract, relation: Relation) -> list[str]:
    """The owners of a dbt model, for what is made from it; none where the dbt project names none."""
    return as_owners(contract.owners.get(str(relation), ()))


def as_owners(names: tuple[str, ...]) -> list[str]:
    """Emails as they are; any other name as Dagster has it, a team."""
    return [name if EMAIL.fullmatch(name) or name.startswith("team:") else f"team:{name}" for name in names]


def task_tags(task: Task) -> dict[str, str]:
    """What assets of a task can be found by."""
    tags = {"basemodel/task_type": task.type.value}
    return tags | ({"basemodel/horizon_days": str(task.horizon)} if task.horizon else {})
