"""What all processes of tests need is made by the first that asks, in a folder that they share."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path

import pytest

from basemodel_ops.settings import Settings
from dagster_project.lib import project
from dagster_project.lib.loaded_dbt import loaded
from dagster_project.lib.locking import turn

PARSED = ("manifest.json", "partial_parse.msgpack", "fingerprint")
"""What a parse leaves for later ones."""


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """The folder of all processes of these tests."""
    current = factory.getbasetemp()
    return current.parent if "PYTEST_XDIST_WORKER" in os.environ else current


def copy_of(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A copy of the folder that `make` fills, for this process to change; it is made once, while others wait."""
    original = shared_folder(factory) / f"made_{name}"
    with turn(original.with_suffix(".lock")):
        if not (done := original.with_suffix(".done")).exists():
            shutil.rmtree(original, ignore_errors=True)  # of a process that failed on the way
            original.mkdir()
            make(original)
            done.touch()
    return shutil.copytree(original, factory.mktemp(name), dirs_exist_ok=True)


@contextmanager
def called(executable: Callable[[], str]) -> Iterator[None]:
    """Let the product call this dbt."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("lib.project", "defs.dbt_models", "cli.execution", "cli.forgetting"):
            # What is not imported yet will take it from `lib.project`.
            if name == "lib.project" or f"dagster_project.{name}" in sys.modules:
                patch.setattr(f"dagster_project.{name}.dbt_executable", executable)
        yield


own_dbt = partial(called, project.dbt_executable)
"""Let the product start dbt and parse, as it does where there are no tests around it."""


@contextmanager
def dbt_loaded_once() -> Iterator[None]:
    """Let the product call a dbt that is loaded already, in a process of its own, from the first call on."""
    current = project.dbt_executable()
    with ExitStack() as ends:

        @cache
        def executable() -> str:
            return ends.enter_context(loaded(current, "duckdb"))

        with called(executable):
            yield


@contextmanager
def parsed_once(folder: Path) -> Iterator[None]:
    """Let homes without a manifest begin with the one that dbt made of the same files for another home."""
    ensure, dbt = project.ensure_manifest, project.dbt_executable

    def ensured(settings: Settings) -> None:
        if project.dbt_executable is not dbt:  # a test of parsing itself
            ensure(settings)
            return
        current = settings.manifest_path.parent
        kept = folder / project.project_fingerprint(settings)
        with turn(kept.with_suffix(".lock")):
            if kept.exists() and not settings.manifest_path.exists():
                shutil.copytree(kept, current, dirs_exist_ok=True)
            ensure(settings)
            if not kept.exists():
                kept.mkdir()
                for path in (current / name for name in PARSED if (current / name).exists()):
                    shutil.copy(path, kept)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(project, "ensure_manifest", ensured)
        yield
