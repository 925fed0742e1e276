"""One directory per artifact version, written under a temporary name and renamed; the manifest goes last.

An artifact's version is the hash of what it was made from, so a stage whose inputs did not change finds its
artifact there and does nothing.
"""

import hashlib
import json
import os
import posixpath
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from basemodel_ops.errors import ArtifactError

Arrays = dict[str, np.ndarray]


def version_of(*parts: object) -> str:
    """A hash of `parts` (JSON-able values): 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _write_durably(filesystem: Any, path: str, data: bytes) -> None:
    """Write a file and, where the filesystem is a disk, wait until it is there."""
    with filesystem.open(path, "wb") as file:
        file.write(data)
        if isinstance(filesystem, LocalFileSystem):
            file.flush()
            os.fsync(file.fileno())


class Draft:
    """An artifact being written; files are hashed as they are added."""

    def __init__(self, filesystem: Any, folder: str) -> None:
        self._filesystem, self._folder = filesystem, folder
        self.hashes: dict[str, str] = {}

    def _write(self, name: str, data: bytes) -> None:
        _write_durably(self._filesystem, posixpath.join(self._folder, name), data)
        self.hashes[name] = hashlib.sha256(data).hexdigest()

    def arrays(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write arrays as `name`.safetensors."""
        self._write(f"{name}.safetensors", save_arrays({k: np.ascontiguousarray(v) for k, v in arrays.items()}))

    def table(self, name: str, table: pa.Table) -> None:
        """Write a table as `name`.parquet."""
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        self._write(f"{name}.parquet", sink.getvalue().to_pybytes())

    def json(self, name: str, value: object) -> None:
        """Write a JSON-able value as `name`.json."""
        self._write(f"{name}.json", json.dumps(value, sort_keys=True, indent=1).encode())

    def text(self, name: str, value: str) -> None:
        """Write text as `name`.txt."""
        self._write(f"{name}.txt", value.encode())

    def picture(self, name: str, value: bytes) -> None:
        """Write a PNG as `name`.png."""
        self._write(f"{name}.png", value)


class Artifact:
    """A committed artifact. Every file is checked against its hash when it is read."""

    def __init__(self, filesystem: Any, folder: str, key: str, manifest: dict[str, Any]) -> None:
        self._filesystem, self._folder, self.key, self.manifest = filesystem, folder, key, manifest

    @property
    def version(self) -> str:
        """The hash of what the artifact was made from."""
        return self.manifest["version"]

    @property
    def names(self) -> list[str]:
        """File names, sorted."""
        return sorted(self.manifest["files"])

    def _read(self, name: str) -> bytes:
        if name not in self.manifest["files"]:
            raise ArtifactError(f"Artifact {self.key} {self.version} has no file {name}. It has: {self.names}.")
        try:
            with self._filesystem.open(posixpath.join(self._folder, name), "rb") as file:
                data = file.read()
        except FileNotFoundError as error:
            raise ArtifactError(f"File {name} {self._again('is gone')}") from error
        if hashlib.sha256(data).hexdigest() != self.manifest["files"][name]:
            raise ArtifactError(f"File {name} {self._again('does not match its hash')}")
        return data

    def _again(self, problem: str) -> str:
        return (
            f"of artifact {self.key} {self.version} {problem}. Remove {self._folder} and materialise {self.key} again."
        )

    def _parsed(self, name: str, parse: Callable[[bytes], Any]) -> Any:
        data = self._read(name)
        try:
            return parse(data)
        except (SafetensorError, pa.ArrowException, ValueError) as error:
            raise ArtifactError(f"File {name} {self._again(f'is not what its name says ({error})')}") from error

    def arrays(self, name: str) -> Arrays:
        """Arrays of `name`.safetensors."""
        return self._parsed(f"{name}.safetensors", load_arrays)

    def table(self, name: str) -> pa.Table:
        """Table of `name`.parquet."""
        return self._parsed(f"{name}.parquet", lambda data: pq.read_table(pa.BufferReader(data)))

    def json(self, name: str) -> Any:
        """Value of `name`.json."""
        return self._parsed(f"{name}.json", json.loads)

    def text(self, name: str) -> str:
        """Text of `name`.txt."""
        return self._read(f"{name}.txt").decode()


class ArtifactStore:
    """Artifacts under an fsspec root: `<root>/<key>/<version>/`, and `<root>/<key>/current.json`."""

    def __init__(self, root: str) -> None:
        self._filesystem, self._root = fsspec.core.url_to_fs(root)

    def _folder(self, *parts: str) -> str:
        return posixpath.join(self._root, *parts)

    def find(self, key: str, version: str) -> Artifact | None:
        """The committed artifact of that version, or None."""
        manifest = self._record(key, f"{version}/manifest.json", "files")
        return None if manifest is None else Artifact(self._filesystem, self._folder(key, version), key, manifest)

    def _record(self, key: str, name: str, field: str) -> dict[str, Any] | None:
        """A JSON file of the artifact that holds `field`, or None if it is not there."""
        path = self._folder(key, name)
        if not self._filesystem.exists(path):
            return None
        with self._filesystem.open(path, "rb") as file:
            data = file.read()
        try:
            record = json.loads(data)
            record[field]
        except (ValueError, TypeError, KeyError) as error:
            raise ArtifactError(f"{path} is broken ({error}). Remove it and materialise {key} again.") from error
        return record

    def current(self, key: str) -> Artifact:
        """The newest artifact of `key`; ArtifactError if it was never made."""
        current = self._record(key, "current.json", "version")
        if current is None:
            raise ArtifactError(f"There is no artifact {key}. Materialise the asset {key} first.")
        version = current["version"]
        artifact = self.find(key, version)
        if artifact is None:
            raise ArtifactError(f"Artifact {key} {version} is incomplete. Materialise the asset {key} again.")
        return artifact

    def write(
        self, key: str, version: str, fill: Callable[[Draft], None], about: Mapping[str, object] | None = None
    ) -> Artifact:
        """Make the artifact with `fill`, commit it by a rename, and point `current` at it.

        `about` stands in the manifest for people: what the artifact was made from.
        """
        temporary = self._folder(key, f".{version}-{uuid.uuid4().hex}")
        self._filesystem.makedirs(temporary, exist_ok=True)
        try:
            draft = Draft(self._filesystem, temporary)
            fill(draft)
            manifest = {"key": key, "version": version, "files": draft.hashes, "about": dict(about or {})}
            text = json.dumps(manifest, sort_keys=True, indent=1, default=str)
            _write_durably(self._filesystem, posixpath.join(temporary, "manifest.json"), text.encode())
            target = self._folder(key, version)
            if self._filesystem.exists(target):
                self._filesystem.rm(target, recursive=True)
            self._filesystem.mv(temporary, target, recursive=True)
        except BaseException:
            self._filesystem.rm(temporary, recursive=True)
            raise
        self.point(key, version)
        artifact = self.find(key, version)
        if artifact is None:
            raise ArtifactError(f"Artifact {key} {version} vanished as it was written.")
        return artifact

    def point(self, key: str, version: str) -> None:
        """Make `version` the current one."""
        temporary = self._folder(key, f".current-{uuid.uuid4().hex}")
        _write_durably(self._filesystem, temporary, json.dumps({"version": version}).encode())
        self._filesystem.mv(temporary, self._folder(key, "current.json"))
