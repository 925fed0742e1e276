"""How far apart the cutoffs of a proposed grid are, when it begins, and how far ahead a first question looks."""

from datetime import date, timedelta

from basemodel_ops.proposal.seen import SeenTable

HORIZONS = (7, 14, 28, 56, 91, 182, 365)
"""Days that a first question may look ahead."""

STEPS = ((365, "quarter"), (182, "month"), (0, "week"))
"""The distance of cutoffs by the least days that a question looks ahead."""

SAME = 0.98
"""Years, quarters and months differ by so much and are as long as one another."""

MONTHS = {"month": 1, "quarter": 3, "year": 12}
"""Of the steps that are not as many days each time."""


def cadence_and_horizon(table: SeenTable, time: str, entity: str, days: int) -> tuple[str, int]:
    """The distance of cutoffs, and the days that a question about entities of a table looks ahead.

    A month ahead every week, or as far as the days of an entity are apart: of people who are seen once a year nobody
    comes back within a month, and little is new every week.

    Args:
        table: Of events.
        time: Its column of moments.
        entity: Its column of entities.
        days: That all tables span.
    """
    if days < 84:
        return "day", 7
    least = 28 if days >= 300 else 14 if days >= 150 else 7
    column, between = table.column(entity), _days_between(table, time)
    apart = between if column is None or column.days_apart is None else column.days_apart
    fitting = [horizon for horizon in HORIZONS if least <= horizon <= max(least, days // 5)]
    horizon = next((horizon for horizon in fitting if horizon >= SAME * apart), fitting[-1])
    if between >= SAME * 365:  # a year's totals: within it there is nothing new
        return "year", horizon
    return next(every for shortest, every in STEPS if horizon >= shortest), horizon


def first_cutoff(every: str, day: date) -> date:
    """The first Monday from a day on; of longer steps the first day of a month, quarter or year."""
    if every not in MONTHS:
        return day + timedelta(days=-day.weekday() % 7)
    months = MONTHS[every]
    number = -(-(day.year * 12 + day.month - 1 + (day.day > 1)) // months) * months
    return date(number // 12, number % 12 + 1, 1)


def _days_between(table: SeenTable, time: str) -> float:
    """Days from one moment at which something happens to the next, on average: a year of totals by season."""
    column = table.column(time)
    if column is None or column.first is None or column.last is None or column.distinct < 2:
        return 1
    return (column.last - column.first).days / (column.distinct - 1)
