"""The stage that makes the page of a week: everything that a person wants to see of it, in one file."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import ArtifactStore, ArtifactWriter, version_of
from basemodel_ops.assets import evaluation_key
from basemodel_ops.code import code_behind
from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.contract.types import Contract, Task
from basemodel_ops.data_quality.profiles import profiles
from basemodel_ops.errors import DataError
from basemodel_ops.pages.contents import Contents, SegmentMap, TaskContents, page
from basemodel_ops.pages.measures import plane_of
from basemodel_ops.pages.style import PICTURE
from basemodel_ops.report import Report
from basemodel_ops.settings import Settings
from basemodel_ops.stages.foundation.checkpoint_artifact import CheckpointArtifact
from basemodel_ops.stages.insight.week import Week
from basemodel_ops.stages.reporting import tables
from basemodel_ops.stages.reporting.report_artifact import ReportArtifact
from basemodel_ops.stages.reporting.worth import worth
from basemodel_ops.stages.snapshot.snapshot import Snapshot
from basemodel_ops.stages.workspace import ReportMetrics, Workspace
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import rows_query

MAP_ENTITIES, SHOWN = 1_500, 5
"""Entities on the map, and those whose look-alikes are shown."""

MAIN = (
    "pretraining", "segments", ": ROC curve", ": Precision and recall", ": Calibration", ": Gains", ": Lift",
    ": Qini curve", ": Effects foreseen and seen", ": What was named for each class", ": Taken, by rank",
    ": Recall, by length of the list", ": Label efficiency", ": scores", ": reasons", ": effects",
)  # fmt: skip
"""Ends of the names of pictures that Dagster shows too."""

LARGEST = 10 * 2**20
"""Bytes of a page, at most."""


def report(ws: Workspace, as_of: datetime) -> Report:
    """Make the page of a week unless the same answers and models made it.

    What is large is sampled, so a page of a million entities is as long as one of a thousand.

    Raises:
        DataError: nothing was trained yet, no task was evaluated, or the page is larger than it may be.
    """
    if ws.store.newest(CheckpointArtifact.key) is None:
        raise DataError("Nothing was trained yet, so there is nothing to report of. `basemodel run` does.")
    key = ReportArtifact.key(as_of)
    with ws.warehouse() as warehouse:
        inputs = [*_inputs(ws.contract, ws.store, warehouse), _sketches(ws.settings.home)]
    version = version_of(key, inputs, code_behind("stages.reporting.reporting"))
    artifact = ws.store.find(key, version)
    if artifact is not None:
        ws.store.point(key, version)
        return Report(version, True, artifact.report)
    drawings: dict[str, str] = {}

    def write(writer: ArtifactWriter) -> tuple[ReportMetrics, dict[str, bytes]]:
        contents = contents_of(ws, as_of)
        text = page(contents)
        if len(text.encode()) > LARGEST:
            raise DataError(f"The report of {key_of(as_of)} has {len(text):,} letters, more than {LARGEST:,}.")
        ReportArtifact.write(writer, text, (task.card for task in contents.tasks))
        drawings.update(
            {name: picture.alone(PICTURE) for name, picture in contents.pictures.items() if name.endswith(MAIN)}
        )
        shown: ReportMetrics = {
            "bytes": len(text.encode()),
            "pictures": text.count("<svg "),
            "tasks": len(contents.tasks),
        }
        return shown, {}

    written = ws.write(key, version, write, {"as_of": key_of(as_of)})
    return Report(written.version, False, written.metrics, drawings=drawings)


def _inputs(contract: Contract, store: ArtifactStore, warehouse: Warehouse) -> list[object]:
    """What a page follows from: the current artifacts, and what the ledger says of the tables."""
    keys = [CheckpointArtifact.key, *(evaluation_key(task.name) for task in contract.tasks)]
    results: list[object] = [(key, entry.version) for key in keys if (entry := store.newest(key)) is not None]
    if warehouse.exists(warehouse.ledger):
        names = ["table_name", "partition", "input_hash"]
        results += [list(row.values()) for row in warehouse.read(rows_query(warehouse.ledger, names)).to_pylist()]
    return results


def contents_of(ws: Workspace, as_of: datetime) -> Contents:
    """Everything that the page of a week shows."""
    contract, schema, entity = ws.contract, ws.settings.answers_schema, ws.contract.entity
    checkpoint, snapshot = CheckpointArtifact.current(ws.store), ws.snapshot()
    with ws.warehouse() as warehouse:
        evaluated = [task for task in contract.tasks if ws.store.newest(evaluation_key(task.name)) is not None]
        if not evaluated:
            raise DataError("No task was evaluated yet, so there is nothing to report of. `basemodel run` does.")
        sample, indices = _sampled(ws.store, as_of)
        few = sample.take(pa.array(np.linspace(0, len(sample) - 1, min(SHOWN, len(sample))).astype(int)))
        segment = tables.first_segments(warehouse, schema, entity, sample, as_of)
        events = {
            event_source.name: tables.events_by_month(warehouse, event_source, as_of)
            for event_source in contract.events
        }
        return Contents(
            entity=entity,
            as_of=key_of(as_of),
            versions={"foundation model": checkpoint.artifact.version, "snapshot": snapshot.version},
            events=events,
            profiles=[
                (
                    profile.source,
                    profile.column.name,
                    profile.column.type.value,
                    profile.rows,
                    profile.nulls,
                    profile.distinct,
                )
                for profile in profiles(warehouse, contract)
            ],
            losses=checkpoint.losses,
            model_metrics=checkpoint.artifact.report,
            tasks=[_task(contract, ws.settings, snapshot, ws.store, warehouse, task, as_of) for task in evaluated],
            segments=tables.read_segments(warehouse, schema, as_of),
            map=SegmentMap(*plane_of(indices), segment) if len(sample) > 2 and any(segment) else None,
            lookalikes=tables.nearest(warehouse, schema, entity, few, as_of),
            sketches=_sketches(ws.settings.home),
            anomalies=tables.anomalies(warehouse, ws.answer_relation("anomalies"), entity, as_of),
        )


def _task(
    contract: Contract, settings: Settings, snapshot: Snapshot, store: ArtifactStore, warehouse: Warehouse, task: Task,
    as_of: datetime,
) -> TaskContents:  # fmt: skip
    schema = settings.answers_schema
    result = worth(contract, snapshot, store, warehouse, task, as_of, settings.seed)
    weeks = tables.scored_weeks(warehouse, task, schema, as_of)
    what = task.form.unit.format(target=task.target)
    reasons = tables.reasons(warehouse, task, schema, as_of)
    effects = tables.effects(warehouse, task, schema, as_of)
    return TaskContents(result.card, result.pictures, result.why_none, weeks, reasons, what, effects)


def _sampled(store: ArtifactStore, as_of: datetime) -> tuple[pa.Array, np.ndarray]:
    """A sample of the entities of a week, evenly from all of them, and their embeddings, a file at a time."""
    try:
        week = Week(store, as_of)
    except DataError:
        return pa.array([], pa.string()), np.zeros((0, 1))
    sample = (
        np.unique(np.linspace(0, len(week) - 1, min(MAP_ENTITIES, len(week))).astype(int))
        if len(week)
        else np.zeros(0, int)
    )
    low, results = 0, []
    for part in week.embedding_parts():
        part_rows = sample[(sample >= low) & (sample < low + len(part))] - low
        results.append(part[part_rows].astype(np.float32))
        low += len(part)
    return week.entities.values.take(pa.array(sample)), np.concatenate(results) if results else np.zeros((0, 1))


def _sketches(home: Path) -> list[tuple[str, float, float]]:
    """What the last check of sketches that passed found: column, precision and rank correlation."""
    path = home / "findings" / "entity_representation" / "decoding.json"
    try:
        numbers = json.loads(path.read_text())["findings"][0].get("metrics", {})  # earlier homes have none
    except (OSError, ValueError):  # it never ran, or did not pass
        return []
    precisions = {name.partition(" ")[2]: value for name, value in numbers.items() if name.startswith("precision_")}
    return [
        (name, float(value), float(numbers[f"rank_correlation {name}"])) for name, value in sorted(precisions.items())
    ]
