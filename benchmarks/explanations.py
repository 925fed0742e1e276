"""Explanations where the cause is known: visitors who leave after a failed payment and a call to support.

Of those who left so, in how many the planted cause is among the first three reasons; whether removing what is said to
matter moves scores; what a thousand explanations cost, and what of it is spent on what.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from basemodel_ops.explanations import Explanation, Faithfulness, faithfulness
from basemodel_ops.stages import Workspace, task_model
from basemodel_ops.stages.explanations.explaining import CONTEXTS, EVALUATIONS, Group, groups, open_question
from basemodel_ops.stages.features.builder import Builder
from basemodel_ops.stages.snapshot.times import to_datetime
from benchmarks.measure import peak_mb
from benchmarks.quality.datasets import PROJECTS, web_events
from benchmarks.quality.events import Events
from benchmarks.quality.planted import CALL, FAILED, causes
from benchmarks.quality.product import pretrained

TASK, FIRST, WITHIN = "churn_30d", 3, 30


@dataclass(frozen=True)
class Leaver:
    """A visitor whose last event before a cutoff is the call that made them leave, and when the two events happened."""

    visitor: int
    cutoff: datetime
    call: datetime
    failed: datetime


def run(rest: list[str]) -> dict[str, Any]:
    """Make the tables and the models, then explain who left and anyone."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks explanations")
    parser.add_argument("--visitors", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=int, default=300, help="leavers, and others, that are explained")
    parser.add_argument("--evaluations", type=int, default=EVALUATIONS)
    parser.add_argument("--contexts", type=int, default=CONTEXTS)
    parser.add_argument("--home", type=Path, help="keep tables and artifacts here; a temporary folder if not given")
    chosen = parser.parse_args(rest)
    home = chosen.home or Path(tempfile.mkdtemp(prefix="basemodel-explanations-"))
    try:
        ws, events, _ = pretrained(
            replace(web_events(), projects=(_project(home, chosen.visitors),)), home, chosen.seed, Console(stderr=True)
        )
        task_model(ws, TASK)
        cutoffs = _cutoffs(ws)
        left = leavers(events, cutoffs)[-chosen.most :]
        causes_found = [_causes(ws, left, cutoff, chosen) for cutoff in sorted({entry.cutoff for entry in left})]
        newest = cutoffs[-1]
        anyone = _anyone(events, newest, chosen.most)
        return {
            "visitors": chosen.visitors, "events": len(events.entity_index), "evaluations": chosen.evaluations,
            "contexts": chosen.contexts, **_aggregate_runs(causes_found), "anyone": _cost(ws, anyone, newest, chosen),
            "peak_mb": round(peak_mb(), 1),
        }  # fmt: skip
    finally:
        if chosen.home is None:
            shutil.rmtree(home, ignore_errors=True)


def _project(home: Path, visitors: int) -> Path:
    """The project with so many visitors."""
    target = home / "source"
    shutil.copytree(PROJECTS / "web_events", target, dirs_exist_ok=True)
    path = target / "dbt_project.yml"
    path.write_text(path.read_text().replace("visitors: 3000", f"visitors: {visitors}"))
    return target


def _cutoffs(ws: Workspace) -> list[datetime]:
    with ws.warehouse() as warehouse:
        times = ws.times(warehouse)
    return [to_datetime(int(moment)) for moment in times.cutoffs]


def leavers(events: Events, cutoffs: list[datetime]) -> list[Leaver]:
    """Whose last event is a cause, at the cutoffs of the three weeks after it; the earliest cutoff first."""
    last = events.start[1:] - 1
    is_cause = causes(events)
    row_index = np.arange(len(events.item))
    failed = np.maximum.accumulate(np.where(events.item == events.items.get_loc(FAILED), row_index, -1))
    result = []
    for entity_index in np.flatnonzero(is_cause[last]):
        call, before = (_moment(events, int(at)) for at in (last[entity_index], failed[last[entity_index]]))
        # Who left lately is not told from whose events the end of the data cut off.
        known = [cutoff for cutoff in cutoffs if 0 < (cutoff - call).total_seconds() <= 21 * 86400]
        result += [
            Leaver(int(events.entities[entity_index]), cutoff, call, before)
            for cutoff in known
            if (cutoffs[-1] - cutoff).days >= WITHIN
        ]
    return sorted(result, key=lambda entry: (entry.cutoff, entry.visitor))


def _moment(events: Events, at: int) -> datetime:
    return pd.Timestamp(int(events.time[at]), unit="us").to_pydatetime()


