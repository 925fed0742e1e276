"""The trained foundation model: its answers about rows of representations, whichever learner gives them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import lightgbm as lgb
import numpy as np

from basemodel_ops.bank.activity import ActivityBank
from basemodel_ops.bank.folds import FOLDS, crossed
from basemodel_ops.bank.pairs import Pairs
from basemodel_ops.foundation import FoundationModel, Shape
from basemodel_ops.representation.layout import Block, Layout
from basemodel_ops.stages.features.rows import Joined, Represented, RowsInMemory
from basemodel_ops.stages.foundation import targets
from basemodel_ops.stages.workspace import Workspace

ACTIVITY_HIDDEN = 128

EMBEDDING = 256
"""Numbers in an embedding, at most."""

ASKED = 32_768
"""Rows that the learners of activity are asked about at once."""


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

    def answers(self, examples: Represented, place: np.ndarray, is_past: np.ndarray) -> np.ndarray:
        """Logits of "any" and amounts, float32 (places, futures).

        Rows whose future was there to learn from are answered by the models that left their entity out.
        """
        parts = [
            self._answers(examples, place[low : low + ASKED], is_past[low : low + ASKED])
            for low in range(0, max(len(place), 1), ASKED)
        ]
        return np.concatenate(parts)

    def _answers(self, examples: Represented, place: np.ndarray, is_past: np.ndarray) -> np.ndarray:
        inputs = examples.gather(place, self.read).astype(np.float32)
        fold = examples.folds(place)
        found = crossed([model.answers for model in self.banks], inputs, fold, is_past)
        if self.shares.any():
            network = crossed([model.activity for model in self.networks], inputs, fold, is_past)
            found = self.shares * network + (1 - self.shares) * found
        return found.astype(np.float32)


@dataclass(frozen=True)
class Things:
    """Things of a column: features of pairs and of rows (see `targets.own_features`), and what is foreseen."""

    own: np.ndarray  # (rows, things, own)
    shared: np.ndarray  # (rows, shared)
    learnt: np.ndarray  # (rows, things, learners) logits
    share: float
    """The network's in the answer; the rest is that of the bank, the last of the learners."""


def embedding_inputs(examples: Represented, rows: np.ndarray, activity: np.ndarray) -> np.ndarray:
    """What an embedding is made of, float32 (rows, inputs): foreseen `activity`, and the slowest pooled vectors."""
    pooled = examples.layout.select("pooled")
    slowest = max((float(block.detail) for block in pooled), default=0.0)
    at = [np.arange(b.offset, b.end) for b in pooled if float(b.detail) == slowest]
    own = examples.gather(rows, np.concatenate([np.zeros(0, np.int64), *at]))
    return np.hstack([activity, own.astype(np.float32)])


def fit_embedding(inputs: np.ndarray) -> dict[str, np.ndarray]:
    """The principal components of standardised inputs (rows, inputs), at most `EMBEDDING` of them."""
    mean, deviation = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-3)
    scaled = np.clip((inputs - mean) / deviation, -8, 8).astype(np.float64)
    values, vectors = np.linalg.eigh(scaled.T @ scaled)
    basis = vectors[:, np.argsort(-values)[:EMBEDDING]]
    basis *= np.sign(
        basis[np.abs(basis).argmax(axis=0), np.arange(basis.shape[1])]
    )  # a component has no sign of its own
    return {"mean": mean, "deviation": deviation, "basis": basis.astype(np.float32)}


def embedded(basis: dict[str, np.ndarray], inputs: np.ndarray) -> np.ndarray:
    """Embeddings, float16 (rows, numbers), of inputs (rows, inputs)."""
    scaled = np.clip((inputs - basis["mean"]) / basis["deviation"], -8, 8)
    return (scaled @ basis["basis"]).astype(np.float16)


