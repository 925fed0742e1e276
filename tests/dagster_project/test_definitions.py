"""The graph is a snapshot, and loading it is light."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from basemodel_ops.settings import Settings
from dagster_project.cli.jobs import selection
from dagster_project.definitions import build
from dagster_project.defs import answers, explanations, insight, training
from dagster_project.defs.automation import MAIN_JOB
from dagster_project.defs.partitions import cutoffs, newest_key
from dagster_project.lib.keys import asset_keys
from dagster_project.lib.project import Project, load_project

SNAPSHOT = Path(__file__).with_name("asset_graph.json")
HEAVY = ("torch", "cupy", "great_expectations", "numba", "lightgbm", "sklearn", "matplotlib")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return load_project(Settings(home=tmp_path_factory.mktemp("home")))


def test_the_asset_graph_is_the_one_reviewed(project: Project) -> None:
    graph = build(project).resolve_asset_graph()
    assets = {
        key.to_user_string(): {
            "group": graph.get(key).group_name,
            "kinds": sorted(graph.get(key).kinds),
            "deps": sorted(parent.to_user_string() for parent in graph.get(key).parent_keys),
            "partitioned": graph.get(key).is_partitioned,
        }
        for key in sorted(graph.get_all_asset_keys())
    }
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(json.dumps(assets, indent=2) + "\n")
    assert assets == json.loads(SNAPSHOT.read_text()), "Run again with UPDATE_SNAPSHOTS=1 and review the difference."


def test_every_asset_says_what_it_is(project: Project) -> None:
    for definition in build(project).resolve_all_asset_specs():
        assert definition.group_name, definition.key
        assert definition.kinds, definition.key
        assert definition.description, definition.key
        assert definition.code_version, definition.key


def test_stages_are_guarded_by_blocking_checks(project: Project) -> None:
    definitions = build(project)
    current = [spec for check in definitions.asset_checks or () for spec in check.check_specs]  # pyright: ignore[reportAttributeAccessIssue]
    advisory = {spec.name for spec in current if not spec.blocking}
    # Advice on inferred types, on repeated rows and on labels of one value at whole cutoffs stops nothing; a poor model
    # stops the answers of its own task alone, where they are made.
    assert advisory == {"types", "baseline", "repeats", "cutoffs"}
    current = [spec for spec in current if spec.blocking]
    guarded = {spec.asset_key.to_user_string() for spec in current}
    for source in (*project.contract.events, *project.contract.attributes):
        assert project.key(source.relation).to_user_string() in guarded
    assert "foundation_model" in guarded


def test_each_task_can_run_alone_with_what_it_needs(project: Project) -> None:
    definitions = build(project)
    job = definitions.resolve_job_def(MAIN_JOB)
    for task in project.contract.tasks:
        keys = selection(definitions, [task.name])
        assert keys is not None
        subset = job.get_subset(asset_selection=set(keys))
        created = {key.to_user_string() for key in subset.asset_layer.executable_asset_keys}
        others = {other.name for other in project.contract.tasks} - {task.name}
        assert {f"{task.name}/scores", "segmentation"} <= created
        assert not {name for name in created if name.split("/")[0] in others}


def test_the_newest_week_holds_the_moment_the_data_stopped(project: Project) -> None:
    keys = cutoffs(project.contract.grid).get_partition_keys()
    assert keys[0] == "2017-02-27"
    assert keys[-1] == newest_key(cutoffs(project.contract.grid)) == "2018-01-01"


def test_loading_the_definitions_loads_nothing_heavy(project: Project) -> None:
    program = (
        "import json, sys\nfrom dagster_project.definitions import defs\ndefs()\nprint(json.dumps(sorted(sys.modules)))"
    )
    environment = {**os.environ, "BASEMODEL_HOME": str(project.settings.home)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert not {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])} & set(HEAVY)


def test_the_keys_that_models_may_not_take_are_those_of_all_own_assets(project: Project) -> None:
    groups = (training, answers, insight, explanations)
    created = {key for group in groups for asset in group.assets(project) for key in asset.keys}
    assert created <= asset_keys(project.contract)
