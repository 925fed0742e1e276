"""The tree of an entity's events: source, value of one of its columns, stretch of time, event."""

from dataclasses import dataclass, replace

import numpy as np

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.contract.types import Contract, Task
from basemodel_ops.explanations import Node, split
from basemodel_ops.representation import History, SourcePlan
from basemodel_ops.representation.history import DAY
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact

VALUES = 8
"""Values of a column that are told apart at first, those of most of the entity's events; the others are one group."""

FEWEST = 3
"""A column with fewer values tells events too little apart."""

AGES = (7, 28, 112)
"""Days before the cutoff that end stretches of time."""

STRETCHES = ("last 7 days", "8 to 28 days before", "29 to 112 days before", "over 112 days before")
"""Names of the stretches, the newest first."""

FAN = 4
"""Into how many stretches a longer one falls."""


@dataclass(frozen=True)
class About:
    """What the events of a group share; without a column they share only their table, and so on."""

    table: str = ""
    column: str = ""
    value: str = ""
    stretch: str = ""


@dataclass(frozen=True)
class Column:
    """By which column the events of a source are grouped, and what its codes stand for."""

    name: str
    values: list[str]

    def value(self, code: int) -> str:
        """The value as text."""
        return self.values[code] if code >= 0 else "(unknown)"


def columns_of(contract: Contract, store: ArtifactStore, plans: list[SourcePlan], task: Task) -> list[Column | None]:
    """By which column the events of each source are grouped.

    That which the task predicts, or else, of those that tell events apart, that with the fewest values.

    Values are published with explanations, so personal columns are left out, whatever their purpose.
    """
    results: list[Column | None] = []
    predicted = (task.predicts.source, task.predicts.column) if task.predicts else ("", "")
    for plan in plans:
        encoder, personal = EncoderArtifact.current(store, plan.name), personal_columns(contract, plan.name)
        sizes = {name: len(encoder.vocabulary(name)) for name in plan.top_items if name not in personal}
        able = sorted(
            sizes, key=lambda entry: ((plan.name, entry) != predicted, sizes[entry] < FEWEST, sizes[entry], entry)
        )
        values = [str(value) for value in encoder.vocabulary(able[0]).values.to_pylist()] if able else []
        results.append(Column(able[0], values) if able else None)
    return results


def personal_columns(contract: Contract, source: str) -> set[str]:
    """Columns of a source, and of the items that it mentions, that are personal."""
    marked = {(str(item.relation), item.column) for item in contract.personal}
    event = contract.event(source)
    results = {column.name for column in event.columns if (str(event.relation), column.name) in marked}
    for column in event.columns:
        if column.references:
            attributes = contract.attribute(column.references)
            personal_attributes = {
                column.name for column in attributes.columns if (str(attributes.relation), column.name) in marked
            }
            results |= {f"{column.name}.{name}" for name in personal_attributes}
    return results


def tree_of(
    histories: list[History], entity: int, tables: list[str], columns: list[Column | None], cutoff: int
) -> Node:
    """The events of one entity before the cutoff (microseconds), numbered source by source in the order of time."""
    sources, first = [], 0
    for history, table, column in zip(histories, tables, columns, strict=True):
        rows = slice(history.start[entity], history.start[entity + 1])
        members = first + np.arange(rows.stop - rows.start)
        first += len(members)
        if len(members):
            codes = history.item_ids[column.name][rows] if column is not None else members
            age = (cutoff - history.time[rows]) / DAY
            sources.append(_source(About(table), members, column, codes, age))
    return _concat(About(), sources) if sources else Node(About(), np.zeros(0, np.int64))


def _source(
    about: About, members: np.ndarray, column: Column | None, codes: np.ndarray | None, age: np.ndarray
) -> Node:
    if column is None or codes is None:
        return _stretches(about, members, age)
    result, counts = np.unique(codes, return_counts=True)
    most = result[np.argsort(-counts, kind="stable")]
    named, others = (most[:VALUES], most[VALUES:]) if len(most) > VALUES + 1 else (most, most[:0])

    def of(code: int) -> Node:
        selected = codes == code
        return _stretches(About(about.table, column.name, column.value(code)), members[selected], age[selected])

    def bundled(name: About, codes_of: np.ndarray) -> Node:
        """The events of many values in bundles, so that no node falls into more than `VALUES`."""
        if len(codes_of) == 1:
            return of(int(codes_of[0]))
        size = -(-len(codes_of) // VALUES) if len(codes_of) > VALUES else 1
        bundles = np.split(codes_of, range(size, len(codes_of), size))
        selected = np.isin(codes, codes_of)
        return Node(name, members[selected], lambda: tuple(bundled(name, bundle) for bundle in bundles))

    nodes = [of(int(code)) for code in named]
    if len(others):
        nodes.append(bundled(About(about.table, column.name, f"{len(others)} other values"), others))
    return _concat(about, nodes)


def _stretches(about: About, members: np.ndarray, age: np.ndarray) -> Node:
    """Events by their age; those of a stretch down to single ones, the oldest first."""
    stretch = np.searchsorted(AGES, age, side="left")
    nodes = [
        split(replace(about, stretch=STRETCHES[entry]), members[stretch == entry], FAN) for entry in np.unique(stretch)
    ]
    return _concat(about, nodes)


def _concat(name: About, nodes: list[Node]) -> Node:
    """A node of these; the only one itself, which says more."""
    return nodes[0] if len(nodes) == 1 else Node(name, np.concatenate([node.members for node in nodes]), tuple(nodes))
