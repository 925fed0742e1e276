"""Checks of published explanations: they add up to the published scores, and they name what moves these."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from sqlglot import exp

from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import Relation, Task
from basemodel_ops.explanations import faithfulness
from basemodel_ops.report import CheckResult
from basemodel_ops.stages.explanations.explaining import (
    EVALUATIONS,
    EXPLAINED,
    TESTED_ENTITIES,
    ExplainedGroup,
    groups,
    open_question,
)
from basemodel_ops.stages.explanations.published import aggregate_relation, answer_column, explanation_relation
from basemodel_ops.stages.features.builder import Builder
from basemodel_ops.stages.scoring.answering import score_relation
from basemodel_ops.stages.scoring.ledger import made_from
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, table_of, timestamp_of

Key = tuple[object, ...]
"""An entity, and an item where scores are of items."""

CLOSE = 1e-6
"""Of the score, or of 1 where it is smaller."""

LEAST_RATIO = 3.0
"""The tenth of the events that is said to matter most moves a score so many times as far as any tenth, at least."""


def check_sums(ws: Workspace, name: str, as_of: datetime) -> CheckResult:
    """Reasons sum to the score less that of an empty history, or a usual one, and the score is the published one."""
    task, schema = ws.contract.task(name), ws.settings.answers_schema
    with ws.warehouse() as warehouse:
        result = _sums(warehouse, task, as_of)
        if not result and made_from(warehouse, explanation_relation(name, schema), as_of):
            text = "Nobody whose score is explained has events before, so there are no reasons to add up."
            return CheckResult("reasons_sum_to_the_score", True, text, {"entities": 0})
        published = _published(warehouse, task, as_of)
        sums = list(result.values())
        if task.form.is_attributed:
            sums += _sums(warehouse, task, as_of, aggregate_relation(name, schema), "usual_score").values()
    apart = max((abs(added - (score - empty)) / max(1, abs(score)) for added, score, empty in sums), default=0)
    known = [key for key in result if key in published]
    # Items that are to be unlike each other are published with what each adds to those before it.
    is_same = not task.diversity
    other = max((abs(result[e][1] - published[e]) / max(1, abs(published[e])) for e in known if is_same), default=0)
    lost = len(result) - len(known)
    passed = bool(result) and apart <= CLOSE and other <= CLOSE and not lost
    text = (
        f"Of {len(result)} scores reasons and score are {apart:.1e} apart at most, explained and published scores "
        f"{other:.1e}; {lost} have no published score. Where these differ the events changed since: score again."
    )
    return CheckResult(
        "reasons_sum_to_the_score", passed, text, {"entities": len(result), "apart": apart, "other": other}
    )


def check_faithful(ws: Workspace, name: str, as_of: datetime) -> CheckResult:
    """Removing the tenth of the events that adds most moves scores `LEAST_RATIO` times as far as removing any tenth."""
    task = ws.contract.task(name)
    with ws.warehouse() as warehouse:
        published = {key[0]: ends for key, (_, *ends) in list(_sums(warehouse, task, as_of).items())[:TESTED_ENTITIES]}
        if not published:
            return CheckResult("reasons_are_faithful", True, "No explained score has events, so none is taken away.")
        explained = ws.held.get(EXPLAINED)
        if not isinstance(explained, ExplainedGroup) or not _is_published(explained, task, as_of, published):
            # They are fewer than are explained at once.
            builder = Builder.of(ws, warehouse, as_of, published)
            (group,) = groups(builder, open_question(ws, task, as_of))
            explained = ExplainedGroup(name, as_of, group, group.explain(EVALUATIONS, ws.settings.seed))
    scored = explained.group.scored
    index = np.array([number for number, entity in enumerate(explained.group.entities) if entity in published])
    result = faithfulness(
        [explained.explanations[number] for number in index],
        scored.events[index].tolist(),
        lambda games, kept: scored.score(index[games], kept),
        seed=ws.settings.seed,
    )
    entities = list(published)
    text = (
        f"Of {len(entities)} entities the tenth of the events that is said to matter most moves the score by "
        f"{result.named:.4g}, any tenth by {result.random:.4g}: {result.ratio:.1f} times as far (95 % interval "
        f"{result.low:.1f} to {result.high:.1f}); at least {LEAST_RATIO:g} is hoped for. Where scores hardly follow "
        "from "
        "single events, read the reasons as groups."
    )
    report_metrics: dict[str, float | int | str] = {
        "named": result.named,
        "random": result.random,
        "ratio": result.ratio,
    }
    report_metrics |= {"ratio_low": result.low, "ratio_high": result.high}
    return CheckResult("reasons_are_faithful", bool(result.ratio >= LEAST_RATIO), text, report_metrics)


def _is_published(
    explained: ExplainedGroup, task: Task, as_of: datetime, published: Mapping[object, Sequence[float]]
) -> bool:
    """Whether these explanations are those that are published of the entities, by the scores that they share out."""
    ends = {
        entity: (explanation.score, explanation.empty)
        for entity, explanation in zip(explained.group.entities, explained.explanations, strict=True)
    }
    return (explained.task, explained.as_of) == (task.name, as_of) and all(
        entity in ends and np.allclose(ends[entity], there, rtol=CLOSE, atol=0) for entity, there in published.items()
    )


def _sums(
    warehouse: Warehouse, task: Task, as_of: datetime, relation: Relation | None = None, empty: str = "empty_score"
) -> dict[Key, tuple[float, float, float]]:
    """Sum of the reasons, score and score without them of each entity, or entity and item, in the order of the key."""
    relation = relation or explanation_relation(task.name, warehouse.ledger.schema_name)
    keys = [column_of(name) for name in _key(task)]
    numbers = [exp.Sum(this=column_of("contribution")), *(exp.Max(this=column_of(n)) for n in ("score", empty))]
    named = [
        exp.alias_(number, name, quoted=True) for number, name in zip(numbers, ("added", "score", "empty"), strict=True)
    ]
    query = exp.select(*keys, *named).from_(table_of(relation))
    query = query.where(column_of("as_of").eq(timestamp_of(as_of))).group_by(*keys).order_by(*keys)
    rows = (tuple(row.values()) for row in warehouse.read(query).to_pylist())
    return {row[:-3]: row[-3:] for row in rows}


def _published(warehouse: Warehouse, task: Task, as_of: datetime) -> dict[Key, float]:
    """The published score of each entity that was explained."""
    part = column_of("as_of").eq(timestamp_of(as_of))
    schema = warehouse.ledger.schema_name
    explained = exp.select(column_of(task.entity)).distinct()
    explained = explained.from_(table_of(explanation_relation(task.name, schema))).where(part.copy())
    query = exp.select(*map(column_of, _key(task)), column_of(answer_column(task)))
    query = query.from_(table_of(score_relation(task.name, schema))).where(part)
    query = query.where(exp.In(this=column_of(task.entity), query=explained.subquery()))
    if task.form.shape is Shape.LABELS:
        query = query.where(column_of("rank").eq(exp.Literal.number(1)))
    rows = (tuple(row.values()) for row in warehouse.read(query).to_pylist())
    return {row[:-1]: row[-1] for row in rows}


def _key(task: Task) -> list[str]:
    """The columns by which a score is told from others."""
    return [task.entity, *(["item"] if task.form.shape is Shape.ITEMS else [])]
