"""Reading the contract from dbt's manifest. Every mistake is found before any is reported."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from basemodel_ops.contract.cutoffs import ADVERBS, LAST_DAY, MONTHS, midnight
from basemodel_ops.contract.declarations import GridMeta, Horizon, SplitMeta
from basemodel_ops.contract.definitions import definitions
from basemodel_ops.contract.forms import form_problems
from basemodel_ops.contract.models import AnnotatedModel, ManifestReader
from basemodel_ops.contract.nodes import snapshot_column
from basemodel_ops.contract.own import own_problems
from basemodel_ops.contract.task_types import FORMS, OwnFields, Shape
from basemodel_ops.contract.types import (
    Aggregate,
    AttributeSource,
    Audience,
    Cadence,
    ColumnType,
    Contract,
    EventSource,
    GivenSplit,
    Grid,
    Relation,
    Target,
    Task,
    TaskType,
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
    if not results:
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


RESERVED = (
    "codes",
    "embeddings",
    "encoders",
    "entity_representation",
    "foundation_model",
    "report",
    "snapshot",
    "training_examples",
)
"""First parts of the keys of artifacts and assets: a task's own begin with its name."""


def _refuse_twins(reader: ManifestReader, events: tuple[EventSource, ...]) -> None:
    """Artifacts are named `source__column`, and both may hold two underscores themselves."""
    results: dict[str, str] = {}
    for source in events:
        for column in source.columns:
            if column.type is not ColumnType.CATEGORY:
                continue
            current, name = f"column {column.name!r} of {source.name}", f"{source.name}__{column.name}"
            if results.setdefault(name, current) != current:
                reader.problems.append(
                    f"Model {source.name}: {current} and {results[name]} would both be called {name}. Rename one."
                )


def _tasks(
    reader: ManifestReader, events: tuple[EventSource, ...], attributes: tuple[AttributeSource, ...]
) -> tuple[Task, ...]:
    entities = sorted({source.entity for source in events})
    results = []
    for model in reader.of("task"):
        meta = model.meta
        if model.name in RESERVED:
            reader.problems.append(
                f"Model {model.name}: a task cannot be called so, since artifacts of other kinds are. Names that are "
                f"taken: {', '.join(RESERVED)}. Rename the model."
            )
        if meta.entity not in entities:
            reader.problems.append(
                f"Model {model.name}: entity {meta.entity!r} is no event source's entity. Entities: {entities}. "
                "Name one of these."
            )
        for role, name in (("entity", meta.entity), ("target", meta.target), ("observed", meta.observed)):
            reader.need(model, role, name)
        reader.need_timestamp(model, "cutoff", meta.cutoff)
        if meta.known is not None:
            reader.need_timestamp(model, "known", meta.known)
        reader.problems += [f"Model {model.name}: {problem}" for problem in own_problems(meta)]
        population = _model_of(reader, model, "population", {"entity": meta.entity, "cutoff": meta.cutoff})
        offers = _model_of(reader, model, "offers", {"target": meta.target, "cutoff": meta.cutoff})
        reader.problems += [f"Model {model.name}: {problem}" for problem in form_problems(meta)]
        horizon = Horizon.model_construct(days=0) if meta.known is not None else meta.horizon
        if meta.split is not None and (problem := _split_problem(meta.split, horizon)):
            reader.problems.append(f"Model {model.name}: split: {problem}")
        if meta.predicts:
            _check_predicts(reader, model.name, meta.type, meta.predicts, events, attributes)
        upstream = reader.reads(model.unique_id)
        keyed = {source.name for source in attributes if source.key == meta.entity}
        results.append(
            Task(
                name=model.name, relation=model.relation, type=meta.type, entity=meta.entity, cutoff=meta.cutoff,
                target=meta.target, horizon=horizon.days if horizon else None, population=population,
                predicts=Target(**meta.predicts.model_dump()) if meta.predicts else None,
                reads=tuple(sorted(upstream & keyed)), metric=meta.metric, on_worse=meta.on_worse,
                already_had=meta.already_had, offers=offers, diversity=meta.diversity,
                split=GivenSplit(**meta.split.model_dump()) if meta.split else None,
                moments=meta.moments, known=meta.known,
                **{name: getattr(meta, name) for name in OwnFields.model_fields},
            )
        )  # fmt: skip
    return tuple(results)


def _split_problem(split: SplitMeta, horizon: Horizon | None) -> str:
    """What is wrong with the split of a task; empty where nothing is."""
    if horizon is None:
        return "a task without a horizon is split by entity, not in time. Remove it, or give the task a `horizon`."
    first, second = (midnight(validation_from) for validation_from in (split.validation_from, split.test_from))
    if second <= first or second - first < timedelta(days=horizon.days):
        return (
            f"test_from {second} is not a horizon of {horizon.days} days after validation_from {first}, so no "
            "label of validation would be known before the test begins. Move them apart."
        )
    return ""


