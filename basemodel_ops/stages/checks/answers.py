"""Checks between the stages; each claims one property of one artifact or table."""

from datetime import datetime

import numpy as np

from basemodel_ops.contract.types import OnWorse
from basemodel_ops.emde import element_scores
from basemodel_ops.report import Finding
from basemodel_ops.stages.checks.partitions import count_partition
from basemodel_ops.stages.erasure.forgetting import check_forgotten
from basemodel_ops.stages.scoring.answering import MOMENT, score_relation
from basemodel_ops.stages.scoring.asked import asked_at
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.tasks.comparing import is_worse
from basemodel_ops.tasks.metrics import gain

LOSS_HINTS = {
    "activity": "Of `activity` (whether and how much) nothing was learnt: there are too few rows, or events come and "
    "go by chance. Start the grid of cutoffs earlier, set it closer, or widen the populations.",
    "things": "Of `things` (which values of the category columns) nothing was learnt: there are too few rows for so "
    "many values, or hardly one comes again. Start the grid of cutoffs earlier, set it closer, or give columns whose "
    "values do not come again `type: ignore`.",
    "composition": "Of `composition` (which of many values) nothing was learnt: there are too few rows for so many "
    "values, or hardly one comes again. Start the grid of cutoffs earlier, set it closer, or give columns whose values "
    "do not come again `type: ignore`.",
}
"""Cause and way out, per family of losses."""

LEAST_RANK_CORRELATION = 0.3
"""Between decoded and true counts of one history's elements; chance is 0."""


def check_embeddings(ws: Workspace, source: str, column: str) -> Finding:
    """Vectors are finite, and of unit length wherever a value has neighbours."""
    vectors = ws.current(f"embeddings/{source}__{column}").arrays("embedding")["vectors"]
    length = np.linalg.norm(vectors, axis=1)
    unit = np.isclose(length, 1, atol=1e-3) | (length == 0)
    return Finding(
        "vectors_have_unit_length",
        bool(np.isfinite(vectors).all() and unit.all()),
        f"{int((~unit).sum())} of {len(unit)} vectors of {source}.{column} have neither length 1 nor 0.",
        {"embedded_share": float((length > 0).mean()) if len(length) else 0.0, "values": len(length)},
    )


def check_codes(ws: Workspace, source: str, column: str, sample: int = 200) -> Finding:
    """A sketch of random histories, asked for its elements, ranks them as their true counts do."""
    codes = ws.current(f"codes/{source}__{column}").arrays("codes")["codes"]
    generator = np.random.default_rng(ws.settings.seed)
    values, depth, width = len(codes), codes.shape[1], ws.settings.width
    if values < 50:
        inside = bool(((codes >= 0) & (codes < width)).all())
        return Finding("sketches_answer_queries", inside, f"{values} values are kept exactly.", {"values": values})
    correlations = []
    for _ in range(sample):
        elements = generator.choice(values, 40, replace=False)
        counts = np.where(np.arange(40) < 20, generator.integers(1, 20, 40), 0)
        sketch = np.zeros((depth, width))
        for row in range(depth):
            np.add.at(sketch[row], codes[elements, row], counts)
        decoded = element_scores(sketch, codes[elements])
        correlations.append(np.corrcoef(np.argsort(np.argsort(decoded)), np.argsort(np.argsort(counts)))[0, 1])
    mean = float(np.mean(correlations))
    return Finding(
        "sketches_answer_queries",
        mean > LEAST_RANK_CORRELATION,
        f"Rank correlation of decoded and true counts is {mean:.3f}; at least {LEAST_RANK_CORRELATION} is asked for. "
        "Raise BASEMODEL_DEPTH or BASEMODEL_WIDTH.",
        {"rank_correlation": mean, "values": values},
    )


def check_model(ws: Workspace) -> Finding:
    """Losses on held-out rows are finite and below those of knowing only averages."""
    numbers = ws.current("foundation_model").json("report")
    families = [name.removeprefix("loss_") for name in numbers if name.startswith("loss_")]
    better = {name: numbers[f"unigram_{name}"] - numbers[f"loss_{name}"] for name in families}
    failed = [name for name, found in better.items() if not (np.isfinite(found) and found > 0)]
    text = f"Gain over knowing only averages, per family: { {k: round(v, 4) for k, v in better.items()} }."
    return Finding(
        "loss_is_below_the_averages",
        not failed,
        " ".join([text, *(LOSS_HINTS.get(name, "") for name in failed)]).strip(),
        {f"gain_{name}": float(gain) for name, gain in better.items()},
    )


def check_task(ws: Workspace, task: str) -> Finding:
    """On the test cutoffs the shipped model is not worse than the baseline by more than `comparing.LOSS`.

    Where rows are so few that this says little, two standard errors of the difference are allowed.
    """
    numbers = ws.current(f"{task}/evaluation").json("report")
    metric, baseline = str(numbers["metric"]), float(numbers["baseline_value"])
    better = gain(metric, float(numbers["shipped_value"])) - gain(metric, baseline)
    if not np.isfinite(better):
        text = (
            f"{numbers['metric']} of {task} cannot be measured: its test rows have one answer only. Raise "
            f"BASEMODEL_TEST_CUTOFFS, or widen the task's population. {numbers.get('warning', '')}"
        ).strip()
        return Finding("not_worse_than_the_baseline", False, text)
    text = (
        f"{numbers['metric']}: {numbers['shipped']} {numbers['shipped_value']}, baseline {numbers['baseline_value']}."
    )
    if warning := numbers.get("warning"):
        text += f" {warning}"
    worse = is_worse(metric, float(numbers["shipped_value"]), baseline, float(numbers["noise"]))
    stops = numbers.get("on_worse", OnWorse.STOP) == OnWorse.STOP
    if worse and stops:
        text += (
            " Look at its evaluation; learn from more cutoffs or other columns, or publish a simpler model by "
            f"`on_worse: baseline` on the dbt model {task}."
        )
    elif worse:
        text += " It is published, as `on_worse: baseline` asks."
    return Finding(
        "not_worse_than_the_baseline", not (worse and stops), text, {"gain": better, "noise": float(numbers["noise"])}
    )


def check_scores(ws: Workspace, task: str, as_of: datetime) -> Finding:
    """The partition holds every entity of the task, no repeated key and no answer that is null or out of range."""
    declared = ws.contract.task(task)
    form = declared.form
    key = [declared.entity, *([MOMENT] if declared.is_own else []), *form.key]
    with ws.warehouse() as warehouse:
        found = count_partition(
            warehouse, score_relation(task, ws.settings.answers_schema), as_of, key, form.answer, form.low, form.high,
            1 + declared.is_own,
        )  # fmt: skip
        about = "entities at their moments" if declared.is_own else "entities"
        asked = len(asked_at(warehouse, ws.contract.grid, declared, as_of))
    return Finding(
        "scores_are_complete",
        found.entities == asked and found.repeated == 0 and found.outside == 0,
        f"{found.rows} rows for {found.entities} of {asked} {about}, {found.repeated} repeated keys, "
        f"{found.outside} answers null or out of range.",
        {"rows": found.rows, "entities": found.entities, "repeated": found.repeated},
    )


def unfit(ws: Workspace, task: str) -> str:
    """Why the model of a task may not answer; empty where it may."""
    findings = [check_forgotten(ws, "foundation_model"), check_forgotten(ws, f"{task}/model"), check_task(ws, task)]
    return " ".join(finding.description for finding in findings if not finding.passed)
