"""Reading the contract from dbt's manifest. Every mistake is found before any is reported."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from basemodel_ops.contract.declarations import AttributeMeta, ColumnMeta, EventMeta, GridMeta, TaskMeta
from basemodel_ops.contract.inference import infer_type, is_moment
from basemodel_ops.contract.types import (
    AttributeSource,
    Column,
    ColumnType,
    Contract,
    EventSource,
    Grid,
    Relation,
    Target,
    Task,
    TaskType,
)
from basemodel_ops.errors import ContractError

KINDS = {"event": EventMeta, "attribute": AttributeMeta, "task": TaskMeta, "grid": GridMeta}


class _Model:
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


class _Reader:
    """Collects problems while it reads."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        self.problems: list[str] = []
        self._nodes = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
        self.models = [model for key, node in self._nodes.items() if (model := self._model(key, node)) is not None]

    def _model(self, unique_id: str, node: dict[str, Any]) -> _Model | None:
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
            return _Model(unique_id, node, kinds[0], KINDS[kinds[0]].model_validate(meta[kinds[0]]))
        except ValidationError as error:
            for problem in _explained(error, KINDS[kinds[0]]):
                self.problems.append(f"Model {node['name']}: {kinds[0]}.{problem}")
            return None

    def of(self, kind: str) -> list[_Model]:
        """Models of a kind, by name."""
        return sorted((model for model in self.models if model.kind == kind), key=lambda model: model.name)

    def need(self, model: _Model, role: str, name: str | None) -> None:
        """A named column must be declared in YAML."""
        if name is not None and name not in model.columns:
            self.problems.append(
                f"Model {model.name}: {role} column {name!r} is not declared. It has: {sorted(model.columns)}. "
                "Declare it in the model's YAML, or name one of these."
            )

    def need_moment(self, model: _Model, role: str, name: str | None) -> None:
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

    def columns(self, model: _Model, roles: set[str | None]) -> tuple[Column, ...]:
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


def _events(reader: _Reader) -> tuple[EventSource, ...]:
    found = []
    for model in reader.of("event"):
        meta = model.meta
        reader.need(model, "entity", meta.entity)
        reader.need_moment(model, "time", meta.time)
        reader.need(model, "session", meta.session)
        columns = reader.columns(model, {meta.entity, meta.time, meta.session})
        found.append(
            EventSource(
                name=model.name, relation=model.relation, entity=meta.entity, time=meta.time, session=meta.session,
                columns=columns,
            )
        )  # fmt: skip
    if not found:
        reader.problems.append(
            f"No model carries an event annotation. Models: {reader.names}. "
            "Add `config.meta.basemodel.event: {entity: ..., time: ...}` to the model whose rows are events."
        )
    entities = {source.entity: source.name for source in found}
    if len(entities) > 1:
        reader.problems.append(
            f"Event sources name different entities: {entities}. One project learns about one entity; "
            "rename the columns in the models so that all sources share one."
        )
    return tuple(found)


def _attributes(reader: _Reader) -> tuple[AttributeSource, ...]:
    found = []
    for model in reader.of("attribute"):
        meta = model.meta
        reader.need(model, "key", meta.key)
        if meta.valid_from is not None:
            reader.need_moment(model, "valid_from", meta.valid_from)
        columns = reader.columns(model, {meta.key, meta.valid_from})
        for column in columns:
            if column.references:
                reader.problems.append(
                    f"Model {model.name}: column {column.name!r} references {column.references!r}, but only columns of "
                    "event sources refer to things. Join the facts in the model, or remove `references`."
                )
        found.append(
            AttributeSource(
                name=model.name, relation=model.relation, key=meta.key, valid_from=meta.valid_from, columns=columns
            )
        )
    return tuple(found)


