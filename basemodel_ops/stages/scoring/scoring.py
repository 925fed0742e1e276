"""The stage that answers: one pass over the entities that are asked about, a group of them in memory at a time.

What is represented is forgotten again, but for a compact embedding of each entity.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import numpy as np
from sqlglot import exp

from basemodel_ops.artifacts import ArtifactWriter, version_of
from basemodel_ops.assets import SNAPSHOT, represented
from basemodel_ops.code import code_behind
from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.contract.types import Contract, Relation, Task
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.errors import DataError
from basemodel_ops.insight.traits import FORM as TRAITS
from basemodel_ops.report import Report
from basemodel_ops.representation.workers import parallel_map
from basemodel_ops.stages.features.builder import GROUP, Builder, Part
from basemodel_ops.stages.features.reading import Chosen
from basemodel_ops.stages.features.rows import RowsInMemory
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.foundation.compact import EmbeddingWriter
from basemodel_ops.stages.foundation.representation_artifact import RepresentationArtifact
from basemodel_ops.stages.progress import Log, log_progress
from basemodel_ops.stages.scoring.answering import Group, Question, question_of, score_relation
from basemodel_ops.stages.scoring.population import Population, PopulationRows, population_query, rows_of_populations
from basemodel_ops.stages.snapshot.snapshot import read_columns
from basemodel_ops.stages.snapshot.times import to_microseconds
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Publication, Warehouse
from basemodel_ops.warehouse.ownership import claim

SCORING = "stages.scoring.scoring"
"""The module whose code answers follow from."""

ReportMetrics = dict[str, float | int | str]


def task_scores(ws: Workspace, task: str, as_of: datetime, run_id: str) -> Report:
    """Score the rows of one task at `as_of`; see `score`."""
    return score(ws, [task], as_of, run_id)[task]


def score(ws: Workspace, tasks: Sequence[str], as_of: datetime, run_id: str, keep: bool = False) -> dict[str, Report]:
    """Answer tasks at `as_of` in one pass and replace that partition of each, unless it is there already.

    Args:
        tasks: Names; none where only the embeddings are wanted.
        as_of: The cutoff.
        run_id: Stands in every row.
        keep: Whether to keep the embeddings of all entities that are asked about, as `entity_representation`.

    Returns:
        Reports by task, and of `entity_representation` where it is kept.
    """
    if ws.store.newest(SNAPSHOT) is None:
        raise DataError(
            f"Nothing was trained below {ws.settings.home}, or by an older version only. Run `basemodel train`."
        )
    declared = [ws.contract.task(name) for name in tasks]
    checkpoint = Checkpoint(ws.store)
    with ws.warehouse() as warehouse:
        questions = [question_of(ws.contract, ws.store, warehouse, task, as_of, checkpoint) for task in declared]
        for question in questions:
            question.relation = score_relation(question.task.name, ws.settings.answers_schema)
        return answer_questions(ws, warehouse, questions, as_of, run_id, checkpoint, keep)


def entity_representation(ws: Workspace, as_of: datetime) -> Report:
    """Embeddings of the entities that any task asks about at `as_of`."""
    return score(ws, [], as_of, "", keep=True)["entity_representation"]


def tables_fingerprint(contract: Contract, warehouse: Warehouse) -> str:
    """A hash of the tables that answers are made from, as they stand now."""
    _, relations = represented(contract)
    columns = {str(relation): names for relation, names in read_columns(contract).values()}
    return version_of([warehouse.fingerprint(relation, columns[str(relation)]) for relation in relations])


def answer_questions(
    ws: Workspace, warehouse: Warehouse, questions: Sequence[Question], as_of: datetime, run_id: str,
    checkpoint: Checkpoint, keep: bool = False,
) -> dict[str, Report]:  # fmt: skip
    """Ask questions of everyone they are about, in one pass, and publish the answers; see `score`."""
    cutoff, fingerprint = to_microseconds(as_of), tables_fingerprint(ws.contract, warehouse)
    if questions:
        claim(warehouse, ws.settings.answers_schema, ws.settings.owner)
    reports: dict[str, Report] = {}
    with ExitStack() as stack:
        opened = [_opened(stack, warehouse, question, as_of, fingerprint, run_id) for question in questions]
        due = [entry for entry in opened if entry.out.is_needed]
        settings = (ws.settings.keep_sketches, TRAITS)
        key = RepresentationArtifact.key(as_of)
        version = version_of(key, checkpoint.version, fingerprint, cutoff, *settings)
        kept = ws.store.find(key, version) if keep else None
        is_kept = keep and kept is None
        if due or is_kept:
            builder = Builder(ws, warehouse, cutoff, _chosen(ws.contract, due, as_of, keep))
            check_layout(checkpoint, builder)
            rows = rows_of_populations(builder, cutoff, [entry.question.population for entry in due], is_kept)
            if is_kept:

                def write(writer: ArtifactWriter) -> tuple[ReportMetrics, dict[str, bytes]]:
                    embeddings = EmbeddingWriter(writer, checkpoint, builder, cutoff, ws.settings.keep_sketches)
                    _pass_over(ws.log, builder, rows, due, run_id, embeddings)
                    embeddings.finish()
                    return {"rows": int(rows.is_newest.sum()), "numbers": checkpoint.embedding_size}, {}

                inputs = RepresentationArtifact.inputs_of(checkpoint.version)
                reports["entity_representation"] = ws.write(key, version, write, inputs)
            else:
                _pass_over(ws.log, builder, rows, due, run_id)
    if kept is not None:
        ws.store.point(key, version)
        reports["entity_representation"] = Report(version, True, kept.report)
    return reports | {entry.question.task.name: _reported(ws.log, entry, as_of) for entry in opened}


def answers_version(
    warehouse: Warehouse, task: Task, relation: Relation, as_of: datetime, model: str, population: Population,
    fingerprint: str,
) -> str:  # fmt: skip
    """A hash of all that the answers to a question follow from, `fingerprint` being that of the tables."""
    offers = task.offers and warehouse.fingerprint(task.offers, [task.target, task.cutoff])
    return version_of(str(relation), as_of, model, fingerprint, population.fingerprint, offers)


@dataclass
class _Opened:
    """A question and where its answers go, with what has gone there."""

    question: Question
    out: Publication
    version: str
    rows: int = 0
    cold: int = 0
    """Of the rows, those of entities without history."""


def _opened(
    stack: ExitStack, warehouse: Warehouse, question: Question, as_of: datetime, fingerprint: str, run_id: str
) -> _Opened:
    """The publication of a question's answers, under a version of all that they follow from."""
    population, model = question.population, question.model_version
    version = answers_version(warehouse, question.task, question.relation, as_of, model, population, fingerprint)
    code = code_behind(SCORING)
    publication = warehouse.publication(question.relation, question.schema(), {"as_of": as_of}, version, code, run_id)
    return _Opened(question, stack.enter_context(publication), version)


