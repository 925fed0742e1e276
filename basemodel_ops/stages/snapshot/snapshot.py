"""What training saw, pinned: the grid, the end of training, how the tables stood, which rows are drawn.

Versions of what is learnt follow from the snapshot, not from tables that grow: new events change nothing that is
learnt until a new snapshot is taken.
"""

from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from basemodel_ops.artifacts import Artifact
from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import Contract, Relation, Task
from basemodel_ops.errors import DataError
from basemodel_ops.representation.history import DAY
from basemodel_ops.settings import Settings
from basemodel_ops.stages.snapshot.pins import Pins
from basemodel_ops.stages.snapshot.row_cutoffs import counts_query, plan_row_cutoffs, read_counts
from basemodel_ops.stages.snapshot.sampling import PER_ENTITY, TaskPlan, plan_task, read_together
from basemodel_ops.stages.snapshot.task_rows import yes_of
from basemodel_ops.stages.snapshot.times import Times, microseconds, to_datetime, validated_from
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.counting import entities_count_query, events_count_query, labels_count_query
from basemodel_ops.warehouse.queries import counts_by_cutoff_query

PLANNED_BY = ("validation_cutoffs", "test_cutoffs", "horizons", "task_rows", "evaluation_rows", "activity_rows", "seed")
"""Settings that a snapshot follows from."""

OF_ANSWERS = {"metric", "on_worse", "null_target", "already_had", "offers", "diversity", "coverage"}
"""Of a task's declaration what its rows do not follow from: how it is answered, and what is published."""

PAIR_ROWS, PAIRS = 12_000, 300_000
"""Rows of a task of labels or items that are learnt from, and of each part that measures it: a row is many pairs. Of
few labels there are more rows, of so many pairs."""

RANKED_ROWS = 16_000
"""Rows of a recommendation that measure it, of each part: 8,000 entities at two cutoffs."""

MOST_ROWS = {Shape.LABELS: (PAIR_ROWS, PAIR_ROWS), Shape.ITEMS: (PAIR_ROWS, RANKED_ROWS)}
"""Rows that are learnt from and measured, at most, by the shape of answers; of one answer as the settings say."""


@dataclass(frozen=True)
class Snapshot:
    """The pins of one training."""

    version: str
    times: Times
    item_horizons: tuple[int, ...]
    activity_horizons: tuple[int, ...]
    item_targets: tuple[tuple[str, str, int], ...]
    """Source, column and horizon of what tasks with many labels ask for."""
    fingerprints: dict[str, str]
    """Fingerprint of each table, by its name and the hash of its definition."""
    plans: dict[str, TaskPlan]
    pooled: tuple[str, ...]
    """Tasks whose rows are represented with those of pretraining; what later ones lack is when they are fitted."""
    entities: int
    events: dict[str, int]
    reason: str

    @property
    def read(self) -> float:
        """Share of the entities whose rows are represented for all."""
        return self.plans[self.pooled[0]].read if self.pooled else 1.0

    def pin(self, name: str) -> object:
        """A part of the snapshot as it stands in the inputs of an artifact."""
        times = self.times
        return {
            "training_end": times.training_end,
            "grid": [times.cutoffs.tolist(), times.data_end, times.training_end, times.validations, times.tests],
            "horizons": [self.item_horizons, self.activity_horizons],
            "item_targets": self.item_targets,
            "pool": {name: self.plans[name].to_dict() for name in self.pooled},
            "entities": self.entities,
            "events": self.events,
        }[name]

    @classmethod
    def load(cls, artifact: Artifact) -> "Snapshot":
        """The snapshot that an artifact holds."""
        return cls.of(artifact.version, Pins.read(artifact))

    @classmethod
    def of(cls, version: str, pins: Pins) -> "Snapshot":
        """The snapshot that these pins are."""
        content = pins.content
        return cls(
            version,
            Times(pins.cutoffs, *content["grid"]),
            tuple(content["item_horizons"]),
            tuple(content["activity_horizons"]),
            tuple((s, c, h) for s, c, h in content["item_targets"]),
            content["fingerprints"],
            {name: TaskPlan.from_dict(entry) for name, entry in content["plans"].items()},
            tuple(content["pooled"]),
            content["entities"],
            content["events"],
            content["reason"],
        )


def fingerprint_name(contract: Contract, relation: Relation) -> str:
    """The name under which a table's fingerprint is pinned: another definition is another table."""
    return f"{relation} {contract.definition(relation)}"


