"""The features of heads in words that a person reads, from what the layout says of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.contract.types import Contract
from basemodel_ops.encoders.number import NumberEncoder
from basemodel_ops.encoders.numbers import signed_expm1
from basemodel_ops.representation.build import RECENCY_HALF_LIFE
from basemodel_ops.representation.elapsed import DAYS, KNOWN, LEAD
from basemodel_ops.representation.layout import Block
from basemodel_ops.representation.scalars import ABSENT_DAYS
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.features.encoding import categories
from basemodel_ops.stages.features.rows import ATTRIBUTES
from basemodel_ops.stages.foundation.learner_layout import NUMBERS_OF_ITEMS
from basemodel_ops.stages.tasks.difference_features import WINDOW_NAME, DifferenceFeature

NEVER = 0.9 * ABSENT_DAYS
"""Days from which on something never was; half-precision numbers are not exact there."""

MEASURES = ("events", "sessions", "active_days")
"""What is measured of a source whatever its columns."""

MINUTES, MINUTES_OF_DAY = "minutes since", 24 * 60

PEERS = "what became of others with the same items"

Unit = Callable[[np.ndarray], np.ndarray]
"""From a feature to the unit of its words."""


@dataclass(frozen=True)
class Aggregate:
    """What a feature says, of which table and column, and how its numbers are read."""

    words: str
    table: str = ""
    column: str = ""
    read: Unit | None = None
    """From the feature to the unit of the words; None where its number says nothing to people, or may not be told."""
    names: tuple[str, ...] = ()
    """What a number stands for, where it numbers values, from 0 on."""

    def formatted(self, value: float) -> str:
        """A number in the unit of the words, as people write it."""
        if not np.isfinite(value):
            return "never"
        if self.names:
            return self.names[min(int(value), len(self.names) - 1)]
        number = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
        # As minutes alone nobody reads how long a year is.
        is_long = self.words.startswith(MINUTES) and value >= 2 * MINUTES_OF_DAY
        return f"{number} ({value / MINUTES_OF_DAY:,.0f} days)" if is_long else number


def _rounded(values: np.ndarray) -> np.ndarray:
    """Half precision knows no better, and a spread of one value alone is not quite 0 there."""
    return np.round(np.asarray(values, np.float64), 3)


def _identity(values: np.ndarray) -> np.ndarray:
    return values


def _days(values: np.ndarray) -> np.ndarray:
    """Days out of their signed logarithm, infinite where there was no event."""
    days = signed_expm1(values)
    return np.where(days > NEVER, np.inf, days)


def _since(values: np.ndarray) -> np.ndarray:
    """Days out of 2^(-days / 28)."""
    return np.where(values > 0, -RECENCY_HALF_LIFE * np.log2(np.maximum(values, 1e-30)), np.inf)


class Wording:
    """Blocks of rows and of what is foreseen, in words; values of personal columns are not told."""

    def __init__(self, contract: Contract, store: ArtifactStore) -> None:
        """Values are looked up in the encoders when they are first told."""
        self._store = store
        marked = {(str(item.relation), item.column) for item in contract.personal}
        sources = (*contract.events, *contract.attributes)
        items = {source.name: source for source in contract.attributes}
        self._personal = set[tuple[str, str]]()
        self._tables = {source.name: str(source.relation) for source in sources}
        self._categories = {source.name: set(categories(source)) for source in sources}
        for source in sources:
            for column in source.columns:
                attributes = items[column.references] if column.references else None
                is_marked = (str(source.relation), column.name) in marked
                self._personal |= {(source.name, column.name)} if is_marked else set()
                if attributes is not None:
                    inner = {
                        attribute.name
                        for attribute in attributes.columns
                        if is_marked or (str(attributes.relation), attribute.name) in marked
                    }
                    self._personal |= {(source.name, f"{column.name}.{name}") for name in inner}
        self._known: dict[tuple[str, str], tuple[str, ...]] = {}
        self._signed: dict[str, set[str]] = {}

    def of(self, block: Block) -> list[Aggregate]:
        """Each number of a block of inputs."""
        source, column = block.source, block.column
        table = self._tables.get(source, "")
        number = block.detail.rpartition("/")[0] if block.kind in NUMBERS_OF_ITEMS else column
        is_public = self._personal.isdisjoint({(source, column), (source, number)})
        words, read, names = self._worded(block, is_public)
        if isinstance(words, str):
            words = [words] * block.length
        return [
            Aggregate(word, table, column, read if is_public else None, names if is_public else ()) for word in words
        ]

    def of_difference(self, feature: DifferenceFeature) -> Aggregate:
        """One number less another, both logarithms: a ratio, unless one of them may be below zero."""
        columns = [(feature.source, column) for column in feature.columns]
        if any(self._falls_below_zero(*column) for column in columns):
            return Aggregate(f"{feature.name}, by their size")
        return Aggregate(f"{feature.name}, ratio", read=np.exp if self._personal.isdisjoint(columns) else None)

    def _falls_below_zero(self, source: str, column: str) -> bool:
        """Whether a good part of a column's numbers are negative."""
        if source not in self._signed:
            encoders = EncoderArtifact.current(self._store, source).encoders().items()
            numbers = {name: encoder.cuts for name, encoder in encoders if isinstance(encoder, NumberEncoder)}
            self._signed[source] = {name for name, cuts in numbers.items() if len(cuts) and cuts[0] < 0}
        return column in self._signed[source]

    def model_output(self, block: Block, days: int) -> Aggregate:
        """A future that the foundation model foresees. All spans of one are told of in the words of that of `days`."""
        source, column = block.source, block.column
        table, is_shown = self._tables[source], block.detail == str(days) and (source, column) not in self._personal
        if block.kind == "occurred":
            words, read = f"chance of any {source} in the next {days} days", expit
        elif block.kind == "time_to_event":
            return Aggregate(f"days to the next of {source}, foreseen", table, "", signed_expm1)
        else:
            words, read = f"{_measured(column, source, is_sum=False)} in the next {days} days", signed_expm1
        shown_column = "" if column in MEASURES else column
        return Aggregate(f"{words}, foreseen", table, shown_column, read if is_shown else None)

    def _worded(self, block: Block, is_public: bool) -> tuple[str | Sequence[str], Unit | None, tuple[str, ...]]:
        source, column, detail = block.source, block.column, block.detail
        last = f"the last of {source}" if detail == "1" else f"number {detail} from the last of {source}"
        match block.kind:
            case "scalar":
                return *_scalar(source, detail), ()
            case "sum" | "mean":
                return f"{block.kind} of {column} of {source}, halved every {detail} days", signed_expm1, ()
            case "last":
                return f"last {column} of {source}", signed_expm1, ()
            case "elapsed":
                return _elapsed(source, column, detail)
            case "count":
                values = self._values(block, is_public)
                return [f"{column} {value}, events halved every {detail} days" for value in values], np.expm1, ()
            case "item_sum" | "item_mean" | "item_last":
                return _item_numbers(block, self._values(block, is_public)), signed_expm1, ()
            case "recency":
                return [f"days since {column} {value}" for value in self._values(block, is_public)], _since, ()
            case "recent_gap":
                until = "" if detail == "1" else " to the next"
                return f"{MINUTES} {last}{until}", np.expm1, ()
            case "recent_item":
                return f"{column} of {last}", _identity, ("none", *self._vocabulary(block))
            case "recent_same":
                return f"{column} of {last} is that of the last", _identity, ("no", "yes")
            case "recent_number":
                return f"{column} of {last}", signed_expm1, ()
            case "profile" if detail == "most_frequent":
                return f"usual {column} of {source}", _identity, ("none", *self._vocabulary(block))
            case "profile":
                what = {"share": "share of the usual", "distinct": "number of different", "entropy": "spread of"}
                return f"{what[detail]} {column} of {source}", _rounded, ()
            case kind if kind in ATTRIBUTES and column in self._categories.get(source, ()):
                return [f"{column} is {value}" for value in self._values(block, is_public)], _identity, ("no", "yes")
            case "calendar":
                return "time of the year", None, ()
            case "clock":
                return f"{detail} of the cutoff", _identity, ()
            case "between":
                return f"time from the newest of {source} to that of {detail}", None, ()
            case "run":
                what, read = {
                    "length": ("events in the newest run", np.expm1),
                    "age": (f"{MINUTES} the newest run began", np.expm1),
                    "runs": ("runs as a share of events", _identity),
                }[detail]
                return f"{what}, {column} of {source}", read, ()
        return " ".join(part for part in (source, column) if part) or block.kind, None, ()

    def _values(self, block: Block, is_public: bool) -> list[str]:
        """What the places of a block stand for."""
        if not is_public:
            return ["(not told)"] * block.length
        known = self._vocabulary(block)
        return [known[index] if index < len(known) else "(unknown)" for index in range(block.length)]

    def _vocabulary(self, block: Block) -> tuple[str, ...]:
        key = (block.source, block.column)
        if key not in self._known:
            values = EncoderArtifact.current(self._store, block.source).vocabulary(block.column).values
            self._known[key] = tuple(str(entry) for entry in values.slice(0, 2048).to_pylist())
        return self._known[key]


