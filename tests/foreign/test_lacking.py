"""A source without number, category or session: it is learnt from and answered."""

from pathlib import Path

import numpy as np

from basemodel_ops import stages
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks.answers import check_model, check_scores
from basemodel_ops.stages.planning.budget import prepare
from basemodel_ops.stages.tasks.model_artifact import ModelArtifact

from ..basemodel_ops.stages.riding import CUTOFFS, plain
from ..basemodel_ops.stages.trips import RIDERS, trips, workspace


def test_events_that_say_only_who_and_when_are_enough(tmp_path: Path) -> None:
    declared = plain()
    (events,) = declared.events
    bare = events.model_copy(update={"columns": (), "session": None})
    declared = declared.model_copy(update={"events": (bare,), "attributes": ()})
    created = workspace(tmp_path, declared, trips=trips().select(["rider", "started_at"]))
    small = {"hidden": 16, "epochs": 1, "pretraining_rows": 300, "horizons": (14,)}
    ws = Workspace.open(created.settings.model_copy(update=small), created.contract, lambda _: None)
    stages.encoders(ws, "trips")
    prepare(ws)
    stages.training_examples(ws)
    stages.foundation_model(ws)
    assert check_model(ws).passed
    stages.task_model(ws, "rides_14d")
    assert stages.score(ws, ["rides_14d"], CUTOFFS[-1], "run")["rides_14d"].metrics["rows"] == RIDERS
    assert check_scores(ws, "rides_14d", CUTOFFS[-1]).passed
    metrics = ModelArtifact.current(ws.store, "rides_14d").metrics
    assert all(np.isfinite(list(result.values())).all() for result in metrics.test.values())