def _anyone(events: Events, cutoff: datetime, most: int) -> list[int]:
    """Visitors with an event before the cutoff."""
    first = events.time[events.start[:-1]]
    return [int(entry) for entry in events.entities[first < pd.Timestamp(cutoff).value // 1000][:most]]


def _groups(ws: Workspace, visitors: list[int], cutoff: datetime) -> Iterator[Group]:
    question = open_question(ws, ws.contract.task(TASK), cutoff)
    with ws.warehouse() as warehouse:
        yield from groups(Builder.of(ws, warehouse, cutoff, visitors), question)


def _explained(group: Group, chosen: argparse.Namespace) -> tuple[list[Explanation], Faithfulness]:
    explained = group.explain(chosen.evaluations, chosen.seed, chosen.contexts)
    return explained, faithfulness(explained, group.scored.events.tolist(), group.scored.score, seed=chosen.seed)


def _causes(ws: Workspace, left: list[Leaver], cutoff: datetime, chosen: argparse.Namespace) -> list[dict[str, float]]:
    """Of each leaver at a cutoff: whether the cause is among the first reasons, and what was moved by removing."""
    current = {entry.visitor: entry for entry in left if entry.cutoff == cutoff}
    result = []
    for group in _groups(ws, list(current), cutoff):
        explained, moved = _explained(group, chosen)
        for entry in group.in_raw_events(explained):
            about = current[int(str(entry.entity))]
            first = [reason for reason in entry.reasons[:FIRST] if reason.contribution > 0]
            call = [r for r in first if r.about.value == CALL and about.call in r.times]
            failed = [r for r in first if r.about.value == FAILED and about.failed in r.times]
            sizes = [len(reason.times) for reason in (*call, *failed)]
            result.append(
                {
                    "call": bool(call), "failed": bool(failed), "either": bool(call or failed),
                    "first": bool(entry.reasons) and entry.reasons[0] in (*call, *failed), "score": entry.score,
                    "empty": entry.empty, "events": float(np.mean(sizes)) if sizes else np.nan,
                    "all_events": float(sum(len(reason.times) for reason in entry.reasons)),
                    "reasons": float(len(entry.reasons)), "named": moved.named, "random": moved.random,
                }
            )  # fmt: skip
    return result


def _aggregate_runs(parts: list[list[dict[str, float]]]) -> dict[str, Any]:
    rows = pd.DataFrame([row for part in parts for row in part])
    if rows.empty:
        return {"leavers": 0}
    believed = rows[rows.score >= rows.score.median()]
    return {
        "leavers": len(rows),
        "cause_in_first_3": round(float(rows.either.mean()), 4),
        "cause_in_first_3_of_the_half_with_higher_scores": round(float(believed.either.mean()), 4),
        "call_in_first_3": round(float(rows.call.mean()), 4),
        "failed_payment_in_first_3": round(float(rows.failed.mean()), 4),
        "cause_is_the_first": round(float(rows["first"].mean()), 4),
        "events_of_the_reason": round(float(rows.events.mean()), 2),
        "events": round(float(rows.all_events.mean()), 1),
        "reasons": round(float(rows.reasons.mean()), 1),
        "score": round(float(rows.score.mean()), 4),
        "empty_score": round(float(rows["empty"].mean()), 4),
        "faithfulness": round(float(rows.named.sum() / rows.random.sum()), 2),
    }


def _cost(ws: Workspace, visitors: list[int], cutoff: datetime, chosen: argparse.Namespace) -> dict[str, Any]:
    """Seconds for a thousand explanations, and how faithful they are."""
    list(_groups(ws, visitors[:2], cutoff))  # kernels are compiled, models loaded
    started, spent = time.perf_counter(), time.process_time()
    read = list(_groups(ws, visitors, cutoff))
    reading = time.process_time() - spent
    requested, count, moved = 0, 0, []
    seconds = cpu = 0.0
    for group in read:
        started, spent = time.perf_counter(), time.process_time()
        explained = group.explain(chosen.evaluations, chosen.seed, chosen.contexts)
        list(group.in_raw_events(explained))
        seconds, cpu = seconds + time.perf_counter() - started, cpu + time.process_time() - spent
        requested, count = requested + sum(entry.evaluations for entry in explained), count + len(explained)
        moved.append(_explained(group, chosen)[1])
    last = _explained(read[0], chosen)[0]
    apart = max(abs(sum(share.value for share in entry.shares) - entry.score + entry.empty) for entry in last)
    thousand = 1000 / count
    return {
        "entities": count, "seconds_per_1000": round(seconds * thousand, 2),
        "cpu_seconds_per_1000": round(cpu * thousand, 2), "cpu_seconds_to_read_1000": round(reading * thousand, 2),
        "evaluations_per_entity": round(requested / count, 1),
        "cpu_ms_per_evaluation": round(1000 * cpu / requested, 3),
        "apart": apart,
        "faithfulness": round(sum(entry.named for entry in moved) / sum(entry.random for entry in moved), 2),
    }  # fmt: skip
