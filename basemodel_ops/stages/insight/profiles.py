"""What is said of segments: the traits that set each apart from its siblings, in words and figures, and a name."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.contract.types import Contract
from basemodel_ops.insight.descriptions import Difference, Sums, described, differences
from basemodel_ops.insight.names import Apart, is_worded, names_of
from basemodel_ops.insight.segments import LEVELS, Tree
from basemodel_ops.insight.traits import SEEN_WEEKS, WORDS, Trait
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.features.encoding import categories
from basemodel_ops.stages.insight.week import Week

PROFILES = "segment_profiles"


@dataclass(frozen=True)
class TraitDifference:
    """One trait of a segment: where it stands, in words, and its shares among members and among the others."""

    source: str
    column_name: str
    value: str
    words: str
    share_inside: float
    share_outside: float
    lift: float
    lift_low: float
    lift_high: float


@dataclass(frozen=True)
class Profile:
    """A segment: its size, its share of all entities, and what sets it apart."""

    segment: str
    level: int
    name: str
    size: int
    share: float
    differences: list[TraitDifference]


def profiles(
    words: "Words", week: Week, tree: Tree, ids: list[str], group: np.ndarray, before: Mapping[str, str]
) -> list[Profile]:  # fmt: skip
    """Every segment with members, in words for the traits of the week.

    Each is described against those with which it shares a parent, or else against everyone.

    Personal columns are not told of, nor what fewer members have than `descriptions.MEMBERS`. `before` are the names of
    an earlier week, by id.
    """
    if not len(week):
        return []
    deepest = np.where(group >= 0, group, -1).max(axis=1)  # children stand behind their parents
    parts = ((deepest[part], week.traits.shares(kept, week.typical)) for part, kept in week.kept())
    sums = Sums.of(parts, len(tree))
    if sums is None:
        return []
    below = [np.flatnonzero(_is_below(tree, entry)) for entry in range(len(tree))]
    by_segment = []
    for entry in range(len(tree)):
        above = int(tree.parent[entry])
        around = np.arange(len(tree)) if above < 0 else below[above]
        by_segment.append(differences(sums, below[entry], np.setdiff1d(around, below[entry]), words.about))
    names = names_of(ids, tree.parent.tolist(), [words.apart(entry) for entry in by_segment], before)
    sizes = [int(sums.count[members].sum()) for members in below]
    return [
        Profile(
            ids[entry], int(tree.level[entry]), names[entry], size, size / len(week),
            [words.describe(difference) for difference in described(by_segment[entry], words.about)],
        )
        for entry, size in enumerate(sizes) if size
    ]  # fmt: skip


def _is_below(tree: Tree, group: int) -> np.ndarray:
    """Which groups are this one or within it."""
    result = np.arange(len(tree)) == group
    for _ in range(LEVELS):
        result |= (tree.parent >= 0) & result[tree.parent]
    return result


class Words:
    """Traits as people say them."""

    def __init__(self, contract: Contract, store: ArtifactStore, traits: list[Trait]) -> None:
        """Values are looked up in the vocabularies when they are first told."""
        self._store, self._traits = store, traits
        self._known: dict[tuple[str, str], list[str]] = {}
        hidden, attributes = personal(contract), attribute_columns(contract)
        columns = [(trait.source, trait.column) for trait in traits]
        publishable = [
            column not in hidden and (trait.kind != "fact" or column in attributes)
            for column, trait in zip(columns, traits, strict=True)
        ]
        self.about: list[object] = [
            column if is_publishable else None for column, is_publishable in zip(columns, publishable, strict=True)
        ]
        """Source and column of each trait; None of those that are not told."""

    def _value(self, trait: Trait) -> str:
        key = (trait.source, trait.column)
        if key not in self._known:
            values = EncoderArtifact.current(self._store, trait.source).vocabulary(trait.column).values
            self._known[key] = [str(entry) for entry in values.slice(0, 10_000).cast(pa.string()).to_pylist()]
        return self._known[key][int(trait.value)]

    def apart(self, group_differences: list[Difference]) -> Apart:
        """Differences as a name says them."""
        words: dict[str, None] = {}
        bare: dict[str, None] = {}
        for difference in group_differences:
            trait = self._traits[difference.trait]
            if trait.kind in WORDS:
                words[f"{trait.kind} {trait.column}"] = None
            elif trait.kind == "time":
                words[str(trait.value)] = None
            elif is_worded(value := self._value(trait)):
                words[value] = None
            else:  # it says nothing without what it is a value of
                bare[f"{trait.column.rpartition('.')[2]} {value}"] = None
        return Apart(list(words), list(bare))

    def describe(self, difference: Difference) -> TraitDifference:
        """A difference in words and figures."""
        trait = self._traits[difference.trait]
        value = self._value(trait) if trait.kind in ("held", "fact") else str(trait.value)
        shares = (
            f"{difference.inside:.0%} against {difference.outside:.0%}, {difference.lift:.2g} times "
            f"[{difference.low:.2g} to {difference.high:.2g}]"
        )
        what = {
            "held": f"have {value} ({trait.column}) in their last {SEEN_WEEKS} weeks",
            "fact": f"{trait.column} is {value}",
            "high": f"are in the highest fifth by {trait.column}",
            "low": f"are in the lowest fifth by {trait.column}",
            "time": f"of their {trait.source}, by {trait.column}: {value}",
        }[trait.kind]
        words = f"{what}: {shares}"
        return TraitDifference(
            trait.source,
            trait.column,
            value,
            words,
            difference.inside,
            difference.outside,
            difference.lift,
            difference.low,
            difference.high,
        )


def personal(contract: Contract) -> set[tuple[str, str]]:
    """Source and column, as the representation names them, of personal columns."""
    marked = {(str(item.relation), item.column) for item in contract.personal}
    items = {source.name: source for source in contract.attributes}
    result = set()
    for source in (*contract.events, *contract.attributes):
        for column in source.columns:
            is_marked = (str(source.relation), column.name) in marked
            inner = items[column.references].columns if column.references else ()
            names = [column.name] if is_marked else []
            names += [
                f"{column.name}.{entry.name}"
                for entry in inner
                if is_marked or (str(items[str(column.references)].relation), entry.name) in marked
            ]
            result |= {(source.name, name) for name in names}
    return result


def attribute_columns(contract: Contract) -> set[tuple[str, str]]:
    """Source and column of the facts of entities that are categories: each place of their block is one value."""
    attributes = [source for source in contract.attributes if source.key == contract.entity]
    return {(source.name, name) for source in attributes for name in categories(source)}
