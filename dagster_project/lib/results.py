"""What the current models are worth: the summary of a run, and `basemodel results`."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.assets import evaluation_key
from basemodel_ops.contract.task_types import SMALLER_IS_BETTER, UNDIRECTED
from basemodel_ops.errors import ArtifactError, SettingsError
from dagster_project.lib.printing import show
from dagster_project.lib.project import Project

Metrics = Mapping[str, Mapping[str, float]]
"""Of every candidate by its name, each metric by its name."""

Evaluation = Mapping[str, object]
"""What is reported of the evaluation of a task's model."""

PARTS = ("train", "validation", "test")

INTERVAL = 1.96
"""Standard errors to either side of what holds 95 of 100 times."""


def evaluations(project: Project, tasks: Sequence[str]) -> dict[str, Evaluation]:
    """Of each task's current model, whether it was fitted now or before.

    Raises:
        SettingsError: a task has none yet.
    """
    store, results = ArtifactStore(project.settings.artifact_root), {}
    for task in tasks:
        try:
            report = store.current(evaluation_key(task)).report
        except ArtifactError as error:
            raise SettingsError(f"Task {task} was not evaluated yet. `basemodel run --task {task}` does.") from error
        results[task] = {name: value for name, value in report.items() if ": " not in name}  # those are of candidates
    return results


def candidates(project: Project, task: str) -> dict[str, Metrics]:
    """Metrics of every candidate of a task's current model, on "validation" and "test"."""
    from basemodel_ops.stages.tasks.evaluation_artifact import EvaluationArtifact

    store = ArtifactStore(project.settings.artifact_root)
    metrics = EvaluationArtifact(store.current(EvaluationArtifact.key(task))).metrics
    return {"validation": metrics.validation, "test": metrics.test}


def print_evaluations(result: Mapping[str, Evaluation], scored: Mapping[str, object], console: Console) -> None:
    """Per task what ships, its metric and which way is better, the baseline's, and how sure the difference is.

    Args:
        result: By task.
        scored: Rows scored, by task, where there are any.
        console: Where it goes.
    """
    table = Table(title="\nTasks, on the last complete cutoffs", title_justify="left")
    for heading in ("task", "ships", "metric", "value", "baseline", "value", "difference", "test rows"):
        table.add_column(heading, justify="right" if heading in ("value", "difference", "test rows") else "left")
    if scored:
        table.add_column("rows scored", justify="right")
    for task, entry in result.items():
        cells = [task, entry["shipped"], directed(str(entry["metric"])), entry["shipped_value"]]
        cells += [entry["baseline"], entry["baseline_value"], _difference(entry), entry.get("test rows", "-")]
        table.add_row(*map(_cell, [*cells, scored.get(task, "-")] if scored else cells))
    show(table, console)
    for warning in filter(None, (entry.get("warning") for entry in result.values())):
        console.print(f"[yellow]![/yellow] {escape(str(warning))}", soft_wrap=True)


def print_split(task: str, entry: Evaluation, console: Console) -> None:
    """Of each part of a task's rows how many there are, and the first and the last of their cutoffs."""
    table = Table(title=f"\n{task}, split {entry['split']}", title_justify="left")
    for heading in ("part", "rows", "cutoffs"):
        table.add_column(heading, justify="right" if heading == "rows" else "left")
    for part in PARTS:
        if (rows := entry.get(f"{part} rows")) is not None:
            cutoffs = entry.get(f"{part} cutoffs", entry.get(f"{part} moments", "any"))
            table.add_row(part, _cell(rows), str(cutoffs))
    show(table, console)


def print_candidates(task: str, metrics: Mapping[str, Mapping[str, Mapping[str, float]]], console: Console) -> None:
    """All metrics of all candidates of a task, part by part."""
    for part, by_name in metrics.items():
        names = list(dict.fromkeys(name for values in by_name.values() for name in values))
        table = Table(title=f"\n{task}, {part}", title_justify="left")
        table.add_column("candidate")
        for name in names:
            table.add_column(directed(name), justify="right")
        for candidate, values in by_name.items():
            table.add_row(candidate, *(_cell(values.get(name, "-")) for name in names))
        show(table, console)


def directed(metric: str) -> str:
    """A metric's name and which way is better, where one is."""
    if metric in UNDIRECTED:
        return metric
    return f"{metric} {'↓' if metric in SMALLER_IS_BETTER else '↑'}"


def in_words(entry: Evaluation) -> str:
    """What a model is worth, in one line; of the metadata of an evaluation or of its report."""
    value, against = _cell(entry["shipped_value"]), f"{entry['baseline']} {_cell(entry['baseline_value'])}"
    return f"{entry['shipped']}: {directed(str(entry['metric']))} {value}, {against}"


def _difference(entry: Evaluation) -> str:
    """Value less that of the baseline, with its 95 % interval where one was measured."""
    difference, error = (
        float(str(entry["shipped_value"])) - float(str(entry["baseline_value"])),
        float(str(entry["noise"])),
    )
    return f"{difference:+.4f}" + (f" ± {INTERVAL * error:.4f}" if error > 0 else "")


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
