"""The page of a week reads what the check of sketches found, as it was kept."""

from pathlib import Path

from basemodel_ops.report import CheckResult
from basemodel_ops.settings import Settings
from basemodel_ops.stages.reporting import reporting
from dagster_project.lib.check_results import cached_result


def test_the_page_shows_what_the_check_of_sketches_measured(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert reporting._sketches(tmp_path) == []
    measured = {"precision_10 visits.clinic": 0.9, "rank_correlation visits.clinic": 0.8, "entities": 50}
    result = CheckResult("sketches_can_be_asked", True, "Asked.", measured)
    cached_result(settings, "entity_representation/decoding", ["2024-09-30", "v"], lambda: result)
    assert reporting._sketches(tmp_path) == [("visits.clinic", 0.9, 0.8)]
