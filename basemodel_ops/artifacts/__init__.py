"""Artifacts: directories of safetensors, Parquet, JSON and text, each with a manifest of hashes."""

from basemodel_ops.artifacts.artifact import Artifact, ArtifactWriter
from basemodel_ops.artifacts.store import ArtifactStore, version_of

__all__ = ["Artifact", "ArtifactStore", "ArtifactWriter", "version_of"]
