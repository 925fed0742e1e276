"""dbt models that carry an annotation, read from the manifest; mistakes are collected, not raised."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from basemodel_ops.contract.declarations import AttributeMeta, ColumnMeta, EventMeta, GridMeta, TaskMeta
from basemodel_ops.contract.inference import infer_type, is_moment
from basemodel_ops.contract.types import Column, ColumnType, Relation

KINDS = {"event": EventMeta, "attribute": AttributeMeta, "task": TaskMeta, "grid": GridMeta}


class AnnotatedModel:
    """A dbt model that carries an annotation."""

    def __init__(self, unique_id: str, node: dict[str, Any], kind: str, meta: Any) -> None:
        self.unique_id, self.node, self.kind, self.meta = unique_id, node, kind, meta
        self.name: str = node["name"]
        self.columns: dict[str, dict[str, Any]] = node.get("columns", {})

    @property
    def relation(self) -> Relation:
        """Where the model is built."""
        return Relation(schema_name=self.node["schema"], name=self.node.get("alias") or self.name)


def _explained(error: ValidationError, declaration: type[BaseModel]) -> Iterator[str]:
    """Each mistake in an annotation: where, what was given, what is allowed."""
    for problem in error.errors(include_url=False):
        where = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            yield f"{where}: there is no such key. Keys: {sorted(declaration.model_fields)}. Remove it, or use these."
        elif problem["type"] == "missing":
            yield f"{where}: it is missing. Add it; keys: {sorted(declaration.model_fields)}."
        else:
            yield f"{where}: {problem['msg']}; {problem['input']!r} was given. Correct it in the model's YAML."


class ManifestReader:
    """Collects problems while it reads."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        self.problems: list[str] = []
        self._nodes = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
        self.models = [model for key, node in self._nodes.items() if (model := self._model(key, node)) is not None]

    def _model(self, unique_id: str, node: dict[str, Any]) -> AnnotatedModel | None:
        meta = (node.get("config", {}).get("meta") or {}).get("basemodel")
        if meta is None:
            return None
        given = sorted(meta) if isinstance(meta, dict) else meta
        kinds = [kind for kind in KINDS if kind in meta] if isinstance(meta, dict) else []
        if len(kinds) != 1 or given != kinds:
            self.problems.append(
                f"Model {node['name']}: `meta.basemodel` has {given}; give exactly one of {sorted(KINDS)}."
            )
            return None
        try:
            return AnnotatedModel(unique_id, node, kinds[0], KINDS[kinds[0]].model_validate(meta[kinds[0]]))
        except ValidationError as error:
            for problem in _explained(error, KINDS[kinds[0]]):
                self.problems.append(f"Model {node['name']}: {kinds[0]}.{problem}")
            return None

    def of(self, kind: str) -> list[AnnotatedModel]:
        """Models of a kind, by name."""
        return sorted((model for model in self.models if model.kind == kind), key=lambda model: model.name)

    def need(self, model: AnnotatedModel, role: str, name: str | None) -> None:
        """A named column must be declared in YAML."""
        if name is not None and name not in model.columns:
            self.problems.append(
                f"Model {model.name}: {role} column {name!r} is not declared. It has: {sorted(model.columns)}. "
                "Declare it in the model's YAML, or name one of these."
            )

    def need_moment(self, model: AnnotatedModel, role: str, name: str | None) -> None:
        """A named column must be a timestamp or a date."""
        self.need(model, role, name)
        if name in model.columns:
            data_type = model.columns[name].get("data_type") or "nothing"
            if not is_moment(data_type):
                moments = [n for n, c in model.columns.items() if is_moment(c.get("data_type") or "")]
                self.problems.append(
                    f"Model {model.name}: {role} column {name!r} is declared as {data_type}, not as a timestamp. "
                    f"Timestamps of the model: {moments}. Cast it in the model, or name one of these."
                )

    def columns(self, model: AnnotatedModel, roles: set[str | None]) -> tuple[Column, ...]:
        """The columns that play no role, with given or inferred types."""
        found = []
        for name, node in model.columns.items():
            if name in roles:
                continue
            data_type = node.get("data_type")
            if not data_type:
                self.problems.append(
                    f"Model {model.name}: column {name!r} has no data_type. Give it one in the model's YAML."
                )
                continue
            meta = (node.get("config", {}).get("meta") or node.get("meta") or {}).get("basemodel", {})
            try:
                given = ColumnMeta.model_validate(meta)
            except ValidationError as error:
                for problem in _explained(error, ColumnMeta):
                    self.problems.append(f"Model {model.name}: column {name!r}: {problem}")
                continue
            kind = given.type or (ColumnType.CATEGORY if given.references else infer_type(name, data_type))
            found.append(
                Column(
                    name=name, data_type=data_type, type=kind, inferred=given.type is None, references=given.references
                )
            )
        return tuple(found)

    def reads(self, unique_id: str) -> set[str]:
        """Names of all models upstream of a model."""
        seen: set[str] = set()
        stack = [unique_id]
        while stack:
            for parent in self._nodes.get(stack.pop(), {}).get("depends_on", {}).get("nodes", []):
                if parent in self._nodes and parent not in seen:
                    seen.add(parent)
                    stack.append(parent)
        return {self._nodes[key]["name"] for key in seen}

    def relation_of(self, name: str) -> Relation | None:
        """Where the model of that name is built."""
        for node in self._nodes.values():
            if node["name"] == name:
                return Relation(schema_name=node["schema"], name=node.get("alias") or name)
        return None

    @property
    def names(self) -> list[str]:
        """Names of all models."""
        return sorted(node["name"] for node in self._nodes.values())
