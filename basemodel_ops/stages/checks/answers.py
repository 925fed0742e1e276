"""Checks between the stages; each claims one property of one artifact or table."""

from datetime import datetime

import numpy as np

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.assets import FOUNDATION_MODEL, category_columns, model_key
from basemodel_ops.contract.types import Contract, OnWorse
from basemodel_ops.data_quality.repetition import LONE_SHARE
from basemodel_ops.emde import item_scores
from basemodel_ops.report import CheckResult
from basemodel_ops.stages.checks.partitions import count_partition
from basemodel_ops.stages.erasure.forgetting import check_erased
from basemodel_ops.stages.features.embedding_artifact import CodesArtifact, EmbeddingArtifact
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.scoring.answering import CUTOFF_COLUMN, score_relation
from basemodel_ops.stages.scoring.population import population_at
from basemodel_ops.stages.tasks.evaluation_artifact import EvaluationArtifact
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.tasks.comparison import allowed_loss, is_worse
from basemodel_ops.tasks.metrics import gain

LOSS_HINTS = {
    "activity": "Of `activity` (whether and how much) nothing was learnt: there are too few rows, or events come and "
    "go by chance. Start the grid of cutoffs earlier, set it closer, or widen the populations.",
    "items": "Of `items` (which values of the category columns) nothing was learnt: there are too few rows for so "
    "many values, or hardly one comes again. Start the grid of cutoffs earlier, set it closer, or give columns whose "
    "values do not come again `type: ignore`.",
    "item_distribution": "Of `item_distribution` (which of many values) nothing was learnt: there are too few rows for "
    "so many "
    "values, or hardly one comes again. Start the grid of cutoffs earlier, set it closer, or give columns whose values "
    "do not come again `type: ignore`.",
}
"""Cause and way out, per family of losses."""

LEAST_RANK_CORRELATION = 0.3
"""Between decoded and true counts of one history's elements; chance is 0."""


def check_embeddings(ws: Workspace, source: str, column: str) -> CheckResult:
    """Vectors are finite, and of unit length wherever a value has neighbours."""
    vectors = EmbeddingArtifact.current(ws.store, source, column).vectors
    length = np.linalg.norm(vectors, axis=1)
    unit = np.isclose(length, 1, atol=1e-3) | (length == 0)
    return CheckResult(
        "vectors_have_unit_length",
        bool(np.isfinite(vectors).all() and unit.all()),
        f"{int((~unit).sum())} of {len(unit)} vectors of {source}.{column} have neither length 1 nor 0.",
        {"embedded_share": float((length > 0).mean()) if len(length) else 0.0, "values": len(length)},
    )


def check_codes(ws: Workspace, source: str, column: str, sample: int = 200) -> CheckResult:
    """A sketch of random histories, asked for its elements, ranks them as their true counts do."""
    codes = CodesArtifact.current(ws.store, source, column).codes
    generator = np.random.default_rng(ws.settings.seed)
    values, depth, width = len(codes), codes.shape[1], ws.settings.width
    if values < 50:
        inside = bool(((codes >= 0) & (codes < width)).all())
        return CheckResult("sketches_answer_queries", inside, f"{values} values are kept exactly.", {"values": values})
    correlations = []
    for _ in range(sample):
        items = generator.choice(values, 40, replace=False)
        counts = np.where(np.arange(40) < 20, generator.integers(1, 20, 40), 0)
        sketch = np.zeros((depth, width))
        for row in range(depth):
            np.add.at(sketch[row], codes[items, row], counts)
        decoded = item_scores(sketch, codes[items])
        correlations.append(np.corrcoef(np.argsort(np.argsort(decoded)), np.argsort(np.argsort(counts)))[0, 1])
    mean = float(np.mean(correlations))
    return CheckResult(
        "sketches_answer_queries",
        mean > LEAST_RANK_CORRELATION,
        f"Rank correlation of decoded and true counts is {mean:.3f}; at least {LEAST_RANK_CORRELATION} is asked for. "
        "Raise BASEMODEL_DEPTH or BASEMODEL_WIDTH.",
        {"rank_correlation": mean, "values": values},
    )


def check_model(ws: Workspace) -> CheckResult:
    """Losses on held-out rows are finite and below those of knowing only averages.

    Where some family of targets is learnt, one of which nothing is warns: heads weigh what helps them.
    """
    report_metrics = ws.store.current(FOUNDATION_MODEL).report
    target_groups = [name.removeprefix("loss_") for name in report_metrics if name.startswith("loss_")]
    better = {name: report_metrics[f"unigram_{name}"] - report_metrics[f"loss_{name}"] for name in target_groups}
    failed = [name for name, result in better.items() if not (np.isfinite(result) and result > 0)]
    text = f"Gain over knowing only averages, per family: { {k: round(v, 4) for k, v in better.items()} }."
    hints = [LOSS_HINTS.get(name, "") for name in failed]
    if set(failed) & {"items", "item_distribution"} and (lone := lone_columns(ws.contract, ws.store)):
        hints.append(f"In more than half of their events a value comes once: {', '.join(lone)}.")
    return CheckResult(
        "loss_is_below_the_averages",
        not failed,
        " ".join([text, *hints]).strip(),
        {f"gain_{name}": float(gain) for name, gain in better.items()},
        is_severe=len(failed) == len(better) or not np.isfinite(list(better.values())).all(),
    )


