"""A dbt project whose one event source has every odd column at once: the visits, dressed up."""

import shutil
from pathlib import Path

import yaml

VISITS = Path(__file__).parents[1] / "projects" / "visits"

FIRST_ID = 12_345_678_901_234_567_890_000
"""Ids of 23 digits."""

PATIENTS = 60

REPEATED = 40
"""Events that an increment loaded twice."""

ZONED = "timestamp with time zone"

Columns = dict[str, tuple[str, str, str | None]]

COLUMNS: Columns = {
    "größe": ("'größe ' || length(patient)", "varchar", None),
    "my clinic": ("clinic", "varchar", None),
    "dauer in min": ("duration", "double", None),
    "amount_paid": ("cast(duration as integer)", "integer", None),
    "is_new": ("duration > 30", "boolean", "number"),
    "nothing": ("cast(null as double)", "double", None),
    "nobody": ("cast(null as varchar)", "varchar", None),
    "never": ("cast(null as timestamp)", "timestamp", None),
    "wordless": ("cast(null as varchar)", "varchar", "text"),
    "not_a_number": ("cast('nan' as double)", "double", None),
    "endless": ("case when duration < 20 then cast('-inf' as double) else cast('inf' as double) end", "double", None),
    "constant": ("7", "integer", None),
    "exact": ("cast(duration as decimal(18, 2))", "decimal(18,2)", None),
    "opened": ("cast(visited_at as time)", "time", None),
    "seen_at": ("cast(visited_at as timestamp_ns) ", "timestamp_ns", None),
    "valid_to": ("if(duration < 30, timestamp 'infinity', timestamp '9999-12-31')", "timestamp", None),
    "mood": ("cast('good' as enum ('good', 'bad'))", "enum('good', 'bad')", None),
    "delay": ("to_minutes(cast(duration as bigint))", "interval", None),
    "tags": ("[clinic]", "varchar[]", None),
    "place": ("{'clinic': clinic}", "struct(clinic varchar)", None),
    "extra": ("cast('{}' as json)", "json", None),
    "bits": ("cast('101' as bit)", "bit", None),
}  # fmt: skip
"""How each is made of a visit, its data type, and the type that it is annotated with."""


def write(folder: Path) -> Path:
    """The project in `folder`; visits have a zone, and the last of them stand twice."""
    shutil.copytree(VISITS, folder, ignore=shutil.ignore_patterns("target", "logs"))
    created = ",\n".join(f'    {sql} as "{name}"' for name, (sql, _, _) in COLUMNS.items())
    log = folder / "models/raw/visit_log.sql"
    log.write_text(log.read_text().replace("range(120)", f"range({PATIENTS})"))
    (folder / "models/behavior/visits.sql").write_text(
        f"""with visit_log as (
    select * from {{{{ ref('visit_log') }}}}
),

repeated as (
    select * from visit_log
    union all
    (select * from visit_log order by all limit {REPEATED})
)

select
    cast(cast({FIRST_ID} as hugeint) + cast(replace(patient, 'patient ', '') as hugeint) as decimal(23, 0)) as patient,
    cast(visited_at as timestamptz) as visited_at,
{created}
from repeated
"""
    )
    declared = [column(name, data_type, kind) for name, (_, data_type, kind) in COLUMNS.items()]
    keys = [column("patient", "decimal(23,0)", None), column("visited_at", ZONED, None)]
    meta = {"basemodel": {"event": {"entity": "patient", "time": "visited_at"}}}
    model = {"name": "visits", "config": {"meta": meta}, "columns": [*keys, *declared]}
    text = yaml.safe_dump({"version": 2, "models": [model]}, allow_unicode=True)
    (folder / "models/behavior/visits.yml").write_text(text)
    tasks = folder / "models/tasks/tasks.yml"
    text = tasks.read_text().replace("name: patient, data_type: varchar", "name: patient, data_type: 'decimal(23,0)'")
    tasks.write_text(text.replace("name: data_end, data_type: timestamp", f"name: data_end, data_type: {ZONED}"))
    return folder


def column(name: str, data_type: str, kind: str | None) -> dict[str, object]:
    """A column of the YAML."""
    current = {"config": {"meta": {"basemodel": {"type": kind}}}} if kind else {}
    return {"name": name, "quote": True, "data_type": data_type, **current}
