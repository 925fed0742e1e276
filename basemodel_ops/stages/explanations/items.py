"""Why items are recommended: what of the history speaks for each, by kind of evidence and by item."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

import numpy as np

from basemodel_ops.stages.explanations.grouping import personal_columns
from basemodel_ops.stages.explanations.published import REST
from basemodel_ops.stages.features.builder import Builder
from basemodel_ops.stages.scoring.answering import ItemQuestion
from basemodel_ops.stages.snapshot.times import to_datetime, to_microseconds
from basemodel_ops.stages.tasks.targets import target_of
from basemodel_ops.tasks.evidence import ALL_HISTORY, PERSONAL, Named, evidence
from basemodel_ops.tasks.recommendation import NO_ITEM

ITEMS, TOP = 3, 5
"""Items of an entity that are explained, the first ranks; and reasons of each that are told one by one."""

GROUP = 1024
"""Entities that are explained at once."""


def item_reasons(
    builder: Builder, question: ItemQuestion, items: int = ITEMS, top: int = TOP
) -> Iterator[tuple[object, list[dict[str, object]], dict[str, float]]]:
    """A builder's entities at the question's cutoff, in the order of their keys.

    Of each its rows of reasons, and what each kind of evidence adds to its first item.

    The reasons of an item sum to `score - empty_score`; one names the item of the history that it comes from, if any.
    """
    cutoff, target = to_microseconds(question.as_of), target_of(question.task)
    index = [plan.name for plan in builder.plans].index(target.source)
    event, known = builder.contract.event(target.source), question.recommender.items.values
    is_public = target.column not in personal_columns(builder.contract, target.source)
    everyone = np.arange(len(builder.entities))
    for part in builder.parts(everyone, np.full(len(everyone), cutoff), GROUP):
        history, keys = part.histories[index], builder.entities.values.slice(part.low, len(part)).to_pylist()
        query, best, worth = question.recommender.ranked(history, np.arange(len(part)), items)
        row, rank = np.nonzero((best != NO_ITEM) & np.isfinite(worth))
        codes = best[row, rank]
        at = ((query.candidates.items[row] == codes[:, None]) & query.candidates.is_first[row]).argmax(axis=1)
        named = evidence(
            query, np.arange(len(part)), row, at, question.recommender.ranker, question.recommender.weights
        )
        results: list[list[dict[str, object]]] = [[] for _ in keys]
        first: list[dict[str, float]] = [defaultdict(float) for _ in keys]
        for entity, number, code, entry in zip(row.tolist(), (rank + 1).tolist(), codes.tolist(), named, strict=True):
            rows = slice(history.start[entity], history.start[entity + 1])
            had = history.item_ids[target.column][rows], history.time[rows]
            item = known[int(code)].as_py()
            for (kind, _), value in entry.shares.items() if number == 1 else ():
                first[entity][kind] += value
            about = {"item": item, "item_rank": number, "score": entry.score, "empty_score": entry.base}
            for reason in _rows(entry, had, top, question.as_of):
                source = reason.pop("code")
                if source is not None:
                    value = str(known[int(str(source))].as_py()) if is_public else None
                    reason |= {"source_table": str(event.relation), "column_name": target.column, "column_value": value}
                results[entity].append({**about, **reason})
        yield from zip(keys, results, first, strict=True)


def _rows(named: Named, had: tuple[np.ndarray, np.ndarray], top: int, as_of: datetime) -> Iterator[dict[str, object]]:
    """The `top` reasons and what all others add; `code` is the item of the history, None where there is none.

    `last_at` is of the item, else of the whole history, and the cutoff where nothing happened.
    """
    order = sorted(named.shares.items(), key=lambda share: (-abs(share[1]), share[0]))
    codes, times = had
    for rank, ((kind, code), value) in enumerate(order[:top], 1):
        chosen_times = times[codes == code]
        row = {
            "last_at": _newest(times, as_of),
            "rank": rank,
            "evidence": kind,
            "contribution": value,
            "events": len(chosen_times),
            "code": None,
        }
        if code != ALL_HISTORY and (len(chosen_times) or kind != PERSONAL):
            row |= {"code": code, "last_at": _newest(chosen_times, as_of)}
        yield row
    if order[top:]:
        added = sum(value for _, value in order[top:])
        last = {"last_at": _newest(times, as_of)}
        yield {**last, "rank": top + 1, "evidence": REST, "contribution": added, "events": 0, "code": None}


def _newest(times: np.ndarray, as_of: datetime) -> datetime:
    return to_datetime(int(times.max())) if len(times) else as_of