def _model_of(reader: ManifestReader, model: AnnotatedModel, role: str, keys: dict[str, str]) -> Relation | None:
    """The relation of a model that a task names, whose columns `keys` may be read; None if it names none."""
    name = getattr(model.meta, role)
    if name is None:
        return None
    for key, column in keys.items():
        reader.allow_key(name, key, column, model.meta.purpose)
    relation = reader.relation_of(name)
    if relation is None:
        reader.problems.append(
            f"Model {model.name}: {role} {name!r} is no model. Models: {reader.names}.{reader.hint(name)} "
            "Name one of these."
        )
    return relation


def _check_predicts(
    reader: ManifestReader,
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
            f"Event sources: {[event.name for event in events]}.{reader.hint(predicts.source)} Name one of these."
        )
        return
    if FORMS[kind].shape is Shape.ANSWER:
        _check_aggregate(reader, name, kind, predicts, source)
        return
    attribute_sources = {attribute_names.name: attribute_names for attribute_names in attributes}
    choices = [column.name for column in source.columns if column.type is ColumnType.CATEGORY]
    if FORMS[kind].shape is not Shape.ITEMS:  # what is recommended is an item, not a fact about it
        for column in source.columns:
            if column.references in attribute_sources:
                attribute_names = [
                    attribute.name
                    for attribute in attribute_sources[column.references].columns
                    if attribute.type is ColumnType.CATEGORY
                ]
                choices += [f"{column.name}.{attribute}" for attribute in attribute_names]
    if predicts.column not in choices:
        withheld = [column.name for column in source.columns if column.withheld]
        hint = f" Withheld as personal, since they give no purpose: {withheld}." if withheld else ""
        reader.problems.append(
            f"Model {name}: predicts.column {predicts.column!r} is no category that a {kind.value} task can predict "
            f"in {predicts.source}. It has: {choices}.{hint} Name one of these."
        )


def _check_aggregate(reader: ManifestReader, name: str, kind: TaskType, predicts: Any, source: EventSource) -> None:
    allowed = FORMS[kind].aggregates
    if predicts.aggregate not in allowed:
        reader.problems.append(
            f"Model {name}: predicts.aggregate {predicts.aggregate and str(predicts.aggregate)!r} is nothing that a "
            f"{kind.value} task asks for. It may be: {[str(choice) for choice in allowed]}. Name one, or remove "
            "`predicts`."
        )
    numbers = [column.name for column in source.columns if column.type is ColumnType.NUMBER]
    wanted = numbers if predicts.aggregate in (Aggregate.SUM, Aggregate.MEAN) else [""]
    if predicts.column not in wanted:
        reader.problems.append(
            f"Model {name}: predicts.column {predicts.column!r} does not go with the aggregate. "
            f"A sum or a mean needs a number of {source.name}: {numbers}; other aggregates name no column."
        )


def _audiences(reader: ManifestReader, entity: str, tasks: tuple[Task, ...]) -> tuple[Audience, ...]:
    results = []
    for model in reader.of("audience"):
        name = model.meta.entity
        reader.need(model, "entity", name)
        if name != entity:
            reader.problems.append(
                f"Model {model.name}: entity {name!r} is not that of the event sources, {entity!r}. Rename the column "
                "in the model, and name it so."
            )
        if not tasks:
            reader.problems.append(
                f"Model {model.name}: nobody is represented whom it could rank, since no model carries a task. Add one."
            )
        results.append(Audience(name=model.name, relation=model.relation, entity=name))
    return tuple(results)


def _grid(reader: ManifestReader) -> Grid | None:
    models = reader.of("grid")
    if len(models) != 1:
        reader.problems.append(
            f"{len(models)} models carry a grid annotation: {[model.name for model in models]}; exactly one must."
            f"{'' if models else reader.hint()} "
            "Add `config.meta.basemodel.grid: {cutoff: ..., data_end: ..., start: YYYY-MM-DD}` to the model of cutoffs."
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
    if meta.every in MONTHS and start.day > LAST_DAY:
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
        kind: Of warehouse; only Snowflake reads another database than its own.

    Raises:
        ContractError: with every problem found: model, column, what exists and the way out.
    """
    if not manifest_path.exists():
        raise ContractError([f"There is no dbt manifest at {manifest_path}. Run `dbt parse` first."])
    manifest = json.loads(manifest_path.read_text())
    reader = ManifestReader(manifest, database, kind)
    events, attributes, grid = _events(reader), _attributes(reader), _grid(reader)
    tasks = _tasks(reader, events, attributes)
    audiences = _audiences(reader, events[0].entity, tasks) if events else ()
    _refuse_twins(reader, events)
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
        personal=reader.personal, definitions=definitions(manifest),
    )  # fmt: skip
