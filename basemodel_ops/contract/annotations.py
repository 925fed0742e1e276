"""Annotations of dbt models: which there are, on which model, and what is wrong with one."""

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from basemodel_ops.contract.declarations import AttributeMeta, AudienceMeta, EventMeta, GridMeta, TaskMeta
from basemodel_ops.contract.nodes import columns_of
from basemodel_ops.contract.types import Relation

KINDS = {"event": EventMeta, "attribute": AttributeMeta, "task": TaskMeta, "grid": GridMeta, "audience": AudienceMeta}


LONGEST_NAME = 120
"""Bytes: some files are named after a model and a column, and a file's name has at most 255."""


class AnnotatedModel:
    """A dbt model that carries an annotation."""

    def __init__(
        self, unique_id: str, node: dict[str, Any], kind: str, meta: Any, locate: Callable[[dict[str, Any]], Relation]
    ) -> None:
        self._locate = locate
        self.unique_id, self.node, self.kind, self.meta = unique_id, node, kind, meta
        self.name: str = node["name"]
        self.columns: dict[str, dict[str, Any]] = columns_of(node)

    @property
    def relation(self) -> Relation:
        """Where the model is built."""
        return self._locate(self.node)


def mistakes_in(error: ValidationError, declaration: type[BaseModel]) -> Iterator[str]:
    """Each mistake in an annotation: where, what was given, what is allowed."""
    for problem in error.errors(include_url=False):
        where = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            yield f"{where}: there is no such key. Keys: {sorted(declaration.model_fields)}. Remove it, or use these."
        elif problem["type"] == "missing":
            yield f"{where}: it is missing. Add it; keys: {sorted(declaration.model_fields)}."
        else:
            yield f"{where}: {problem['msg']}; {problem['input']!r} was given. Correct it in the model's YAML."
