"""The stage that explains a week's scores: the top reasons of the highest and of a sample, as tables."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pyarrow as pa

from basemodel_ops.artifacts import version_of
from basemodel_ops.code import code_behind
from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.errors import DataError
from basemodel_ops.report import Report
from basemodel_ops.stages.explanations.explaining import (
    EVALUATIONS,
    EXPLAINED,
    Explainable,
    Explained,
    ExplainedGroup,
    explainable_question,
    groups,
)
from basemodel_ops.stages.explanations.importance import Importance
from basemodel_ops.stages.explanations.items import item_reasons
from basemodel_ops.stages.explanations.published import (
    REST,
    SAMPLE,
    chosen_entities,
    explanation_relation,
    tables_of,
)
from basemodel_ops.stages.explanations.wording import Wording
from basemodel_ops.stages.features.builder import Builder
from basemodel_ops.stages.scoring.answering import ItemQuestion, ManyQuestion, SingleQuestion, score_relation
from basemodel_ops.stages.scoring.ledger import made_from
from basemodel_ops.stages.tasks.targets import target_of
from basemodel_ops.stages.workspace import Workspace

APPENDED = 10_000
"""Rows of a table that are appended at once, about."""

TOP = 5
"""Reasons of a score that are written one by one."""


def task_explanations(ws: Workspace, name: str, as_of: datetime, run_id: str) -> Report:
    """Explain the highest scores of a task at `as_of` and a sample of the others, and replace that partition.

    The setting `explained` says how many of each. Contributions of an entity sum to `score - empty_score`, those of
    its aggregates to `score - usual_score`. What moves scores at large is told of the sample, which the highest are
    no part of.

    Raises:
        DataError: there are no scores to explain, or the task's model is not there.
    """
    task, count = ws.contract.task(name), ws.settings.explained
    if not count:
        raise DataError(f"No score of {name} is explained: BASEMODEL_EXPLAINED is 0. Set it to how many are.")
    with ws.warehouse() as warehouse, ExitStack() as written:
        question = explainable_question(ws, warehouse, task, as_of)
        chosen = chosen_entities(warehouse, task, as_of, count)
        keys = chosen.column(task.entity)
        inputs = (
            made_from(warehouse, score_relation(name, ws.settings.answers_schema), as_of),
            question.model_version,
            count,
            ws.settings.seed,
        )
        version = version_of(str(explanation_relation(name, ws.settings.answers_schema)), as_of, *inputs)
        item = question.recommender.items.values.type if isinstance(question, ItemQuestion) else pa.string()
        tables = tables_of(task, keys.type, item, ws.settings.answers_schema)
        code, part = code_behind("stages.explanations.publishing"), dict[str, datetime | str](as_of=as_of)
        outs = {
            table: written.enter_context(warehouse.publication(relation, schema, part, version, code, run_id))
            for table, (relation, schema) in tables.items()
        }
        if any(out.is_needed for out in outs.values()):
            by = dict(zip(keys.to_pylist(), chosen.column("chosen_by").to_pylist(), strict=True))
            stamp = {
                "as_of": as_of, "model_version": question.model_version, "run_id": run_id,
                "scored_at": datetime.now(UTC).replace(tzinfo=None),
            }  # fmt: skip

            def hold(group: ExplainedGroup) -> None:
                ws.held[EXPLAINED] = group

            builder = Builder.of(ws, warehouse, as_of, by)
            for table, rows in batched(_explanation_rows(builder, question, by, hold)):
                if outs[table].is_needed:
                    outs[table].append(pa.Table.from_pylist([{**stamp, **row} for row in rows], tables[table][1]))
    is_written = any(out.is_written for out in outs.values())
    done = "are written" if is_written else "were there"
    ws.log(f"Reasons of {len(keys)} scores of {name} as of {key_of(as_of)} {done}")
    return Report(version, not is_written, {"entities": len(keys), "written": int(is_written)})


TableRows = Iterator[tuple[str, list[dict[str, object]]]]
"""Rows of plain values, and the table that they are of."""


def batched(table_rows: TableRows, most: int = APPENDED) -> TableRows:
    """The same rows, many of a table at a time: each batch that is appended costs some time of its own."""
    held: dict[str, list[dict[str, object]]] = defaultdict(list)
    for table, rows in table_rows:
        held[table] += rows
        if len(held[table]) >= most:
            yield table, held.pop(table)
    yield from ((table, rows) for table, rows in held.items() if rows)


Hold = Callable[[ExplainedGroup], None]
"""Takes the first group that was explained, to be checked."""


def _explanation_rows(builder: Builder, question: Explainable, by: dict[object, str], hold: Hold) -> TableRows:
    """The rows of all tables, about a builder's entities, which were chosen `by` some rule."""
    drawn = {key for key, entry in by.items() if entry == SAMPLE} or set(by)
    importance = Importance()
    if isinstance(question, ItemQuestion):
        yield from _item_rows(builder, question, by, drawn, importance)
    else:
        yield from _score_rows(builder, question, by, drawn, importance, hold)
    yield "importance", list(importance.rows())