class Checkpoint:
    """The current foundation model and its answers for rows of representations."""

    def __init__(self, ws: Workspace) -> None:
        self._artifact = ws.current("foundation_model")
        self._about = self._artifact.json("about")
        self._asked: Activity | None = None
        self._boosters: dict[str, Pairs] = {}

    @property
    def version(self) -> str:
        """Of the foundation model."""
        return self._artifact.version

    @cached_property
    def layout(self) -> Layout:
        """The layout of the rows that it learnt from."""
        return Layout.from_rows(self._artifact.json("layout"))

    @cached_property
    def _basis(self) -> dict[str, np.ndarray]:
        return self._artifact.arrays("embedding")

    @property
    def embedding_size(self) -> int:
        """Numbers in an embedding."""
        return self._basis["basis"].shape[1]

    def embedding(self, examples: Represented, rows: np.ndarray | None = None) -> np.ndarray:
        """Embeddings of rows, or of all, float16 (rows, numbers): what is foreseen of each, and what it is like."""
        rows = np.arange(len(examples)) if rows is None else rows
        return embedded(self._basis, embedding_inputs(examples, rows, self.activity(examples, rows)))

    @cached_property
    def _things(self) -> FoundationModel:
        shape = Shape.from_plain(self._artifact.json("shape"))
        return FoundationModel.from_arrays(self._artifact.arrays("weights"), shape)

    @cached_property
    def _similar(self) -> dict[str, np.ndarray]:
        return self._artifact.arrays("similar")

    @cached_property
    def _pairs(self) -> dict:
        return self._artifact.json("pairs")

    @cached_property
    def blocks(self) -> list[Block]:
        """What each number of `activity` foresees."""
        return [Block(**block) for block in self._artifact.json("mix")["blocks"]]

    def activity(self, examples: Represented, place: np.ndarray) -> np.ndarray:
        """Foreseen activity of the rows at `place`, float32 (places, futures): logits of "any" and amounts."""
        if isinstance(examples, Joined):
            found = np.zeros((len(place), len(self.blocks)), np.float32)
            for part, mine, own in examples.split(place):
                found[mine] = self.activity(part, own)
            return found
        if examples.version and examples.version == self._about["examples"]:
            return self._activity[place]
        if isinstance(examples, RowsInMemory):  # several questions are asked about the same rows
            if examples.activity is None:
                examples.activity = self._foreseen(examples, np.arange(len(examples)))
            return examples.activity[place]
        return self._foreseen(examples, place)

    def _foreseen(self, examples: Represented, place: np.ndarray) -> np.ndarray:
        return self._learners(examples).answers(examples, place, examples.cutoff[place] < self._about["training_end"])

    @cached_property
    def _activity(self) -> np.ndarray:
        return self._artifact.arrays("activity")["values"]

    def _learners(self, examples: Represented) -> Activity:
        """The learners of activity, read once."""
        if self._asked is None:
            self._asked = self._read_learners(examples.positions(*targets.READ))
        return self._asked

    def _read_learners(self, read: np.ndarray) -> Activity:
        shape = Shape.from_plain(self._artifact.json("activity_shape"))
        return Activity(
            [ActivityBank.from_texts(texts) for texts in self._artifact.json("activity_bank")],
            unprefixed(self._artifact.arrays("activity_weights"), shape, FOLDS),
            np.array(self._artifact.json("mix")["shares"], np.float32),
            read,
        )

    def things(
        self, examples: Represented, place: np.ndarray, source: str, column: str, horizon: int, things: np.ndarray
    ) -> "Things":
        """What is known and foreseen of things of a column, of the rows at `place`.

        The learners are the network, once per horizon, and last the bank of pairs, where there is one.
        """
        similar = self._similar[f"{source}.{column}"]
        own, shared = targets.own_features(examples, place, source, column, things, similar)
        offset = targets.thing_offset(examples.layout, source, column)
        found = self._network(examples, place, lambda rows: self._things.things(rows)[:, :, offset + things])
        found = found.transpose(0, 2, 1)
        name = f"{source}.{column} {horizon}"
        if name not in self._pairs["texts"]:
            return Things(own, shared, found, 1.0)
        if name not in self._boosters:
            booster = lgb.Booster(model_str=self._pairs["texts"][name])
            self._boosters[name] = Pairs(booster, self._artifact.arrays("pair_rates")[name])
        logits = self._boosters[name].answers(own, shared, things)
        learnt = np.concatenate([found, logits[:, :, None]], axis=2)
        return Things(own, shared, learnt, self._pairs["mix"][name]["share"])

    def item_logits(self, examples: Represented, place: np.ndarray) -> np.ndarray:
        """Logits of the network that items are seen, float32 (places, horizons, items).

        Items of all columns stand side by side; see `targets.thing_offset`.
        """
        return self._network(examples, place, self._things.things)

    def _network(
        self, examples: Represented, place: np.ndarray, answer: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        return np.concatenate([answer(values) for _, values in examples.chunks(place)])
