"""One artifact: a draft that hashes its files as they are added, and a committed one that checks them when read."""

import hashlib
import json
import os
import posixpath
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from basemodel_ops.artifacts.records import check_part
from basemodel_ops.errors import ArtifactError

Arrays = dict[str, np.ndarray]

_INTACT: dict[str, str] = {}
"""Files whose content this process saw match its hash, by path, and what the filesystem then said of each: size, time
and such. While it says the same, the file need not be hashed again."""


def write_durably(filesystem: Any, path: str, data: bytes) -> None:
    """Write a file and, where the filesystem is a disk, wait until it is there."""
    with filesystem.open(path, "wb") as file:
        file.write(data)
        if isinstance(filesystem, LocalFileSystem):
            file.flush()
            os.fsync(file.fileno())


class ArtifactWriter:
    """An artifact being written; files are hashed as they are added."""

    def __init__(self, filesystem: Any, folder: str) -> None:
        self._filesystem, self._folder = filesystem, folder
        self.hashes: dict[str, str] = {}

    def _write(self, name: str, data: bytes) -> None:
        check_part(name, "a file of an artifact")
        write_durably(self._filesystem, posixpath.join(self._folder, name), data)
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

    def report(self, metrics: Mapping[str, float | int | str]) -> None:
        """Write what is reported of the artifact."""
        self.json("report", metrics)

    def text(self, name: str, value: str) -> None:
        """Write text as `name`.txt."""
        self._write(f"{name}.txt", value.encode())

    def page(self, name: str, value: str) -> None:
        """Write HTML as `name`.html."""
        self._write(f"{name}.html", value.encode())

    def plot(self, name: str, value: bytes) -> None:
        """Write a PNG as `name`.png."""
        self._write(f"{name}.png", value)


class Artifact:
    """A committed artifact. A file is checked against its hash when it is read first, and again once it changed."""

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
            raise ArtifactError(
                f"Artifact {self.key} {self.version} has no file {name}. It has: {self.names}. If an older version of "
                "the code made it, `basemodel train` makes it again."
            )
        path, expected = posixpath.join(self._folder, name), self.manifest["files"][name]
        try:
            state = f"{expected} {self._filesystem.ukey(path)}"
            with self._filesystem.open(path, "rb") as file:
                data = file.read()
        except FileNotFoundError as error:
            raise ArtifactError(f"File {name} {self._again('is gone')}") from error
        if _INTACT.get(path) != state:
            if hashlib.sha256(data).hexdigest() != expected:
                raise ArtifactError(f"File {name} {self._again('does not match its hash')}")
            _INTACT[path] = state
        return data

    def verify(self) -> int:
        """Check every file, pictures too, and that there is no other; how many there are.

        Raises:
            ArtifactError: naming the first that is gone, changed or not in the manifest.
        """
        for name in self.names:
            _INTACT.pop(posixpath.join(self._folder, name), None)
            self._read(name)
        there = {posixpath.basename(path) for path in self._filesystem.find(self._folder)}
        if more := sorted(there - {*self.names, "manifest.json"}):
            raise ArtifactError(f"File {more[0]} {self._again('is not in the manifest')}")
        return len(self.names)

    def _again(self, problem: str) -> str:
        return (
            f"of artifact {self.key} {self.version} {problem}. Remove {self._folder} and materialise {self.key} again."
        )

    def _parsed(self, name: str, parse: Callable[[bytes], Any]) -> Any:
        data = self._read(name)
        try:
            return parse(data)
        except (SafetensorError, pa.ArrowException, ValueError, RecursionError) as error:
            raise ArtifactError(f"File {name} {self._again(f'is not what its name says ({error})')}") from error

    def arrays(self, name: str) -> Arrays:
        """Arrays of `name`.safetensors."""
        return self._parsed(f"{name}.safetensors", load_arrays)

    def table(self, name: str) -> pa.Table:
        """Table of `name`.parquet."""
        # Not pq.read_table, which loads pyarrow.dataset and with it pandas: a second of each command.
        return self._parsed(f"{name}.parquet", lambda data: pq.ParquetFile(pa.BufferReader(data)).read())

    def json(self, name: str) -> Any:
        """Value of `name`.json."""
        return self._parsed(f"{name}.json", json.loads)

    @property
    def report(self) -> dict[str, Any]:
        """What is reported of the artifact: numbers and texts by name."""
        return self.json("report")

    def text(self, name: str) -> str:
        """Text of `name`.txt."""
        return self._parsed(f"{name}.txt", bytes.decode)

    def page(self, name: str) -> str:
        """HTML of `name`.html."""
        return self._parsed(f"{name}.html", bytes.decode)
