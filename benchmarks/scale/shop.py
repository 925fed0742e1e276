"""The wide kind: customers of a shop with a year of purchases and visits, tastes to be learnt and some who leave."""

from pathlib import Path
from typing import Any

from benchmarks.scale.generation import Generator, Size

PRODUCTS, DEPARTMENTS, BRANDS, STORES, PAGES, GROUPS = 200_000, 30, 500, 50, 40, 20

PURCHASES = 0.6
"""The share of purchases among all events; the others are visits."""

LINES = 2.5
"""Products in a basket, in the mean."""

FAVOURITES, TASTE = 0.3, 0.7
"""The share of purchases from a customer's own five places in the ranking, and from the group's three departments."""

# Rates are Weibull, as heavy-tailed as a gamma distribution; a third of customers leave, a fifth come later.
POPULATION = """
select
    id as customer_id,
    whole(id, 1, {groups}) as taste,
    power(-ln(unit(id, 2)), 1.333) as weight,
    case when unit(id, 3) < 0.2 then whole(id, 4, {weeks} / 2) else 0 end as first_week,
    case when unit(id, 5) < 0.3 then {weeks} / 2 + whole(id, 6, {weeks} / 2) else {weeks} end as end_week,
    whole(id, 7, {stores}) as store,
    whole(id, 8, 4) as device
from range({entities}) as numbers(id)
"""

# In their last six weeks, those who leave come less often.
ACTIVE = """
    select
        population.*,
        weeks.week,
        weight * case when end_week < {weeks} and end_week - weeks.week <= 6 then 0.4 else 1 end as rate
    from range({first}, {last}) as weeks(week)
    inner join generator.population as population on week >= first_week and week < end_week
"""

TOTAL = "select sum(rate) from (" + ACTIVE + ")"

PRODUCT_FACTS = """
select
    id as product_id,
    'department ' || lpad(cast(id % {departments} as varchar), 2, '0') as department,
    'brand ' || lpad(cast(whole(id, 20, {brands}) as varchar), 3, '0') as brand,
    round(1 + exp(4 * power(unit(id, 21), 2)), 2) as price
from range({products}) as numbers(id)
"""

CUSTOMER_FACTS = """
select
    customer_id,
    'region ' || lpad(
        cast(case when unit(customer_id, 30) < 0.5 then taste % 12 else whole(customer_id, 31, 12) end as varchar),
        2, '0'
    ) as region,
    cast(18 + whole(customer_id, 32, 63) as double) as age,
    moment(first_week, 0) as valid_from
from generator.population
"""

PURCHASE_LINES = """
with active as ({active}),

counted as (
    select
        *,
        week * {entities} + customer_id as turn,
        geometric(week * {entities} + customer_id, 40, rate * {scale}) as baskets
    from active
),

baskets as (
    select *, turn * 256 + unnest(range(baskets)) as basket_id
    from counted
    where baskets > 0
),

sized as (
    select
        *,
        moment(week, unit(basket_id, 41)) as purchased_at,
        case when unit(basket_id, 42) < 0.8 then store else whole(basket_id, 43, {stores}) end as basket_store,
        1 + geometric(basket_id, 44, {lines} - 1) as lines
    from baskets
),

lines as (
    select *, basket_id * 256 + unnest(range(lines)) as line
    from sized
),

places as (
    select
        *,
        case when unit(line, 45) < {taste}
            then (taste * 3 + whole(line, 46, 3)) % {departments} else whole(line, 47, {departments}) end as department,
        case when unit(line, 48) < {favourites}
            then unit(customer_id * 5 + whole(line, 49, 5), 50) else unit(line, 51) end as place
    from lines
),

chosen as (
    select *, zipf(place, {products} // {departments}) * {departments} + department as product_id
    from places
)

select
    customer_id,
    purchased_at,
    basket_id,
    product_id,
    round((1 + exp(4 * power(unit(product_id, 21), 2))) * (0.9 + 0.2 * unit(line, 52)), 2) as amount,
    'store ' || lpad(cast(basket_store as varchar), 2, '0') as store
from chosen
"""

VISITS = """
with active as ({active}),

counted as (
    select
        *,
        week * {entities} + customer_id as turn,
        geometric(
            week * {entities} + customer_id, 60, rate * {scale} * (0.5 + unit(customer_id, 61))
        ) as visits
    from active
),

visits as (
    select *, turn * 256 + unnest(range(visits)) as visit
    from counted
    where visits > 0
)

select
    customer_id,
    moment(week, unit(visit, 62)) as visited_at,
    'page ' || lpad(
        cast(
            case when unit(visit, 63) < 0.6
                then (taste * 2 + whole(visit, 64, 4)) % {pages} else whole(visit, 65, {pages}) end as varchar
        ),
        2, '0'
    ) as page,
    round(-ln(unit(visit, 66)) * 60, 1) as seconds,
    'device ' || case when unit(visit, 67) < 0.8 then device else whole(visit, 68, 4) end as device
from visits
"""


def generate(path: str, memory: str, **size: Any) -> dict[str, Any]:
    """Fill the raw tables of a new warehouse; rows and seconds per table."""
    created = Generator(Path(path), Size(**size), memory)
    sizes = {
        "products": PRODUCTS, "departments": DEPARTMENTS, "brands": BRANDS, "stores": STORES, "pages": PAGES,
        "groups": GROUPS, "taste": TASTE, "favourites": FAVOURITES, "lines": LINES,
    }  # fmt: skip
    created.table("generator.population", POPULATION, **sizes)
    created.table("raw.products", PRODUCT_FACTS, **sizes)
    created.table("raw.customers", CUSTOMER_FACTS, **sizes)
    every = TOTAL.format(first=0, last=created.size.weeks, weeks=created.size.weeks)
    total = float(created.connection.execute(every).fetchall()[0][0])
    wanted = created.size.events * created.size.entities / total
    for name, query, scale in (
        ("purchases", PURCHASE_LINES, wanted * PURCHASES / LINES), ("visits", VISITS, wanted * (1 - PURCHASES)),
    ):  # fmt: skip
        created.weekly(f"raw.{name}", query.replace("{active}", ACTIVE), scale=scale, **sizes)
    rows = {name: created.count(f"raw.{name}") for name in ("purchases", "visits", "products", "customers")}
    created.close()
    return {"rows": rows, "events": rows["purchases"] + rows["visits"], "table_seconds": created.seconds}
