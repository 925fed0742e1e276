"""dbt models that carry an annotation, read from the manifest; mistakes are collected, not raised."""

from typing import Any

from pydantic import ValidationError

from basemodel_ops.adapters import reads_others
from basemodel_ops.contract.annotations import KINDS, LONGEST_NAME, AnnotatedModel, mistakes_in
from basemodel_ops.contract.declarations import ColumnMeta
from basemodel_ops.contract.inference import family, infer_type, is_opaque, is_timestamp, reading_fault
from basemodel_ops.contract.nodes import TABLES, disabled, is_ephemeral, is_newest, meta_of, misplaced
from basemodel_ops.contract.types import Column, ColumnType, Personal, Relation
from basemodel_ops.names import file_fault


class ManifestReader:
    """Collects problems while it reads."""

    def __init__(self, manifest: dict[str, Any], database: str | None = None, kind: str = "") -> None:
        self.problems: list[str] = []
        self.misread: dict[str, str] = {}
        """Kinds of annotations that have a mistake, by model: that nothing else carries one is no second mistake."""
        self._database, self._warehouse_kind = database, kind
        self._personal: dict[tuple[str, str], Personal] = {}
        self._nodes = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] in TABLES}
        self._disabled = disabled(manifest)
        self.problems += misplaced(manifest)
        newest = {key: node for key, node in self._nodes.items() if is_newest(node)}
        self.models = [model for key, node in newest.items() if (model := self._model(key, node)) is not None]
        self._refuse_twins()

    def _refuse_twins(self) -> None:
        """Assets and files are named after models, so no two of the same name may carry an annotation."""
        keys: dict[str, list[str]] = {}
        for model in self.models:
            keys.setdefault(model.name, []).append(model.unique_id)
        for name, twins in keys.items():
            if len(twins) > 1:
                self.problems.append(
                    f"Model {name}: {' and '.join(sorted(twins))} have the same name and each carries an annotation. "
                    "Rename one, or disable it in `dbt_project.yml`."
                )

    def _model(self, unique_id: str, node: dict[str, Any]) -> AnnotatedModel | None:
        meta = meta_of(node)
        if meta is None:
            return None
        if is_ephemeral(node):
            self.problems.append(_ephemeral(node["name"]))
        if fault := file_fault(node["name"], LONGEST_NAME):
            self.problems.append(
                f"Model {node['name']!r} {fault}, and assets and files are named after models. Rename it."
            )
            return None
        given = sorted(meta) if isinstance(meta, dict) else meta
        kinds = [kind for kind in KINDS if kind in meta] if isinstance(meta, dict) else []
        if len(kinds) != 1 or given != kinds:
            self.problems.append(
                f"Model {node['name']}: `meta.basemodel` has {given}; give exactly one of {sorted(KINDS)}."
            )
            return None
        try:
            return AnnotatedModel(
                unique_id, node, kinds[0], KINDS[kinds[0]].model_validate(meta[kinds[0]]), self._relation
            )
        except ValidationError as error:
            self.misread[node["name"]] = kinds[0]
            for problem in mistakes_in(error, KINDS[kinds[0]]):
                self.problems.append(f"Model {node['name']}: {kinds[0]}.{problem}")
            return None

    def of(self, kind: str) -> list[AnnotatedModel]:
        """Models of a kind, by name."""
        return sorted((model for model in self.models if model.kind == kind), key=lambda model: model.name)

    def need(self, model: AnnotatedModel, role: str, name: str | None) -> None:
        """A named column must be declared in YAML, and if it is personal, say what it is read for."""
        if name is None:
            return
        if name not in model.columns:
            self.problems.append(
                f"Model {model.name}: {role} column {name!r} is not declared. It has: {sorted(model.columns)}. "
                "Declare it in the model's YAML, or name one of these."
            )
        else:
            data_type = model.columns[name].get("data_type") or ""
            if is_opaque(data_type):
                self.problems.append(
                    f"Model {model.name}: {role} column {name!r} is declared as {data_type}, of which no value can be "
                    "told from another in every warehouse. Cast it in the model: to a text, for example."
                )
            elif role == "entity" and family(data_type) == "time":
                self.problems.append(
                    f"Model {model.name}: entity column {name!r} is declared as {data_type}, which not every warehouse "
                    "can hold in a table of answers. Cast it in the model: to a text, for example."
                )
            self._allow(model.name, role, name, model.columns[name], model.relation, model.meta.purpose)

    def allow_key(self, model_name: str, role: str, name: str, purpose: str | None) -> None:
        """The same of a model without an annotation; `purpose` is that of the model that names it."""
        node = self._node(model_name)
        if node is not None and name in node.get("columns", {}):
            self._allow(model_name, role, name, node["columns"][name], self._relation(node), purpose)

    def _allow(
        self, model_name: str, role: str, name: str, node: dict[str, Any], relation: Relation, purpose: str | None
    ) -> None:
        """A key cannot be withheld: where it is personal, its purpose is noted, or asked for."""
        given = self._column_meta(model_name, name, node)
        if given is None or not given.pii:
            return
        reason = given.purpose or purpose
        if reason is None:
            self.problems.append(
                f"Model {model_name}: {role} column {name!r} is marked `pii` and no `purpose` is given, so it may not "
                "be read, and without it the rows mean nothing. Give the column or the model's annotation a `purpose`."
            )
        else:
            self._note(relation, name, reason)

    def _note(self, relation: Relation, name: str, purpose: str) -> None:
        self._personal[str(relation), name] = Personal(relation=relation, column=name, purpose=purpose)

    @property
    def personal(self) -> tuple[Personal, ...]:
        """Personal columns that are read, by relation and name."""
        return tuple(self._personal[key] for key in sorted(self._personal))

    def _column_meta(self, model_name: str, name: str, node: dict[str, Any]) -> ColumnMeta | None:
        """What a column's YAML says of it; None when that is wrong, which is then a problem."""
        meta = meta_of(node)
        try:
            return ColumnMeta.model_validate({} if meta is None else meta)
        except ValidationError as error:
            for problem in mistakes_in(error, ColumnMeta):
                self.problems.append(f"Model {model_name}: column {name!r}: {problem}")
            return None

    def need_timestamp(self, model: AnnotatedModel, role: str, name: str | None) -> None:
        """A named column must be a timestamp or a date."""
        self.need(model, role, name)
        if name in model.columns:
            data_type = model.columns[name].get("data_type") or "nothing"
            if not is_timestamp(data_type):
                timestamps = [n for n, c in model.columns.items() if is_timestamp(c.get("data_type") or "")]
                self.problems.append(
                    f"Model {model.name}: {role} column {name!r} is declared as {data_type}, not as a timestamp. "
                    f"Timestamps of the model: {timestamps}. Cast it in the model, or name one of these."
                )

    def columns(self, model: AnnotatedModel, roles: set[str | None]) -> tuple[Column, ...]:
        """The columns that play no role, with given or inferred types."""
        results = []
        for name, node in model.columns.items():
            if name in roles:
                continue
            data_type = node.get("data_type")
            if not data_type:
                self.problems.append(
                    f"Model {model.name}: column {name!r} has no data_type. Give it one in the model's YAML."
                )
                continue
            given = self._column_meta(model.name, name, node)
            if given is None:
                continue
            purpose = (given.purpose or model.meta.purpose) if given.pii else None
            withheld = given.pii and purpose is None
            guessed = ColumnType.CATEGORY if given.references else infer_type(name, data_type)
            kind = ColumnType.IGNORE if withheld else given.type or guessed
            if kind is not ColumnType.IGNORE and (fault := file_fault(name, LONGEST_NAME)):
                self.problems.append(
                    f"Model {model.name}: column {name!r} {fault}, and files are named after columns. Rename it in the "
                    "model, or give it `type: ignore`."
                )
            if fault := reading_fault(kind, data_type, given.planned):
                self.problems.append(f"Model {model.name}: column {name!r} is {fault}")
            if purpose and kind is not ColumnType.IGNORE:
                self._note(model.relation, name, purpose)
            results.append(
                Column(
                    name=name, data_type=data_type, type=kind,
                    inferred=given.type is None and not withheld, references=None if withheld else given.references,
                    pii=given.pii, purpose=purpose, planned=given.planned,
                )
            )  # fmt: skip
        return tuple(results)

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
        """Where the model of that name is built; a problem where nothing is built of it."""
        node = self._node(name)
        if node is None:
            return None
        if is_ephemeral(node):
            self.problems.append(_ephemeral(name))
        return self._relation(node)

    def _relation(self, node: dict[str, Any]) -> Relation:
        """Where a node is built; a problem where that is a database which this warehouse does not read."""
        other, name = node.get("database"), node.get("alias") or node["name"]
        if self._database is None or not other or other.lower() == self._database.lower():
            return Relation(schema_name=node["schema"], name=name)
        problem = (
            f"Model {node['name']} is built in the database {other!r}, and what is read is {self._database!r}; "
            f"a {self._warehouse_kind} connection reads one database. Remove `+database` from it, or select from it "
            f"in a model that is built in {self._database!r}."
        )
        if not reads_others(self._warehouse_kind) and problem not in self.problems:
            self.problems.append(problem)
        return Relation(database=other, schema_name=node["schema"], name=name)

    def _node(self, name: str) -> dict[str, Any] | None:
        """The node that `ref(name)` means; a version of it as `name.v1`."""
        for node in self._nodes.values():
            if name == node["name"] and is_newest(node):
                return node
            if node.get("version") is not None and name == f"{node['name']}.v{node['version']}":
                return node
        return None

    def hint(self, *names: str) -> str:
        """What to say beside a name that is not there, where the project switches it off; without names, of all."""
        off = [name for name in names or sorted(self._disabled) if name in self._disabled]
        return f" Disabled, so not read: {', '.join(off)}." if off else ""

    @property
    def names(self) -> list[str]:
        """Names of all models."""
        return sorted({node["name"] for node in self._nodes.values()})


def _ephemeral(name: str) -> str:
    return (
        f"Model {name} is ephemeral: dbt pastes it into others and builds no table of it, so there is nothing to read. "
        "Give it `materialized: table` or `view`."
    )
