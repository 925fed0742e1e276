"""The artifact of a snapshot: what is pinned, as it stands on the disk."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from basemodel_ops.artifacts import Artifact, ArtifactWriter, version_of
from basemodel_ops.assets import SNAPSHOT

OLD_PINS = {"thing_horizons": "item_horizons", "asked": "item_targets", "marks": "fingerprints"}
"""Names of pins in snapshots of earlier versions, which stay readable for one release."""


@dataclass
class Pins:
    """What is pinned, JSON-able by name, and the grid."""

    content: dict[str, Any]
    cutoffs: np.ndarray  # (cutoffs,) microseconds

    @classmethod
    def read(cls, artifact: Artifact) -> "Pins":
        """What an artifact holds, under the names of today."""
        stored: dict[str, Any] = artifact.json("pins")
        content = {OLD_PINS.get(name, name): value for name, value in stored.items()}
        for plan in content["plans"].values():
            for part in ("rows", "draws"):
                plan[part] = {"embargo" if name == "gap" else name: value for name, value in plan[part].items()}
        return cls(content, artifact.arrays("grid")["cutoffs"])

    def write(self, writer: ArtifactWriter) -> None:
        """Fill an artifact."""
        writer.json("pins", self.content)
        writer.arrays("grid", {"cutoffs": self.cutoffs})

    @property
    def version(self) -> str:
        """A hash of what is pinned, without the reason for it."""
        content = {name: value for name, value in self.content.items() if name != "reason"}
        return version_of(SNAPSHOT, content, self.cutoffs.tolist())
