"""The artifact of a source's encoders: vocabularies, fitted encoders, and the facts of the values of its columns."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from basemodel_ops.artifacts import Artifact, ArtifactStore, ArtifactWriter
from basemodel_ops.assets import encoder_key
from basemodel_ops.encoders import Encoder, State, Vocabulary, load_encoder


@dataclass(frozen=True)
class EncoderArtifact:
    """What the columns of a source are made of, up to the end of training.

    A fact of the values of a column is named `column.attribute`, and so is its vocabulary.
    """

    artifact: Artifact
    key = staticmethod(encoder_key)

    @classmethod
    def current(cls, store: ArtifactStore, source: str) -> "EncoderArtifact":
        """The current encoders of a source."""
        return cls(store.current(cls.key(source)))

    @property
    def first_event_time(self) -> int:
        """When the first event was, microseconds; of a source of events."""
        return self.artifact.json("began")

    @property
    def moments(self) -> dict[str, bool]:
        """Columns of moments of dated facts from which days are counted, and whether each is planned."""
        return self.artifact.json("moments") if "moments.json" in self.artifact.names else {}

    @staticmethod
    def write_moments(writer: ArtifactWriter, moments: Mapping[str, bool]) -> None:
        """Write from which columns of moments days are counted, and whether each is planned."""
        writer.json("moments", dict(moments))

    @property
    def sizes(self) -> dict[str, int]:
        """How many values each vocabulary has, by column or fact."""
        names = [name.removesuffix(".parquet") for name in self.artifact.names if name.endswith(".parquet")]
        return {name: self.size(name) for name in names}

    def size(self, name: str) -> int:
        """How many values a column or fact has."""
        return self.artifact.table(name).num_rows

    def vocabulary(self, name: str) -> Vocabulary:
        """The values of a column or fact."""
        return Vocabulary.from_table(self.artifact.table(name))

    def encoders(self, column: str | None = None) -> dict[str, Encoder]:
        """The encoders of columns that are no categories, by name; of the items that `column` mentions, if given."""
        return {
            name: load_encoder(State(kind, settings, self.artifact.arrays(_state(name, column)) if has_arrays else {}))
            for name, (kind, settings, has_arrays) in self.artifact.json(_encoders(column)).items()
        }

    def attribute_codes(self, column: str) -> dict[str, np.ndarray]:
        """Codes of each fact of the values of a column, (values,), by attribute; -1 where it is not known."""
        prefix = _codes(f"{column}.")
        names = [name.removesuffix(".safetensors") for name in self.artifact.names if name.startswith(prefix)]
        return {name.removeprefix(prefix): self.artifact.arrays(name)["codes"] for name in names}

    def codes_of_attribute(self, attribute: str) -> np.ndarray:
        """Codes of one fact, (values,), -1 where it is not known."""
        return self.artifact.arrays(_codes(attribute))["codes"]

    def cells_of_attribute(self, attribute: str) -> np.ndarray:
        """Cells of one fact that is no category, (values, tracks)."""
        return self.artifact.arrays(_cells(attribute))["cells"]

    def known_since(self, attribute: str) -> np.ndarray | None:
        """Since when a fact is known of each value, microseconds (values,); None where it always is."""
        return self.artifact.arrays(_cells(attribute)).get("since")

    @staticmethod
    def write_first_event_time(writer: ArtifactWriter, first: int) -> None:
        """Write when the first event was, microseconds."""
        writer.json("began", first)

    @staticmethod
    def write_vocabulary(writer: ArtifactWriter, name: str, vocabulary: Vocabulary) -> None:
        """Write the values of a column or fact."""
        writer.table(name, vocabulary.table())

    @staticmethod
    def write_attribute_codes(writer: ArtifactWriter, attribute: str, codes: np.ndarray) -> None:
        """Write the codes of a fact, (values,)."""
        writer.arrays(_codes(attribute), {"codes": codes})

    @staticmethod
    def write_attribute_cells(
        writer: ArtifactWriter, attribute: str, cells: np.ndarray, since: np.ndarray | None = None
    ) -> None:
        """Write the cells of a fact that is no category, (values, tracks), and since when each is known."""
        writer.arrays(_cells(attribute), {"cells": cells} if since is None else {"cells": cells, "since": since})

    @staticmethod
    def write_encoders(writer: ArtifactWriter, fitted: Mapping[str, Encoder], column: str | None = None) -> None:
        """Write the encoders of columns by name, or of the items that `column` mentions."""
        saved: dict[str, list[object]] = {}
        for name, encoder in fitted.items():
            state = encoder.state()
            if state.arrays:
                writer.arrays(_state(name, column), state.arrays)
            saved[name] = [state.kind, state.settings, bool(state.arrays)]
        writer.json(_encoders(column), saved)


def _encoders(column: str | None) -> str:
    return "encoders" if column is None else f"encoders {column}"


def _state(name: str, column: str | None) -> str:
    return f"encoder {name}" if column is None else f"encoder {column}.{name}"


def _codes(attribute: str) -> str:
    return f"map {attribute}"


def _cells(attribute: str) -> str:
    return f"cells {attribute}"
