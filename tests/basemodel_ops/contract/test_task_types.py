"""The reference of declarations says of every type of task what the registry says."""

import ast
import re
from pathlib import Path

import pytest

from basemodel_ops.contract.task_types import FORMS, METRICS_OF, Shape
from basemodel_ops.contract.types import Relation, Task, TaskType
from basemodel_ops.tasks.kinds import kind_of

ROOT = Path(__file__).parents[3]
CONTRACT = ROOT / "docs" / "contract.md"
ALLOWED = ("basemodel_ops/contract/task_types.py", "basemodel_ops/tasks/kinds/")
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


def test_scores_are_compared_within_what_is_named() -> None:
    within = {kind: form.group for kind, form in FORMS.items() if form.group}
    assert within == {TaskType.MULTICLASS: ("class",), TaskType.MULTILABEL: ("item",)}


def branches(source: str) -> list[int]:
    """Lines in which types of tasks are compared, matched or are the keys of a mapping."""
    result: list[int] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Compare():
                parts: list[ast.AST | None] = [node.left, *node.comparators]
            case ast.MatchValue():
                parts = [node.value]
            case ast.Dict():
                parts = [*node.keys]
            case _:
                parts = []
        inside = [leaf for part in parts if part is not None for leaf in ast.walk(part)]
        if any(isinstance(leaf, ast.Attribute) and ast.unparse(leaf.value) == "TaskType" for leaf in inside):
            result.append(next(leaf.lineno for leaf in inside if isinstance(leaf, ast.Attribute)))
    return result


def test_only_the_registry_and_the_kinds_branch_on_a_type() -> None:
    paths = [path for folder in ("basemodel_ops", "dagster_project") for path in (ROOT / folder).rglob("*.py")]
    modules = {str(path.relative_to(ROOT)): path.read_text() for path in paths}
    assert branches(modules[ALLOWED[0]])
    others = {name: branches(text) for name, text in modules.items() if not name.startswith(ALLOWED)}
    assert {name: lines for name, lines in others.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    ["x = kind is TaskType.BINARY", "x = kind in (TaskType.BINARY, 1)", "x = {TaskType.BINARY: 1}",
     "match kind:\n    case TaskType.BINARY:\n        x = 1"],
)  # fmt: skip
def test_a_branch_is_known_when_it_is_seen(line: str) -> None:
    assert branches(line)
    assert not branches("head = make(TaskType.BINARY)")
