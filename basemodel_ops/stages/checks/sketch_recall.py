"""The measured error of asking the representation: decoded against true decayed counts, on a sample of entities."""

from datetime import datetime

import numpy as np
import pyarrow as pa
from scipy.stats import rankdata
from sqlglot import exp

from basemodel_ops.contract.types import EventSource
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.report import CheckResult
from basemodel_ops.representation.history import DAY
from basemodel_ops.stages.features.builder import Builder
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.foundation.representation_artifact import RepresentationArtifact
from basemodel_ops.stages.scoring.decoding import read_counts
from basemodel_ops.stages.scoring.querying import represent
from basemodel_ops.stages.snapshot.times import microseconds, to_microseconds
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.queries import column_of, events_query

SAMPLE = 50
"""Entities asked per column."""

TOP = 10
"""Precision is that of the ten values with the largest decoded count."""

ALIKE = 0.95
"""Values whose true count is at least this share of the tenth largest's are as good: those of one day fade alike."""

LEAST_PRECISION = 0.6
"""Below it a sketch is too narrow for what it holds."""


def check_representation(ws: Workspace, as_of: datetime) -> CheckResult:
    """Of each sketched column, the values decoded as largest are among the largest in truth; see `ALIKE`."""
    known = RepresentationArtifact.current(ws.store, as_of).entities
    sample = np.sort(np.random.default_rng(ws.settings.seed).choice(len(known), min(SAMPLE, len(known)), replace=False))
    with ws.warehouse() as warehouse:
        entities = known.values.take(pa.array(sample)).to_pylist()
        examples = represent(Builder.of(ws, warehouse, as_of, entities), as_of)
    columns = sorted({(block.source, block.column) for block in examples.layout.select("sketch")})
    report_metrics: dict[str, float | int | str] = {"entities": len(examples), "columns": len(columns)}
    worst, lowest = 1.0, "none is asked"
    for source, column in columns:
        vocabulary = EncoderArtifact.current(ws.store, source).vocabulary(column)
        event, half_life = ws.contract.event(source), max(ws.settings.half_lives)
        with ws.warehouse() as warehouse:
            rows = warehouse.read(_events_query(event, column, as_of, examples.entities))
        truth = _true_counts(rows, examples.entities, vocabulary, as_of, half_life)
        precision, correlation = [], []
        for row, count in enumerate(
            read_counts(ws.store, ws.settings, examples, np.arange(len(examples)), source, column)
        ):
            held = np.flatnonzero(truth[row] > 0)
            if len(held) < 2:
                continue
            precision.append(top_precision(count, truth[row]))
            if len(np.unique(truth[row][held])) > 1 and len(np.unique(count[held])) > 1:
                correlation.append(float(np.corrcoef(rankdata(count[held]), rankdata(truth[row][held]))[0, 1]))
        if precision:
            report_metrics[f"precision_{TOP} {source}.{column}"] = round(float(np.mean(precision)), 4)
            report_metrics[f"rank_correlation {source}.{column}"] = round(float(np.mean(correlation or [0.0])), 4)
            if np.mean(precision) < worst:
                worst, lowest = float(np.mean(precision)), f"{column!r} in {source}"
    return CheckResult(
        "sketches_can_be_asked",
        worst >= LEAST_PRECISION,
        f"The least precision of a sketched column is {worst:.2f} ({lowest}); at least {LEAST_PRECISION} is asked "
        "for, or `basemodel query` is not to be relied on for it; answers of tasks are checked by themselves. Where "
        "its values hardly come again, give it `type: ignore`; else raise BASEMODEL_DEPTH or BASEMODEL_WIDTH.",
        report_metrics,
    )


def top_precision(count: np.ndarray, truth: np.ndarray) -> float:
    """Share of the values (values,) decoded as largest, as many as there are up to `TOP`, that are truly so."""
    top = min(TOP, np.count_nonzero(truth))
    best = np.argsort(-count, kind="stable")[:top]
    return float((truth[best] >= ALIKE * np.sort(truth)[-top]).mean())


def _events_query(event: EventSource, column: str, before: datetime, entities: Vocabulary) -> exp.Select:
    """Entity, time and a column of the events of entities."""
    literals = [exp.convert(value) for value in entities.values.to_pylist()]
    query = events_query(event, [column], before, ordered=False)
    return query.where(column_of(event.entity).isin(*literals))


def _true_counts(
    rows: pa.Table, entities: Vocabulary, vocabulary: Vocabulary, before: datetime, half_life: float
) -> np.ndarray:
    """Decayed counts of the values of a vocabulary, from entity, time and value of events: float64 (entities, values).

    Events count the less the longer before `before` they were, half every `half_life` days.
    """
    entity, time, values = rows.columns
    entity_index, code = entities.encode(entity), vocabulary.encode(values)
    age = (to_microseconds(before) - microseconds(time)) / DAY
    truth = np.zeros((len(entities), len(vocabulary)))
    known = code >= 0
    np.add.at(truth, (entity_index[known], code[known]), np.exp2(-age[known] / half_life))
    return truth
