"""Tables in the documents that follow from code are those that the code gives."""

import os
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import typer

from basemodel_ops.assets import Asset, assets
from basemodel_ops.contract.declarations import TaskMeta
from basemodel_ops.contract.types import (
    AttributeSource,
    Audience,
    Column,
    ColumnType,
    Contract,
    EventSource,
    Grid,
    Relation,
    Target,
    Task,
    TaskType,
)
from basemodel_ops.settings import Settings
from dagster_project.cli.app import app
from dagster_project.definitions import build
from dagster_project.lib.project import Project, load_project

ARCHITECTURE = Path(__file__).parents[1] / "ARCHITECTURE.md"
HEAD = "| artifact | made by | from artifacts | told apart by tables | reads besides | settings | pins |"


def relation(name: str) -> Relation:
    return Relation(schema_name="any", name=name)


def contract() -> Contract:
    """One of everything, under the names that the document uses."""
    column = Column(name="COLUMN", data_type="", type=ColumnType.CATEGORY, inferred=False, references="THINGS")
    event = EventSource(
        name="SOURCE", relation=relation("events"), entity="e", time="t", session=None, columns=(column,)
    )
    attributes = tuple(
        AttributeSource(name=name, relation=relation(table), key=key, valid_from=None, columns=())
        for name, table, key in (("THINGS", "facts of items", "COLUMN"), ("FACTS", "facts of entities", "e"))
    )
    task = Task(
        name="TASK", relation=relation("labels"), type=TaskType.BINARY, entity="e", cutoff="c", target="y", horizon=1,
        population=None, predicts=None, reads=(),
    )  # fmt: skip
    items = task.model_copy(
        update={"name": "ITEMS", "type": TaskType.RECOMMENDATION, "predicts": Target(source="SOURCE", column="COLUMN")}
    )
    grid = Grid(relation=relation("grid"), cutoff="c", data_end="d", start=date(2024, 1, 1), now=None)
    return Contract(entity="e", events=(event,), attributes=attributes, tasks=(task, items), grid=grid)


def cells(names: tuple[object, ...]) -> str:
    return ", ".join(str(name).removeprefix("any.") for name in names) or "-"


def line(asset: Asset) -> str:
    parts = [cells(part) for part in (asset.artifacts, asset.relations, asset.aside, asset.settings, asset.pins)]
    return f"| `{asset.key}` | `{asset.module}` | " + " | ".join(parts) + " |"


def test_the_table_of_what_artifacts_depend_on_is_what_they_declare() -> None:
    shown = [line(asset) for key, asset in assets(contract()).items() if key not in ("encoders/THINGS",)]
    table = "\n".join([HEAD, "|" + "---|" * 7, *shown]) + "\n"
    text = ARCHITECTURE.read_text()
    if os.environ.get("UPDATE_SNAPSHOTS"):
        text = re.sub(re.escape(HEAD) + r"\n(\|.*\n)+", lambda _: table, text)
        ARCHITECTURE.write_text(text)
    assert table in text, "Run again with UPDATE_SNAPSHOTS=1 and review the difference."


DAGSTER = ARCHITECTURE.with_name("docs") / "dagster.md"
README = ARCHITECTURE.with_name("README.md")
DECISIONS = ARCHITECTURE.with_name("docs") / "decisions"
COMMANDS = ARCHITECTURE.with_name("docs") / "commands.md"

TICKED = r"`([^`]+)`"


def own_checks(project: Project) -> set[tuple[str, str, bool]]:
    """Name of each check, the asset that it is on (of a dbt model only that), and whether a failure blocks."""
    definitions, results = build(project), set()
    dbt = {key for entry in definitions.assets or () for key in entry.keys if entry.op.name.startswith("dbt_")}  # pyright: ignore
    holders = [*(definitions.assets or ()), *(definitions.asset_checks or ())]
    for spec in (spec for entry in holders if entry.op.name not in DBT_STEPS for spec in entry.check_specs):  # pyright: ignore
        *first, last = spec.asset_key.path
        kind = "<model>" if last == "audience" else "<task>"
        shown = (
            f"{first[0]}/…" if first and first[0] in ("embeddings", "codes") else f"{kind}/{last}" if first else last
        )
        results.add((spec.name, "dbt" if spec.asset_key in dbt else f"`{shown}`", bool(spec.blocking)))
    return results


DBT_STEPS = ("dbt_behavior", "dbt_marts")


def test_the_checks_are_those_that_there_are(tmp_path: Path) -> None:
    project = load_project(Settings(home=tmp_path))
    event = project.contract.events[0]
    audience = Audience(name="seeds", relation=event.relation, entity=event.entity)
    contract = project.contract.model_copy(update={"audiences": (audience,)})
    table = re.search(r"^\| check \| on \|.*\n\|[-|]+\n((?:\|.*\n)+)", DAGSTER.read_text(), re.MULTILINE)
    assert table is not None
    shown = set()
    for row in table.group(1).splitlines():
        name, on, _, blocks = (cell.strip() for cell in row.strip("|").split(" | "))
        if name == "dbt tests":
            continue
        for asset in re.findall(r"`[^`]+`", on) or ["dbt"]:
            shown.add((name.strip("`"), asset, blocks == "yes"))
    assert shown == own_checks(Project(project.settings, contract))


