"""The stage that explains a week's scores: the top reasons of the highest and of a sample, as a table."""

from datetime import UTC, datetime

import pyarrow as pa

from basemodel_ops.artifacts import version_of
from basemodel_ops.code import code_behind
from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.errors import DataError
from basemodel_ops.report import Report
from basemodel_ops.stages.explanations.explaining import EVALUATIONS, Explained, groups, open_question
from basemodel_ops.stages.explanations.published import (
    REST,
    chosen_entities,
    explanation_relation,
    explanation_schema,
    scores_mark,
)
from basemodel_ops.stages.workspace import Workspace

TOP = 5
"""Reasons of a score that are written one by one."""


def task_explanations(ws: Workspace, name: str, as_of: datetime, run_id: str) -> Report:
    """Explain the highest scores of a task at `as_of` and a sample of the others, and replace that partition.

    The setting `explained` says how many of each. Contributions of an entity sum to `score - empty_score`.

    Raises:
        DataError: there are no scores to explain, or the task is a recommendation, or its model is not there.
    """
    task, count = ws.contract.task(name), ws.settings.explained
    if not count:
        raise DataError(f"No score of {name} is explained: BASEMODEL_EXPLAINED is 0. Set it to how many are.")
    question, relation = open_question(ws, task, as_of), explanation_relation(name, ws.settings.answers_schema)
    with ws.warehouse() as warehouse:
        chosen = chosen_entities(warehouse, task, as_of, count)
        keys = chosen.column(task.entity)
        made_of = (scores_mark(warehouse, task, as_of), question.model_version, count, ws.settings.seed)
        version = version_of(str(relation), as_of, *made_of)
        schema, code = explanation_schema(task, keys.type), code_behind("stages.explanations.publishing")
        with warehouse.publication(relation, schema, {"as_of": as_of}, version, code, run_id) as out:
            if out.is_needed:
                by = dict(zip(keys.to_pylist(), chosen.column("chosen_by").to_pylist(), strict=True))
                stamp = {
                    "as_of": as_of, "model_version": question.model_version, "run_id": run_id,
                    "scored_at": datetime.now(UTC).replace(tzinfo=None),
                }  # fmt: skip
                for group in groups(ws, warehouse, question, list(by)):
                    for one in group.told(group.explain(EVALUATIONS, ws.settings.seed)):
                        about = {**stamp, task.entity: one.entity, "label": one.label, "score": one.score}
                        about |= {"empty_score": one.empty, "chosen_by": by[one.entity]}
                        rows = [{**about, **row} for row in reasons_of(one)]
                        out.append(pa.Table.from_pylist(rows, schema))
    done = "are written" if out.is_written else "were there"
    ws.log(f"Reasons of {len(keys)} scores of {name} as of {key_of(as_of)} {done}")
    return Report(version, not out.is_written, {"entities": len(keys), "written": int(out.is_written)})


def reasons_of(one: Explained, top: int = TOP) -> list[dict[str, object]]:
    """The `top` reasons of a score, and what the others add together, as rows of plain values.

    Each says what its events share, between when they happened, and when those happened that add most.
    """
    rows = [
        {
            "source_table": reason.about.table, "column_name": reason.about.column or None,
            "column_value": reason.about.value or None, "stretch": reason.about.stretch or None,
            "events": len(reason.times), "first_at": reason.times[-1], "last_at": reason.times[0],
            "main_at": reason.moments[0].times[0], "contribution": reason.contribution,
        }
        for reason in one.reasons[:top]
    ]  # fmt: skip
    others = one.reasons[top:]
    if others:
        added = sum(reason.contribution for reason in others)
        times = sorted(time for reason in others for time in reason.times)
        rows.append(
            {
                "column_value": REST, "events": len(times), "first_at": times[0], "last_at": times[-1],
                "main_at": others[0].moments[0].times[0], "contribution": added,
            }
        )  # fmt: skip
    return [{"rank": rank, **row} for rank, row in enumerate(rows, 1)]
