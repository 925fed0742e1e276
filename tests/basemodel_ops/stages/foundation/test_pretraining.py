"""What the learners of activity are taught."""

from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from basemodel_ops import stages
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.foundation import training_sets as lessons
from basemodel_ops.stages.foundation.checkpoint_artifact import CheckpointArtifact

from ..riding import encoded


def taught(text: str) -> int:
    """Rows that the first tree of a model has learnt from."""
    root = lgb.Booster(model_str=text).dump_model()["tree_info"][0]["tree_structure"]
    return root["internal_count"]


def test_long_windows_are_taught_by_rows_that_know_only_how_they_began(tmp_path: Path) -> None:
    ws = encoded(tmp_path)
    ws = Workspace.open(ws.settings.model_copy(update={"horizons": (7, 14, 28)}), ws.contract, ws.log)
    ws.pin()
    stages.training_examples(ws)
    stages.foundation_model(ws)
    _, kept = ExamplesArtifact.current(ws.store).sample("activity")
    made = CheckpointArtifact.current(ws.store)
    for column in ("events", "fare"):
        chain = {b.detail: n for n, b in enumerate(made.blocks) if (b.kind, b.column) == ("amount", column)}
        known = [(~np.isnan(kept[:, chain[days]])).sum() for days in ("14", "28")]
        assert known[1] < known[0]
        for bank in made.activity.boosters:
            assert taught(bank.texts()[chain["28"]]) == taught(bank.texts()[chain["14"]])


def test_many_inputs_and_futures_take_fewer_rows(riders: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = ExamplesArtifact.current(riders.store)
    whole = lessons.TrainingSet.of_activity(examples, 0)
    monkeypatch.setattr(lessons, "MOST", 40 * whole.inputs.shape[1] * whole.targets.shape[1])
    monkeypatch.setattr(lessons, "FEWEST", 10)
    some = lessons.TrainingSet.of_activity(examples, 0)
    assert len(some.row_index) == 40 < len(whole.row_index)
    at = np.searchsorted(whole.row_index, some.row_index)
    np.testing.assert_array_equal(whole.inputs[at], some.inputs)
    np.testing.assert_array_equal(whole.targets[at], some.targets)
    again = lessons.TrainingSet.of_activity(examples, 0)
    np.testing.assert_array_equal(again.row_index, some.row_index)
    monkeypatch.setattr(lessons, "FEWEST", 60)
    assert len(lessons.TrainingSet.of_activity(examples, 0).row_index) == 60