def _chosen(contract: Contract, due: Sequence[_Opened], as_of: datetime, keep: bool) -> Chosen:
    """Everyone whom a question that is due asks about; where embeddings are kept, whom any task asks about."""
    grid = contract.grid
    among = [population_query(grid, task, as_of, is_open=False) for task in contract.tasks] if keep else []
    tasks = [(entry.question.task, entry.question.covers_cold_start) for entry in due]
    answered = [
        *among,
        *(population_query(grid, task, as_of) for task, covers_cold_start in tasks if covers_cold_start),
    ]
    among += [population_query(grid, task, as_of) for task, _ in tasks]
    return Chosen(among=_either(among), cold=tuple(answered))


def _pass_over(
    log: Log, builder: Builder, rows: PopulationRows, due: Sequence[_Opened], run_id: str,
    embeddings: EmbeddingWriter | None = None,
) -> None:  # fmt: skip
    """Represent all rows, a group at a time, and give each to whom it concerns."""
    done, progress = 0, log_progress(log, "rows")
    for group in _groups(builder, rows):
        group_rows = slice(group.first, group.first + len(group.rows))
        for entry, is_in_population in zip(due, rows.members, strict=True):
            question_rows = np.flatnonzero(is_in_population[group_rows])
            if len(question_rows):
                entry.cold += int((~group.rows.has_history(question_rows)).sum())
                scores = entry.question.stamped(entry.question.answer(group, question_rows), run_id)
                entry.rows += scores.num_rows
                entry.out.append(scores)
        if embeddings is not None and rows.is_newest[group_rows].any():
            embeddings.append(group.rows.filter(rows.is_newest[group_rows]))
        done += len(group.rows)
        progress(done, len(rows))


def _reported(log: Log, entry: _Opened, as_of: datetime) -> Report:
    """What became of the answers to a question."""
    question, written = entry.question, entry.out.is_written
    count = entry.rows if written else entry.out.rows
    done = "are written" if written else "were there"
    log(f"{count} rows of {question.relation} as of {key_of(as_of)} {done}")
    report_metrics: ReportMetrics = {"rows": count, "entities": len(question.population), "written": int(written)}
    if written:
        report_metrics["without_history"] = entry.cold
    return Report(entry.version, not written, report_metrics)


def _groups(builder: Builder, rows: PopulationRows) -> Iterator[Group]:
    """All rows of a builder's entities, about `GROUP` entities represented at a time."""
    names = [plan.name for plan in builder.plans]

    def work(part: Part) -> tuple[Part, np.ndarray]:
        return part, builder.represent(part)

    if not len(rows):
        return
    for part, values in parallel_map(work, builder.parts(rows.entity, rows.cutoff, GROUP)):
        count, part_rows = part.histories[0].entities, np.arange(part.first, part.first + len(part))
        entities = Vocabulary(builder.entities.values.slice(part.low, count), np.ones(count, np.int64))
        rows_in_memory = RowsInMemory(
            entities, part.row_index[0], rows.cutoff[part_rows], builder.layout, values, partial(builder.terms, part)
        )
        yield Group(part.first, rows_in_memory, dict(zip(names, part.histories, strict=True)))


def _either(queries: Sequence[exp.Select]) -> exp.Query:
    """The rows of all queries."""
    result: exp.Query = queries[0]
    for query in queries[1:]:
        result = exp.union(result, query, distinct=True)
    return result


def check_layout(checkpoint: Checkpoint, builder: Builder) -> None:
    """DataError where rows do not hold what the foundation model learnt from."""
    trained, now = checkpoint.layout.explain(), builder.layout.explain()
    if trained == now:
        return
    other = next((b for a, b in zip(trained, now, strict=False) if a != b), (trained + now)[-1])
    raise DataError(
        f"A row holds other numbers than the foundation model learnt from ({len(now)} blocks, then {len(trained)}; the "
        f"first that differs: {other['kind']} of {other['source']} {other['column']}). The sources or the settings "
        "changed since. Run `basemodel train`."
    )
