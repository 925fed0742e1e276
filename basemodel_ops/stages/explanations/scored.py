"""Some entities before a cutoff: the trees of their events, and their scores had only some of these happened."""

from collections.abc import Sequence

import numpy as np

from basemodel_ops.errors import DataError
from basemodel_ops.representation.workers import parallel_map
from basemodel_ops.stages.explanations.aggregates import AggregateContributions, Aggregates
from basemodel_ops.stages.explanations.masking import Masker
from basemodel_ops.stages.explanations.wording import Wording
from basemodel_ops.stages.scoring.answering import ManyQuestion, SingleQuestion

ROWS = 512
"""Masked histories that are represented and scored at once, per worker: they bound memory."""


class Scored:
    """Entities whose scores can be asked for under any of their events."""

    def __init__(self, masker: Masker, question: SingleQuestion | ManyQuestion, label: str | None) -> None:
        """The score is that of the given class or label, or else of the likeliest one of each entity.

        Raises:
            DataError: the task has no such class or label.
        """
        self._masker, self._question = masker, question
        self.events = np.sum([np.diff(history.start) for history in masker.histories], axis=0)
        names, everyone = question.labels, np.arange(len(self.events))
        if label is not None and label not in names:
            there = f"It has: {', '.join(names[:20])}{', …' if len(names) > 20 else ''}." if names else "It has none."
            raise DataError(f"No label {label!r} of task {question.task.name}. {there}")
        # Asked before any worker asks: what the models read once, one thread reads.
        full = self._outputs(everyone, [np.ones(count, bool) for count in self.events])
        self._chosen = full.argmax(axis=1) if label is None else np.full(len(everyone), names.index(label))
        self.labels = [names[index] if names else "" for index in self._chosen]

    def score(self, entity_index: np.ndarray, kept: list[np.ndarray]) -> np.ndarray:
        """Scores, float64 (n,), of entities `entity_index` (n,) with the events kept of each, bool (events,)."""

        def work(low: int) -> np.ndarray:
            entities = entity_index[low : low + ROWS]
            outputs = self._outputs(entities, kept[low : low + ROWS])
            return outputs[np.arange(len(entities)), self._chosen[entities]]

        return np.concatenate(list(parallel_map(work, range(0, len(kept), ROWS))))

    def times(self, entity: int) -> np.ndarray:
        """Times of the events of an entity, microseconds, numbered as in its tree."""
        histories = self._masker.histories
        return np.concatenate([h.time[h.start[entity] : h.start[entity + 1]] for h in histories])

    def aggregates(self, wording: Wording) -> AggregateContributions | None:
        """What aggregates add to the scores; None where no forest reads any, and of other types of tasks."""
        if not isinstance(self._question, SingleQuestion) or not self._question.task.form.is_attributed:
            return None
        everyone = np.arange(len(self.events))
        rows = self._masker.rows(everyone, [np.ones(count, bool) for count in self.events])
        return Aggregates(wording, self._question, rows).contributions(rows, self._chosen)

    def _outputs(self, entity_index: np.ndarray, kept: Sequence[np.ndarray]) -> np.ndarray:
        rows = self._masker.rows(entity_index, kept)
        # The models alone are asked: a base rate that answers for those without a history would make whichever event
        # comes first seem to matter most.
        outputs = self._question.modelled(rows, np.arange(len(rows)))
        return outputs.reshape(len(rows), -1).astype(np.float64)
