"""The stage that forgets entities: digests for the models, answers deleted, artifacts removed, models marked.

It can be run again: what is done is found done. Raw tables are not touched.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from basemodel_ops.artifacts import ArtifactStore, version_of
from basemodel_ops.code import code_version
from basemodel_ops.contract.types import Contract, Relation
from basemodel_ops.erasures import add_erased, digests, kind_of, not_erased, read_erased
from basemodel_ops.errors import ArtifactError, DataError
from basemodel_ops.pages import FILE, FOLDER
from basemodel_ops.report import CheckResult
from basemodel_ops.scratch import sweep
from basemodel_ops.stages.explanations.published import explanation_relation
from basemodel_ops.stages.insight.lookalikes import NEIGHBOUR
from basemodel_ops.stages.planning.due import is_model, models_due
from basemodel_ops.stages.scoring.answering import score_relation
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse, ledger_of
from basemodel_ops.warehouse.queries import column_of, rows_query, sample_query, table_of, timestamp_of


@dataclass(frozen=True)
class Erasure:
    """What was done."""

    ids: int
    new: int
    """Ids that were not forgotten before."""
    rows: int
    """Rows of score tables that were deleted."""
    artifacts: tuple[str, ...]
    """Removed, as `key/version`."""
    due: tuple[str, ...]
    """Keys of the models that are due to be trained again."""


def forget(ws: Workspace, source: Relation) -> Erasure:
    """Forget the entities whose ids stand in `source`.

    Raises:
        DataError: the table does not say which column holds the ids, or they are of another type than the entity.
        WarehouseError: there is no such table.
    """
    with ws.warehouse() as warehouse:
        ids = _read_ids(ws.contract, warehouse, source)
        new = add_erased(warehouse, ids, pa.scalar(datetime.now(UTC).replace(tzinfo=None), pa.timestamp("us")))
        holding = _holding(ws.store, ids)
        seen = any("entities" in names for names in holding.values()) or _is_in_events(ws.contract, warehouse, ids)
        if seen:  # before anything that shows it is removed
            models = [f"{key}/{version}" for key, version in ws.store.versions() if is_model(key)]
            ws.store.mark_retrain_due(models, f"{datetime.now(UTC):%Y-%m-%d}")
        entity, run = ws.contract.entity, ws.run or "forget"
        rows = sum(
            _delete_scores(warehouse, relation, entity, ids, run)
            for relation in _score_relations(ws.contract, warehouse, ws.settings.answers_schema)
        )
    holding |= {
        version: [] for version in ws.store.versions() if version[0].startswith(f"{FOLDER}/")
    }  # a page names entities
    for key, version in holding:
        ws.store.remove(key, version)
    (ws.settings.home / FILE).unlink(missing_ok=True)
    ws.store.remove_leftovers()
    sweep(ws.settings.home, age=0)  # of runs that were killed while they held events on disk
    removed = tuple(f"{key}/{version}" for key, version in holding)
    ws.log(f"{len(ids)} ids: {rows} rows of scores deleted, {len(removed)} artifacts removed")
    return Erasure(len(ids), new, rows, removed, tuple(models_due(ws)))


def check_erased(ws: Workspace, key: str) -> CheckResult:
    """The current model of that key saw nobody who was forgotten since."""
    since = models_due(ws).get(key)
    text = f"{key} saw someone who is to be forgotten since {since}: retrain due. Run `basemodel run`."
    return CheckResult("saw_nobody_forgotten", since is None, text if since else "It saw nobody who was forgotten.")


def check_models(contract: Contract, warehouse: Warehouse) -> list[CheckResult]:
    """No relation of the contract holds an entity that was forgotten; nothing is asked while nobody was."""
    erased = read_erased(warehouse)
    if erased.num_rows == 0:
        return []
    results = []
    for relation in _entity_relations(contract):
        query = exp.select(column_of(contract.entity)).distinct().from_(table_of(relation))
        entities = warehouse.read(query)
        count = entities.num_rows - not_erased(entities, contract.entity, erased).num_rows
        text = (
            f"{relation} holds {count} of the {erased.num_rows} entities that are to be forgotten: its model does "
            f"not leave them out. Add `where {{{{ is_remembered('{contract.entity}') }}}}` to it."
        )
        name = f"{relation.name}: nobody who was forgotten"
        results.append(CheckResult(name, count == 0, text if count else "Nobody.", {"forgotten": count}))
    return results


def _entity_relations(contract: Contract) -> list[Relation]:
    """Relations of the contract with the entity as a column, once each."""
    attributes = [source.relation for source in contract.attributes if source.key == contract.entity]
    populations = [task.population for task in contract.tasks if task.population]
    tasks = [task.relation for task in contract.tasks]
    audiences = [audience.relation for audience in contract.audiences]
    relations = [*(event.relation for event in contract.events), *attributes, *populations, *tasks, *audiences]
    return list({str(relation): relation for relation in relations}.values())


def _read_ids(contract: Contract, warehouse: Warehouse, source: Relation) -> pa.ChunkedArray:
    """The ids, once each, as the type of the entity; DataError where they cannot be."""
    names = list(warehouse.columns(source))
    entity = contract.entity
    same = [name for name in names if name.lower() == entity.lower()]
    if not same and len(names) > 1:
        raise DataError(
            f"{source} has the columns {names}, and none is named {entity}, as the ids are everywhere else. "
            "Name the column of ids so, or leave only one."
        )
    (column,) = same or names
    ids = pc.unique(warehouse.read(rows_query(source, [column])).column(0)).drop_null()
    kind = kind_of(ids.type)
    event = contract.events[0]
    if not warehouse.exists(event.relation):
        return pa.chunked_array([ids])
    wanted = warehouse.read(sample_query(event.relation, [event.entity], rows=1)).column(0).type
    if kind_of(wanted) != kind:
        raise DataError(
            f"{source}.{column} holds ids of type {ids.type}, but {event.relation}.{event.entity} is {wanted}: none "
            "could be found. Cast the ids to the type of the entity."
        )
    return pa.chunked_array([ids.cast(wanted)])


def _holds(table: pa.Table, ids: pa.ChunkedArray) -> bool:
    """Whether some column of the ids' kind holds one of them."""
    for column in table.columns:
        values = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        try:
            same = kind_of(values.type) == kind_of(ids.type)
        except DataError:
            continue
        if same and pc.any(pc.is_in(values.cast(ids.type, safe=False), value_set=ids.combine_chunks())).as_py():
            return True
    return False


