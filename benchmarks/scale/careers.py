"""The long and narrow kind: few entities, each active in a tenth of many weeks, in several sources."""

from pathlib import Path
from typing import Any

from benchmarks.scale.generation import Generator, Size

KINDS, ITEMS, FAMILIES, MAKERS, GRADES = 12, 500, 8, 50, 5

# Some were active before the data begin, some still are when they end: about as many are active in every week.
POPULATION = """
with careers as (
    select
        id as entity_id,
        greatest(4, cast({weeks} * 0.1 * (0.5 + unit(id, 2)) as bigint)) as active_weeks,
        power(-ln(unit(id, 3)), 1.333) as weight,
        unit(id, 4) as skill,
        whole(id, 5, {kinds}) as kind
    from range({entities}) as numbers(id)
)

select
    *,
    whole(entity_id, 1, {weeks} + active_weeks - 1) - active_weeks + 1 as first_week
from careers
"""

TOTAL = """
select sum(weight * (least(first_week + active_weeks, {weeks}) - greatest(first_week, 0)))
from generator.population
"""

ITEM_ATTRIBUTES = """
select
    id as item_id,
    'family ' || whole(id * 64 + {source}, 10, {families}) as family,
    'maker ' || lpad(cast(whole(id * 64 + {source}, 11, {makers}) as varchar), 2, '0') as maker,
    'grade ' || whole(id * 64 + {source}, 12, {grades}) as grade,
    round(exp(3 * unit(id * 64 + {source}, 13)), 2) as weight,
    round(100 * unit(id * 64 + {source}, 14), 1) as length,
    cast(whole(id * 64 + {source}, 15, 30) as double) as age
from range({items}) as numbers(id)
"""

EVENTS = """
with active as (
    select
        population.*,
        weeks.week,
        (weeks.week * {entities} + entity_id) * 64 + {source} as turn
    from range({first}, {last}) as weeks(week)
    inner join generator.population as population on week >= first_week and week < first_week + active_weeks
),

counted as (
    select *, geometric(turn, 20, weight * {scale}) as events
    from active
),

events as (
    select *, turn * 256 + unnest(range(events)) as event
    from counted
    where events > 0
),

chosen as (
    select
        *,
        zipf(unit(event, 21), {items}) as item_id,
        case when unit(event, 22) < 0.6 then kind else whole(event, 23, {kinds}) end as event_kind
    from events
)

select
    entity_id,
    moment(week, unit(event, 24)) as happened_at,
    'kind ' || lpad(cast(event_kind as varchar), 2, '0') as kind,
    item_id,
    round(10 * skill + 2 * whole(item_id * 64 + {source}, 12, {grades}) + 3 * unit(event, 25), 2) as points,
    round(-ln(unit(event, 26)) * 30, 2) as minutes,
    cast(1 + whole(event, 27, 20) as double) as place
from chosen
"""


def generate(path: str, memory: str, sources: int, **size: Any) -> dict[str, Any]:
    """Fill the raw tables of a new warehouse; rows and seconds per table."""
    created = Generator(Path(path), Size(**size), memory)
    sizes = {"kinds": KINDS, "items": ITEMS, "families": FAMILIES, "makers": MAKERS, "grades": GRADES}
    created.table("generator.population", POPULATION, **sizes)
    total = float(created.connection.execute(TOTAL.format(weeks=created.size.weeks)).fetchall()[0][0])
    scale = created.size.events * created.size.entities / total
    rows = {}
    for source in range(1, sources + 1):
        created.table(f"raw.things_{source}", ITEM_ATTRIBUTES, source=source, **sizes)
        created.weekly(f"raw.source_{source}", EVENTS, source=source, scale=scale, **sizes)
        rows[f"source_{source}"] = created.count(f"raw.source_{source}")
    created.close()
    return {"rows": rows, "events": sum(rows.values()), "table_seconds": created.seconds}
