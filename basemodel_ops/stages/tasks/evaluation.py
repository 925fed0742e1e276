"""The stage that reports how a task does on the cutoffs that test."""

from basemodel_ops.artifacts import Draft
from basemodel_ops.report import Report
from basemodel_ops.stages.plots import candidate_bars
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.tasks.cold_start import told_apart
from basemodel_ops.tasks.metrics import metric_of


def task_evaluation(ws: Workspace, task: str) -> Report:
    """Metrics of every candidate on the test cutoffs, and which cutoffs and rows each part is of."""
    metric = metric_of(ws.contract.task(task))

    def fill(ws: Workspace, draft: Draft) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        fitted = ws.current(f"{task}/model")
        metrics = fitted.json("metrics")
        test, shipped = metrics["test"], metrics["shipped"]
        against = {"name": "baseline", "noise": 0.0} | (
            fitted.json("baseline") if "baseline.json" in fitted.names else {}
        )
        numbers: dict[str, float | int | str] = {
            "shipped": shipped, "metric": metric, "shipped_value": round(test[shipped][metric], 5),
            "baseline": against["name"], "baseline_value": round(test[against["name"]][metric], 5),
            "noise": round(against["noise"], 5), "on_worse": str(ws.contract.task(task).on_worse),
        }  # fmt: skip
        if warning := against.get("warning"):
            numbers["warning"] = warning
        for name, values in test.items():
            numbers |= {f"{name}: {key}": round(value, 5) for key, value in values.items()}
        numbers |= fitted.json("parts")
        numbers |= told_apart(fitted.json("apart") if "apart.json" in fitted.names else {})
        draft.json("metrics", metrics)
        return numbers, {"candidates": candidate_bars({name: values[metric] for name, values in test.items()}, metric)}

    return ws.made(f"{task}/evaluation", fill)
