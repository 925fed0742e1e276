"""The trained foundation model: its answers about rows of representations, whichever learner gives them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import lightgbm as lgb
import numpy as np

from basemodel_ops import bank
from basemodel_ops.bank import ActivityBank, Pairs
from basemodel_ops.foundation import FoundationModel, Shape
from basemodel_ops.representation.layout import Block
from basemodel_ops.stages import futures as places
from basemodel_ops.stages.rows import Examples
from basemodel_ops.stages.workspace import Workspace

ACTIVITY_HIDDEN = 128


def activity_shape(inputs: int, futures: int, left_out: np.ndarray) -> Shape:
    """Sizes of the network of activity, whose layers and skips read every input but those left out (positions).

    Left out is the calendar: a network draws lines on into times of the year that it has not met.
    """
    read = tuple(sorted(set(range(inputs)) - set(left_out.tolist())))
    return Shape(
        inputs=inputs, scalars=read, activity=futures, thing_inputs=(), thing_spans=0, sketch_inputs=(),
        composition_spans=0, width=2, hidden=ACTIVITY_HIDDEN, read=read,
    )  # fmt: skip


def prefixed(models: list[FoundationModel]) -> dict[str, np.ndarray]:
    """Arrays of several models, each name after the model's number."""
    return {f"{number}.{name}": array for number, model in enumerate(models) for name, array in model.arrays().items()}


def unprefixed(arrays: dict[str, np.ndarray], shape: Shape, count: int) -> list[FoundationModel]:
    """The inverse of `prefixed`."""
    return [
        FoundationModel.from_arrays(
            {k.removeprefix(f"{n}."): v for k, v in arrays.items() if k.startswith(f"{n}.")}, shape
        )
        for n in range(count)
    ]


@dataclass(frozen=True)
class Activity:
    """Both learners of activity, one of each per fold, and the network's share in every answer."""

    banks: list[ActivityBank]
    networks: list[FoundationModel]
    shares: np.ndarray
    read: np.ndarray  # input positions

    def answers(self, examples: Examples, place: np.ndarray, is_past: np.ndarray) -> np.ndarray:
        """Logits of "any" and amounts, float32 (places, futures).

        Rows whose future was there to learn from are answered by the models that left their entity out.
        """
        inputs = examples.gather(place, self.read).astype(np.float32)
        fold = places.row_folds(examples, place)
        found = bank.crossed([model.answers for model in self.banks], inputs, fold, is_past)
        if self.shares.any():
            network = bank.crossed([model.activity for model in self.networks], inputs, fold, is_past)
            found = self.shares * network + (1 - self.shares) * found
        return found.astype(np.float32)


@dataclass(frozen=True)
class Things:
    """Things of a column: features of pairs and of rows (see `places.own_features`), and what is foreseen."""

    own: np.ndarray  # (rows, things, own)
    shared: np.ndarray  # (rows, shared)
    learnt: np.ndarray  # (rows, things, learners) logits
    share: float
    """The network's in the answer; the rest is that of the bank, the last of the learners."""


class Checkpoint:
    """The current foundation model and its answers for rows of representations."""

    def __init__(self, ws: Workspace) -> None:
        self._artifact = ws.current("foundation_model")
        self._about = self._artifact.json("about")

    @cached_property
    def _things(self) -> FoundationModel:
        shape = Shape.from_plain(self._artifact.json("shape"))
        return FoundationModel.from_arrays(self._artifact.arrays("weights"), shape)

    @cached_property
    def _pairs(self) -> dict:
        return self._artifact.json("pairs")

    @cached_property
    def blocks(self) -> list[Block]:
        """What each number of `activity` foresees."""
        return [Block(**block) for block in self._artifact.json("mix")["blocks"]]

    def activity(self, examples: Examples, place: np.ndarray) -> np.ndarray:
        """Foreseen activity of the rows at `place`, float32 (places, futures): logits of "any" and amounts."""
        if examples.artifact.version == self._about["examples"]:
            return self._artifact.arrays("activity")["values"][place]
        shape = Shape.from_plain(self._artifact.json("activity_shape"))
        learners = Activity(
            [ActivityBank.from_texts(texts) for texts in self._artifact.json("activity_bank")],
            unprefixed(self._artifact.arrays("activity_weights"), shape, bank.FOLDS),
            np.array(self._artifact.json("mix")["shares"], np.float32),
            examples.positions(*places.READ),
        )
        return learners.answers(examples, place, places.row_cutoffs(examples, place) < self._about["training_end"])

    def things(
        self, examples: Examples, place: np.ndarray, source: str, column: str, horizon: int, things: np.ndarray
    ) -> "Things":
        """What is known and foreseen of things of a column, of the rows at `place`.

        The learners are the network, once per horizon, and last the bank of pairs, where there is one.
        """
        similar = self._artifact.arrays("similar")[f"{source}.{column}"]
        own, shared = places.own_features(examples, place, source, column, things, similar)
        offset = places.thing_offset(examples.layout, source, column)
        found = self._network(examples, place, lambda rows: self._things.things(rows)[:, :, offset + things])
        found = found.transpose(0, 2, 1)
        name = f"{source}.{column} {horizon}"
        if name not in self._pairs["texts"]:
            return Things(own, shared, found, 1.0)
        booster = lgb.Booster(model_str=self._pairs["texts"][name])
        logits = Pairs(booster, self._artifact.arrays("pair_rates")[name]).answers(own, shared, things)
        learnt = np.concatenate([found, logits[:, :, None]], axis=2)
        return Things(own, shared, learnt, self._pairs["mix"][name]["share"])

    def _network(self, examples: Examples, place: np.ndarray, answer: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        found, index = [], []
        for first, values in examples.whole():
            mine = np.flatnonzero((place >= first) & (place < first + len(values)))
            found.append(answer(values[place[mine] - first]))
            index.append(mine)
        return np.concatenate(found)[np.argsort(np.concatenate(index))]
