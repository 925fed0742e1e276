"""The files of a proposed dbt project: models that read tables in place, and the contract in their YAML."""

import shlex
import textwrap
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path

import yaml
from sqlglot import exp

from basemodel_ops.errors import DataError
from basemodel_ops.proposal.grid import MONTHS
from basemodel_ops.proposal.moments import middle_of_year, timestamp_of_column
from basemodel_ops.proposal.roles import Proposal, annotation
from basemodel_ops.proposal.seen import SeenColumn, SeenTable
from basemodel_ops.proposal.templates import DIGESTS, GRIDS, MACROS, PROFILES, README, TASK, TIMESTAMPS

STALE = timedelta(days=14)
"""Data that end longer ago than this have stopped: then the grid's `now` is their end, not the clock."""


STEPS = {"day": ("day", 1), "week": ("day", 7), **{every: ("month", count) for every, count in MONTHS.items()}}
"""Units of SQL from one cutoff to the next, and how many."""

SCHEMAS = {"raw": "view", "behavior": "table", "tasks": "table"}
"""Folders of models, whose schemas are called so, and how they are materialized."""


def files_of(proposal: Proposal, folder: Path, now: datetime, taken: Collection[str] = ()) -> dict[str, str]:
    """Paths in the project and their texts.

    Args:
        proposal: What the tables hold.
        folder: Of the project, which is called so.
        now: It decides whether the data have stopped.
        taken: Schemas of the warehouse, into which nothing is built.
    """
    name = "".join(c if c.isalnum() else "_" for c in folder.name.lower()).strip("_") or "project"
    name = name if name.isascii() and not name[0].isdigit() else f"project_{name}" if name.isascii() else "project"
    tables = [event.table for event in proposal.events] + [table for table, _ in proposal.attributes]
    settings = {
        "name": name, "version": "1.0.0", "config-version": 2, "profile": name, "model-paths": ["models"],
        "macro-paths": ["macros"], "flags": {"send_anonymous_usage_stats": False},
        "models": {
            name: {
                part: {"+materialized": how, "+schema": _schema(part, name, taken)} for part, how in SCHEMAS.items()
            }
        },
    }  # fmt: skip
    dialect = proposal.dialect
    files = {
        "dbt_project.yml": _yaml(settings),
        "profiles.yml": PROFILES[dialect].format(name=name, attached=_attached(tables)),
        "macros/basemodel.sql": MACROS.replace("DIGEST", DIGESTS[dialect]),
        "README.md": README.format(
            name=name,
            files=_counted(tables),
            quoted=shlex.quote(str(folder)),
            home=shlex.quote(str(folder / ".basemodel")),
        ),
        "models/tasks/tasks.yml": _yaml({"version": 2, "models": _tasks(proposal, now)}),
        "models/tasks/cutoffs.sql": _grid(proposal),
        f"models/tasks/{task_name(proposal)}.sql": _task(proposal),
    }
    for table in tables:
        files[f"models/raw/raw_{table.name}.sql"] = _raw(table)
        files[f"models/behavior/{table.name}.sql"] = _model(proposal, table)
        files[f"models/behavior/{table.name}.yml"] = _yaml({"version": 2, "models": [_declared(proposal, table)]})
    return files


def _schema(part: str, name: str, taken: Collection[str]) -> str:
    """The schema of a folder of models: one that is not there yet, since dbt replaces tables of the same name."""
    choices = (part, f"{name}_{part}", *(f"{name}_{part}_{number}" for number in range(2, len(taken) + 3)))
    return next(choice for choice in choices if choice not in taken)


def write(files: dict[str, str], folder: Path) -> None:
    """Write all files; DataError where the folder holds something already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is there and not empty. Name a new folder.")
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def task_name(proposal: Proposal) -> str:
    """The name of the first question."""
    return f"returns_{proposal.horizon}d"


def data_type(column: SeenColumn, dialect: str) -> str:
    """The type that a model casts a column to: times are timestamps in UTC."""
    return TIMESTAMPS[dialect] if column.is_timestamp and column.data_type != "date" else column.data_type


def _attached(tables: list[SeenTable]) -> str:
    """The lines of a profile that open the DuckDB files that tables stand in."""
    files = {table.database: table.paths[0] for table in tables if table.database}
    listed = [{"path": str(path), "alias": name, "read_only": True} for name, path in files.items()]
    return textwrap.indent(_yaml({"attach": listed}), " " * 6) if listed else ""


def _raw(table: SeenTable) -> str:
    """A select of all rows; of a table it is part of the model on it, as no view outlives a file's being attached."""
    config = "{{ config(materialized='ephemeral') }}\n\n" if isinstance(table.read, exp.Table) else ""
    once = "-- Rows that several files hold are read once.\n" if table.repeated else ""
    return config + once + table.source.sql(table.dialect, pretty=True) + "\n"


class _Plain(yaml.SafeDumper):
    """What stands twice is written twice."""

    def ignore_aliases(self, data: object) -> bool:
        """Always."""
        return True


def _yaml(content: object) -> str:
    return yaml.dump(content, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)


def _needed(proposal: Proposal, table: SeenTable) -> list[str]:
    """Columns without which a row of a table says nothing."""
    results = [name for event in proposal.events if event.table is table for name in (proposal.entity, event.time)]
    if results:
        return results
    keys = [key for attributes, key in proposal.attributes if attributes is table]
    return [*keys, *([table.valid_from] if proposal.entity in keys and table.valid_from else [])]


