"""What each table is taken for: events, facts, or neither; whose behaviour it is, and over which time."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from basemodel_ops.contract.answers import ANSWERED
from basemodel_ops.contract.inference import WHOLE_NUMBER, family, is_named_like_an_id
from basemodel_ops.errors import DataError
from basemodel_ops.proposal.grid import cadence_and_horizon, first_cutoff
from basemodel_ops.proposal.seen import SeenColumn, SeenTable

WHOSE = re.compile(
    r"(^|_)(customer|client|user|member|person|patient|household|visitor|account|subscriber|player|student|driver|"
    r"employee|shopper|buyer|guest|passenger|case|contact|device|company|merchant)s?(_|$)"
)
"""Words for whose behaviour it is."""

SESSION = re.compile(r"(^|_)(session|basket|order|invoice|transaction|cart|checkout|receipt|trip|visit)(_|$)")
PERSONAL = re.compile(
    r"(^|_)(e_?mail|phone|mobile|first_name|last_name|full_name|surname|address|street|birth\w*|ssn|iban|passport)(_|$)"
)
WORDS = re.compile(r"(^|_)(description|comment|title|text|message|note|notes|body|summary|review)(_|$)")
"""Columns of words, read as text where their values hardly come again."""

GROUP = re.compile(
    r"(^|_)(fips|zip|zipcode|postcode|precinct|district|ward)(_|$)|(fips|zip|(zip|post)code|precinct|district)$"
)
"""Words for numbers that are names of places or groups; `award` ends in one by accident."""

QUANTITY = re.compile(
    r"(^|_)(n|num|counts?|total|sum|amount|mean|average|avg|share|rate|percent|pct|population|size|area"
    r"|price|cost|fee|paid|value|revenue|income|salary|balance|distance|duration|seconds|minutes)(_|$)"
)
"""Words for numbers that are measures, though each stood once, or of a place: how many live there is no name of it."""

NUMBERED = 100
"""Rows from which on whole numbers of which each stands once are taken for numbers of the rows."""

MANY, LONE = 1_000, 0.5
"""A category with more values than the one, and more than the other of its rows, hardly repeats."""

LEAST_DAYS = 42
"""Days of events from which anything can be learnt and measured."""


@dataclass(frozen=True)
class Events:
    """A table with a row per event."""

    table: SeenTable
    time: str
    session: str | None


@dataclass(frozen=True)
class Proposal:
    """A contract that these tables may have."""

    entity: str
    entity_type: str
    events: tuple[Events, ...]
    attributes: tuple[tuple[SeenTable, str], ...]
    """Tables of facts and the column each is about."""
    unused: tuple[tuple[SeenTable, str], ...]
    """Tables that are neither, and why."""
    every: str
    """The distance of cutoffs: `day`, `week`, `month`, `quarter` or `year`."""
    start: date
    end: datetime
    horizon: int
    """Days that the question of the example looks ahead."""

    @property
    def dialect(self) -> str:
        """Of the warehouse in which the tables are."""
        return self.events[0].table.dialect

    @property
    def main(self) -> Events:
        """The events that the question of the example is about: those of most entities, of these the most."""
        return _main(self.events, self.entity)

    def references(self, column: SeenColumn) -> str | None:
        """The facts about the values of an event column; None where there are none."""
        named = (table.name for table, key in self.attributes if key == column.name and key != self.entity)
        held = (table.name for table, _ in self.attributes if table.name == column.mentions)
        return next(itertools.chain(named, held), None)


def propose(tables: Sequence[SeenTable], entity: str | None = None) -> Proposal:
    """What the tables hold.

    Args:
        tables: All there are.
        entity: Whose behaviour it is, a column; the likeliest if not given.

    Raises:
        DataError: no table has events, no column says whose they are, or they span too few days.
    """
    dated = [table for table in tables if table.time is not None]
    if not dated:
        raise DataError(
            f"No table has a column of timestamps or dates, so none holds events. There are "
            f"{'; '.join(map(_held, tables))}. Where one holds them as texts of another form or within another column, "
            "cast it in a copy or a view, and name that."
        )
    entity_column = _entity(dated, entity)
    if entity_column.lower() in ANSWERED:  # as a column of the answers that stands beside it
        tables = [_renamed(table, entity_column, f"{entity_column}_value") for table in tables]
        entity_column = f"{entity_column}_value"
    events, attributes, unused = _divided(tables, entity_column)
    mentioned = {name for event in events for column in event.table.columns for name in (column.name, column.mentions)}
    unmentioned = [(table, key) for table, key in attributes if mentioned.isdisjoint((key, table.name))]
    unused += [(table, f"no event mentions its {key}") for table, key in unmentioned]
    known = [
        (table.with_years() if key == entity_column else table, key)
        for table, key in attributes
        if not mentioned.isdisjoint((key, table.name))
    ]
    times = [column for event in events if (column := event.table.column(event.time)) is not None]
    first, last = min(time.first for time in times if time.first), max(time.last for time in times if time.last)
    days = (last - first).days
    if days < LEAST_DAYS:
        raise DataError(f"The events span {days} days, {first:%Y-%m-%d} to {last:%Y-%m-%d}; {LEAST_DAYS} are needed.")
    kind = next(column.data_type for event in events if (column := event.table.column(entity_column)) is not None)
    main = _main(events, entity_column)
    every, horizon = cadence_and_horizon(main.table, main.time, entity_column, days)
    start = first_cutoff(every, (first + timedelta(days=max(days // 5, 14))).date())
    return Proposal(entity_column, kind, tuple(events), tuple(known), tuple(unused), every, start, last, horizon)


def _main(events: Sequence[Events], entity: str) -> Events:
    def size(event: Events) -> tuple[int, int]:
        column = event.table.column(entity)
        return (0 if column is None else column.distinct), event.table.rows

    return max(events, key=size)


def _held(table: SeenTable) -> str:
    """The columns of a table, in words."""
    columns = [*(column.name for column in table.columns), *(f"{raw} ({kind})" for raw, kind in table.unread)]
    return f"{table.name}: {', '.join(columns)}"


def _renamed(table: SeenTable, name: str, other: str) -> SeenTable:
    """The table whose column of a name has another."""
    columns = (replace(column, name=other) if column.name == name else column for column in table.columns)
    return replace(table, columns=tuple(columns))


Named = tuple[SeenTable, str]
"""A table, and its key or why it is not used."""


def _divided(tables: Sequence[SeenTable], entity: str) -> tuple[list[Events], list[Named], list[Named]]:
    """Tables of events of `owner`, of facts, and those that are neither."""
    events, attributes, unused = [], [], []
    for table in tables:
        if not table.rows:
            unused.append((table, "no rows"))
            continue
        if table.copy_of:
            unused.append((table, f"the same rows as {table.copy_of}"))
            continue
        whose, time = table.column(entity), table.time
        keys = [column for column in table.columns if table.is_key(column)]
        if whose is not None and time is not None and whose.distinct < table.rows:
            events.append(Events(table, time.name, _session(table, whose)))
        elif whose is not None and whose.distinct == table.rows and not whose.nulls:
            attributes.append((table, entity))
        elif keys:
            attributes.append((table, keys[0].name))
        else:
            lacking = "no time" if time is None else f"no column {entity}"
            unused.append((table, f"{lacking} and no column of names or numbers whose values stand once"))
    return events, attributes, unused


def annotation(proposal: Proposal, table: SeenTable, column: SeenColumn) -> dict[str, object]:
    """What the contract says of a column beside what follows from its name and data type."""
    if PERSONAL.search(column.name):
        return {"pii": True}
    kind, known = family("timestamp" if column.ticks else column.data_type), table.rows - column.nulls
    is_event = any(event.table is table for event in proposal.events)
    attributes = proposal.references(column) if is_event else None
    if attributes is not None:
        return {"type": "category", "references": attributes}
    if kind in ("number", "floating") and not QUANTITY.search(column.name.lower()):
        is_whole = WHOLE_NUMBER.search(column.data_type) is not None
        if is_event and is_whole and known >= NUMBERED and table.is_key(column):
            return {"type": "ignore"}
        if GROUP.search(column.name.lower()):
            return {"type": "category"}
    if kind == "text" and column.distinct > max(MANY, LONE * known):
        return {"type": "text" if WORDS.search(column.name) else "ignore"}
    return {}


def _entity(dated: Sequence[SeenTable], wanted: str | None) -> str:
    """The column that most tables share, called like a person first, whose values come again and again."""
    shared: dict[str, int] = {}
    for table in dated:
        for column in table.columns:
            if table.comes_again(column):
                shared[column.name] = shared.get(column.name, 0) + 1
    named = {name: bool(WHOSE.search(name)) for name in shared}
    if wanted is not None:
        as_files_say = {column.raw: column.name for table in dated for column in table.columns}
        wanted = wanted if wanted in shared else as_files_say.get(wanted, wanted)
        if wanted not in shared:
            raise DataError(
                f"No column {wanted} of a table with times has values that come again. There are: {_list(shared)}."
            )
        return wanted
    likely = [name for name in shared if named[name] or is_named_like_an_id(name)]
    if not shared:
        held = "; ".join(map(_held, dated))
        raise DataError(
            "Nobody has several events, so nothing says whose they are: no column of ids, in a table with times, has "
            f"values of which each stands twice on average. There are {held}. Name tables with more rows."
        )
    if not likely:
        raise DataError(f"Nothing says whose events these are. Name a column by --entity: {_list(shared)}.")
    return max(likely, key=lambda name: (named[name], shared[name], is_named_like_an_id(name), -len(name)))


def _session(table: SeenTable, current: SeenColumn) -> str | None:
    """The column by which events of an entity belong together."""
    results = [
        seen_column
        for seen_column in table.columns
        if SESSION.search(seen_column.name) and current.distinct < seen_column.distinct < table.rows
    ]
    return max(results, key=lambda entry: entry.distinct).name if results else None


def _list(names: dict[str, int]) -> str:
    return ", ".join(sorted(names)) or "none"