def _tasks(
    reader: _Reader, events: tuple[EventSource, ...], attributes: tuple[AttributeSource, ...]
) -> tuple[Task, ...]:
    entities = sorted({source.entity for source in events})
    found = []
    for model in reader.of("task"):
        meta = model.meta
        if meta.entity not in entities:
            reader.problems.append(
                f"Model {model.name}: entity {meta.entity!r} is no event source's entity. Entities: {entities}. "
                "Name one of these."
            )
        for role, name in (("entity", meta.entity), ("target", meta.target)):
            reader.need(model, role, name)
        reader.need_moment(model, "cutoff", meta.cutoff)
        population = reader.relation_of(meta.population) if meta.population else None
        if meta.population and population is None:
            reader.problems.append(
                f"Model {model.name}: population {meta.population!r} is no model. Models: {reader.names}. "
                "Name one of these."
            )
        many = meta.type in (TaskType.MULTILABEL, TaskType.RECOMMENDATION)
        absent = [name for name in ("population", "predicts", "horizon") if getattr(meta, name) is None]
        if many and absent:
            reader.problems.append(
                f"Model {model.name}: a {meta.type.value} task needs `population`, `predicts` and `horizon`. "
                f"Add {absent} to its annotation."
            )
        if meta.predicts:
            _check_predicts(reader, model.name, meta.type, meta.predicts, events, attributes)
        upstream = reader.reads(model.unique_id)
        keyed = {source.name for source in attributes if source.key == meta.entity}
        found.append(
            Task(
                name=model.name, relation=model.relation, type=meta.type, entity=meta.entity, cutoff=meta.cutoff,
                target=meta.target, horizon=meta.horizon.days if meta.horizon else None, population=population,
                predicts=Target(source=meta.predicts.source, column=meta.predicts.column) if meta.predicts else None,
                reads=tuple(sorted(upstream & keyed)),
            )
        )  # fmt: skip
    return tuple(found)


def _check_predicts(
    reader: _Reader,
    name: str,
    kind: TaskType,
    predicts: Any,
    events: tuple[EventSource, ...],
    attributes: tuple[AttributeSource, ...],
) -> None:
    source = next((event for event in events if event.name == predicts.source), None)
    if source is None:
        reader.problems.append(
            f"Model {name}: predicts.source {predicts.source!r} is no event source. "
            f"Event sources: {[event.name for event in events]}. Name one of these."
        )
        return
    things = {facts.name: facts for facts in attributes}
    choices = [column.name for column in source.columns if column.type is ColumnType.CATEGORY]
    if kind is not TaskType.RECOMMENDATION:  # what is recommended is a thing, not a fact about it
        for column in source.columns:
            if column.references in things:
                facts = [fact.name for fact in things[column.references].columns if fact.type is ColumnType.CATEGORY]
                choices += [f"{column.name}.{fact}" for fact in facts]
    if predicts.column not in choices:
        reader.problems.append(
            f"Model {name}: predicts.column {predicts.column!r} is no category that a {kind.value} task can predict "
            f"in {predicts.source}. It has: {choices}. Name one of these."
        )


def _grid(reader: _Reader) -> Grid | None:
    models = reader.of("grid")
    if len(models) != 1:
        reader.problems.append(
            f"{len(models)} models carry a grid annotation: {[model.name for model in models]}; exactly one must. "
            "Add `config.meta.basemodel.grid: {cutoff: ..., data_end: ..., start: YYYY-MM-DD}` to the model of cutoffs."
        )
        return None
    model = models[0]
    reader.need_moment(model, "cutoff", model.meta.cutoff)
    reader.need_moment(model, "data_end", model.meta.data_end)
    return Grid(
        relation=model.relation, cutoff=model.meta.cutoff, data_end=model.meta.data_end, start=model.meta.start,
        now=model.meta.now,
    )  # fmt: skip


def read_contract(manifest_path: Path) -> Contract:
    """The contract that a dbt manifest carries.

    Raises:
        ContractError: with every problem found: model, column, what exists and the way out.
    """
    if not manifest_path.exists():
        raise ContractError([f"There is no dbt manifest at {manifest_path}. Run `dbt parse` first."])
    reader = _Reader(json.loads(manifest_path.read_text()))
    events, attributes, grid = _events(reader), _attributes(reader), _grid(reader)
    tasks = _tasks(reader, events, attributes)
    known = sorted(source.name for source in attributes)
    for source in events:
        for column in source.columns:
            if column.references and column.references not in known:
                reader.problems.append(
                    f"Model {source.name}: column {column.name!r} references {column.references!r}, which is no "
                    f"attribute source. Attribute sources: {known}. Name one of these, or remove `references`."
                )
    if reader.problems or grid is None:
        raise ContractError(reader.problems)
    return Contract(entity=events[0].entity, events=events, attributes=attributes, tasks=tasks, grid=grid)
