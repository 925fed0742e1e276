"""What must hold of the rows before any long work starts; found by aggregates in the warehouse."""

from datetime import datetime, timedelta
from typing import Any

from sqlglot import exp

from basemodel_ops.contract.cutoffs import described, fits, guessed, key_of, midnight
from basemodel_ops.contract.inference import family, is_timestamp, join_kind
from basemodel_ops.contract.types import Column, ColumnType, Contract, Grid, Relation, Task
from basemodel_ops.data_quality.own_moments import moments_findings
from basemodel_ops.data_quality.populations import check_membership
from basemodel_ops.data_quality.repetition import lone_values
from basemodel_ops.errors import WarehouseError
from basemodel_ops.report import CheckResult
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, sample_query, table_of, timestamp_of

EARLIEST = datetime(1700, 1, 1)
"""No event was before; where times are nanoseconds, nothing can be compared with 1677 and earlier."""


def _row(warehouse: Warehouse, query: exp.Select) -> list[Any]:
    table = warehouse.read(query)
    return [table.column(i)[0].as_py() for i in range(table.num_columns)]


def _count_where(condition: exp.Expr) -> exp.Expr:
    return exp.Count(this=exp.case().when(condition, exp.Literal.number(1)))


def _is_null(name: str) -> exp.Expr:
    return column_of(name).is_(exp.null())


def _check_declared(
    actual: dict[str, str],
    relation: Relation,
    columns: list[str],
    timestamps: list[str],
    kinds: dict[str, str],
    everything: list[str] | None,
) -> CheckResult:
    """The warehouse has the declared columns, as declared, and no others. Their order does not matter.

    Args:
        actual: Data type by column in lower case.
        relation: Where.
        columns: Those that must be there.
        timestamps: Those of them that must be timestamps or dates.
        kinds: Declared data type by column.
        everything: All that are declared; None where a contract does not know all columns of a model.
    """
    missing = [name for name in columns if name.lower() not in actual]
    problems = []
    if missing:
        problems.append(
            f"{relation} has no column {missing}, which its model declares. It has: {list(actual)}. "
            "Build the model again, or correct its YAML."
        )
    for name in timestamps:
        kind = actual.get(name.lower())
        if kind is not None and not is_timestamp(kind):
            others = [other for other, result in actual.items() if is_timestamp(result)]
            problems.append(
                f"{relation}: column {name!r} is {kind} in the warehouse, not a timestamp or a date. Timestamps it "
                f"has: {others}. Cast it in the model and build it again, or name one of these."
            )
    for name, declared in kinds.items():
        kind = actual.get(name.lower())
        named = kind == "user-defined" and family(declared) == declared.lower().strip()  # an enum of PostgreSQL
        if kind is not None and not named and family(kind) != family(declared):
            problems.append(
                f"{relation}: column {name!r} is {kind} in the warehouse, and {declared} in its model's YAML. "
                "Cast it in the model and build it again, or correct the YAML."
            )
    if everything is not None:
        known = {name.lower() for name in everything}
        if added := [name for name in actual if name not in known]:
            problems.append(
                f"{relation} has columns {added} that its model does not declare, so nobody said how to read them. "
                "Declare each (`type: ignore` keeps it unread), or take them out of the model."
            )
    name = f"{relation.name}: the warehouse has what is declared"
    return CheckResult(name, not problems, " ".join(problems) or f"All of {len(columns)} declared columns.")


def _check_rows(warehouse: Warehouse, relation: Relation, columns: list[str]) -> CheckResult:
    counts = [_count_where(_is_null(name)) for name in columns]
    total, *nulls = _row(warehouse, exp.select(exp.Count(this=exp.Star()), *counts).from_(table_of(relation)))
    wrong = {name: count for name, count in zip(columns, nulls, strict=True) if count}
    problem = f"{relation} is empty: load its source, or remove the model." if total == 0 else ""
    if wrong:
        problem += f"{relation} has nulls in {wrong}, which identify its {total} rows: filter them out in the model."
    return CheckResult(
        f"{relation.name}: rows and keys are there", not problem, problem or f"{total} rows.", {"rows": total}
    )


