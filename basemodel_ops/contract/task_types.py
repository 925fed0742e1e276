"""The registry of task types: what the declaration of each may say, and the shape of its rows and answers.

What the contract, the preflight and the planning ask of one stands here, since they import no learner; targets, heads,
metrics and score tables are in `tasks.kinds`, a module for each type with one answer."""

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class TaskType(StrEnum):
    """The kind of question."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    REGRESSION = "regression"
    RECOMMENDATION = "recommendation"
    SURVIVAL = "survival"
    UPLIFT = "uplift"


class Metric(StrEnum):
    """What candidates of a task with one answer are chosen by."""

    AUROC = "auroc"
    AVERAGE_PRECISION = "average_precision"
    BRIER = "brier"
    LOG_LOSS = "log_loss"
    R2_LOG = "r2_log"
    MAE = "mae"
    MACRO_AUROC = "macro_auroc"
    ACCURACY = "accuracy"
    CONCORDANCE = "concordance"
    INTEGRATED_BRIER = "integrated_brier"
    QINI = "qini"


SMALLER_IS_BETTER = (Metric.MAE, Metric.BRIER, Metric.LOG_LOSS, Metric.INTEGRATED_BRIER, "width")

UNDIRECTED = ("coverage",)
"""Figures of which neither more nor less is better."""


class Aggregate(StrEnum):
    """What a task with one answer asks of the events in its window."""

    ANY = "any"
    NONE = "none"
    COUNT = "count"
    SUM = "sum"
    MEAN = "mean"


class Shape(StrEnum):
    """What a row of a task is, and what is answered to an entity."""

    ANSWER = "answer"
    """One answer to each row."""
    LABELS = "labels"
    """A row per positive label, of a few; all are answered."""
    ITEMS = "items"
    """A row per positive item, of many; the best are answered."""


Plots = Literal["chances", "amounts", "effects", "classes", "rankings"]
"""What a report may draw of the answers to test rows."""


@dataclass(frozen=True)
class TaskForm:
    """What the declaration of a type of task may say, and the shape of its rows and answers."""

    shape: Shape = Shape.ANSWER
    metrics: tuple[Metric, ...] = ()
    """What it may be chosen by, the default first; none where nothing is to be declared."""
    measured_by: str = ""
    """Its metric where nothing is to be declared."""
    aggregates: tuple[Aggregate, ...] = ()
    """What its `predicts` may ask of the events in a window."""
    needs: tuple[str, ...] = ()
    """Fields of the annotation that are required beside those of every task."""
    fields: tuple[str, ...] = ()
    """Fields of the annotation that no other type has."""
    owns: str = ""
    """What these fields are about, as in "a binary task *recommends no items*"."""
    answer: str = "score"
    """The column of the score table that orders entities."""
    is_least_first: bool = False
    """Whether the smallest answers are to be acted on: days until something."""
    low: float = 0.0
    high: float = 1.0
    """What that column holds at least and at most."""
    is_yes_or_no: bool = False
    """Whether its target is 0 or 1, so that few ones are all kept when rows are drawn."""
    is_amount: bool = False
    """Whether its target is an amount, which is learnt as a logarithm."""
    rows_each: int = 1
    """Rows that heads learn from, and are asked, for each of the task, about."""
    has_labels: bool = False
    """Whether an answer is of one of several classes or labels, which an explanation names."""
    is_attributed: bool = False
    """Whether its answer is that of heads, so that shares of what their trees read are in its unit."""
    unit: str = "score of the first item named"
    """What that column holds, in words; `{target}` is the name of the target's column."""
    at_random: float | None = None
    """Its metric of a random order, where the metric is measured with an interval."""
    plots: Plots = "chances"
    """What a report draws of it, unless it is unpictured."""
    unpictured: str = ""
    """Why a report draws no curves of it; empty where it does."""

    @property
    def metric(self) -> str:
        """What it is chosen by where a declaration names nothing."""
        return str(self.metrics[0]) if self.metrics else self.measured_by

    @property
    def modelled(self) -> dict[str, object]:
        """Of the form, what models are made by: a change of it makes them again."""
        return {
            "shape": self.shape,
            "metric": self.metric,
            "rows_each": self.rows_each,
            "is_yes_or_no": self.is_yes_or_no,
            "is_amount": self.is_amount,
        }

    @property
    def is_chance(self) -> bool:
        """Whether what orders entities is a chance."""
        return (self.low, self.high) == (0.0, 1.0)

    @property
    def group(self) -> tuple[str, ...]:
        """The column of the score table within whose values scores are compared; none where all are."""
        if not self.has_labels:
            return ()
        return self.key or ("class",)

    @property
    def key(self) -> tuple[str, ...]:
        """Columns of the score table that tell the rows of an entity apart."""
        return () if self.shape is Shape.ANSWER else ("item",)


