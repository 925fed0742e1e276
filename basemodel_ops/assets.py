"""What every learnt artifact depends on, said once: artifacts, tables, settings, declarations and code.

From it follow an artifact's version, Dagster's dependencies and code versions, the plan of a run and the table in the
documents. A stage that reads what is not said here is stopped.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from basemodel_ops.code import code_behind
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import AttributeSource, ColumnType, Contract, EventSource, Relation, Task

AROUND = frozenset(
    {"dbt_project_dir", "home", "target", "artifacts", "duckdb_memory", "batch_rows", "artifact_root", "warehouse_path",
     "manifest_path", "memory", "memory_bytes", "keep_sketches", "retrain_days",
     "compile_ahead", "adapter", "kind", "dbt_vars", "answers_schema", "owner", "duckdb_path", "explained"}
)  # fmt: skip
"""Settings that say where and how items run: every stage may read them, and no result depends on them."""

ENCODED = ("seed", "image_architecture", "image_weights")
EMBEDDED = ("seed", "dimension", "iterations", "embedding_events")
CODED = ("seed", "depth", "width")
REPRESENTED = (
    "half_lives", "count_half_lives", "counted_half_lives", "windows", "top_items", "depth", "width", "row_numbers"
)  # fmt: skip
DRAWN = ("seed", "pretraining_rows", "activity_rows")
TRAINED = ("seed", "hidden", "epochs", "width")


SNAPSHOT = "snapshot"
TRAINING_EXAMPLES = "training_examples"
FOUNDATION_MODEL = "foundation_model"
SEGMENTATION = "segmentation"
"""Keys of the artifacts of which a project has one."""


def encoder_key(source: str) -> str:
    """The key of the encoders of a source."""
    return f"encoders/{source}"


def embedding_key(source: str, column: str) -> str:
    """The key of the vectors of the values of a column."""
    return f"embeddings/{source}__{column}"


def codes_key(source: str, column: str) -> str:
    """The key of the codes of the values of a column."""
    return f"codes/{source}__{column}"


def model_key(task: str) -> str:
    """The key of the fitted model of a task."""
    return f"{task}/model"


def evaluation_key(task: str) -> str:
    """The key of the evaluation of a task's model."""
    return f"{task}/evaluation"


@dataclass(frozen=True)
class Asset:
    """What one artifact is made from."""

    key: str
    module: str
    """Module of `basemodel_ops` whose code, with all that it imports, makes the artifact."""
    artifacts: tuple[str, ...] = ()
    relations: tuple[Relation, ...] = ()
    """Tables by whose content the artifact changes."""
    aside: tuple[Relation, ...] = ()
    """Tables that are read, but whose content is told by an artifact or a pin."""
    settings: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()
    """Parts of the snapshot; see `Snapshot.pin`."""
    declared: object = None
    """The declarations it follows from, JSON-able, without words and without what changes nothing."""

    @property
    def code(self) -> str:
        """The version of its code."""
        return code_behind(self.module)


def assets(contract: Contract) -> dict[str, Asset]:
    """Everything that training makes, by key, each after what it is made from."""
    return {asset.key: asset for asset in _assets(contract)}


def category_columns(contract: Contract) -> list[tuple[str, str]]:
    """Source and name of every event column that is embedded."""
    return [
        (source.name, column.name)
        for source in contract.events
        for column in source.columns
        if column.type is ColumnType.CATEGORY
    ]


def published_columns(contract: Contract) -> dict[str, list[str]]:
    """Event columns whose values' vectors are published, with the sources that have them; personal columns are not."""
    personal = {(str(item.relation), item.column) for item in contract.personal}
    results: dict[str, list[str]] = {}
    for source, column in category_columns(contract):
        if (str(contract.event(source).relation), column) not in personal:
            results.setdefault(column, []).append(source)
    return results


def represented(contract: Contract) -> tuple[tuple[str, ...], tuple[Relation, ...]]:
    """Artifacts and tables that a representation is made from."""
    attributes = [source for source in contract.attributes if source.key == contract.entity]
    keys = [encoder_key(source.name) for source in (*contract.events, *attributes)]
    for source, column in category_columns(contract):
        keys += [embedding_key(source, column), codes_key(source, column)]
    return tuple(keys), tuple(source.relation for source in (*contract.events, *attributes))