def lone_columns(contract: Contract, store: ArtifactStore) -> list[str]:
    """Categories, as `source.column`, whose value comes once in more than `LONE_SHARE` of the events."""
    results = []
    for source, column in category_columns(contract):
        counts = EncoderArtifact.current(store, source).vocabulary(column).counts
        if (counts == 1).sum() > LONE_SHARE * counts.sum():
            results.append(f"{source}.{column}")
    return results


def check_task(ws: Workspace, task: str) -> CheckResult:
    """On the test cutoffs the shipped model is not worse than the baseline by more than `comparison.LOSS`.

    Where rows are so few that this says little, two standard errors of the difference are allowed. What is surely below
    random, where the metric has such a value, never passes.
    """
    report_metrics = EvaluationArtifact.current(ws.store, task).report
    metric, baseline = str(report_metrics["metric"]), float(report_metrics["baseline_value"])
    better = gain(metric, float(report_metrics["shipped_value"])) - gain(metric, baseline)
    if not np.isfinite(better):
        text = (
            f"{report_metrics['metric']} of {task} cannot be measured: its test rows have one answer only. Raise "
            f"BASEMODEL_TEST_CUTOFFS, or widen the task's population. {report_metrics.get('warning', '')}"
        ).strip()
        return CheckResult("not_worse_than_the_baseline", False, text)
    text = (
        f"{report_metrics['metric']}: {report_metrics['shipped']} {report_metrics['shipped_value']}, baseline "
        f"{report_metrics['baseline_value']}."
    )
    if warning := report_metrics.get("warning"):
        text += f" {warning}"
    worse = is_worse(metric, float(report_metrics["shipped_value"]), baseline, float(report_metrics["noise"]))
    below = False
    if (random := report_metrics.get("random")) is not None:
        low, high = (float(report_metrics[f"{report_metrics['shipped']}: {metric}_{end}"]) for end in ("low", "high"))
        text += f" Random is {random:g}, and it lies between {low} and {high}."
        below = high < random
    if not worse and better < -2 * float(report_metrics["noise"]):
        text += f" It is surely below, and by too little to stop it: {allowed_loss(baseline):.3g} is allowed."
    stops = report_metrics.get("on_worse", OnWorse.STOP) == OnWorse.STOP
    if below:
        text += (
            " Whoever goes by such scores does worse than by chance: they are not published, whatever `on_worse` says. "
            f"Learn {task} from more cutoffs or other columns, treat more at random, or ask a `binary` task."
        )
    elif worse and stops:
        text += (
            " Look at its evaluation; learn from more cutoffs or other columns, or publish a simpler model by "
            f"`on_worse: baseline` on the dbt model {task}."
        )
    elif worse:
        text += " It is published, as `on_worse: baseline` asks."
    return CheckResult(
        "not_worse_than_the_baseline",
        not (below or (worse and stops)),
        text,
        {"gain": better, "noise": float(report_metrics["noise"])},
    )


def check_scores(ws: Workspace, task: str, as_of: datetime) -> CheckResult:
    """The partition holds every entity of the task, no repeated key and no answer that is null or out of range."""
    declared = ws.contract.task(task)
    form = declared.form
    key = [declared.entity, *([CUTOFF_COLUMN] if declared.has_row_cutoffs else []), *form.key]
    with ws.warehouse() as warehouse:
        counts = count_partition(
            warehouse, score_relation(task, ws.settings.answers_schema), as_of, key, form.answer, form.low, form.high,
            1 + declared.has_row_cutoffs,
        )  # fmt: skip
        about = "entities at their moments" if declared.has_row_cutoffs else "entities"
        expected_rows = len(population_at(warehouse, ws.contract.grid, declared, as_of))
    return CheckResult(
        "scores_are_complete",
        counts.entities == expected_rows and counts.repeated == 0 and counts.outside == 0,
        f"{counts.rows} rows for {counts.entities} of {expected_rows} {about}, {counts.repeated} repeated keys, "
        f"{counts.outside} answers null or out of range.",
        {"rows": counts.rows, "entities": counts.entities, "repeated": counts.repeated},
    )


def unfit(ws: Workspace, task: str) -> str:
    """Why the model of a task may not answer; empty where it may."""
    results = [check_erased(ws, FOUNDATION_MODEL), check_erased(ws, model_key(task)), check_task(ws, task)]
    return " ".join(result.description for result in results if not result.passed)
