"""The artifact of a task of one answer: a mixture of heads, what it reads of others, and how sure it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.contract.types import TaskType
from basemodel_ops.stages.tasks.model_artifact import ModelArtifact
from basemodel_ops.stages.tasks.peer_answers import PeerAnswers
from basemodel_ops.tasks.class_rates import ClassRates
from basemodel_ops.tasks.cold_start import ColdStart
from basemodel_ops.tasks.intervals import Interval
from basemodel_ops.tasks.peers import Peers
from basemodel_ops.tasks.single import Mixture, load_mixture, save_mixture


@dataclass(frozen=True)
class SingleModelArtifact(ModelArtifact):
    """What was fitted for a task of one answer."""

    @property
    def shares(self) -> dict[str, float]:
        """The share of each head in the answer."""
        return self._recipe["shares"]

    @property
    def classes(self) -> list[str] | None:
        """The classes that answers are among; None where they are numbers."""
        return self._recipe["classes"]

    @property
    def cold_start(self) -> ColdStart:
        """What entities without events are told."""
        return ColdStart(tuple(self._recipe.get("cold_start", ())))

    @property
    def widths(self) -> dict[str, int]:
        """Features of each part of the views that the heads learnt from; none where an older version fitted them."""
        return self._recipe.get("widths", {})

    def mixture(self, kind: TaskType) -> Mixture:
        """The heads, of a task of this type."""
        return load_mixture(kind, list(self.shares), self._state)

    @staticmethod
    def write(
        writer: ArtifactWriter, mixture: Mixture, widths: Mapping[str, int], classes: Sequence[str] | None,
        cold: ColdStart,
    ) -> None:  # fmt: skip
        """Write all that scoring needs of what ships, and the `widths` of the views that it learnt from."""
        recipe = {
            "shares": dict(mixture.weights), "widths": dict(widths), "classes": classes, "cold_start": cold.prediction
        }  # fmt: skip
        ModelArtifact._write_state(writer, save_mixture(mixture), recipe)

    @property
    def interval(self) -> Interval | None:
        """The interval about an answer; None where none was asked for."""
        has_interval = "interval.safetensors" in self.artifact.names
        return Interval.from_arrays(self.artifact.arrays("interval")) if has_interval else None

    @staticmethod
    def write_interval(writer: ArtifactWriter, interval: Interval) -> None:
        """Write the interval about an answer."""
        writer.arrays("interval", interval.arrays())

    @property
    def peers(self) -> PeerAnswers:
        """What others with the same facts answered; of a task that moves in time."""
        has_rates = "class_rates.safetensors" in self.artifact.names
        rates = ClassRates.from_arrays(self.artifact.arrays("class_rates")) if has_rates else None
        return PeerAnswers(Peers.from_arrays(self.artifact.arrays("peers")), rates)

    @staticmethod
    def write_peers(writer: ArtifactWriter, peers: PeerAnswers) -> None:
        """Write what others with the same facts answered."""
        writer.arrays("peers", peers.peers.arrays())
        if peers.class_rates is not None:
            writer.arrays("class_rates", peers.class_rates.arrays())
