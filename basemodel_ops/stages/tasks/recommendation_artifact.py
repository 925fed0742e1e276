"""The artifact of a recommendation: what brings items up, and what ranks them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.foundation.retrieval import Retrieval
from basemodel_ops.stages.tasks.model_artifact import RECIPE, ModelArtifact
from basemodel_ops.tasks.ranker import Ranker
from basemodel_ops.tasks.rankings import RERANKED
from basemodel_ops.tasks.recommendation import Weights
from basemodel_ops.tasks.relations import Relations


@dataclass(frozen=True)
class Recipe:
    """What ships of the ways of ranking, and how it ranks."""

    shipped: str
    weights: Weights | None
    """Of the kinds of evidence; None where a ranker gives the scores."""
    policy: str
    """What is done with items already had."""
    end: int
    """Microseconds; nothing was learnt of events since."""
    blend: Weights
    """Of the kinds of evidence in the score that the ranker reads."""
    tried: Mapping[str, float]
    """What every blend measured."""


@dataclass(frozen=True)
class RecommendationArtifact(ModelArtifact):
    """What was fitted for a task of ranked items."""

    @property
    def recipe(self) -> Recipe:
        """What ships, and how it ranks."""
        kept = self._recipe
        weights = None if kept["weights"] is None else tuple(kept["weights"])
        return Recipe(**{**kept, "weights": weights, "blend": tuple(kept["blend"])})

    @staticmethod
    def write_recipe(writer: ArtifactWriter, recipe: Recipe) -> None:
        """Write what ships, and how it ranks."""
        writer.json(RECIPE, vars(recipe))

    def network(self, vectors: np.ndarray) -> Retrieval:
        """The query network, on the vectors of all items that it was learnt on."""
        return Retrieval.from_arrays(self.artifact.arrays("network"), vectors)

    @property
    def relations(self) -> Relations:
        """What follows what."""
        return Relations.from_arrays(self.artifact.arrays("relations"))

    @staticmethod
    def write_items(writer: ArtifactWriter, network: Retrieval, relations: Relations) -> None:
        """Write what brings items up."""
        writer.arrays("network", network.arrays())
        writer.arrays("relations", relations.arrays())

    @property
    def repeats(self) -> np.ndarray:
        """The share of the takers of each item who took it again, (items,)."""
        return self.artifact.arrays("repeats")["repeats"]

    @staticmethod
    def write_repeats(writer: ArtifactWriter, repeats: np.ndarray) -> None:
        """Write the share of the takers of each item who took it again, (items,)."""
        writer.arrays("repeats", {"repeats": repeats})

    @property
    def ranker(self) -> Ranker | None:
        """The ranker that ships, which learnt from the test too; None where weights give the scores."""
        return Ranker.restore(self.artifact.json("ranker")) if self.recipe.shipped == RERANKED else None

    @staticmethod
    def write_ranker(writer: ArtifactWriter, ranker: Ranker) -> None:
        """Write the ranker that ships."""
        writer.json("ranker", ranker.texts())

    @property
    def measured_ranker(self) -> Ranker | None:
        """The ranker that was measured, which learnt from validation alone; None where there were too few rows."""
        texts = self._json("measured", None)
        return None if texts is None else Ranker.restore(texts)

    @staticmethod
    def write_measured_ranker(writer: ArtifactWriter, ranker: Ranker) -> None:
        """Write the ranker that was measured."""
        writer.json("measured", ranker.texts())
