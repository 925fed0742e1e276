"""Reading tasks and audiences from the annotations of models."""

from datetime import timedelta
from typing import Any

from basemodel_ops.contract.annotations import AnnotatedModel
from basemodel_ops.contract.cutoffs import midnight
from basemodel_ops.contract.declarations import Horizon, SplitMeta
from basemodel_ops.contract.forms import form_problems
from basemodel_ops.contract.models import ManifestReader
from basemodel_ops.contract.row_cutoffs import row_cutoff_problems
from basemodel_ops.contract.task_types import FORMS, Shape, TypeFields
from basemodel_ops.contract.types import (
    Aggregate,
    AttributeSource,
    Audience,
    ColumnType,
    CountedSplit,
    EventSource,
    GivenSplit,
    Relation,
    Target,
    Task,
    TaskType,
)

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


def read_tasks(
    reader: ManifestReader, events: tuple[EventSource, ...], attributes: tuple[AttributeSource, ...]
) -> tuple[Task, ...]:
    """The tasks; what is wrong with one is added to the reader's problems."""
    entities = sorted({source.entity for source in events})
    results = []
    for model in reader.of("task"):
        meta = model.meta
        if model.name in RESERVED:
            reader.problems.append(
                f"Model {model.name}: a task cannot be called so, since artifacts of other kinds are. Names that are "
                f"taken: {', '.join(RESERVED)}. Rename the model."
            )
        is_known = bool(entities) or "event" not in reader.misread.values()
        if is_known and meta.entity not in entities:
            reader.problems.append(
                f"Model {model.name}: entity {meta.entity!r} is no event source's entity. Entities: {entities}. "
                "Name one of these."
            )
        for role, name in (("entity", meta.entity), ("target", meta.target), *meta.label_columns.items()):
            reader.need(model, role, name)
        reader.need_timestamp(model, "cutoff", meta.cutoff)
        if meta.known is not None:
            reader.need_timestamp(model, "known", meta.known)
        reader.problems += [f"Model {model.name}: {problem}" for problem in row_cutoff_problems(meta)]
        population = _model_of(reader, model, "population", {"entity": meta.entity, "cutoff": meta.cutoff})
        offers = _model_of(reader, model, "offers", {"target": meta.target, "cutoff": meta.cutoff})
        reader.problems += [f"Model {model.name}: {problem}" for problem in form_problems(meta)]
        horizon = Horizon.model_construct(days=0) if meta.known is not None else meta.horizon
        if meta.split is not None and (problem := _split_problem(meta.split, horizon)):
            reader.problems.append(f"Model {model.name}: split{problem}")
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
                null_target=meta.null_target,
                already_had=meta.already_had, offers=offers, diversity=meta.diversity,
                split=_split_of(meta.split),
                moments=meta.moments, known=meta.known,
                **{name: getattr(meta, name) for name in TypeFields.model_fields},
            )
        )  # fmt: skip
    return tuple(results)


def _split_problem(split: SplitMeta, horizon: Horizon | None) -> str:
    """What is wrong with the split of a task, after the name of the key; empty where nothing is."""
    if horizon is None:
        return ": a task without a horizon is split by entity, not in time. Remove it, or give the task a `horizon`."
    given = split.model_dump(exclude_none=True)
    forms = [form for form in (GivenSplit, CountedSplit) if form.model_fields.keys() & given.keys()]
    if len(forms) == 1 and (missing := sorted(forms[0].model_fields.keys() - given.keys())):
        return f".{missing[0]}: it is missing. Add it: both moments are needed, or both counts."
    if len(forms) != 1:
        return (
            f": {sorted(given) or 'nothing'} is given. Say where the parts begin, `{{validation_from: 2024-03-04, "
            "test_from: 2024-04-01}`, or how many cutoffs they have, `{validation: 4, test: 8}`."
        )
    moments = _split_of(split)
    if not isinstance(moments, GivenSplit):
        return ""
    first, second = midnight(moments.validation_from), midnight(moments.test_from)
    if second <= first or second - first < timedelta(days=horizon.days):
        return (
            f": test_from {second} is not a horizon of {horizon.days} days after validation_from {first}, so no "
            "label of validation would be known before the test begins. Move them apart."
        )
    return ""


def _split_of(split: SplitMeta | None) -> GivenSplit | CountedSplit | None:
    """The split as it is declared; None where none is, or one of which `_split_problem` says what is wrong."""
    given = split.model_dump(exclude_none=True) if split else {}
    forms = (GivenSplit, CountedSplit)
    return next((form(**given) for form in forms if form.model_fields.keys() == given.keys()), None)


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
    if source is None and reader.misread.get(predicts.source) == "event":
        return
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
    if not allowed:
        reader.problems.append(
            f"Model {name}: a {kind.value} task takes no `predicts`, as the foundation model foresees no such answer. "
            "Remove it: the target column is what is learnt."
        )
        return
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


def read_audiences(reader: ManifestReader, entity: str, tasks: tuple[Task, ...]) -> tuple[Audience, ...]:
    """The audiences, which need an event source of their entity and a task."""
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
