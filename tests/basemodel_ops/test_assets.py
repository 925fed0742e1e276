"""What artifacts say that they depend on."""

from dataclasses import replace

import pytest

from basemodel_ops.artifacts import version_of
from basemodel_ops.assets import assets
from basemodel_ops.contract.task_types import FORMS
from tests.test_documents import contract


def declared() -> dict[str, str]:
    """A version of what each artifact's declaration says, by key."""
    return {key: version_of(asset.declared) for key, asset in assets(contract()).items()}


@pytest.mark.parametrize(("field", "value"), [("rows_each", 7), ("is_amount", True), ("is_yes_or_no", True)])
def test_a_form_that_models_are_made_by_is_in_their_versions(
    field: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = declared()
    task = contract().tasks[0]
    other = value if getattr(task.form, field) != value else not value
    monkeypatch.setitem(FORMS, task.type, replace(task.form, **{field: other}))
    changed = {key for key, version in declared().items() if version != before[key]}
    same_type = {entry.name for entry in contract().tasks if entry.type is task.type}
    assert changed == {f"{name}/model" for name in same_type}


def test_words_of_a_form_change_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before, task = declared(), contract().tasks[0]
    monkeypatch.setitem(FORMS, task.type, replace(task.form, unit="other words", unpictured="other words"))
    assert declared() == before
