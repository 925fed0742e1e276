"""The card of a task's model, and the pictures of its test, from artifacts and the rows that were kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.contract.types import SMALLER_IS_BETTER, ColumnType, Contract, Task
from basemodel_ops.errors import ArtifactError, DataError
from basemodel_ops.pages.cards import Card, GroupWorth, Measured
from basemodel_ops.pages.pictures import Picture
from basemodel_ops.pages.quality import of_label_efficiency
from basemodel_ops.stages.reporting.tables import attribute_groups
from basemodel_ops.stages.reporting.tested import ENOUGH, Tested, positions_by
from basemodel_ops.stages.snapshot.snapshot import Snapshot
from basemodel_ops.stages.snapshot.times import to_datetime
from basemodel_ops.stages.tasks.evaluation_artifact import EvaluationArtifact
from basemodel_ops.stages.tasks.model_artifact import ModelArtifact
from basemodel_ops.stages.tasks.predictions import read_predictions
from basemodel_ops.tasks.metrics import metric_of
from basemodel_ops.warehouse.base import Warehouse


@dataclass(frozen=True)
class Worth:
    """The card of a task, and pictures of its test rows or why there are none."""

    card: Card
    pictures: list[Picture]
    why_none: str


def worth(
    contract: Contract, snapshot: Snapshot, store: ArtifactStore, warehouse: Warehouse, task: Task, as_of: datetime,
    seed: int,
) -> Worth:  # fmt: skip
    """What the current model of a task is worth.

    Raises:
        ArtifactError: it was not evaluated yet.
    """
    evaluated, model = EvaluationArtifact.current(store, task.name), ModelArtifact.current(store, task.name)
    report = evaluated.report
    tested, why = _tested(store, task, report, seed)
    measured = tested.measured() if tested else {}
    metric = tested.metric if tested else metric_of(task)
    value, against = float(report["shipped_value"]), float(report["baseline_value"])
    low, high = (report.get(f"{report['shipped']}: {metric}_{end}") for end in ("low", "high"))
    if not measured:
        measured = {
            name: Measured(figure, figure, figure) for name, figure in (("shipped", value), ("baseline", against))
        }
    if low is not None and high is not None:  # one interval, wherever it is told
        measured["shipped"] = Measured(measured["shipped"].value, float(low), float(high))
    groups = [] if tested is None else _groups(contract, snapshot, warehouse, task, tested)
    curve = model.label_efficiency
    parts = {
        name: value for name, value in report.items() if name.split(" ")[-1] in ("rows", "cutoffs", "moments", "split")
    }
    known = f"until {task.known}" if task.known else "none, a static target"
    card = Card(
        task=task.name, type=task.type.value, entity=task.entity, as_of=key_of(as_of),
        window={"horizon_days": task.horizon or known, **parts},
        population={"rows of": str(task.population or task.relation), "target": task.target},
        data=_data(contract, snapshot), metric=metric, direction="↓" if metric in SMALLER_IS_BETTER else "↑",
        shipped=str(report["shipped"]), baseline=str(report["baseline"]), measured=measured,
        metrics=evaluated.metrics.test, groups=groups, label_efficiency=None if curve is None else curve.as_dict(),
        limits=_limits(task, report, measured, groups, tested, why),
        hashes=_hashes(contract, snapshot, seed, model, evaluated),
    )  # fmt: skip
    pictures = [*(tested.pictures(measured) if tested else []), *([of_label_efficiency(curve)] if curve else [])]
    return Worth(card, pictures, why)


def _tested(store: ArtifactStore, task: Task, report: dict, seed: int) -> tuple[Tested | None, str]:
    """The test rows, or why there are none."""
    if task.form.unpictured:
        return None, task.form.unpictured
    try:
        rows = read_predictions(store, task.name, "test")
    except (ArtifactError, DataError) as error:
        return None, str(error)
    return Tested(task, rows, str(report["shipped"]), str(report["baseline"]), seed), ""


def _groups(
    contract: Contract, snapshot: Snapshot, warehouse: Warehouse, task: Task, tested: Tested
) -> list[GroupWorth]:
    """The metric by group of each attribute of few values."""
    results = []
    before = tested.begins if task.horizon is not None else to_datetime(int(snapshot.times.data_end))
    share = snapshot.plans[task.name].read if task.name in snapshot.plans else 1.0
    for name, values in attribute_groups(warehouse, contract, tested.entities, before, share):
        for value, rows in positions_by(values).items():
            results.append(GroupWorth(name, value, len(rows), tested.measured(rows).get("shipped")))
    return results


def _data(contract: Contract, snapshot: Snapshot) -> dict[str, object]:
    sources = {
        source.name: ", ".join(column.name for column in source.columns if column.type is not ColumnType.IGNORE)
        or "no columns"
        for source in (*contract.events, *contract.attributes)
    }
    return {
        "sources": sources, "events": sum(snapshot.events.values()), "entities": snapshot.entities,
        "learnt_before": key_of(to_datetime(int(snapshot.times.training_end))),
        "ends": key_of(to_datetime(int(snapshot.times.data_end))),
    }  # fmt: skip


def _hashes(
    contract: Contract, snapshot: Snapshot, seed: int, model: ModelArtifact, evaluated: EvaluationArtifact
) -> dict[str, str]:
    results = {"model": model.artifact.version, "evaluation": evaluated.artifact.version}
    inputs = model.artifact.manifest["about"]["inputs"]
    results |= {key: str(version) for key, version in inputs["artifacts"].items() if "/" not in key}
    results |= {"snapshot": snapshot.version, "code": str(inputs["code"])}
    if model.predictions_version:
        results["predictions"] = model.predictions_version
    return results | {"seed": str(seed), "contract": contract.fingerprint}


def _limits(
    task: Task, report: dict, measured: Mapping[str, Measured], groups: Sequence[GroupWorth], tested: Tested | None,
    why: str,
) -> list[str]:  # fmt: skip
    """What the model cannot, in words that follow from its figures."""
    results = [
        f"It answers about whom {task.population or task.relation} lists; of others nothing was measured.",
        "Reasons and groups say what goes together in the data, not what causes what.",
    ]
    if task.horizon is None:
        results.append("Its rows are split by entity, not in time: how it ages is not measured.")
    if report.get("warning"):
        results.append(str(report["warning"]))
    value, against, standard_error = (float(report[name]) for name in ("shipped_value", "baseline_value", "noise"))
    gain = value - against if report["metric"] not in SMALLER_IS_BETTER else against - value
    difference = measured.get("difference")
    error = 2 * standard_error if difference is None else (difference.high - difference.low) / 2
    if gain < error or gain <= 0:
        how = "surely worse" if gain < -error else "not surely better"
        results.append(f"It is {how} than {report['baseline']}: {value:.4g} against {against:.4g}.")
    low = report.get(f"{report['shipped']}: {report['metric']}_low")
    if task.form.at_random is not None and low is not None and low <= task.form.at_random:
        results.append(f"A random order, whose {report['metric']} is {task.form.at_random:g}, may be as good.")
    small = sorted(
        {f"{group_worth.attribute} {group_worth.value}" for group_worth in groups if group_worth.measured is None}
    )
    if small:
        results.append(f"Not measured, as they have below {ENOUGH} test rows or one answer only: {', '.join(small)}.")
    known = [group_worth for group_worth in groups if group_worth.measured is not None]
    if len(known) > 1 and tested is not None:
        sign = -1 if tested.metric in SMALLER_IS_BETTER else 1
        least = min(known, key=lambda entry: sign * entry.measured.value if entry.measured else np.inf)
        results.append(f"Of the groups it answers worst about {least.attribute} {least.value}: {least.measured}.")
    if tested is None:
        results.append(f"{'Groups are' if low is not None else 'Intervals and groups are'} not known. {why}")
    return results
