"""The artifact of a task's model, as far as it is the same for every shape of answers: how good it is, and on what."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from basemodel_ops.artifacts import Artifact, ArtifactStore, ArtifactWriter
from basemodel_ops.artifacts.artifact import Arrays
from basemodel_ops.assets import model_key
from basemodel_ops.tasks.label_efficiency import LabelEfficiency

Metrics = Mapping[str, Mapping[str, float]]
"""Of every candidate by its name, each metric by its name."""

RECIPE = "recipe"


@dataclass(frozen=True)
class FittedMetrics:
    """What ships of the candidates, and the metrics of all on rows that they had not learnt from."""

    shipped: str
    validation: Metrics
    test: Metrics

    @classmethod
    def read(cls, artifact: Artifact) -> "FittedMetrics":
        """Those of a model or of its evaluation."""
        return cls(**artifact.json("metrics"))

    def write(self, writer: ArtifactWriter) -> None:
        """Write them, of a model or of its evaluation."""
        writer.json("metrics", vars(self))


@dataclass(frozen=True)
class Comparison:
    """What a model is compared with on the test."""

    name: str = "baseline"
    noise: float = 0.0
    """Standard error of the difference of the two."""
    warning: str = ""


@dataclass(frozen=True)
class ModelArtifact:
    """What was fitted for a task. Answers of each shape add what gives them."""

    artifact: Artifact
    key = staticmethod(model_key)

    @classmethod
    def current(cls, store: ArtifactStore, task: str) -> Self:
        """The current model of a task."""
        return cls(store.current(cls.key(task)))

    @property
    def metrics(self) -> FittedMetrics:
        """Of all candidates."""
        return FittedMetrics.read(self.artifact)

    @staticmethod
    def write_metrics(writer: ArtifactWriter, metrics: FittedMetrics) -> None:
        """Write the metrics of all candidates."""
        metrics.write(writer)

    @property
    def comparison(self) -> Comparison:
        """What it is compared with."""
        return Comparison(**self._json("baseline", {}))

    @staticmethod
    def write_comparison(writer: ArtifactWriter, comparison: Comparison) -> None:
        """Write what it is compared with; without, it is the baseline, and the difference has no error."""
        writer.json("baseline", vars(comparison))

    @property
    def parts(self) -> dict[str, str | int]:
        """Cutoffs and rows of each part: see `parts_used`."""
        return self.artifact.json("parts")

    @staticmethod
    def write_parts(writer: ArtifactWriter, parts: Mapping[str, str | int]) -> None:
        """Write cutoffs and rows of each part."""
        writer.json("parts", parts)

    @property
    def metrics_by_history(self) -> dict[str, dict[str, float]]:
        """Those of what ships, of entities with a history and of those without: see `measure_by_history`."""
        return self._json("apart", {})

    @staticmethod
    def write_metrics_by_history(writer: ArtifactWriter, metrics: Metrics) -> None:
        """Write the metrics of what ships, of entities with a history and of those without."""
        writer.json("apart", metrics)

    @property
    def label_efficiency(self) -> LabelEfficiency | None:
        """How heads do on the test by the share of labels; None where it was not measured."""
        content = self._json("label_efficiency", None)
        return None if content is None else LabelEfficiency(**content)

    @staticmethod
    def write_label_efficiency(writer: ArtifactWriter, curve: LabelEfficiency) -> None:
        """Write how heads do on the test by the share of labels."""
        writer.json("label_efficiency", curve.as_dict())

    @property
    def predictions_version(self) -> str:
        """Of the artifact of answered rows; empty where an older version of the code kept none."""
        return self._json("predictions", {"version": ""})["version"]

    @staticmethod
    def write_predictions_version(writer: ArtifactWriter, version: str) -> None:
        """Write which rows were answered."""
        writer.json("predictions", {"version": version})

    @cached_property
    def _recipe(self) -> dict[str, Any]:
        """What says how the parts of the model go together."""
        return self.artifact.json(RECIPE)

    @property
    def _state(self) -> tuple[Arrays, dict[str, str]]:
        """Arrays and texts of the model."""
        return self.artifact.arrays("heads"), {name: self.artifact.text(name) for name in self._recipe["texts"]}

    @staticmethod
    def _write_state(
        writer: ArtifactWriter, state: tuple[Arrays, Mapping[str, str]], recipe: Mapping[str, object]
    ) -> None:
        arrays, texts = state
        writer.arrays("heads", arrays)
        for name, text in texts.items():
            writer.text(name, text)
        writer.json(RECIPE, {**recipe, "texts": sorted(texts)})

    def _json(self, name: str, default: Any) -> Any:
        return self.artifact.json(name) if f"{name}.json" in self.artifact.names else default
