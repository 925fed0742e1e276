"""Reading the contract from dbt's manifest. Every mistake is found before any is reported."""

import json
from pathlib import Path

from basemodel_ops.contract.annotations import AnnotatedModel
from basemodel_ops.contract.answers import ANSWERED
from basemodel_ops.contract.cutoffs import ADVERBS, LAST_DAY, may_start, midnight
from basemodel_ops.contract.declarations import GridMeta
from basemodel_ops.contract.definitions import definitions
from basemodel_ops.contract.models import ManifestReader
from basemodel_ops.contract.nodes import snapshot_column
from basemodel_ops.contract.owners import owners
from basemodel_ops.contract.questions import read_audiences, read_tasks
from basemodel_ops.contract.types import (
    AttributeSource,
    Cadence,
    ColumnType,
    Contract,
    EventSource,
    Grid,
)
from basemodel_ops.errors import ContractError


def _events(reader: ManifestReader) -> tuple[EventSource, ...]:
    results = []
    for model in reader.of("event"):
        meta = model.meta
        reader.need(model, "entity", meta.entity)
        reader.need_timestamp(model, "time", meta.time)
        reader.need(model, "session", meta.session)
        columns = reader.columns(model, {meta.entity, meta.time, meta.session})
        results.append(
            EventSource(
                name=model.name, relation=model.relation, entity=meta.entity, time=meta.time, session=meta.session,
                columns=columns,
            )
        )  # fmt: skip
    if not results and "event" not in reader.misread.values():
        reader.problems.append(
            f"No model carries an event annotation. Models: {reader.names}.{reader.hint()} "
            "Add `config.meta.basemodel.event: {entity: ..., time: ...}` to the model whose rows are events."
        )
    entities = {source.entity: source.name for source in results}
    if len(entities) > 1:
        reader.problems.append(
            f"Event sources name different entities: {entities}. One project learns about one entity; "
            "rename the columns in the models so that all sources share one."
        )
    reader.problems += [
        f"Model {source}: the entity cannot be called {entity!r}, as a column of the answers is. Rename it in the "
        "models."
        for entity, source in entities.items()
        if entity.lower() in ANSWERED
    ]
    return tuple(results)


def _attributes(reader: ManifestReader) -> tuple[AttributeSource, ...]:
    results = []
    for model in reader.of("attribute"):
        meta = model.meta
        reader.need(model, "key", meta.key)
        valid_from, valid_to = _validity_columns(model)
        for role, timestamp in (("valid_from", valid_from), ("valid_to", valid_to)):
            if timestamp is not None:
                reader.need_timestamp(model, role, timestamp)
        if valid_to is not None and valid_from is None:
            reader.problems.append(
                f"Model {model.name}: valid_to {valid_to!r} is given and no valid_from. Add `valid_from`, the column "
                "from which a fact is known, or remove `valid_to`."
            )
        columns = reader.columns(model, {meta.key, valid_from, valid_to})
        for column in columns:
            if column.references:
                reader.problems.append(
                    f"Model {model.name}: column {column.name!r} references {column.references!r}, but only columns of "
                    "event sources refer to items. Join the facts in the model, or remove `references`."
                )
        results.append(
            AttributeSource(
                name=model.name, relation=model.relation, key=meta.key, valid_from=valid_from, valid_to=valid_to,
                columns=columns,
            )
        )  # fmt: skip
    return tuple(results)


def _validity_columns(model: AnnotatedModel) -> tuple[str | None, str | None]:
    """The columns of a fact's beginning and end: as declared, else as dbt names them in a snapshot.

    The end of a fact is written later than the fact, so it may never be read as a feature: a column that dbt calls so
    is its end in a model that selects from a snapshot, too.
    """
    valid_from, valid_to = model.meta.valid_from, model.meta.valid_to
    if valid_from is None and model.node["resource_type"] == "snapshot":
        valid_from = snapshot_column(model.node, "dbt_valid_from")
    end = snapshot_column(model.node, "dbt_valid_to")
    if valid_to is None and valid_from is not None and end in model.columns:
        valid_to = end
    return valid_from, valid_to