def _check_unique(warehouse: Warehouse, relation: Relation, key: list[str]) -> CheckResult:
    distinct = exp.select(*map(column_of, key)).distinct().from_(table_of(relation)).subquery("keys")
    (rows,) = _row(warehouse, exp.select(exp.Count(this=exp.Star())).from_(table_of(relation)))
    (keys,) = _row(warehouse, exp.select(exp.Count(this=exp.Star())).from_(distinct))
    repeated = rows - keys
    text = f"{relation} has {repeated} rows whose key {key} stands in another row too: keep one row per key."
    return CheckResult(f"{relation.name}: keys are unique", repeated == 0, text if repeated else f"{keys} keys.")


def _not_after_now(warehouse: Warehouse, relation: Relation, time: str, now: datetime) -> CheckResult:
    later = exp.GT(this=column_of(time), expression=timestamp_of(now))
    never = exp.LT(this=column_of(time), expression=timestamp_of(EARLIEST))
    newest = exp.alias_(exp.Max(this=column_of(time)), "newest", quoted=True)
    query = exp.select(_count_where(later), _count_where(never), newest).from_(table_of(relation))
    count, endless, last = _row(warehouse, query)
    text = (
        f"{count} rows of {relation} have {time} after now ({now}); the newest is {last}: correct or filter them."
        if count
        else ""
    )
    if endless:
        text += f"{endless} rows of {relation} have {time} before {EARLIEST.year} or `-infinity`: filter them out."
    return CheckResult(f"{relation.name}: no event is after now", not text, text or f"Newest: {last}.")


def _one_kind(relations: dict[str, str], entity: str) -> CheckResult:
    """The entity's column has one kind of values everywhere, or nobody would be found again."""
    kinds = {join_kind(kind) for kind in relations.values()}
    text = (
        f"{entity} is {', '.join(f'{kind} in {name}' for name, kind in relations.items())}: nobody would be found "
        "again. Cast it in the models, so that it is of one type everywhere."
    )
    first = next(iter(relations))
    name = f"{first.rsplit('.', 1)[-1]}: {entity} is of one type"
    return CheckResult(name, len(kinds) == 1, text if len(kinds) > 1 else f"Of {len(relations)} models.")


def _coverage(
    warehouse: Warehouse, events: Relation, column: str, kind: str, attributes: Relation, key: str, key_kind: str
) -> CheckResult:
    name = f"{events.name}: {column} is found in {attributes.name}"
    way_out = "Make both the same ids, or remove `references`."
    if join_kind(kind) != join_kind(key_kind):
        text = (
            f"{column} in {events} is {kind}, but {key} of {attributes} is {key_kind}: no value could match. {way_out}"
        )
        return CheckResult(name, False, text)
    keys = exp.select(column_of(key)).from_(table_of(attributes))
    result = exp.In(this=column_of(column), query=keys.subquery())
    matched, total = _row(
        warehouse, exp.select(_count_where(result), exp.Count(this=column_of(column))).from_(table_of(events))
    )
    share = matched / total if total else 1.0
    text = (
        f"{share:.0%} of the {total} values of {column} in {events} are a {key} of {attributes}; at least half must "
        "be. "
    )
    return CheckResult(name, share >= 0.5, text + way_out, {"share": round(share, 4)})


def _cutoffs(warehouse: Warehouse, grid: Grid) -> CheckResult:
    """The table's cutoffs are moments of the declared grid; some may be left out."""
    query = exp.select(column_of(grid.cutoff)).distinct().from_(table_of(grid.relation))
    timestamps = sorted(
        midnight(timestamp) for timestamp in warehouse.read(query).column(0).to_pylist() if timestamp is not None
    )
    strange = [timestamp for timestamp in timestamps if not fits(grid, timestamp)]
    text = f"{len(timestamps)} cutoffs."
    if strange:
        other = guessed(grid, timestamps)
        start = "" if other.start is None else f', start: "{key_of(midnight(other.start)).replace("T", " ")}"'
        text = (
            f"{len(strange)} of {len(timestamps)} cutoffs of {grid.relation} are not on the grid that is declared, "
            f"{described(grid)}: the first is {strange[0]}. Declare `every: {other.every.value}{start}`, or correct "
            "the "
            "model."
        )
    return CheckResult(f"{grid.relation.name}: cutoffs are those of the declared grid", not strange, text)