def read_columns(contract: Contract) -> dict[str, tuple[Relation, list[str]]]:
    """Every relation that is learnt from and the columns that are read, by the name of its mark."""
    relations = [source.relation for source in (*contract.events, *contract.attributes)]
    relations += [
        relation for task in contract.tasks for relation in (task.relation, task.population, task.offers) if relation
    ]
    readable = contract.readable
    return {fingerprint_name(contract, relation): (relation, sorted(readable[str(relation)])) for relation in relations}


def due(contract: Contract, settings: Settings, current: Artifact | None, live: Times, erased: bool = False) -> str:
    """Why a new snapshot is due; empty where none is. `erased`: a model saw someone who is to be forgotten."""
    if current is None:
        return "nothing was trained yet"
    if erased:
        return "a model saw someone who is to be forgotten"
    pins = Pins.read(current).content
    if pins["settings"] != _settings(settings):
        names = [name for name, value in _settings(settings).items() if pins["settings"].get(name) != value]
        return f"settings changed: {', '.join(names)}"
    if pins["declared"]["grid"] != _declared(contract)["grid"]:
        return "the declaration of the grid changed"
    old = Snapshot.load(current).times
    days = (live.data_end - old.data_end) // DAY
    if days >= settings.retrain_days:
        return f"the data end {days} days later; BASEMODEL_RETRAIN_DAYS is {settings.retrain_days}"
    declared = _declared(contract)
    for task in contract.tasks:
        if task.horizon is None or pins["declared"].get(task.name) == declared[task.name]:
            continue
        if validated_from(old, task) < old.training_end:
            return f"task {task.name} is validated earlier than training ended"
    return ""


def take(contract: Contract, settings: Settings, warehouse: Warehouse, live: Times, reason: str) -> Pins:
    """Pin everything anew.

    Raises:
        DataError: there are not two entities, or no window is over before the end of training.
    """
    pins = _new_pins(contract, settings, live, reason)
    if not (live.cutoffs + min(pins["item_horizons"]) * DAY <= live.training_end).any():
        raise DataError(
            f"No cutoff of {contract.grid.relation} has a window of {min(pins['item_horizons'])} days that is over by "
            f"{key_of(to_datetime(live.training_end))}, where the first validation begins, so there is nothing to "
            f"pretrain on. Start the grid earlier: its first cutoff is {key_of(to_datetime(int(live.cutoffs[0])))}."
        )
    before = to_datetime(live.data_end + 1)
    pins["entities"] = int(warehouse.read(entities_count_query(contract, before)).column(0)[0].as_py())
    if pins["entities"] < 2:
        raise DataError(
            f"{pins['entities']} {contract.entity}s have events before {before:%Y-%m-%d}, and a model of behaviour "
            f"compares them: at least 2 are needed. Do the event tables hold every {contract.entity}, and does the "
            "grid end after their events?"
        )
    for event in contract.events:
        count = warehouse.read(events_count_query(event, before)).column(0)[0].as_py()
        pins["events"][event.name] = int(count)
    plans = {task.name: plan(contract, settings, warehouse, task, live) for task in contract.tasks}
    wanted = settings.activity_rows / max(pins["entities"] * PER_ENTITY, 1)
    pins["plans"] = {name: task_plan.to_dict() for name, task_plan in read_together(plans, min(1.0, wanted)).items()}
    pins["pooled"] = sorted(plans)
    return _with_fingerprints(contract, warehouse, Pins(pins, live.cutoffs))


def is_incomplete(contract: Contract, current: Artifact) -> bool:
    """Whether the contract declares something that a snapshot does not know."""
    pins, declared = Pins.read(current).content, _declared(contract)
    changed = any(pins["declared"].get(task.name) != declared[task.name] for task in contract.tasks)
    return changed or not read_columns(contract).keys() <= pins["fingerprints"].keys()


def extend(contract: Contract, settings: Settings, warehouse: Warehouse, current: Artifact) -> Pins | None:
    """Pin what is new in the contract, and leave all else as it is; None where nothing is new."""
    if not is_incomplete(contract, current):
        return None
    pins, old, declared = Pins.read(current).content, Snapshot.load(current), _declared(contract)
    fresh = [task for task in contract.tasks if pins["declared"].get(task.name) != declared[task.name]]
    for task in fresh:
        if _of_rows(pins["declared"].get(task.name, {})) != _of_rows(declared[task.name]):
            # Where it is not drawn with the others, what is missing of its rows is represented when it is fitted.
            pins["plans"][task.name] = plan(contract, settings, warehouse, task, old.times).to_dict()
            pins["pooled"] = [name for name in pins["pooled"] if name != task.name]
        pins["declared"][task.name] = declared[task.name]
    if fresh:
        pins["reason"] = f"new or declared anew: {', '.join(task.name for task in fresh)}"
    for event in contract.events:
        if event.name not in pins["events"]:
            query = events_count_query(event, to_datetime(old.times.data_end + 1))
            pins["events"][event.name] = int(warehouse.read(query).column(0)[0].as_py())
    return _with_fingerprints(contract, warehouse, Pins(pins, old.times.cutoffs))


