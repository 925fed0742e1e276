"""Settings under the names that they had before."""

import pytest

from basemodel_ops.settings import Settings


def test_the_old_name_of_a_variable_is_read_and_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASEMODEL_THINGS", "7")
    with pytest.warns(FutureWarning, match="BASEMODEL_THINGS is now BASEMODEL_TOP_ITEMS"):
        assert Settings().top_items == 7


def test_the_new_name_of_a_variable_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASEMODEL_TOP_ITEMS", "9")
    assert Settings().top_items == 9
    monkeypatch.setenv("BASEMODEL_THINGS", "7")
    with pytest.warns(FutureWarning):
        assert Settings().top_items == 9


def test_a_setting_is_given_by_its_name() -> None:
    assert Settings(top_items=5).top_items == 5
    assert Settings(top_items=5).model_dump()["top_items"] == 5
