"""What must hold of the rows before any long work starts; found by aggregates in the warehouse."""

from datetime import datetime

from sqlglot import exp

from basemodel_ops.contract.types import (
    AttributeSource,
    Column,
    ColumnType,
    Contract,
    EventSource,
    Grid,
    Relation,
    Task,
)
from basemodel_ops.data_quality.check_results import (
    check_cutoffs,
    check_declared,
    check_end,
    check_labels,
    check_not_after,
    check_one_type,
    check_references,
    check_rows,
    check_unique,
    row_of,
)
from basemodel_ops.data_quality.populations import check_membership
from basemodel_ops.data_quality.repetition import lone_values
from basemodel_ops.data_quality.row_cutoffs import row_cutoff_results
from basemodel_ops.errors import WarehouseError
from basemodel_ops.report import CheckResult
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, sample_query, table_of


class _Preflight:
    """Findings in their order; a relation that is not as declared is asked nothing else."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.results: dict[str, CheckResult] = {}
        self._actual: dict[str, dict[str, str]] = {}
        self._spelled: dict[str, list[str]] = {}

    def add(self, result: CheckResult) -> None:
        """Keep a finding; what is said twice of a relation that several declarations share is kept once."""
        # Two relations of one name, in two schemas, have findings of one name and of different words.
        self.results.setdefault(f"{result.name}\n{result.description}", result)

    def actual(self, relation: Relation) -> dict[str, str]:
        """Data types by lower-case column name; WarehouseError where the relation is not there."""
        key = str(relation)
        if key not in self._actual:
            columns = self.warehouse.columns(relation)
            self._actual[key] = {name.lower(): kind for name, kind in columns.items()}
            self._spelled[key] = list(columns)
        return self._actual[key]

    def spelling(self, relation: Relation, names: list[str]) -> CheckResult | None:
        """A finding where the warehouse has a column in other capitals only, and tells these apart."""
        there = self._spelled[str(relation)]
        other = {name: entry for name in names if name not in there for entry in there if entry.lower() == name.lower()}
        if not other:
            return None
        try:
            self.warehouse.read(sample_query(relation, list(other), 1))
        except WarehouseError:
            name, entry = next(iter(other.items()))
            text = (
                f"{relation}: column {name!r} of its model's YAML stands in the warehouse as {entry!r}, which tells "
                f"capitals apart and folds names that are not quoted. Write {entry!r} in the YAML and its annotations, "
                f'or quote the column in the model\'s SQL, as "{name}", with `quote: true` in the YAML.'
            )
            return CheckResult(f"{relation.name}: the warehouse has what is declared", False, text)
        return None

    def is_as_declared(
        self,
        relation: Relation,
        columns: list[str | None],
        timestamps: list[str | None],
        others: tuple[Column, ...] | None = None,
    ) -> bool:
        """Whether the warehouse has the relation with these columns, those that are read of `others`, and `timestamps`.

        With `others` the declaration is complete: a column that it does not name is a problem, too.
        """
        read = [c.name for c in others or () if c.type is not ColumnType.IGNORE or c.references]
        times = [name for name in timestamps if name is not None]
        names = list(dict.fromkeys([*[name for name in columns if name is not None], *times, *read]))
        try:
            # What refers to facts is compared with their key, see `check_references`.
            kinds = {c.name: c.data_type for c in others or () if c.name in read and c.data_type and not c.references}
            everything = None if others is None else [*names, *(column.name for column in others)]
            result = check_declared(self.actual(relation), relation, names, times, kinds, everything)
            if result.passed:
                result = self.spelling(relation, names) or result
        except WarehouseError as error:
            result = CheckResult(f"{relation.name}: the warehouse has what is declared", False, str(error))
        before = self.results.get(result.name)
        if before is None or (before.passed and not result.passed):
            self.results[result.name] = result
        return result.passed


def preflight(warehouse: Warehouse, contract: Contract, now: datetime) -> list[CheckResult]:
    """Every property of the rows that the stages rely on; failed ones say what was found and the way out."""
    preflight, people = _Preflight(warehouse), dict[str, str]()
    sound = [attributes for attributes in contract.attributes if _check_attributes(preflight, attributes)]
    are_events_sound = all([_check_events(preflight, event, sound, now, people) for event in contract.events])
    data_end = _check_grid(preflight, contract.grid, now)
    for task in contract.tasks:
        _check_task(preflight, contract, task, data_end, are_events_sound, people)
    for audience in contract.audiences:
        if preflight.is_as_declared(audience.relation, [audience.entity], []):
            people[str(audience.relation)] = preflight.actual(audience.relation)[audience.entity.lower()]
    people |= {
        str(attributes.relation): preflight.actual(attributes.relation)[attributes.key.lower()]
        for attributes in sound
        if attributes.key == contract.entity
    }
    if people:
        preflight.add(check_one_type(people, contract.entity))
    return list(preflight.results.values())


def _check_attributes(preflight: _Preflight, attributes: AttributeSource) -> bool:
    """The rows of facts; whether they are as declared."""
    times = [attributes.valid_from, attributes.valid_to]
    if not preflight.is_as_declared(attributes.relation, [attributes.key], times, attributes.columns):
        return False
    key = [attributes.key, *([attributes.valid_from] if attributes.valid_from else [])]
    preflight.add(check_rows(preflight.warehouse, attributes.relation, key))
    preflight.add(check_unique(preflight.warehouse, attributes.relation, key))
    return True


def _check_events(
    preflight: _Preflight, event: EventSource, sound: list[AttributeSource], now: datetime, people: dict[str, str]
) -> bool:
    """The rows of events, and what they say of `sound` facts; whether they are as declared.

    The type of their entity joins `people`.
    """
    warehouse = preflight.warehouse
    if not preflight.is_as_declared(event.relation, [event.entity, event.session], [event.time], event.columns):
        return False
    preflight.add(check_rows(warehouse, event.relation, [event.entity, event.time]))
    preflight.add(check_not_after(warehouse, event.relation, event.time, now))
    preflight.add(lone_values(warehouse, event))
    actual, attribute_sources = preflight.actual(event.relation), {attributes.name: attributes for attributes in sound}
    people[str(event.relation)] = actual[event.entity.lower()]
    for column in event.columns:
        if attributes := attribute_sources.get(column.references or ""):
            kinds = actual[column.name.lower()], preflight.actual(attributes.relation)[attributes.key.lower()]
            preflight.add(
                check_references(
                    warehouse, event.relation, column.name, kinds[0], attributes.relation, attributes.key, kinds[1]
                )
            )
    return True


def _check_grid(preflight: _Preflight, grid: Grid, now: datetime) -> datetime | None:
    """The rows of the grid; the end of the data, None where it is not as declared or cannot be."""
    if not preflight.is_as_declared(grid.relation, [], [grid.cutoff, grid.data_end]):
        return None
    preflight.add(check_rows(preflight.warehouse, grid.relation, [grid.cutoff, grid.data_end]))
    last = exp.select(exp.Max(this=column_of(grid.data_end))).from_(table_of(grid.relation))
    (data_end,) = row_of(preflight.warehouse, last)
    preflight.add(check_unique(preflight.warehouse, grid.relation, [grid.cutoff]))
    preflight.add(check_cutoffs(preflight.warehouse, grid))
    if data_end is None:
        return None
    preflight.add(result := check_end(grid, data_end, now))
    return data_end if result.passed else None


def _check_task(
    preflight: _Preflight,
    contract: Contract,
    task: Task,
    data_end: datetime | None,
    are_events_sound: bool,
    people: dict[str, str],
) -> None:
    """The tables of a task; the type of its entity joins `people`."""
    key = [task.entity, task.cutoff]
    is_readable = are_events_sound
    if task.population and not preflight.is_as_declared(task.population, [task.entity], [task.cutoff]):
        is_readable = False
    elif task.population:
        preflight.add(check_rows(preflight.warehouse, task.population, key))
        preflight.add(check_unique(preflight.warehouse, task.population, key))
    if task.offers and preflight.is_as_declared(task.offers, [task.target], [task.cutoff]):
        preflight.add(check_rows(preflight.warehouse, task.offers, [task.target, task.cutoff]))
        preflight.add(check_unique(preflight.warehouse, task.offers, [task.target, task.cutoff]))
    labels: list[str | None] = [task.entity, task.target, *task.label_columns.values()]
    if not preflight.is_as_declared(task.relation, labels, [task.cutoff, task.known]):
        return
    people[str(task.relation)] = preflight.actual(task.relation)[task.entity.lower()]
    preflight.add(check_rows(preflight.warehouse, task.relation, key))
    preflight.add(check_unique(preflight.warehouse, task.relation, [*key, *([task.target] if task.form.key else [])]))
    if task.has_row_cutoffs and data_end is not None:
        for result in row_cutoff_results(preflight.warehouse, task, contract.grid, data_end):
            preflight.add(result)
    if task.horizon is not None and task.known is None and data_end is not None:
        preflight.add(check_labels(preflight.warehouse, task, data_end))
        if is_readable and (who := check_membership(preflight.warehouse, contract, task, data_end)) is not None:
            preflight.add(who)