def _of_rows(declared: dict[str, Any]) -> dict[str, Any]:
    """What of a task's declaration its rows follow from."""
    return {name: value for name, value in declared.items() if name not in OF_ANSWERS}


def plan(contract: Contract, settings: Settings, warehouse: Warehouse, task: Task, times: Times) -> TaskPlan:
    """The rows of a task that are drawn, from how many there are at each cutoff."""
    relation = task.population or task.relation
    yes = yes_of(warehouse, task) if task.form.is_yes_or_no else None
    most = bounds(settings, task, _labels(warehouse, task))
    if task.has_row_cutoffs:
        counted = read_counts(warehouse.read(counts_query(task, times, yes)))
        return plan_row_cutoffs(task, times, counted, most, settings.seed)
    query = counts_by_cutoff_query(relation, task.cutoff, None if yes is None else task.target, yes)
    table = warehouse.read(query)
    table = table.filter(pc.is_valid(table.column(0)))
    cutoffs = microseconds(table.column(0)).tolist()
    counts = dict(zip(cutoffs, table.column(1).to_pylist(), strict=True))
    positives = None if yes is None else dict(zip(cutoffs, table.column("positives").to_pylist(), strict=True))
    split = None if task.horizon is None else times.split(task.horizon, task.name, task.split)
    complete = times.cutoffs if task.horizon is None else times.complete(task.horizon)
    return plan_task(counts, split, complete, most, settings.seed, positives)


def bounds(settings: Settings, task: Task, labels: int = 0) -> dict[str, int]:
    """How many rows of each part of a task are drawn, at most; of so many `labels`, 0 where there are none."""
    training_rows, measured = settings.task_rows, settings.evaluation_rows
    if task.form.shape in MOST_ROWS:
        of_few = PAIRS // max(labels, 1) if labels else 0
        most_training_rows, most_measured = (max(most, of_few) for most in MOST_ROWS[task.form.shape])
        training_rows, measured = min(training_rows, most_training_rows), min(measured, most_measured)
    return {"train": training_rows, "validation": measured, "test": measured}


def _labels(warehouse: Warehouse, task: Task) -> int:
    """How many labels a task has; 0 where it asks for none."""
    if task.form.shape is not Shape.LABELS:
        return 0
    return int(warehouse.read(labels_count_query(task)).column(0)[0].as_py())


def _new_pins(contract: Contract, settings: Settings, live: Times, reason: str) -> dict[str, Any]:
    horizons = [task.horizon for task in contract.tasks if task.horizon]
    items = {task.horizon for task in contract.tasks if task.horizon and task.predicts}
    item_targets = {
        (task.predicts.source, task.predicts.column, task.horizon)
        for task in contract.tasks
        if task.form.shape is Shape.LABELS and task.predicts and task.horizon
    }
    return {
        "grid": [live.data_end, live.training_end, live.validations, live.tests],
        "item_horizons": sorted({14, 28} | items),
        "activity_horizons": sorted({*settings.horizons, *horizons}),
        "item_targets": sorted(item_targets),
        "fingerprints": {}, "events": {}, "plans": {}, "pooled": [], "entities": 0, "reason": reason,
        "settings": _settings(settings), "declared": _declared(contract),
    }  # fmt: skip


def _with_fingerprints(contract: Contract, warehouse: Warehouse, pins: Pins) -> Pins:
    """The same with the fingerprint of every table that has none."""
    known = pins.content["fingerprints"]
    pins.content["fingerprints"] = {
        name: known[name] if name in known else warehouse.fingerprint(relation, columns)
        for name, (relation, columns) in read_columns(contract).items()
    }
    return pins


def _settings(settings: Settings) -> dict[str, Any]:
    return settings.model_dump(mode="json", include=set(PLANNED_BY))


def _declared(contract: Contract) -> dict[str, Any]:
    """Declarations that a snapshot follows from, without the moment at which a stopped data set stopped."""
    grid = contract.grid.model_dump(mode="json", exclude={"now"})
    return {"grid": grid, **{task.name: task.model_dump(mode="json") for task in contract.tasks}}