def _labels(warehouse: Warehouse, task: Task, data_end: datetime) -> CheckResult:
    last = data_end - timedelta(days=task.horizon or 0)
    after = exp.GT(this=column_of(task.cutoff), expression=timestamp_of(last))
    known = _is_null(task.target).not_()
    (count,) = _row(warehouse, exp.select(_count_where(exp.and_(after, known))).from_(table_of(task.relation)))
    text = (
        f"{count} rows of {task.relation} carry a {task.target} although their window of {task.horizon} days "
        f"is not over at {data_end}: return null there, or the model learns from half a window."
    )
    return CheckResult(
        f"{task.relation.name}: no label before its window is over", count == 0, text if count else "None."
    )


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
            # What refers to facts is compared with their key, see `_coverage`.
            kinds = {c.name: c.data_type for c in others or () if c.name in read and c.data_type and not c.references}
            everything = None if others is None else [*names, *(column.name for column in others)]
            result = _check_declared(self.actual(relation), relation, names, times, kinds, everything)
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
    preflight = _Preflight(warehouse)
    sound = set()
    people: dict[str, str] = {}
    for attributes in contract.attributes:
        if not preflight.is_as_declared(
            attributes.relation, [attributes.key], [attributes.valid_from, attributes.valid_to], attributes.columns
        ):
            continue
        sound.add(attributes.name)
        key = [attributes.key, *([attributes.valid_from] if attributes.valid_from else [])]
        preflight.add(_check_rows(warehouse, attributes.relation, key))
        preflight.add(_check_unique(warehouse, attributes.relation, key))
    are_events_sound = True
    for event in contract.events:
        if not preflight.is_as_declared(event.relation, [event.entity, event.session], [event.time], event.columns):
            are_events_sound = False
            continue
        preflight.add(_check_rows(warehouse, event.relation, [event.entity, event.time]))
        preflight.add(_not_after_now(warehouse, event.relation, event.time, now))
        preflight.add(lone_values(warehouse, event))
        people[str(event.relation)] = preflight.actual(event.relation)[event.entity.lower()]
        for column in event.columns:
            if column.references and column.references in sound:
                attributes = contract.attribute(column.references)
                kinds = (
                    preflight.actual(event.relation)[column.name.lower()],
                    preflight.actual(attributes.relation)[attributes.key.lower()],
                )
                preflight.add(
                    _coverage(
                        warehouse, event.relation, column.name, kinds[0], attributes.relation, attributes.key, kinds[1]
                    )
                )
    grid, data_end = contract.grid, None
    if preflight.is_as_declared(grid.relation, [], [grid.cutoff, grid.data_end]):
        preflight.add(_check_rows(warehouse, grid.relation, [grid.cutoff, grid.data_end]))
        (data_end,) = _row(warehouse, exp.select(exp.Max(this=column_of(grid.data_end))).from_(table_of(grid.relation)))
        preflight.add(_cutoffs(warehouse, grid))
    for task in contract.tasks:
        key = [task.entity, task.cutoff]
        is_readable = are_events_sound
        if task.population and not preflight.is_as_declared(task.population, [task.entity], [task.cutoff]):
            is_readable = False
        elif task.population:
            preflight.add(_check_rows(warehouse, task.population, key))
            preflight.add(_check_unique(warehouse, task.population, key))
        if task.offers and preflight.is_as_declared(task.offers, [task.target], [task.cutoff]):
            preflight.add(_check_rows(warehouse, task.offers, [task.target, task.cutoff]))
            preflight.add(_check_unique(warehouse, task.offers, [task.target, task.cutoff]))
        labels = [task.entity, task.target, task.observed]
        if not preflight.is_as_declared(task.relation, labels, [task.cutoff, task.known]):
            continue
        people[str(task.relation)] = preflight.actual(task.relation)[task.entity.lower()]
        preflight.add(_check_rows(warehouse, task.relation, key))
        preflight.add(_check_unique(warehouse, task.relation, [*key, *([task.target] if task.form.key else [])]))
        if task.is_own and data_end is not None:
            for result in moments_findings(warehouse, task, grid, data_end):
                preflight.add(result)
        if task.horizon is not None and task.known is None and data_end is not None:
            preflight.add(_labels(warehouse, task, data_end))
            if is_readable and (who := check_membership(warehouse, contract, task, data_end)) is not None:
                preflight.add(who)
    for audience in contract.audiences:
        if preflight.is_as_declared(audience.relation, [audience.entity], []):
            people[str(audience.relation)] = preflight.actual(audience.relation)[audience.entity.lower()]
    people |= {
        str(attributes.relation): preflight.actual(attributes.relation)[attributes.key.lower()]
        for attributes in contract.attributes
        if attributes.key == contract.entity and attributes.name in sound
    }
    if people:
        preflight.add(_one_kind(people, contract.entity))
    return list(preflight.results.values())