def test_the_defaults_of_settings_are_those_of_the_code() -> None:
    fields, compared = Settings.model_fields, 0
    for row in re.findall(r"^\| (`BASEMODEL_.*?) \| (.*?) \|", README.read_text(), re.MULTILINE):
        names, shown = (re.findall(TICKED, cell) for cell in row)
        if not re.fullmatch(rf"{TICKED}(, {TICKED})*", row[1]):
            continue  # said in words
        for name, default in zip(names, shown, strict=True):
            key = name.removeprefix("BASEMODEL").removeprefix("_").lower()
            if "<home>" not in default:
                assert str(fields[key].default).lower() == default.lower(), name
                compared += 1
    assert compared > 15


def test_every_setting_stands_in_the_readme() -> None:
    rows = re.findall(r"^\| (`BASEMODEL_.*?) \|", README.read_text(), re.MULTILINE)
    names = {
        name.removeprefix("BASEMODEL").removeprefix("_").lower() for row in rows for name in re.findall(TICKED, row)
    }
    found_not_given = {"owner", "duckdb_path"}
    assert Settings.model_fields.keys() - found_not_given <= names


def test_the_contract_s_row_names_every_field_of_a_task() -> None:
    (row,) = re.findall(r"^\| `task` \|.*$", ARCHITECTURE.read_text(), re.MULTILINE)
    shown = set(re.findall(r"\w+", " ".join(re.findall(TICKED, row))))
    assert TaskMeta.model_fields.keys() - {"purpose"} <= shown  # a purpose stands with personal columns


def test_the_files_that_a_purchase_passes_are_there() -> None:
    walk = ARCHITECTURE.read_text().partition("## One purchase, file by file")[2].partition("\n## ")[0]
    files = re.findall(r"`((?:dbt|basemodel_ops|dagster_project)/[\w/.]+)`", walk)
    assert len(files) > 20
    assert [name for name in files if not (ARCHITECTURE.parent / name).exists()] == []


def shown_or_updated(path: Path, text: str) -> None:
    """That a file holds the text; with UPDATE_SNAPSHOTS it is written."""
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(text)
    assert path.read_text() == text, f"Run again with UPDATE_SNAPSHOTS=1 and review the difference of {path.name}."


def test_the_index_of_decisions_names_each() -> None:
    lines = [
        "# Decisions",
        "",
        "Each is three lines: context, decision, consequences. A later one says which it replaces.",
        "",
    ]
    numbers = []
    for path in sorted(DECISIONS.glob("[0-9]*.md")):
        number, title = (
            path.name[:4],
            path.read_text().split("\n", 1)[0].lstrip("# ").removeprefix(f"{path.name[:4]}. "),
        )
        lines.append(f"- [{number}]({path.name}) {title}")
        numbers.append(number)
    assert len(set(numbers)) == len(numbers)
    shown_or_updated(DECISIONS / "README.md", "\n".join(lines) + "\n")


def test_the_commands_are_those_that_there_are() -> None:
    lines = [
        "# Commands",
        "",
        "`basemodel COMMAND --help` says more.",
        "",
        "| command | what it does | options |",
        "|---|---|---|",
    ]

    def collect(group: Any, prefix: str) -> None:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                collect(command, f"{prefix}{name} ")
                continue
            given = command.params
            arguments = " ".join(
                str(parameter.name).upper() for parameter in given if parameter.param_type_name == "argument"
            )
            options = (
                ", ".join(f"`{parameter.opts[0]}`" for parameter in given if parameter.param_type_name == "option")
                or "-"
            )
            what = " ".join((command.help or "").split())
            lines.append(f"| `{' '.join([f'basemodel {prefix}{name}', arguments]).strip()}` | {what} | {options} |")

    collect(typer.main.get_command(app), "")
    shown_or_updated(COMMANDS, "\n".join(lines) + "\n")


def test_the_files_of_the_tutorial_are_a_project_without_problems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ARCHITECTURE.parent / "docs" / "tutorial.md").read_text()
    files = dict(re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', text, re.DOTALL | re.MULTILINE))
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.setenv("BASEMODEL_DBT_PROJECT_DIR", str(tmp_path))
    monkeypatch.setenv("BASEMODEL_HOME", str(tmp_path / ".basemodel"))
    contract = load_project(Settings()).contract
    assert [source.name for source in contract.events] == ["check_ins"]
    assert {column.name: column.type for column in contract.events[0].columns} == {
        "activity": ColumnType.CATEGORY,
        "minutes": ColumnType.NUMBER,
    }
    assert [task.name for task in contract.tasks] == ["stays_away_28d"]