def _model(proposal: Proposal, table: SeenTable) -> str:
    """A select of the columns under their new names, of rows that have what they need."""
    columns = [exp.alias_(_typed(seen_column, table.dialect), seen_column.name) for seen_column in table.columns]
    raw = exp.select(*columns).from_("raw_table")
    needed = _needed(proposal, table)
    for name in needed:
        column = table.column(name)
        if column is not None and (column.nulls or table.is_sampled):
            raw = raw.where(exp.column(column.raw, quoted=True).is_(exp.null()).not_())
    entity = table.column(proposal.entity)
    query = raw.sql(table.dialect, pretty=True).replace("raw_table", f"{{{{ ref('raw_{table.name}') }}}}")
    if entity is not None and proposal.entity in needed:
        quoted = exp.column(entity.raw, quoted=True).sql(table.dialect)
        query += "\n  AND " if "WHERE" in query else "\nWHERE\n  "
        query += f"{{{{ is_remembered({quoted!r}) }}}}"
    return query + "\n"


def _typed(seen_column: SeenColumn, dialect: str) -> exp.Expr:
    """The values of a column as a model has them."""
    column = exp.column(seen_column.raw, quoted=True)
    if seen_column.ticks:
        return timestamp_of_column(column, seen_column.ticks, dialect)
    values: exp.Expr = column
    if seen_column.is_year:
        values = middle_of_year(column, dialect)
    if seen_column.data_type in ("timestamp_ltz", "timestamp_tz"):  # Snowflake's, which a cast would give without zone
        values = exp.Anonymous(this="convert_timezone", expressions=[exp.Literal.string("UTC"), column])
    return exp.cast(values, data_type(seen_column, dialect), dialect=dialect)


def _counted(tables: list[SeenTable]) -> str:
    files = len({path for table in tables for path in table.paths})
    where = f" in {files} {'file' if files == 1 else 'files'}" if files else " of the warehouse"
    return f"{len(tables)} {'table' if len(tables) == 1 else 'tables'}{where}"


def _declared(proposal: Proposal, table: SeenTable) -> dict[str, object]:
    event = next((events for events in proposal.events if events.table is table), None)
    if event is not None:
        session = {"session": event.session} if event.session else {}
        meta: dict[str, object] = {"event": {"entity": proposal.entity, "time": event.time, **session}}
        what = f"What happened. One row per event, read from {table.origin}."
    else:
        key = next(key for attributes, key in proposal.attributes if attributes is table)
        # Facts of items count as always known; those of whom is asked are read by questions of a time once dated.
        known = {"valid_from": table.valid_from} if key == proposal.entity and table.valid_from else {}
        meta = {"attribute": {"key": key, **known}}
        since = (
            f", taken as known from {table.valid_from} on: remove `valid_from` where they are of later" if known else ""
        )
        what = f"Facts by {key}, read from {table.origin}{since}."
    columns: list[dict[str, object]] = []
    for seen_column in table.columns:
        about = annotation(proposal, table, seen_column) if seen_column.name not in _needed(proposal, table) else {}
        described = {"config": {"meta": {"basemodel": about}}} if about else {}
        columns.append({"name": seen_column.name, "data_type": data_type(seen_column, table.dialect), **described})
    config = {"contract": {"enforced": True}, "meta": {"basemodel": meta}}
    return {"name": table.name, "description": what, "config": config, "columns": columns}


def _tasks(proposal: Proposal, now: datetime) -> list[dict[str, object]]:
    grid: dict[str, object] = {"cutoff": "cutoff", "data_end": "data_end", "start": proposal.start.isoformat()}
    if proposal.every != "week":
        grid["every"] = proposal.every
    if now - proposal.end > STALE:
        grid["now"] = proposal.end.isoformat(sep=" ")  # as the table of cutoffs, which ends with the data
    source = proposal.main.table.name
    task = {
        "type": "binary", "entity": proposal.entity, "cutoff": "cutoff", "target": "returns",
        "horizon": {"days": proposal.horizon}, "predicts": {"source": source, "aggregate": "any"},
    }  # fmt: skip
    kind = TIMESTAMPS[proposal.dialect]
    timestamps = [{"name": name, "data_type": kind} for name in ("cutoff", "data_end")]
    answer = {"name": "returns", "data_type": "boolean"}
    entity_column = {"name": proposal.entity, "data_type": proposal.entity_type}

    def model(name: str, what: str, meta: dict[str, object], columns: list[dict[str, str]]) -> dict[str, object]:
        config = {"contract": {"enforced": True}, "meta": {"basemodel": meta}}
        return {"name": name, "description": what, "config": config, "columns": columns}

    queried = f"Who comes back within {proposal.horizon} days? One row per {proposal.entity} and cutoff."
    return [
        model("cutoffs", "The grid of moments that all questions share.", {"grid": grid}, timestamps),
        model(task_name(proposal), queried, {"task": task}, [entity_column, timestamps[0], answer]),
    ]


def _grid(proposal: Proposal) -> str:
    ends = "\n        union all\n".join(
        f"        select max({events.time}) as moment from {{{{ ref('{events.table.name}') }}}}"
        for events in proposal.events
    )
    kind = TIMESTAMPS[proposal.dialect]
    ends = f"    select max(cast(moment as {kind})) as data_end\n    from (\n{ends}\n    ) as ends"
    unit, count = STEPS[proposal.every]
    return GRIDS[proposal.dialect].format(ends=ends, start=proposal.start.isoformat(), unit=unit, count=count)


def _task(proposal: Proposal) -> str:
    event = proposal.main
    return TASK.format(
        source=event.table.name, entity=proposal.entity, time=event.time, horizon=proposal.horizon,
        lookback=max(56, 2 * proposal.horizon),
    )  # fmt: skip