def _assets(contract: Contract) -> Iterator[Asset]:
    grid = contract.grid.relation
    attribute_sources = {source.name: source for source in contract.attributes}
    for source in (*contract.events, *contract.attributes):
        mentioned = _references(source, attribute_sources)
        relations = [source.relation, *(attribute_source.relation for attribute_source in mentioned)]
        yield Asset(
            encoder_key(source.name), "stages.features.encoding", relations=tuple(relations), settings=ENCODED,
            pins=("training_end",), declared=[_plain(source) for source in (source, *mentioned)],
        )  # fmt: skip
    every = tuple(event.relation for event in contract.events)
    for source, column in category_columns(contract):
        event = contract.event(source)
        declared = next(entry for entry in event.columns if entry.name == column)
        attributes = (attribute_sources[declared.references].relation,) if declared.references else ()
        yield Asset(
            embedding_key(source, column),
            "stages.features.embedding",
            (encoder_key(source),),
            aside=(*every, *attributes),
            settings=EMBEDDED,
            pins=("training_end", "entities", "events"),
            declared=column,
        )
        yield Asset(
            codes_key(source, column), "stages.features.embedding",
            (encoder_key(source), embedding_key(source, column)), settings=CODED, declared=column,
        )  # fmt: skip
    artifacts, relations = represented(contract)
    populations = tuple(task.population or task.relation for task in contract.tasks)
    yield Asset(
        TRAINING_EXAMPLES,
        "stages.features.examples",
        artifacts,
        relations,
        (grid, *populations),
        (*REPRESENTED, *DRAWN, "task_rows", "evaluation_rows"),
        ("grid", "horizons", "item_targets", "pool", "entities"),
        [_plain(source) for source in (*contract.events, *contract.attributes)],
    )
    yield Asset(
        FOUNDATION_MODEL, "stages.foundation.pretraining", (TRAINING_EXAMPLES,), settings=TRAINED,
        pins=("training_end", "item_targets"),
    )  # fmt: skip
    yield Asset(
        SEGMENTATION, "stages.insight.segmentation", (TRAINING_EXAMPLES, FOUNDATION_MODEL), settings=("seed",),
        pins=("training_end",),
    )  # fmt: skip
    for task in contract.tasks:
        yield from _task(contract, task)


def _task(contract: Contract, task: Task) -> Iterator[Asset]:
    current = tuple(relation for relation in (task.relation, task.population, task.offers) if relation)
    artifacts, relations = represented(contract)
    declared = {**_plain(task), "form": task.form.modelled}
    if task.form.shape is Shape.ITEMS and task.predicts is not None:
        source = task.predicts.source
        inputs = (encoder_key(source), embedding_key(source, task.predicts.column))
        every = tuple(event.relation for event in contract.events)
        yield Asset(
            model_key(task.name), "stages.tasks.recommendation", inputs, current, every, ("seed", "embedding_events"),
            ("grid", "entities", "events"), declared,
        )  # fmt: skip
    else:
        yield Asset(
            model_key(task.name),
            "stages.tasks.fitting",
            (*artifacts, TRAINING_EXAMPLES, FOUNDATION_MODEL),
            current,
            relations,
            ("seed", *REPRESENTED, "task_rows", "evaluation_rows"),
            ("grid", "item_targets"),
            declared,
        )
    yield Asset(evaluation_key(task.name), "stages.tasks.evaluation", (model_key(task.name),), declared=task.type.value)


def _references(
    source: EventSource | AttributeSource, attribute_sources: Mapping[str, AttributeSource]
) -> list[AttributeSource]:
    """The sources of facts that the columns of a source refer to, once each."""
    names = dict.fromkeys(column.references for column in source.columns if column.references)
    return [attribute_sources[name] for name in names if name]


def _plain(event_source: EventSource | AttributeSource | Task) -> dict:
    """A declaration without what changes nothing that is learnt."""
    words = {"columns": {"__all__": {"pii", "purpose", "inferred"}}} if not isinstance(event_source, Task) else None
    return event_source.model_dump(mode="json", exclude=words)
