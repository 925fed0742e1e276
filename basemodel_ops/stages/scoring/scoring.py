"""The stage that answers: one pass over the entities that are asked about, a group of them in memory at a time.

What is represented is forgotten again, but for a compact embedding of each entity.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime

import numpy as np
from sqlglot import exp

from basemodel_ops.artifacts import version_of
from basemodel_ops.assets import represented
from basemodel_ops.code import code_behind
from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.errors import DataError
from basemodel_ops.insight.traits import FORM as TRAITS
from basemodel_ops.report import Report
from basemodel_ops.representation.workers import mapped
from basemodel_ops.stages.features.builder import GROUP, Builder, Part
from basemodel_ops.stages.features.reading import Chosen
from basemodel_ops.stages.features.rows import RowsInMemory
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.foundation.compact import EmbeddingDraft
from basemodel_ops.stages.scoring.answering import Group, Question, question_of, score_relation
from basemodel_ops.stages.scoring.asked import AskedRows, asked_query, rows_to_ask
from basemodel_ops.stages.scoring.kept import representation_key
from basemodel_ops.stages.snapshot.snapshot import KEY as SNAPSHOT
from basemodel_ops.stages.snapshot.snapshot import read_columns
from basemodel_ops.stages.snapshot.times import to_microseconds
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.ownership import claim

Numbers = dict[str, float | int | str]


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
    cutoff, checkpoint = to_microseconds(as_of), Checkpoint(ws)
    with ws.warehouse() as warehouse:
        questions = [question_of(ws, warehouse, task, as_of, cutoff, checkpoint) for task in declared]
        for question in questions:
            question.relation = score_relation(question.task.name, ws.settings.answers_schema)
        return ask(ws, warehouse, questions, as_of, run_id, checkpoint, keep)


def entity_representation(ws: Workspace, as_of: datetime) -> Report:
    """Embeddings of the entities that any task asks about at `as_of`."""
    return score(ws, [], as_of, "", keep=True)["entity_representation"]


def _mark(ws: Workspace, warehouse: Warehouse) -> str:
    """A hash of the tables that answers are made from, as they stand now."""
    _, relations = represented(ws.contract)
    columns = {str(one): names for one, names in read_columns(ws.contract).values()}
    return version_of([warehouse.fingerprint(one, columns[str(one)]) for one in relations])


def ask(
    ws: Workspace, warehouse: Warehouse, questions: Sequence[Question], as_of: datetime, run_id: str,
    checkpoint: Checkpoint, keep: bool = False,
) -> dict[str, Report]:  # fmt: skip
    """Ask questions of everyone they are about, in one pass, and publish the answers; see `score`."""
    cutoff, code, mark = to_microseconds(as_of), code_behind("stages.scoring.scoring"), _mark(ws, warehouse)
    if questions:
        claim(warehouse, ws.settings.answers_schema, ws.settings.owner)
    reports: dict[str, Report] = {}
    counts = {question.relation: 0 for question in questions}
    cold = dict.fromkeys(counts, 0)
    with ExitStack() as stack:
        open_, due = [], []
        for question in questions:
            task = question.task
            offers = task.offers and warehouse.fingerprint(task.offers, [task.target, task.cutoff])
            about = question.asked.mark
            version = version_of(str(question.relation), as_of, question.model_version, mark, about, offers)
            out = stack.enter_context(
                warehouse.publication(question.relation, question.schema(), {"as_of": as_of}, version, code, run_id)
            )
            open_.append((question, out, version))
            if out.is_needed:
                due.append((question, out))
        settings = (ws.settings.keep_sketches, TRAITS)
        version = version_of(representation_key(as_of), checkpoint.version, mark, cutoff, *settings)
        kept = ws.store.find(representation_key(as_of), version) if keep else None
        if due or (keep and kept is None):
            # Everyone whom some task asks about is kept, not only those whose answers are due.
            grid = ws.contract.grid
            among = [asked_query(grid, task, as_of, is_open=False) for task in ws.contract.tasks] if keep else []
            answered = [*among, *(asked_query(grid, one.task, as_of) for one, _ in due if one.answers_cold)]
            among += [asked_query(grid, question.task, as_of) for question, _ in due]
            builder = Builder(ws, warehouse, cutoff, Chosen(among=_either(among), cold=tuple(answered)))
            check_layout(checkpoint, builder)
            is_kept = keep and kept is None
            rows = rows_to_ask(builder, cutoff, [question.asked for question, _ in due], is_kept)
            draft = EmbeddingDraft(ws, checkpoint, builder, cutoff) if is_kept else None

            def pass_over() -> Numbers:
                done, began = 0, time.monotonic()
                for group in _groups(builder, rows):
                    own = slice(group.first, group.first + len(group.rows))
                    for (question, out), is_asked in zip(due, rows.asked, strict=True):
                        some = np.flatnonzero(is_asked[own])
                        if len(some):
                            cold[question.relation] += int((~group.rows.has_history(some)).sum())
                            answers = question.stamped(question.answer(group, some), run_id)
                            counts[question.relation] += answers.num_rows
                            out.append(answers)
                    if draft is not None and rows.is_newest[own].any():
                        draft.append(group.rows.some(rows.is_newest[own]))
                    done += len(group.rows)
                    ws.told("rows", done, len(rows), began)
                return {"rows": int(rows.is_newest.sum())}

            if draft is not None:
                reports["entity_representation"] = draft.write(representation_key(as_of), version, pass_over)
            else:
                pass_over()
    if kept is not None:
        ws.store.point(representation_key(as_of), version)
        reports["entity_representation"] = Report(version, True, kept.json("report"))
    for question, out, version in open_:
        written = out.is_written
        count = counts[question.relation] if written else len(question.asked)
        done = "are written" if written else "were there"
        ws.log(f"{count} rows of {question.relation} as of {key_of(as_of)} {done}")
        numbers: Numbers = {"rows": count, "entities": len(question.asked), "written": int(written)}
        if written:
            numbers["without_history"] = cold[question.relation]
        reports[question.task.name] = Report(version, not written, numbers)
    return reports


def _groups(builder: Builder, rows: AskedRows) -> Iterator[Group]:
    """All rows of a builder's entities, about `GROUP` entities represented at a time."""
    names = [plan.name for plan in builder.plans]

    def work(part: Part) -> tuple[Part, np.ndarray]:
        return part, builder.represent(part)

    if not len(rows):
        return
    for part, values in mapped(work, builder.parts(rows.entity, rows.cutoff, GROUP)):
        count, own = part.histories[0].entities, np.arange(part.first, part.first + len(part))
        entities = Vocabulary(builder.entities.values.slice(part.low, count), np.ones(count, np.int64))
        found = RowsInMemory(entities, part.places[0], rows.cutoff[own], builder.layout, values)
        yield Group(part.first, found, dict(zip(names, part.histories, strict=True)))


def _either(queries: Sequence[exp.Select]) -> exp.Query:
    """The rows of all queries."""
    found: exp.Query = queries[0]
    for query in queries[1:]:
        found = exp.union(found, query, distinct=True)
    return found


def check_layout(checkpoint: Checkpoint, builder: Builder) -> None:
    """DataError where rows do not hold what the foundation model learnt from."""
    learnt, now = checkpoint.layout.explain(), builder.layout.explain()
    if learnt == now:
        return
    other = next((b for a, b in zip(learnt, now, strict=False) if a != b), (learnt + now)[-1])
    raise DataError(
        f"A row holds other numbers than the foundation model learnt from ({len(now)} blocks, then {len(learnt)}; the "
        f"first that differs: {other['kind']} of {other['source']} {other['column']}). The sources or the settings "
        "changed since. Run `basemodel train`."
    )
