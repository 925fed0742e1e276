"""What is loaded beside other work is there when the work is done; what cannot be is left to whoever needs it."""

import gc
import sys
from pathlib import Path

import pytest

from dagster_project.lib.loading import loading


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("slow_one", "next_one"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        (tmp_path / f"{name}.py").write_text("import time\ntime.sleep(.2)\n")
    return tmp_path


def test_modules_are_there_when_the_block_ends(folder: Path) -> None:
    with loading("slow_one", "no_such_one", "next_one"):
        pass
    assert {"slow_one", "next_one"} <= sys.modules.keys()


def test_an_error_of_the_block_comes_through(folder: Path) -> None:
    with pytest.raises(ValueError, match="of the block"), loading("slow_one"):
        raise ValueError("of the block")
    assert "slow_one" in sys.modules


def test_only_what_is_new_is_left_out_of_collections_of_garbage(folder: Path) -> None:
    gc.collect()
    before = gc.get_freeze_count()
    with loading("slow_one"):
        pass
    kept = gc.get_freeze_count()
    assert kept > before
    with loading("slow_one"):
        pass
    assert gc.get_freeze_count() <= kept
