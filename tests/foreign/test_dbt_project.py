"""One project with much that real ones have, parsed by dbt: its contract, and its assets."""

import shutil
from pathlib import Path

import dagster as dg
import pytest

from basemodel_ops.settings import Settings
from dagster_project.definitions import build
from dagster_project.lib.project import Project, load_project

VISITS = Path(__file__).parents[1] / "projects" / "visits"

FILES = {
    "snapshots/patients.yml": """
snapshots:
  - name: towns
    relation: ref('patients')
    config:
      {schema: behavior, unique_key: patient, strategy: check, check_cols: [town],
       meta: {basemodel: {attribute: {key: patient}}}}
    columns: [{name: patient, data_type: varchar}, {name: town, data_type: varchar}]
""",
    "models/raw/patients.sql": "select distinct patient, 'town' as town from {{ ref('visit_log') }}",
    "seeds/clinics.csv": "clinic,beds\nclinic 0,3\nclinic 1,5\n",
    "seeds/clinics.yml": """
seeds:
  - name: clinics
    config: {schema: behavior, alias: Clinics of Town, meta: {basemodel: {attribute: {key: clinic}}}}
    columns: [{name: clinic, data_type: varchar}, {name: beds, data_type: integer}]
""",
    "models/odd näme/foundation_model.sql": "select 1 as x",
    "models/behavior/visits__all_v2.sql": "select * from {{ ref('visits__all', v=1) }}",
    "models/behavior/visits.yml": """
models:
  - name: visits__all
    latest_version: 2
    config: {contract: {enforced: true}, meta: {basemodel: {event: {entity: patient, time: visited_at}}}}
    columns:
      - {name: patient, data_type: varchar}
      - {name: clinic, data_type: varchar, config: {meta: {basemodel: {references: clinics}}}}
      - {name: duration, data_type: double}
      - {name: visited_at, data_type: timestamp}
    versions: [{v: 1, defined_in: visits__all}, {v: 2}]
""",
    "profiles.yml": """
visits:
  target: dev
  outputs:
    dev: {type: duckdb, path: "{{ env_var('BASEMODEL_WAREHOUSE_PATH') }}", schema: main, threads: 2}
""",
    "packages.yml": "packages: [{local: ../pack}]",
    "dbt_packages/pack/dbt_project.yml": "{name: pack, version: '1.0', config-version: 2}",
    "dbt_packages/pack/models/visit_log_of_pack.sql": "select 1 as x",
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """In a folder with a space and letters of no English, with CRLF line ends, by a target called `dev`."""
    copy = tmp_path_factory.mktemp("odd") / "ein Projekt für alle"
    shutil.copytree(VISITS, copy, ignore=shutil.ignore_patterns("target", "logs"))
    for name, text in FILES.items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text(text)
    (copy / "models/behavior/visits.sql").rename(copy / "models/behavior/visits__all.sql")
    tasks = copy / "models/tasks/tasks.yml"
    tasks.write_text(
        tasks.read_text()
        .replace("source: visits,", "source: visits__all,")
        .replace('now: "2024-10-02"', "now: \"{{ var('the_now') }}\"")
    )
    for path in copy.rglob("*"):
        if path.is_file():
            text = path.read_text().replace("ref('visits')", "ref('visits__all')")
            path.write_bytes(text.replace("\n", "\r\n").encode())
    with pytest.MonkeyPatch.context() as patch:
        for name in ("BASEMODEL_TARGET", "DBT_PROFILES_DIR"):
            patch.delenv(name, raising=False)
        settings = Settings(dbt_project_dir=copy, home=copy.parent / "home", dbt_vars="{the_now: '2024-10-02'}")
        return load_project(settings)


def test_its_contract_is_what_dbt_means(odd: Project) -> None:
    contract = odd.contract
    assert (odd.settings.target, odd.settings.kind, odd.settings.owner) == ("dev", "duckdb", "visits/dev")
    assert [(event.name, event.relation.name) for event in contract.events] == [("visits__all", "visits__all_v2")]
    assert [str(attributes.relation) for attributes in contract.attributes] == [
        "behavior.Clinics of Town",
        "behavior.towns",
    ]
    towns = contract.attribute("towns")
    assert (towns.valid_from, towns.valid_to) == ("dbt_valid_from", "dbt_valid_to")
    assert str(contract.grid.now) == "2024-10-02"


def test_its_assets_are_all_there_once(odd: Project) -> None:
    graph = build(odd).resolve_asset_graph()
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert {"foundation_model", "main/foundation_model", "embeddings/visits__all__clinic", "behavior/towns"} <= keys
    assert graph.get(dg.AssetKey(["main", "foundation_model"])).group_name == "odd_n_me"
    assert odd.key(odd.contract.attribute("clinics").relation) == dg.AssetKey(["behavior", "clinics"])