def _holding(store: ArtifactStore, ids: pa.ChunkedArray) -> dict[tuple[str, str], list[str]]:
    """Artifacts with an id in one of their tables, and which; those that cannot be read count too, without a table."""
    results = {}
    for key, version in store.versions():
        try:
            artifact = store.find(key, version)
            files = artifact.names if artifact else []
            tables = [name.removesuffix(".parquet") for name in files if name.endswith(".parquet")]
            names = [name for name in tables if artifact and _holds(artifact.table(name), ids)]
        except ArtifactError:  # what it holds is not known
            results[key, version] = []
            continue
        if names:
            results[key, version] = names
    return results


def _is_in_events(contract: Contract, warehouse: Warehouse, ids: pa.ChunkedArray) -> bool:
    for event in contract.events:
        if warehouse.exists(event.relation):
            query = exp.select(column_of(event.entity)).distinct().from_(table_of(event.relation))
            if _holds(warehouse.read(query), ids):
                return True
    return False


def _score_relations(contract: Contract, warehouse: Warehouse, schema: str) -> list[Relation]:
    """Tables of scores and of their explanations: of the contract's tasks, and older ones that the ledger knows."""
    known = [of(task.name, schema) for task in contract.tasks for of in (score_relation, explanation_relation)]
    results = {str(relation): relation for relation in known}
    ledger = ledger_of(schema)
    if warehouse.exists(ledger):
        for name in pc.unique(warehouse.read(rows_query(ledger, ["table_name"])).column(0)).to_pylist():
            schema, _, table = name.partition(".")
            results.setdefault(name, Relation(schema_name=schema, name=table))
    return [relation for relation in results.values() if warehouse.exists(relation)]


def _delete_scores(warehouse: Warehouse, relation: Relation, entity: str, ids: pa.ChunkedArray, run: str) -> int:
    """Write each partition with such an id again without it. Its ledger row then names no inputs that a run has.

    An id stands in the column of the entity, and in that of its look-alikes.
    """
    names = list(warehouse.columns(relation))
    holders = [name for name in (entity, NEIGHBOUR) if name in names]
    if entity not in names or "as_of" not in names:
        return 0
    deleted = 0
    table = table_of(relation)
    for timestamp in warehouse.read(exp.select(column_of("as_of")).distinct().from_(table)).column(0).to_pylist():
        part = column_of("as_of").eq(timestamp_of(timestamp))
        present = warehouse.read(exp.select(*map(column_of, holders)).distinct().from_(table).where(part))
        if not _holds(present, ids):
            continue
        rows = warehouse.read(rows_query(relation, names).where(part))
        kept = rows
        for name in holders:
            kept = kept.filter(pc.invert(pc.is_in(kept.column(name), value_set=ids.combine_chunks())))
        fingerprint = "forgotten " + version_of(str(timestamp), sorted(digests(ids)))
        warehouse.publish(relation, kept, {"as_of": timestamp}, fingerprint, code_version(), run)
        deleted += rows.num_rows - kept.num_rows
    return deleted
