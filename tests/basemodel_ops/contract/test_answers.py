"""The words for columns of tables of answers are for columns that there are, and all of them have words."""

import pyarrow as pa
import pytest

from basemodel_ops.contract.answers import ANY, TABLES
from basemodel_ops.contract.task_types import FORMS, Shape
from basemodel_ops.contract.types import Relation, Target, Task, TaskType
from basemodel_ops.stages.explanations.published import tables_of
from basemodel_ops.stages.insight.anomalies import COLUMNS as ANOMALIES
from basemodel_ops.stages.scoring.answering import ranked_columns
from basemodel_ops.tasks.kinds import kind_of


def task(kind: TaskType) -> Task:
    return Task(
        name="t", relation=Relation(schema_name="tasks", name="t"), type=kind, entity="who", cutoff="c", target="y",
        horizon=14, population=None, predicts=Target(source="s", column="thing"), reads=(),
        coverage=0.8 if kind is TaskType.REGRESSION else None,
    )  # fmt: skip


def columns() -> dict[str, set[str]]:
    """Columns of each kind of table that are known without a run, over all types of tasks."""
    results: dict[str, set[str]] = {
        "scores": {"moment"},
        "item_scores": set(),
        "anomalies": set(ANOMALIES),
        "deciles": {name for form in FORMS.values() for name in form.group},
    }
    for kind, form in FORMS.items():
        entry = task(kind)
        if form.shape is Shape.ANSWER:
            results["scores"] |= {field.name for field in kind_of(kind).columns(entry)}
        else:
            results["item_scores"] |= {field.name for field in ranked_columns(pa.string())}
        for name, (_, schema) in tables_of(entry, pa.string(), pa.string(), "basemodel").items():
            results.setdefault(name, set()).update(schema.names)
    return results


@pytest.mark.parametrize("name", columns())
def test_every_column_has_words(name: str) -> None:
    assert not [column for column in columns()[name] if not TABLES[name].described(column, "who")]


@pytest.mark.parametrize("name", ["scores", "item_scores", "importance", "anomalies"])
def test_no_words_are_for_a_column_that_is_not_there(name: str) -> None:
    assert set(TABLES[name].columns) <= columns()[name]


def test_words_that_several_tables_share_are_used() -> None:
    result = columns()
    shared = [result["explanations"], result["aggregate_reasons"] | result["effects"]]
    assert set(TABLES["explanations"].columns) <= shared[0]
    assert set(TABLES["effects"].columns) <= shared[1]
    assert set(ANY) <= set.union(*result.values())
