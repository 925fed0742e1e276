"""The stage of look-alikes: who is nearest to each entity of a week."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import version_of
from basemodel_ops.code import code_behind
from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.errors import DataError
from basemodel_ops.insight.cells import EXACT, Cells, nearest_in_cells, recall_of
from basemodel_ops.insight.neighbours import Directions, nearest
from basemodel_ops.report import Report
from basemodel_ops.stages.insight.week import Week
from basemodel_ops.stages.progress import log_progress
from basemodel_ops.stages.workspace import ReportMetrics, Workspace

LOOKALIKES = "lookalikes"

NEIGHBOUR = "neighbour"
"""The column that holds ids of entities beside that of the entity."""


@dataclass(frozen=True)
class LookAlike:
    """Someone near, and how near: the cosine of the two embeddings."""

    rank: int
    neighbour: object
    similarity: float


def lookalikes(ws: Workspace, as_of: datetime, run_id: str) -> Report:
    """Publish the nearest entities of each as `basemodel.lookalikes`.

    Everybody is compared with everybody, beyond `EXACT` entities with those of the cells around; then `recall` is the
    share of the true ones that a sample was given. There are none, and the report says why, where all embeddings are
    equal or there are not two entities.
    """
    week, k = Week(ws.store, as_of), ws.settings.lookalikes
    version = version_of(LOOKALIKES, week.version, k)
    directions = Directions(week.embeddings)
    reason = unlike(week, directions)
    seen, similar, recall = 0, 0.0, 1.0
    progress = log_progress(ws.log, "look-alikes of entities")
    nobody = np.zeros((0, min(k, max(len(week) - 1, 0))))

    def rows(index: np.ndarray, neighbours: np.ndarray, similarity: np.ndarray) -> pa.Table:
        columns = _columns(ws.contract.entity, week.entities.values, index, neighbours, similarity)
        return week.stamped(columns, week.model_version, run_id)

    relation, schema = ws.answer_relation(LOOKALIKES), rows(np.zeros(0, np.int64), nobody, nobody).schema
    code = code_behind("stages.insight.lookalikes")
    with (
        ws.warehouse() as warehouse,
        warehouse.publication(relation, schema, {"as_of": as_of}, version, code, run_id) as out,
    ):
        if out.is_needed and not reason:
            cells = Cells(directions, ws.settings.seed) if len(week) > EXACT else None
            for index, neighbours, similarity in (
                nearest(directions, k) if cells is None else nearest_in_cells(directions, cells, k)
            ):
                out.append(rows(index, neighbours, similarity))
                seen, similar = seen + len(index), similar + float(similarity[:, 0].sum())
                progress(seen, len(week))
            if cells is not None:
                recall = recall_of(directions, cells, k, ws.settings.seed)
    per_entity = 0 if reason else nobody.shape[1]
    report_metrics: ReportMetrics = {
        "rows": len(week) * per_entity, "entities": len(week), "neighbours": per_entity
    }  # fmt: skip
    if seen:
        report_metrics |= {"mean_similarity_of_nearest": round(similar / seen, 4), "recall": round(recall, 4)}
    if reason:
        report_metrics["why_none"] = reason
    return Report(version, not out.is_written, report_metrics)


def _columns(
    entity: str, ids: pa.Array, index: np.ndarray, neighbours: np.ndarray, similarity: np.ndarray
) -> dict[str, pa.Array | np.ndarray]:
    """Rows of some entities (entities,) and their neighbours (entities, k), the nearest first."""
    count = neighbours.shape[1]
    return {
        entity: ids.take(pa.array(index.repeat(count))),
        "rank": np.tile(np.arange(1, count + 1, dtype=np.int32), len(index)),
        NEIGHBOUR: ids.take(pa.array(neighbours.ravel().astype(np.int64))),
        "similarity": np.round(similarity.ravel().astype(np.float64), 6),
    }


def similar(ws: Workspace, entity: str, as_of: datetime, k: int) -> list[LookAlike]:
    """The `k` entities nearest to one, or all others where there are fewer.

    Raises:
        DataError: nothing is kept of the week, the entity is not among those that are, or nobody is nearer than others.
    """
    week = Week(ws.store, as_of)
    values = week.entities.values
    try:
        index = int(week.entities.encode(pa.array([entity]).cast(values.type))[0])
    except pa.ArrowInvalid:
        index = -1
    if index < 0:
        raise DataError(
            f"No {ws.contract.entity} {entity} is among the {len(week)} that a task asked about as of "
            f"{key_of(as_of)}. There are such as {values[:3].to_pylist()}."
        )
    directions = Directions(week.embeddings)
    if reason := unlike(week, directions):
        raise DataError(f"{ws.contract.entity} {entity} has no look-alikes as of {key_of(as_of)}: {reason}.")
    ((_, result, cosine),) = nearest(directions, k, np.array([index]))
    return [
        LookAlike(rank, values[int(position)].as_py(), round(float(value), 6))
        for rank, (position, value) in enumerate(zip(result[0], cosine[0], strict=True), 1)
    ]


def unlike(week: Week, directions: Directions) -> str:
    """Why nobody of a week is a look-alike of anybody; empty where they are."""
    if len(week) < 2:
        return f"there {'is one entity' if len(week) else 'are no entities'} in that week"
    return "all embeddings are equal, so nobody is nearer than anybody else" if directions.is_flat else ""
