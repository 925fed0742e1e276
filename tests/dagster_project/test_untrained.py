"""Scoring fits nothing, so it says before any work what was not trained."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from basemodel_ops.artifacts import Artifact, ArtifactStore
from dagster_project.cli.execution import RunError, run_main_job
from dagster_project.lib.jobs import SCORE_JOB

from .conftest import Run


def test_a_model_that_was_never_trained_is_named(visits: Run, tmp_path: Path) -> None:
    empty = visits.settings.model_copy(update={"home": tmp_path})
    for tasks in ((), ("returns_14d",)):
        with pytest.raises(RunError, match=r"no model was trained yet of returns_14d\. `basemodel train`"):
            run_main_job(empty, tasks, None, Console(file=io.StringIO()), SCORE_JOB)
    assert not list(tmp_path.rglob("*.duckdb"))


def test_a_segmentation_that_was_never_trained_is_named(visits: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = ArtifactStore.newest

    def without(store: ArtifactStore, key: str) -> Artifact | None:
        return None if key == "segmentation" else newest(store, key)

    monkeypatch.setattr(ArtifactStore, "newest", without)
    before = visits.rows("select count(*) from basemodel.returns_14d_scores")
    with pytest.raises(RunError, match=r"`basemodel score --task returns_14d` answers without"):
        run_main_job(visits.settings, (), None, Console(file=io.StringIO()), SCORE_JOB)
    assert visits.rows("select count(*) from basemodel.returns_14d_scores") == before
