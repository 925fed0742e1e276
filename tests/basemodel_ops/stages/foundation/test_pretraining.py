"""What the learners of activity are taught."""

from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from basemodel_ops import stages
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.foundation import training_sets
from basemodel_ops.stages.foundation.checkpoint_artifact import CheckpointArtifact

from ..riding import encoded


def trained_rows(text: str) -> int:
    """Rows that the first tree of a model has learnt from."""
    root = lgb.Booster(model_str=text).dump_model()["tree_info"][0]["tree_structure"]
    return root["internal_count"]


def test_long_windows_are_trained_by_rows_that_know_only_how_they_began(tmp_path: Path) -> None:
    ws = encoded(tmp_path)
    ws = Workspace.open(ws.settings.model_copy(update={"horizons": (7, 14, 28)}), ws.contract, ws.log)
    ws.pin()
    stages.training_examples(ws)
    stages.foundation_model(ws)
    _, kept = ExamplesArtifact.current(ws.store).sample("activity")
    created = CheckpointArtifact.current(ws.store)
    for column in ("events", "fare"):
        chain = {b.detail: n for n, b in enumerate(created.blocks) if (b.kind, b.column) == ("amount", column)}
        known = [(~np.isnan(kept[:, chain[days]])).sum() for days in ("14", "28")]
        assert known[1] < known[0]
        for booster in created.activity.boosters:
            assert trained_rows(booster.texts()[chain["28"]]) == trained_rows(booster.texts()[chain["14"]])


def test_many_inputs_and_targets_take_fewer_rows(riders: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = ExamplesArtifact.current(riders.store)
    complete = training_sets.TrainingSet.of_activity(examples, 0)
    monkeypatch.setattr(training_sets, "MOST", 40 * complete.inputs.shape[1] * complete.targets.shape[1])
    monkeypatch.setattr(training_sets, "FEWEST", 10)
    subset = training_sets.TrainingSet.of_activity(examples, 0)
    assert len(subset.row_index) == 40 < len(complete.row_index)
    at = np.searchsorted(complete.row_index, subset.row_index)
    np.testing.assert_array_equal(complete.inputs[at], subset.inputs)
    np.testing.assert_array_equal(complete.targets[at], subset.targets)
    again = training_sets.TrainingSet.of_activity(examples, 0)
    np.testing.assert_array_equal(again.row_index, subset.row_index)
    monkeypatch.setattr(training_sets, "FEWEST", 60)
    assert len(training_sets.TrainingSet.of_activity(examples, 0).row_index) == 60