HUGE = 1e300
"""No answer is beyond it."""

LISTED = ("population", "predicts", "horizon")

FORMS = {
    TaskType.BINARY: TaskForm(
        metrics=(Metric.AUROC, Metric.AVERAGE_PRECISION, Metric.BRIER, Metric.LOG_LOSS),
        aggregates=(Aggregate.ANY, Aggregate.NONE),
        is_yes_or_no=True,
        is_attributed=True,
        unit="score (chance)",
    ),
    TaskType.REGRESSION: TaskForm(
        metrics=(Metric.R2_LOG, Metric.MAE),
        aggregates=(Aggregate.COUNT, Aggregate.SUM, Aggregate.MEAN),
        fields=("coverage",),
        owns="has no interval",
        answer="prediction",
        low=-HUGE,
        high=HUGE,
        is_amount=True,
        plots="amounts",
        is_attributed=True,
        unit="prediction (unit of {target})",
    ),
    TaskType.MULTICLASS: TaskForm(
        metrics=(Metric.MACRO_AUROC, Metric.LOG_LOSS, Metric.ACCURACY),
        answer="probability",
        has_labels=True,
        is_attributed=True,
        unit="chance of the class named",
        plots="classes",
    ),
    TaskType.MULTILABEL: TaskForm(Shape.LABELS, measured_by="macro_auroc", needs=LISTED, has_labels=True),
    TaskType.RECOMMENDATION: TaskForm(
        Shape.ITEMS,
        measured_by="ndcg_10",
        needs=LISTED,
        fields=("already_had", "offers", "diversity"),
        owns="recommends no items",
        low=-HUGE,
        high=HUGE,
        plots="rankings",
    ),
    TaskType.SURVIVAL: TaskForm(
        metrics=(Metric.CONCORDANCE, Metric.INTEGRATED_BRIER),
        needs=("horizon", "observed"),
        fields=("observed", "within"),
        owns="is about no time to an event",
        answer="expected_days",
        is_least_first=True,
        high=HUGE,
        rows_each=6,
        unit="expected days",
        unpictured="Of a time to an event no curves are drawn; its metrics are in the card.",
    ),
    TaskType.UPLIFT: TaskForm(
        metrics=(Metric.QINI,),
        needs=("horizon", "treatment"),
        fields=("treatment",),
        owns="compares no treatment with none",
        low=-1.0,
        rows_each=2,
        unit="score (change of the chance through treatment)",
        at_random=0.0,
        plots="effects",
    ),
}
"""The registry: one entry per type."""

METRICS_OF = {kind: form.metrics for kind, form in FORMS.items() if form.metrics}
"""The metrics of each type of task, that of a task which names none first."""


class TypeFields(BaseModel):
    """Fields of a task that some types have alone; which ones, `FORMS` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    observed: str | None = None
    """Of a survival task: the column that says whether the event came after `target` days or was not seen by then."""
    within: tuple[int, ...] = ()
    """Of a survival task: days beyond the horizon within which the chance of the event is answered, ascending."""
    coverage: float | None = Field(default=None, gt=0, lt=1)
    """Of a regression: the share of targets that lie between the bounds that are answered beside the prediction."""
    treatment: str | None = None
    """Of an uplift task: the column that says whether the row was treated, 0 or 1."""

    @property
    def label_columns(self) -> dict[str, str]:
        """Columns of the task's table that say more of a label than its target does, by role."""
        columns = {"observed": self.observed, "treatment": self.treatment}
        return {role: name for role, name in columns.items() if name is not None}

    @field_validator("within")
    @classmethod
    def _ascends(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if any(later <= earlier for earlier, later in pairwise((0, *days))):
            raise ValueError(f"it should be whole days that ascend, as [28, 56], not {list(days)}")
        return days
