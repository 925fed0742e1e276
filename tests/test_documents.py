"""Tables in the documents that follow from code are those that the code gives."""

import os
import re
from datetime import date
from pathlib import Path

from basemodel_ops.assets import Asset, assets
from basemodel_ops.contract.types import (
    AttributeSource,
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
    facts = tuple(
        AttributeSource(name=name, relation=relation(table), key=key, valid_from=None, columns=())
        for name, table, key in (("THINGS", "facts of things", "COLUMN"), ("FACTS", "facts of entities", "e"))
    )
    task = Task(
        name="TASK", relation=relation("labels"), type=TaskType.BINARY, entity="e", cutoff="c", target="y", horizon=1,
        population=None, predicts=None, reads=(),
    )  # fmt: skip
    items = task.model_copy(
        update={"name": "ITEMS", "type": TaskType.RECOMMENDATION, "predicts": Target(source="SOURCE", column="COLUMN")}
    )
    grid = Grid(relation=relation("grid"), cutoff="c", data_end="d", start=date(2024, 1, 1), now=None)
    return Contract(entity="e", events=(event,), attributes=facts, tasks=(task, items), grid=grid)


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
