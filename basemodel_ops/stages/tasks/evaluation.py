"""The stage that reports how a task does on the cutoffs that test."""

from dataclasses import replace

from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.pages.quality import of_label_efficiency
from basemodel_ops.pages.style import PICTURE
from basemodel_ops.report import Report
from basemodel_ops.stages.plots import candidate_bars
from basemodel_ops.stages.tasks.evaluation_artifact import EvaluationArtifact
from basemodel_ops.stages.tasks.model_artifact import ModelArtifact
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.tasks.cold_start import report_by_history
from basemodel_ops.tasks.metrics import metric_of


def task_evaluation(ws: Workspace, task: str) -> Report:
    """Metrics of every candidate on the test cutoffs, and which cutoffs and rows each part is of."""
    metric = metric_of(ws.contract.task(task))

    def write(ws: Workspace, writer: ArtifactWriter) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        fitted = ModelArtifact.current(ws.store, task)
        metrics, against = fitted.metrics, fitted.comparison
        test, selected = metrics.test, metrics.shipped
        report_metrics: dict[str, float | int | str] = {
            "shipped": selected, "metric": metric, "shipped_value": round(test[selected][metric], 5),
            "baseline": against.name, "baseline_value": round(test[against.name][metric], 5),
            "noise": round(against.noise, 5), "on_worse": str(ws.contract.task(task).on_worse),
        }  # fmt: skip
        if (random := ws.contract.task(task).form.at_random) is not None:
            report_metrics["random"] = random
        if against.warning:
            report_metrics["warning"] = against.warning
        for name, values in test.items():
            report_metrics |= {f"{name}: {key}": round(value, 5) for key, value in values.items()}
        report_metrics |= fitted.parts
        report_metrics |= report_by_history(fitted.metrics_by_history)
        EvaluationArtifact.write(writer, metrics)
        return report_metrics, {
            "candidates": candidate_bars({name: values[metric] for name, values in test.items()}, metric)
        }

    report = ws.materialize(EvaluationArtifact.key(task), write)
    curve = ModelArtifact.current(ws.store, task).label_efficiency
    if curve is None:
        return report
    return replace(report, drawings={"label_efficiency": of_label_efficiency(curve).alone(PICTURE)})
