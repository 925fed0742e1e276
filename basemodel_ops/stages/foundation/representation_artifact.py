"""The artifact of a cutoff: whom tasks ask about then, their embeddings and traits, their sketches if wanted."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import Artifact, ArtifactStore, ArtifactWriter
from basemodel_ops.artifacts.artifact import Arrays
from basemodel_ops.assets import FOUNDATION_MODEL
from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.representation import Layout

EMBEDDING, TRAITS, SKETCHES = "embedding-", "traits-", "sketches-"
"""How names of files begin, of which there is one for some entities after others."""


@dataclass(frozen=True)
class RepresentationArtifact:
    """What is kept of entities at a cutoff, in their order."""

    artifact: Artifact

    @staticmethod
    def key(as_of: datetime) -> str:
        """The key of the artifact of a cutoff."""
        return f"entity_representation/{key_of(as_of)}"

    @classmethod
    def current(cls, store: ArtifactStore, as_of: datetime) -> "RepresentationArtifact":
        """What is kept of a cutoff; ArtifactError where nothing is."""
        return cls(store.current(cls.key(as_of)))

    @classmethod
    def newest(cls, store: ArtifactStore, as_of: datetime) -> "RepresentationArtifact | None":
        """What is kept of a cutoff; None where nothing is."""
        artifact = store.newest(cls.key(as_of))
        return None if artifact is None else cls(artifact)

    @staticmethod
    def inputs_of(model_version: str) -> dict[str, str]:
        """What the artifact says that it was made from."""
        return {FOUNDATION_MODEL: model_version}

    @property
    def model_version(self) -> str:
        """Of the foundation model that made the embeddings."""
        return str(self.artifact.manifest["about"]["inputs"][FOUNDATION_MODEL])

    @cached_property
    def entities(self) -> Vocabulary:
        """Whom it is about."""
        return Vocabulary.from_table(self.artifact.table("entities"))

    @cached_property
    def layout(self) -> Layout:
        """The layout of their rows."""
        return Layout.from_rows(self.artifact.json("layout"))

    @property
    def cutoff(self) -> int:
        """Microseconds."""
        return self.artifact.arrays("times")["cutoff"][0]

    def embeddings(self) -> Iterator[np.ndarray]:
        """Float16 (entities, numbers), some entities after others."""
        for name in self._files(EMBEDDING, ".safetensors"):
            yield self.artifact.arrays(name)["values"]

    def traits(self) -> Iterator[Arrays]:
        """Traits of some entities after others; see `Traits.kept`."""
        for name in self._files(TRAITS, ".safetensors"):
            yield self.artifact.arrays(name)

    def sketches(self) -> list[pa.Table]:
        """Numbers that answer what a history holds, `row`, `place` and `value`; none where they were not wanted."""
        return [self.artifact.table(name) for name in self._files(SKETCHES, ".parquet")]

    def _files(self, prefix: str, end: str) -> list[str]:
        return [name.removesuffix(end) for name in self.artifact.names if name.startswith(prefix)]

    @staticmethod
    def write_entities(writer: ArtifactWriter, entities: Vocabulary, layout: Layout, cutoff: int) -> None:
        """Write whom it is about, the layout of their rows, and the cutoff in microseconds."""
        writer.table("entities", entities.table())
        writer.json("layout", layout.explain())
        writer.arrays("times", {"cutoff": np.array([cutoff])})

    @staticmethod
    def write_embeddings(writer: ArtifactWriter, number: int, values: np.ndarray, traits: Arrays) -> None:
        """Write embeddings of some entities, (entities, numbers), and their traits, as file `number`."""
        writer.arrays(f"{EMBEDDING}{number:05d}", {"values": values})
        writer.arrays(f"{TRAITS}{number:05d}", traits)

    @staticmethod
    def write_sketches(writer: ArtifactWriter, number: int, first: int, numbers: pa.Table) -> None:
        """Write numbers of rows from `first` on, which are among the embeddings of file `number`."""
        writer.table(f"{SKETCHES}{number:05d}-{first:09d}", numbers)
