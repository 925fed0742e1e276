"""What was fitted for a task, as its stage reports it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from basemodel_ops.stages.snapshot.sampling import TaskPlan
from basemodel_ops.tasks.metrics import Metrics


@dataclass(frozen=True)
class Fit:
    """What was fitted for a task: the name of what ships among the ways to answer, and the metrics of all."""

    selected: str
    validation: Metrics
    test: Metrics
    weights: Mapping[str, float] = field(default_factory=dict)
    """Of the heads of a mixture."""
    half_life: float | None = None
    """Days by which older rows taught half as much; None where all taught alike."""


def report_fit(plan: TaskPlan, fit: Fit) -> dict[str, float | int | str]:
    """What is reported of a fitted task."""
    shares = {f"share of {name}": round(weight, 2) for name, weight in fit.weights.items()}
    drawn = {f"drawn_{part}": round(plan.drawn(part), 4) for part in plan.rows}
    aging = {} if fit.half_life is None else {"half_life_days": fit.half_life}
    return {"shipped": fit.selected, **shares, **aging, "labelled_rows": sum(plan.rows.values()), **drawn}
