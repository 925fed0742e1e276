"""The code that makes an artifact is what its module imports, and nothing else."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from basemodel_ops import code
from basemodel_ops.assets import AROUND as SETTINGS_AROUND
from basemodel_ops.settings import Settings

MODULES = (
    "stages.features.encoding", "stages.features.embedding", "stages.features.examples",
    "stages.foundation.pretraining", "stages.tasks.fitting", "stages.tasks.recommendation",
    "stages.tasks.evaluation", "stages.scoring.scoring",
)  # fmt: skip


def names(*modules: str) -> set[str]:
    return {str(path.relative_to(code.ROOT)) for path in code.sources(*modules)}


@pytest.mark.parametrize("module", MODULES)
def test_a_stage_depends_on_its_own_file_and_not_on_the_way_to_the_data(module: str) -> None:
    result = names(module)
    assert module.replace(".", "/") + ".py" in result
    assert not {name for name in result if name.startswith(("warehouse/", "artifacts/", "contract/"))}


def test_encoders_that_are_found_by_name_count() -> None:
    assert {"encoders/number.py", "encoders/text.py", "encoders/image.py"} <= names("stages.features.encoding")


def test_kernels_in_cuda_count_where_vectors_are_made() -> None:
    assert "cleora/cuda.cu" in names("stages.features.embedding")


def test_what_fits_tasks_makes_no_row() -> None:
    rows = names("stages.features.examples")
    assert not {name for name in rows if name.startswith(("tasks/heads", "tasks/single", "foundation/", "stages/fit"))}
    assert "representation/build.py" in rows


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the sources that may be changed."""
    root = tmp_path / "basemodel_ops"
    shutil.copytree(code.ROOT, root, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "ROOT", root)
    return root


def forget() -> None:
    code.code_behind.cache_clear()
    code._compiled.cache_clear()
    code._imports.cache_clear()


def versions() -> dict[str, str]:
    forget()
    return {module: code.code_behind(module) for module in MODULES}


@pytest.mark.parametrize(
    ("file", "made_again"),
    [
        ("tasks/heads.py", {"stages.tasks.fitting", "stages.tasks.recommendation", "stages.scoring.scoring"}),
        ("warehouse/duckdb.py", set()),
        ("cleora/cuda.cu", {"stages.features.embedding"}),
        ("encoders/text.py", set(MODULES) - {"stages.tasks.evaluation"}),
    ],
)
def test_a_change_is_noticed_by_what_it_can_change(copied: Path, file: str, made_again: set[str]) -> None:
    before = versions()
    with (copied / file).open("a") as opened:
        opened.write("\nANOTHER = 1\n" if file.endswith(".py") else "\n// another line\n")
    after = versions()
    versions_again = {module for module in MODULES if before[module] != after[module]}
    assert versions_again == made_again
    forget()


def test_comments_and_docstrings_keep_every_version(copied: Path) -> None:
    before = versions()
    for path in copied.rglob("*.py"):
        lines = path.read_text().splitlines()
        documented = (
            node.body[0]
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node)
        )
        for old in sorted(documented, key=lambda node: node.lineno, reverse=True):
            indent = " " * old.col_offset
            lines[old.lineno - 1 : old.end_lineno] = [f'{indent}"""In other words."""', f"{indent}# And why."]
        path.write_text("# A licence.\n" + "\n".join(lines) + "\n")
    assert versions() == before
    forget()


@pytest.mark.parametrize(
    ("line", "another"),
    [("x = 2", "x = 3"), ("x = {'a', 'b'}", "x = {'a', 'c'}"), ("def f(a, b): a", "def f(b, a): b")],
)
def test_what_is_computed_counts(tmp_path: Path, line: str, another: str) -> None:
    first, second = tmp_path / "first" / "of.py", tmp_path / "second" / "of.py"
    for path, text in ((first, line), (second, another)):
        path.parent.mkdir()
        path.write_text(f"def made(y):\n    {text}\n    return y in {{'b', 'a'}}\n")
    assert code._meaning(first) != code._meaning(second)


def test_the_order_of_a_set_does_not_count() -> None:
    script = "from basemodel_ops.code import code_behind; print(code_behind('stages.scoring.scoring'))"
    seen = {
        subprocess.check_output([sys.executable, "-c", script], env={**os.environ, "PYTHONHASHSEED": seed})
        for seed in ("1", "2")
    }
    assert len(seen) == 1


def test_settings_that_change_no_result_exist() -> None:
    known = set(Settings.model_fields) | {name for name, value in vars(Settings).items() if isinstance(value, property)}
    assert known >= SETTINGS_AROUND
