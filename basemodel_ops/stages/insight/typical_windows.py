"""What is usual in windows, learnt from past ones: how far forecasts miss, and how often a window is as odd."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from basemodel_ops.encoders.numbers import signed_expm1
from basemodel_ops.insight import counts, shares
from basemodel_ops.insight.conformal import ContemporaryRanks, Ranks, combined
from basemodel_ops.insight.counts import Chance, Errors, Expected, Reading
from basemodel_ops.insight.shares import Mixture
from basemodel_ops.stages.insight.lines import Line
from basemodel_ops.stages.insight.windows import Happened, Windows


@dataclass(frozen=True)
class Items:
    """What is usual of items: which are popular, and how much each kind of shares says of the next."""

    popular: np.ndarray  # (cells,)
    mixture: Mixture

    @classmethod
    def of(cls, parts: Sequence[tuple[Windows, np.ndarray]], line: Line) -> "Items":
        """Of past windows and those rows of each that are learnt from, bool (rows,)."""
        happened = []
        for windows, rows in parts:
            happened_items = windows.items(line)
            chosen_rows = rows[happened_items.row]
            happened.append((happened_items.row[chosen_rows], happened_items.cell[chosen_rows]))
        seen = np.bincount(np.concatenate([cell for _, cell in happened]), minlength=line.size) + 1 / line.size
        popular = seen / seen.sum()
        likelihood, cell_weights = [], []
        for (windows, _), (row, cell) in zip(parts, happened, strict=True):
            rows, inverse = np.unique(row, return_inverse=True)
            kinds, total_weight = windows.kinds(line, popular, rows)
            likelihood.append(kinds[:, inverse, cell].T)
            cell_weights.append(total_weight[inverse])
        return cls(popular, Mixture.of(np.concatenate(likelihood), np.concatenate(cell_weights)))


@dataclass(frozen=True)
class Counts:
    """What is usual of numbers of events, or of days with any: how forecasts are read, and how far they miss."""

    read: Chance
    number: Reading
    errors: Errors

    @classmethod
    def of(cls, parts: Sequence[tuple[Windows, np.ndarray]], line: Line) -> "Counts":
        """Of past windows and those rows of each that are learnt from, bool (rows,)."""
        seen = [
            [values[rows] for values in (windows.logit(line.source), *_counts_and_inputs(line, windows))]
            for windows, rows in parts
        ]
        logit, number, inputs = (np.concatenate(values) for values in zip(*seen, strict=True))
        read, reading = Chance.of(logit, number > 0), Reading.of(inputs[number > 0], np.log1p(number[number > 0]))
        expected = Expected.of(logit, reading.of_rows(inputs), read)
        return cls(read, reading, Errors.of(expected.log, counts.log_errors(expected, number)))

    def windows(self, line: Line, windows: Windows) -> tuple[Expected, np.ndarray]:
        """What was foreseen of a line and what happened, (rows,)."""
        number, inputs = _counts_and_inputs(line, windows)
        return Expected.of(windows.logit(line.source), self.number.of_rows(inputs), self.read), number


@dataclass(frozen=True)
class Amounts:
    """What is usual of the mean of a number: how much forecasts say, how much an entity's own past, and how far both
    miss; of what each has a level of its own, as of places, a forecast alone says little."""

    mean: Reading
    errors: Errors

    @classmethod
    def of(cls, parts: Sequence[tuple[Windows, np.ndarray]], line: Line) -> "Amounts":
        """Of past windows and those rows of each that are learnt from, bool (rows,)."""
        seen = [
            [
                values[rows]
                for values in (np.log1p(windows.number(line.source)), *windows.sizes(line.source, line.column))
            ]
            for windows, rows in parts
        ]
        height, sizes, inputs = (np.concatenate(values) for values in zip(*seen, strict=True))
        mean = Reading.of(inputs[np.isfinite(sizes)], sizes[np.isfinite(sizes)])
        return cls(mean, Errors.of(height, sizes - mean.of_rows(inputs)))


def _counts_and_inputs(line: Line, windows: Windows) -> tuple[np.ndarray, np.ndarray]:
    """How many events or days there were, (rows,), and what told so: the forecast, and how many there used to be."""
    number, last, typical = windows.amounts(line)
    return number, np.stack([windows.predicted_log(line.source), np.log1p(last), np.log1p(typical)], axis=1)


@dataclass(frozen=True)
class Seen:
    """Items of windows, with the share that was foreseen of each, and the chance of something no likelier, (items,)."""

    items: Happened
    shares: np.ndarray
    chances: np.ndarray


@dataclass(frozen=True)
class Judged:
    """Windows in one line: how odd each is, and what was foreseen of it."""

    score: np.ndarray
    """(rows,), the larger the odder; not-a-number where a window says nothing."""
    grouping: np.ndarray
    """By what windows are compared, (rows,)."""
    observed: np.ndarray
    """How much happened, (rows,): events, days with any, the mean of a number, items."""
    expected: np.ndarray
    """About how much was foreseen, (rows,); of items nothing."""
    items: "Seen | None" = None
    """The items of the windows, where the line is of items."""


SHARED = ("item", "hour", "weekday")
"""Kinds of lines in which a campaign or a holiday is odd of many at once. Whether much happens is not among them: of
those who are silent all are alike, so that ranks among few of them would move all at once."""

Contemporaries = list[ContemporaryRanks | None]
"""Of each line how odd others were at the same time; None where that is not asked."""


@dataclass(frozen=True)
class TypicalWindows:
    """Lines, and of each what is learnt of it: from one half of past windows how odd another window is in it."""

    lines: list[Line]
    models: list[Counts | Amounts | Items]
    ranks: list[Ranks]
    past: np.ndarray
    """How odd the windows of the other half are in all, ascending."""

    @classmethod
    def of(cls, lines: list[Line], past: Sequence[tuple[Windows, np.ndarray, np.ndarray]]) -> "TypicalWindows":
        """Of past windows, the half that each row is of, 1 or 2, or 0 where it is left out, and the half of its entity,
        (rows,)."""
        parts = [(windows, half == 1) for windows, half, _ in past]
        halves, entity_half, start = (
            np.concatenate(values)
            for values in zip(*((half, other, windows.start) for windows, half, other in past), strict=True)
        )
        first, second = halves == 1, halves == 2
        model, ranks, chances = [], [], []
        for line in lines:
            model.append(_fit_line(line, parts))
            judged = [_judged(line, model[-1], windows) for windows, _ in parts]
            score, grouping = (
                np.concatenate([getattr(judged, name) for judged in judged]) for name in ("score", "grouping")
            )
            ranks.append(Ranks.of(score[first], grouping[first]))
            its_chances = ranks[-1].chances(score, grouping)
            for moment in np.unique(start[second]) if line.kind in SHARED else ():
                at = second & (start == moment)
                others = ContemporaryRanks.of(score[at], grouping[at], entity_half[at])
                its_chances[at] = np.maximum(its_chances[at], others.chances(score[at], grouping[at], entity_half[at]))
            chances.append(its_chances[second])
        return cls(lines, model, ranks, np.sort(combined(np.stack(chances, axis=1))))

    def contemporaries(self, sample: Sequence[tuple[Windows, np.ndarray]]) -> Contemporaries:
        """How odd some windows of the same time are, each with the half of its entity, (rows,)."""
        if not sample:
            return [None] * len(self.lines)
        entity_half = np.concatenate([half[windows.has_history] for windows, half in sample])
        results: Contemporaries = []
        for line, model in zip(self.lines, self.models, strict=True):
            if line.kind not in SHARED:
                results.append(None)
                continue
            judged = [(_judged(line, model, windows), windows.has_history) for windows, _ in sample]
            score, grouping = (
                np.concatenate([getattr(entry, name)[known] for entry, known in judged])
                for name in ("score", "grouping")
            )
            results.append(ContemporaryRanks.of(score, grouping, entity_half))
        return results

    def judge(
        self, windows: Windows, contemporaries: Contemporaries, entity_half: np.ndarray
    ) -> tuple[list[Judged], np.ndarray]:
        """How odd windows are, line by line, and the chance of a window at least as odd in each, (rows, lines).

        Of the chance against the past and that against its `contemporaries` the larger counts: what a
        campaign or a holiday makes odd of many is not odd of one. `entity_half` is that of each row's entity, (rows,).
        """
        judged = [_judged(line, model, windows) for line, model in zip(self.lines, self.models, strict=True)]
        chances = []
        for entry, ranks, others in zip(judged, self.ranks, contemporaries, strict=True):
            against_past = ranks.chances(entry.score, entry.grouping)
            if others is not None:
                against_past = np.maximum(against_past, others.chances(entry.score, entry.grouping, entity_half))
            chances.append(against_past)
        return judged, np.stack(chances, axis=1)


def _fit_line(line: Line, parts: Sequence[tuple[Windows, np.ndarray]]) -> Counts | Amounts | Items:
    """What is usual of a line."""
    if line.kind == "amount":
        return Amounts.of(parts, line)
    return (Items if line.size else Counts).of(parts, line)


def _judged(line: Line, model: Counts | Amounts | Items, windows: Windows) -> Judged:
    """How odd windows are in a line."""
    if isinstance(model, Counts):
        expected, number = model.windows(line, windows)
        score = counts.surprise(expected, number, model.errors)
        return Judged(score, expected.number, number, expected.number)
    if isinstance(model, Items):
        items = windows.items(line)
        rows, inverse = np.unique(items.row, return_inverse=True)  # of the others nothing is asked
        kinds, total_weight = windows.kinds(line, model.popular, rows)
        expected = model.mixture.shares(kinds, total_weight)
        chances = shares.tails(expected, inverse, items.cell)
        count = np.bincount(items.row, minlength=len(windows)).astype(float)
        seen = Seen(items, expected[inverse, items.cell], chances)
        score = shares.surprise(chances, items.row, len(windows))
        return Judged(score, count, count, np.full(len(windows), np.nan), seen)
    number = windows.number(line.source)
    sizes, inputs = windows.sizes(line.source, line.column)
    predicted = model.mean.of_rows(inputs)
    bias, spread = model.errors.at(np.log1p(number))
    divisor = np.maximum(number, 1)
    observed, about = (
        signed_expm1(size + np.log1p(number)) / divisor for size in (np.nan_to_num(sizes), predicted + bias)
    )
    never_below = (observed >= 0) & (inputs[:, 1:] >= 0).all(axis=1)
    about = np.where(never_below, np.maximum(about, 0), about)
    return Judged(np.abs(sizes - predicted - bias) / spread, number.astype(float), observed, about)