def _scalar(source: str, detail: str) -> tuple[str, Unit]:
    if named := WINDOW_NAME.fullmatch(detail):
        span = "a year" if named[2] == "all" else f"in {named[2][:-1]} days"
        return f"{_measured(named[1].removeprefix('sum_'), source, named[1].startswith('sum_'))} {span}", signed_expm1
    if detail.startswith("recency_"):
        number = detail.removeprefix("recency_")
        words = f"the last of {source}" if number == "1" else f"day number {number} from the last with {source}"
        return f"days since {words}", _days
    words = {
        "tenure": f"days since the first of {source}, by year observed",
        "mean_gap": f"days between days with {source}",
        "overdue": f"days since the last of {source}, in usual gaps",
    }
    return words.get(detail, f"{detail} of {source}"), _days if detail == "mean_gap" else signed_expm1


def _elapsed(source: str, column: str, detail: str) -> tuple[str, Unit, tuple[str, ...]]:
    if detail == KNOWN:
        return f"{column} of {source} is known", _identity, ("no", "yes")
    what = {DAYS: f"days since {column} of {source}", LEAD: f"days to {column} from its {source}"}
    return what[detail], signed_expm1, ()


def _item_numbers(block: Block, values: Sequence[str]) -> list[str]:
    number, _, half_life = block.detail.rpartition("/")
    kind = block.kind.removeprefix("item_")
    what = f"last {number}" if kind == "last" else f"{kind} of {number}"
    faded = f", halved every {half_life} days" if half_life else ""
    return [f"{what} of {block.source} with {block.column} {value}{faded}" for value in values]


def _measured(measure: str, source: str, is_sum: bool) -> str:
    """What is counted or summed over a window."""
    if is_sum or measure not in MEASURES:
        return f"{measure} of {source}"
    return {"events": source, "sessions": f"sessions of {source}", "active_days": f"days with {source}"}[measure]
