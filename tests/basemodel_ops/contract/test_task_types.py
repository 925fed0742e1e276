"""The reference of declarations says of every type of task what the registry says."""

import re
from pathlib import Path

from basemodel_ops.contract.task_types import FORMS, METRICS_OF, Shape
from basemodel_ops.contract.types import Relation, Task, TaskType
from basemodel_ops.tasks.kinds import kind_of

CONTRACT = Path(__file__).parents[3] / "docs" / "contract.md"
TICKED = r"`([^`]+)`"


def cells_of(text: str, name: str) -> list[str]:
    """The cells of a row of a table, by the first."""
    (row,) = re.findall(rf"^\| `{name}` \|(.*)\|$", text, re.MULTILINE)
    return [cell.strip() for cell in row.split("|")]


def of_tasks() -> str:
    text = CONTRACT.read_text()
    return text[text.index("### `task`") : text.index("### `grid`")]


def test_every_type_and_every_metric_is_named() -> None:
    types, metrics = (re.findall(TICKED, cells_of(of_tasks(), name)[-1]) for name in ("type", "metric"))
    assert set(types) == set(FORMS) == set(TaskType)
    assert set(metrics) == {str(name) for form in FORMS.values() for name in form.metrics} | set(METRICS_OF)


def test_fields_needs_and_columns_of_every_type_are_told() -> None:
    for kind, form in FORMS.items():
        _, needs, answers = cells_of(of_tasks(), kind.value)
        assert set(re.findall(TICKED, needs)) == set(form.needs)
        assert form.answer in re.findall(TICKED, answers)
        for field in form.fields:
            assert cells_of(of_tasks(), field)
        if form.shape is Shape.ANSWER:
            task = Task(
                name="any", relation=Relation(schema_name="any", name="any"), type=kind, entity="e", cutoff="c",
                target="t", horizon=7, population=None, predicts=None, reads=(), coverage=0.8,
            )  # fmt: skip
            shown = [re.sub(r"within_\d+_days", "within_N_days", column.name) for column in kind_of(kind).columns(task)]
            assert list(dict.fromkeys(shown)) == [name for name in re.findall(TICKED, answers) if name in shown]
