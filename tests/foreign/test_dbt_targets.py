"""Targets as profiles name them: the adapter's type counts, each has answers of its own, and nothing changes unseen."""

from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import SettingsError, WarehouseError
from basemodel_ops.settings import Settings
from basemodel_ops.warehouse import open_warehouse
from basemodel_ops.warehouse.ownership import claim
from dagster_project.lib.project import LARGE, project_fingerprint
from dagster_project.lib.targets import database_of, resolved

PROFILE = """
shop:
  target: "{{ env_var('SHOP_TARGET', 'dev') }}"
  outputs:
    dev: {type: duckdb, path: "{{ env_var('BASEMODEL_WAREHOUSE_PATH') }}", schema: main}
    file: {type: duckdb, path: data/shop.duckdb, schema: main}
    memory: {type: duckdb, schema: main}
    prod: {type: postgres, host: db, dbname: "{{ env_var('PGDATABASE', 'shop') }}", schema: public}
    wide: {type: "{{ env_var('KIND') }}", database: shop, schema: public}
    lake: {type: redshift, schema: main}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DBT_PROFILES_DIR", "DBT_PROFILE", "BASEMODEL_TARGET", "PGDATABASE", "PGHOST", "SNOWFLAKE_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "a shop ü"
    folder.mkdir()
    (folder / "dbt_project.yml").write_bytes(b"name: shop\r\nprofile: shop\r\n")
    (folder / "profiles.yml").write_text(PROFILE)
    return folder


def settings(project: Path, **given: object) -> Settings:
    return Settings(dbt_project_dir=project, home=project.parent / "home", **given)  # pyright: ignore[reportArgumentType]


def test_a_target_of_any_name_is_of_its_adapters_kind(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIND", "snowflake")
    kinds = {name: resolved(settings(project, target=name)).kind for name in ("dev", "prod", "wide")}
    assert kinds == {"dev": "duckdb", "prod": "postgres", "wide": "snowflake"}


@pytest.mark.parametrize("file", ["shop.duckdb", "shop.v2.duckdb", "my shop-1.db", "größe.duckdb", "shop"])
def test_the_database_of_a_file_is_called_as_duckdb_calls_it(project: Path, file: str) -> None:
    (project / "profiles.yml").write_text(PROFILE.replace("data/shop.duckdb", file))
    chosen = resolved(settings(project, target="file"))
    with duckdb.connect(str(chosen.warehouse_path)) as connection:
        assert connection.execute("select current_database()").fetchone() == (database_of(chosen),)


def test_without_a_name_the_profiles_own_target_is_meant(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolved(settings(project)).target == "dev"
    monkeypatch.setenv("SHOP_TARGET", "prod")
    assert resolved(settings(project)).target == "prod"
    monkeypatch.setenv("BASEMODEL_TARGET", "dev")
    assert resolved(settings(project)).target == "dev"


def test_the_file_of_a_target_is_where_dbt_writes(project: Path) -> None:
    assert resolved(settings(project)).warehouse_path == project.parent / "home" / "warehouse.duckdb"
    assert resolved(settings(project, target="file")).warehouse_path == project / "data" / "shop.duckdb"
    given = project.parent / "given.duckdb"
    assert resolved(settings(project, duckdb_path=str(given))).warehouse_path == given


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("ci", ("'ci'", "dev, file, memory, prod, wide, lake", "BASEMODEL_TARGET")),
        ("lake", ("'lake'", "'redshift'", "duckdb, postgres, snowflake")),
        ("memory", ("'memory'", "only dbt sees", "BASEMODEL_WAREHOUSE_PATH")),
        ("wide", ("KIND", "not set")),
    ],
)
def test_a_target_that_cannot_be_read_is_named_with_the_way_out(
    project: Path, target: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(SettingsError) as refused:
        resolved(settings(project, target=target))
    for word in words:
        assert word in str(refused.value)


def test_a_target_whose_tables_would_be_looked_for_elsewhere_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", "other")
    with pytest.raises(SettingsError, match=r"writes to the host 'db', and PGHOST says 'other'.*Set PGHOST=db"):
        resolved(settings(project, target="prod"))


@pytest.mark.parametrize("host", ["x.cloud.example", "https://X.cloud.example/", "https://x.cloud.example"])
def test_a_host_is_the_same_with_and_without_its_scheme(
    project: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    lake = "lake: {type: databricks, host: x.cloud.example, schema: main}"
    (project / "profiles.yml").write_text(PROFILE.replace("lake: {type: redshift, schema: main}", lake))
    monkeypatch.setenv("DATABRICKS_HOST", host)
    assert resolved(settings(project, target="lake")).kind == "databricks"
    monkeypatch.setenv("DATABRICKS_HOST", f"{host}x")
    with pytest.raises(SettingsError, match=r"Set DATABRICKS_HOST=x\.cloud\.example"):
        resolved(settings(project, target="lake"))


def test_a_relative_profiles_directory_is_relative_to_where_one_stands(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = project.parent / "profiles"
    elsewhere.mkdir()
    (project / "profiles.yml").rename(elsewhere / "profiles.yml")
    monkeypatch.chdir(project.parent)
    with pytest.raises(SettingsError, match=r"No profile 'shop'.*DBT_PROFILES_DIR"):
        resolved(settings(Path(project.name)))
    monkeypatch.setenv("DBT_PROFILES_DIR", "profiles")
    assert resolved(settings(Path(project.name))).kind == "duckdb"


def test_what_one_target_learnt_does_not_answer_for_another(project: Path) -> None:
    roots = {resolved(settings(project, target=name)).artifact_root for name in ("dev", "file", "prod")}
    assert len(roots) == 3
    assert Settings(home=project, target="postgres").artifact_root == str(project / "artifacts")


def publish(chosen: Settings, value: float) -> None:
    """Answers of one week, as a run writes them."""
    week = datetime(2024, 1, 1)
    rows = pa.table({"as_of": pa.array([week], pa.timestamp("us")), "score": [value]})
    with open_warehouse(chosen) as warehouse:
        claim(warehouse, chosen.answers_schema, chosen.owner)
        relation = Relation(schema_name=chosen.answers_schema, name="churn_scores")
        warehouse.publish(relation, rows, {"as_of": week}, f"made from {value}", "code", "run")


def test_two_targets_of_one_database_do_not_replace_each_others_answers(project: Path) -> None:
    (project / "profiles.yml").write_text(PROFILE.replace("file: {type: duckdb, path: data/shop.duckdb", (
        "test: {type: duckdb, path: \"{{ env_var('BASEMODEL_WAREHOUSE_PATH') }}\"")))  # fmt: skip
    dev, other = (resolved(settings(project, target=name)) for name in ("dev", "test"))
    publish(dev, 0.25)
    publish(dev, 0.5)
    with pytest.raises(WarehouseError) as refused:
        publish(other, 0.75)
    for word in ("'basemodel'", "shop/dev", "shop/test", "BASEMODEL_ANSWERS_SCHEMA=basemodel_test"):
        assert word in str(refused.value)
    current = resolved(settings(project, target="test", answers_schema="answers_{target}"))
    publish(current, 0.75)
    with duckdb.connect(str(dev.warehouse_path)) as connection:
        for schema, value in (("basemodel", 0.5), ("answers_test", 0.75)):
            assert connection.sql(f"select score from {schema}.churn_scores").fetchall() == [(value,)]
            assert connection.sql(f"select input_hash from {schema}.ledger").fetchall() == [(f"made from {value}",)]


def test_what_dbt_does_not_read_may_change_beside_it(project: Path) -> None:
    """The home, as `basemodel init` proposes it, a warehouse, data, and a seed so large that dbt does not read it."""
    seed, inside = project / "seeds" / "large.csv", project / ".basemodel"
    seed.parent.mkdir()
    seed.write_bytes(b"a\n" * LARGE)
    chosen = resolved(settings(project).model_copy(update={"home": inside}))
    before = project_fingerprint(chosen)
    for name in ("dbt/dev/packages.yml", "artifacts/report.md", "warehouse.duckdb", "../shop.duckdb", "../a/b.parquet"):
        (inside / name).parent.mkdir(parents=True, exist_ok=True)
        (inside / name).write_text("another")
    assert project_fingerprint(chosen) == before
    seed.write_bytes(b"b\n" * LARGE)
    assert project_fingerprint(chosen) != before


def test_nothing_that_dbt_reads_changes_unseen(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step changes one thing that a parse reads: no two fingerprints are the same."""
    pack, packages = project.parent / "pack", project / "dbt_packages"
    pack.mkdir()
    packages.mkdir()
    (pack / "model.sql").write_text("select 1")
    (packages / "pack").symlink_to(pack)
    (packages / "around").symlink_to(project)  # a link to what is around it ends nowhere
    (project / "tasks.yml").write_text("now: \"{{ env_var('THE_NOW', '') }}\"\nthen: \"{{ env_var('THE' ~ '_END') }}\"")
    result = [project_fingerprint(resolved(settings(project)))]
    assert project_fingerprint(resolved(settings(project))) == result[0]

    def changed(**given: object) -> None:
        result.append(project_fingerprint(resolved(settings(project, **given))))

    monkeypatch.setenv("THE_NOW", "2024-01-01")
    changed()
    monkeypatch.setenv("THE_END", "2024-10-02")
    changed()
    (project / "tasks.yml").write_text("then: \"{{ env_var(var('name')) }}\"")
    changed()
    monkeypatch.setenv("WHATEVER_IT_IS_CALLED", "1")
    changed()
    (pack / "model.sql").write_text("select 2")
    changed()
    (project / "profiles.yml").write_text(PROFILE + "\n# changed\n")
    changed()
    changed(dbt_vars="{shop: 1}")
    changed(target="file")
    assert len(set(result)) == len(result)
