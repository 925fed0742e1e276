"""The dbt project of each kind, laid out in a home for the data that were made."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from basemodel_ops.settings import Settings
from benchmarks.scale.generation import END, Size

ROOT = Path(__file__).parents[2]
PROJECTS = ROOT / "benchmarks" / "projects"

EVENTS = {
    "entity_id": "bigint", "happened_at": "timestamp", "kind": "varchar", "item_id": "bigint", "points": "double",
    "minutes": "double", "place": "double",
}  # fmt: skip
ITEMS = {
    "item_id": "bigint", "family": "varchar", "maker": "varchar", "grade": "varchar", "weight": "double",
    "length": "double", "age": "double",
}  # fmt: skip

SOURCE = """with raw_{name} as (
    select * from {{{{ source('raw', '{name}') }}}}
    where {condition}
)

select * from raw_{name}
"""

EVERY = """select
    entity_id,
    happened_at
from {{{{ ref('{name}') }}}}
"""


@dataclass(frozen=True)
class Kind:
    """What is generated: a wide shop, or long and narrow careers in so many sources."""

    name: str
    generator: str
    sources: int = 0


SHOP = Kind("shop", "benchmarks.scale.shop:generate")


def careers(sources: int) -> Kind:
    """The long and narrow kind."""
    return Kind("careers", "benchmarks.scale.careers:generate", sources)


def lay(kind: Kind, size: Size, settings: Settings) -> None:
    """Write the dbt project, with what the data are like as its variables, into the project directory of `settings`."""
    target = settings.dbt_project_dir
    for folder in ("macros", "tests"):
        shutil.copytree(ROOT / "dbt" / folder, target / folder, dirs_exist_ok=True)
    for name in ("scale_shared", "scale_careers" if kind.sources else "scale"):
        shutil.copytree(PROJECTS / name, target, dirs_exist_ok=True)
    for source in range(1, kind.sources + 1):
        _lay_source(target, source)
    path = target / "dbt_project.yml"
    project = yaml.safe_load(path.read_text())
    project["vars"] = {"grid_start": str(size.first_cutoff), "grid_now": str(END), "cutoffs": size.cutoffs}
    if kind.sources:
        every = "union all\n".join(EVERY.format(name=f"source_{source}") for source in range(1, kind.sources + 1))
        (target / "models" / "tasks" / "every_event.sql").write_text(
            "{{ config(contract={'enforced': false}) }}\n" + every
        )
        project["vars"]["sources"] = kind.sources
        _write(target / "models" / "raw" / "raw.yml", {"version": 2, "sources": [_raw(kind.sources)]})
    _write(path, project)


def _raw(sources: int) -> dict[str, Any]:
    names = [f"{name}_{source}" for source in range(1, sources + 1) for name in ("source", "things")]
    return {"name": "raw", "schema": "raw", "tables": [{"name": name} for name in names]}


def _lay_source(target: Path, source: int) -> None:
    """Models of one source of events and of the things that it refers to."""
    folder, events, items = target / "models" / "behavior", f"source_{source}", f"things_{source}"
    folder.mkdir(parents=True, exist_ok=True)
    cached = "{{ is_remembered('entity_id') }}"
    (folder / f"{events}.sql").write_text(SOURCE.format(name=events, condition=cached))
    (folder / f"{items}.sql").write_text(SOURCE.format(name=items, condition="true"))
    item = {"config": {"meta": {"basemodel": {"type": "category", "references": items}}}}
    models = [
        _model(events, {"event": {"entity": "entity_id", "time": "happened_at"}}, EVENTS, {"item_id": item}),
        _model(items, {"attribute": {"key": "item_id"}}, ITEMS, {}),
    ]
    _write(folder / f"{events}.yml", {"version": 2, "models": models})


def _model(name: str, annotation: dict[str, Any], columns: dict[str, str], more: dict[str, Any]) -> dict[str, Any]:
    declared = [{"name": column, "data_type": kind, **more.get(column, {})} for column, kind in columns.items()]
    return {"name": name, "config": {"meta": {"basemodel": annotation}}, "columns": declared}


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