def _refuse_twins(
    reader: ManifestReader, events: tuple[EventSource, ...], attributes: tuple[AttributeSource, ...]
) -> None:
    """Artifacts are named `source__column`, and facts of items `column.attribute`: a column may be called so, too."""
    results: dict[str, str] = {}
    attributes_of = {entry.name: [column.name for column in entry.columns] for entry in attributes}
    for source in events:
        attribute_names = {
            f"{c.name}.{name}" for c in source.columns for name in attributes_of.get(c.references or "", [])
        }
        for column in source.columns:
            if column.name in attribute_names:
                reader.problems.append(
                    f"Model {source.name}: column {column.name!r} is called as a fact of the items that another column "
                    "references. Rename it in the model."
                )
            if column.type is not ColumnType.CATEGORY:
                continue
            current, name = f"column {column.name!r} of {source.name}", f"{source.name}__{column.name}"
            if results.setdefault(name, current) != current:
                reader.problems.append(
                    f"Model {source.name}: {current} and {results[name]} would both be called {name}. Rename one."
                )


def _grid(reader: ManifestReader) -> Grid | None:
    models = reader.of("grid")
    if not models and "grid" in reader.misread.values():
        return None
    if len(models) != 1:
        missing = (
            "Add `config.meta.basemodel.grid: {cutoff: ..., data_end: ..., start: YYYY-MM-DD}` to the model of cutoffs."
        )
        several = "Remove it from all but the one that tasks share; a task may have `moments: own`."
        reader.problems.append(
            f"{len(models)} models carry a grid annotation: {[model.name for model in models]}; exactly one must."
            f"{'' if models else reader.hint()} {several if models else missing}"
        )
        return None
    model = models[0]
    reader.need_timestamp(model, "cutoff", model.meta.cutoff)
    reader.need_timestamp(model, "data_end", model.meta.data_end)
    if problem := _start_problem(model.meta):
        reader.problems.append(f"Model {model.name}: grid.start: {problem}")
    return Grid(
        relation=model.relation, cutoff=model.meta.cutoff, data_end=model.meta.data_end, start=model.meta.start,
        now=model.meta.now, every=model.meta.every,
    )  # fmt: skip


def _start_problem(meta: GridMeta) -> str:
    """What is wrong with the start of a grid; empty where nothing is."""
    if meta.every is Cadence.IRREGULAR:
        return "an irregular grid has none, since its table lists the cutoffs. Remove it." if meta.start else ""
    if meta.start is None:
        return f"it is missing. Add it; keys: {sorted(GridMeta.model_fields)}."
    start = midnight(meta.start)
    if start.second or start.microsecond:
        return f"{start} is within a minute; a {ADVERBS[meta.every]} grid starts at a full one. Use `every: irregular`."
    if not may_start(meta.every, start):
        return (
            f"day {start.day} is not in every month. Start a {ADVERBS[meta.every]} grid on one of the first {LAST_DAY} "
            "days: history is strictly before a cutoff, so the first of a month sees the whole month before it."
        )
    return ""


def read_contract(manifest_path: Path, database: str | None = None, kind: str = "") -> Contract:
    """The contract that a dbt manifest carries.

    Args:
        manifest_path: The file.
        database: The one that is read; what dbt builds in another is read there, or refused. None asks nothing.
        kind: Of warehouse; some read other databases than their own.

    Raises:
        ContractError: with every problem found: model, column, what exists and the way out.
    """
    if not manifest_path.exists():
        raise ContractError([f"There is no dbt manifest at {manifest_path}. Run `dbt parse` first."])
    manifest = json.loads(manifest_path.read_text())
    reader = ManifestReader(manifest, database, kind)
    events, attributes, grid = _events(reader), _attributes(reader), _grid(reader)
    tasks = read_tasks(reader, events, attributes)
    audiences = read_audiences(reader, events[0].entity, tasks) if events else ()
    _refuse_twins(reader, events, attributes)
    known = sorted(source.name for source in attributes)
    for source in events:
        for column in source.columns:
            if column.references and column.references not in known:
                reader.problems.append(
                    f"Model {source.name}: column {column.name!r} references {column.references!r}, which is no "
                    f"attribute source. Attribute sources: {known}.{reader.hint(column.references)} Name one of these, "
                    "or remove `references`."
                )
    if reader.problems or grid is None:
        raise ContractError(reader.problems)
    return Contract(
        entity=events[0].entity, events=events, attributes=attributes, tasks=tasks, grid=grid, audiences=audiences,
        personal=reader.personal, definitions=definitions(manifest), owners=owners(manifest),
    )  # fmt: skip
