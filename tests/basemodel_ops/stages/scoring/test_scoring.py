"""Answers stream by: how many entities are in memory at once changes none of them."""

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops import stages
from basemodel_ops.errors import DataError
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.features.builder import Builder
from basemodel_ops.stages.foundation.compact import QUERYABLE
from basemodel_ops.stages.foundation.representation_artifact import RepresentationArtifact
from basemodel_ops.stages.scoring import scoring
from basemodel_ops.stages.scoring.answering import Group, SingleQuestion, score_relation
from basemodel_ops.stages.scoring.kept import kept_rows
from basemodel_ops.stages.scoring.querying import represent
from basemodel_ops.stages.tasks.single_artifact import SingleModelArtifact
from basemodel_ops.warehouse.queries import rows_query

from ..riding import CUTOFFS
from ..trips import RIDERS

NEWEST = CUTOFFS[-1]


def answers(ws: Workspace, task: str) -> pa.Table:
    with ws.warehouse() as warehouse:
        table = warehouse.read(rows_query(score_relation(task), ["rider", "as_of", "score"]))
    return table.sort_by([("rider", "ascending"), ("as_of", "ascending")])


def embeddings(ws: Workspace) -> np.ndarray:
    return np.concatenate(list(RepresentationArtifact.current(ws.store, NEWEST).embeddings()))


def test_groups_of_any_size_give_the_same_answers_and_embeddings(
    fitted: tuple[Workspace, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ws, task = fitted
    result = []
    for size in (2048, 7):
        monkeypatch.setattr(scoring, "GROUP", size)
        # What is there already is not made again; other code asks anew.
        monkeypatch.setattr(scoring, "code_behind", lambda _, size=size: f"in groups of {size}")
        report = stages.score(ws, [task], NEWEST, f"run {size}", keep=True)[task]
        assert report.metrics["rows"] == RIDERS
        result.append((answers(ws, task), embeddings(ws)))
        kept = RepresentationArtifact.current(ws.store, NEWEST).artifact
        ws.store.remove(kept.key, kept.version)
    (complete, whole_embedding), (parts, parts_embedding) = result
    assert complete.column("rider").equals(parts.column("rider"))
    np.testing.assert_allclose(parts.column("score").to_numpy(), complete.column("score").to_numpy(), rtol=1e-5)
    np.testing.assert_allclose(parts_embedding, whole_embedding, atol=0.02)
    assert len(whole_embedding) == RIDERS
    assert complete.column("score").to_numpy().std() > 0


def test_what_is_kept_to_be_asked_is_what_a_fresh_row_says(riders: Workspace, fitted: tuple[Workspace, str]) -> None:
    ws, task = fitted
    keeping = Workspace.open(ws.settings.model_copy(update={"keep_sketches": True}), ws.contract, lambda _: None)
    stages.score(keeping, [task], NEWEST, "kept", keep=True)
    kept = kept_rows(RepresentationArtifact.current(keeping.store, NEWEST))
    assert kept is not None
    with keeping.warehouse() as warehouse:
        fresh = represent(Builder.of(keeping, warehouse, NEWEST), NEWEST)
    at = fresh.positions(*QUERYABLE)
    rows = fresh.locate(kept.entities.values, kept.cutoff)
    np.testing.assert_array_equal(kept.gather(np.arange(len(kept)), at), fresh.gather(rows, at))
    assert fresh.gather(rows, at).any()


def test_what_is_answered_already_is_not_written_again(fitted: tuple[Workspace, str]) -> None:
    ws, task = fitted
    stages.score(ws, [task], NEWEST, "once")
    report = stages.score(ws, [task], NEWEST, "twice")[task]
    assert report.reused
    assert report.metrics["written"] == 0


def test_a_failure_in_the_middle_leaves_the_answers_as_they_were(
    fitted: tuple[Workspace, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ws, task = fitted
    stages.score(ws, [task], NEWEST, "whole")
    before = answers(ws, task)
    monkeypatch.setattr(scoring, "GROUP", 7)
    monkeypatch.setattr(scoring, "code_behind", lambda _: "another")
    calls, original = [], SingleQuestion.answer

    def broken(question: SingleQuestion, group: Group, rows: np.ndarray) -> pa.Table:
        calls.append(rows)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        return original(question, group, rows)

    monkeypatch.setattr(SingleQuestion, "answer", broken)
    with pytest.raises(OSError, match="No space left"):
        stages.score(ws, [task], NEWEST, "broken")
    assert answers(ws, task).equals(before)


@pytest.mark.parametrize("widths", [{}, {"aggregates": 1, "model_outputs": 2, "items": 3}])
def test_a_model_that_read_other_features_is_refused(
    fitted: tuple[Workspace, str], widths: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a model of an older version nothing else may differ: the layout of rows is the same."""
    ws, task = fitted
    stages.score(ws, [task], NEWEST, "whole")
    before = answers(ws, task)
    monkeypatch.setattr(scoring, "code_behind", lambda _: "another")
    monkeypatch.setattr(SingleModelArtifact, "widths", widths)
    with pytest.raises(DataError, match=f"{task} learnt from .* an older version fitted it. Run `basemodel train`"):
        stages.score(ws, [task], NEWEST, "refused")
    assert answers(ws, task).equals(before)