def _item_rows(
    builder: Builder, question: ItemQuestion, by: dict[object, str], drawn: set[object], importance: Importance
) -> TableRows:
    target = target_of(question.task)
    table = str(builder.contract.event(target.source).relation)
    for entity, rows, first in item_reasons(builder, question):
        about = {question.task.entity: entity, "chosen_by": by[entity]}
        yield "explanations", [{**about, **row} for row in rows]
        if entity in drawn and first:
            importance.add_evidence(table, target.column, first)


def _score_rows(
    builder: Builder, question: SingleQuestion | ManyQuestion, by: dict[object, str], drawn: set[object],
    importance: Importance, hold: Hold,
) -> TableRows:  # fmt: skip
    typical, effects, is_held = None, None, False
    wording = Wording(builder.contract, builder.store)
    for group in groups(builder, question):
        contributions = group.scored.aggregates(wording)
        if contributions is not None and typical is None:
            # What is usual, and how scores move, is told of one group: more would have to be held.
            indices = [index for index, key in enumerate(group.entities) if key in drawn]
            sample = contributions.take(indices) if indices else contributions
            typical, effects = sample.typical, list(sample.effects())
        explanations = group.explain(EVALUATIONS, builder.settings.seed)
        if not is_held:
            hold(ExplainedGroup(question.task.name, question.as_of, group, explanations))
            is_held = True
        for index, explained in enumerate(group.in_raw_events(explanations)):
            about = {question.task.entity: explained.entity, "label": explained.label, "score": explained.score}
            about |= {"chosen_by": by[explained.entity]}
            yield "explanations", [{**about, "empty_score": explained.empty, **row} for row in reasons_of(explained)]
            if explained.entity in drawn:
                importance.add_events(explained)
            if contributions is None or typical is None:
                continue
            about["usual_score"] = float(contributions.expected_score[index])
            yield "aggregate_reasons", [{**about, **row} for row in contributions.rows(index, typical)]
            if explained.entity in drawn:
                importance.add_aggregates(contributions, index)
    if effects is not None:
        yield "effects", effects


def reasons_of(explained: Explained, top: int = TOP) -> list[dict[str, object]]:
    """The `top` reasons of a score, and what the others add together, as rows of plain values.

    Each says what its events share, between when they happened, and when those happened that add most.
    """
    rows = [
        {
            "source_table": reason.about.table, "column_name": reason.about.column or None,
            "column_value": reason.about.value or None, "stretch": reason.about.stretch or None,
            "events": len(times), "first_at": times[-1], "last_at": times[0],
            "main_at": reason.notable[0].times[0], "contribution": reason.contribution,
        }
        for reason in explained.reasons[:top]
        for times in [reason.times]
    ]  # fmt: skip
    others = explained.reasons[top:]
    if others:
        added = sum(reason.contribution for reason in others)
        times = sorted(time for reason in others for time in reason.times)
        rows.append(
            {
                "column_value": REST, "events": len(times), "first_at": times[0], "last_at": times[-1],
                "main_at": others[0].notable[0].times[0], "contribution": added,
            }
        )  # fmt: skip
    return [{"rank": rank, **row} for rank, row in enumerate(rows, 1)]
