"""A model card: what a model was made from, whom it is asked about, how well it answers and to whom, what it cannot."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from basemodel_ops.pages.markup import Markup, concatenated, element, listing, number, slug, table
from basemodel_ops.pages.pictures import interval


@dataclass(frozen=True)
class Measured:
    """A metric with the interval that holds 95 of 100 times."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if self.low == self.high:  # nothing says how sure it is
            return number(self.value)
        return f"{number(self.value)} [{number(self.low)}, {number(self.high)}]"


@dataclass(frozen=True)
class GroupWorth:
    """The metric among the rows of a group: entities with one value of one attribute."""

    attribute: str
    value: str
    rows: int
    measured: Measured | None
    """None where it cannot be measured: too few rows, or one answer only."""


@dataclass(frozen=True)
class Card:
    """What is known of a task's model."""

    task: str
    type: str
    entity: str
    as_of: str
    window: dict[str, Any]
    """Horizon in days, and the cutoffs and rows of each part."""
    population: dict[str, Any]
    data: dict[str, Any]
    """Sources with their columns, events, entities, and the end of training."""
    metric: str
    direction: str
    shipped: str
    baseline: str
    measured: dict[str, Measured]
    """By `shipped`, `baseline` and `difference`, where they are known."""
    metrics: Mapping[str, Mapping[str, float]]
    """All metrics of all candidates on the test."""
    groups: Sequence[GroupWorth] = field(default=())
    label_efficiency: dict[str, Any] | None = None
    """The metric of heads by the share of the entities that they learnt from; None where it was not measured."""
    limits: Sequence[str] = field(default=())
    hashes: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The card for machines; what is not a number is null."""
        return json.loads(json.dumps(asdict(self), default=str), parse_constant=lambda _: None)

    def section(self) -> Markup:
        """The card as a part of a page, to be kept as a file too."""
        text = json.dumps(self.as_dict(), sort_keys=True, indent=1)
        data = base64.b64encode(text.encode()).decode()
        link = element(
            "a", f"Keep this card: {self.task}.json", download=f"{self.task}.json",
            href=Markup(f"data:application/json;base64,{data}"),
        )  # fmt: skip
        measured = [
            (f"{self.metric} {self.direction} of {name}", str(measured)) for name, measured in self.measured.items()
        ]
        about = listing(
            [
                ("type", self.type), ("asked about", f"{self.entity}, {_listed(self.population)}"),
                ("data", _listed(self.data)),
                ("window", _listed(self.window)), ("ships", self.shipped), ("baseline", self.baseline), *measured,
            ]
        )  # fmt: skip
        rows = [
            (name, *(values.get(name, float("nan")) for name in self._names)) for name, values in self.metrics.items()
        ]
        numbers = table(["candidate", *self._names], rows, f"All metrics on the test, {self.task}", range(1, 99))
        limits = element("ul", *(element("li", limit) for limit in self.limits))
        hashes = listing((name, element("code", value)) for name, value in self.hashes.items())
        return element(
            "section", element("h4", f"Model card: {self.task}", id=slug("card", self.task)), about, numbers,
            self._groups(), element("h4", "Limits"), limits, element("h4", "Versions"), hashes, element("p", link),
            class_="card", aria_labelledby=slug("card", self.task),
        )  # fmt: skip

    @property
    def _names(self) -> list[str]:
        return list(dict.fromkeys(name for values in self.metrics.values() for name in values))

    def _groups(self) -> Markup:
        if not self.groups:
            return concatenated(
                [element("h4", "By group"), element("p", "No attribute of few values is known of them.", class_="none")]
            )
        known = [group_worth.measured for group_worth in self.groups if group_worth.measured]
        bounds = (
            min((measured.low for measured in known), default=0.0),
            max((measured.high for measured in known), default=1.0),
        )
        rows = []
        for index, group_worth in enumerate(self.groups):
            if group_worth.measured is None:
                rows.append((group_worth.attribute, group_worth.value, group_worth.rows, "–", "too few of one answer"))
                continue
            measured, words = (
                group_worth.measured,
                f"{group_worth.attribute} {group_worth.value}: {group_worth.measured}",
            )
            drawing = interval(
                measured.value, measured.low, measured.high, bounds, words, slug("group", self.task, index)
            )
            rows.append((group_worth.attribute, group_worth.value, group_worth.rows, str(measured), drawing))
        label = f"{self.metric} {self.direction} by group on the test, {self.task}"
        headings = ["attribute", "value", "rows", "value and 95 % interval", "drawn"]
        return concatenated([element("h4", "By group"), table(headings, rows, label, (2, 3))])


def _listed(values: dict[str, Any]) -> str:
    return "; ".join(f"{name.replace('_', ' ')}: {_as_text(value)}" for name, value in values.items())


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} ({_as_text(inner)})" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_as_text, value))
    return number(value) if isinstance(value, int | float) else str(value)
