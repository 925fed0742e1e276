"""One directory per artifact version, written under a temporary name and renamed; the manifest goes last.

An artifact's version is the hash of what it was made from, so a stage whose inputs did not change finds its
artifact there and does nothing.
"""

import hashlib
import json
import posixpath
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import fsspec

from basemodel_ops.artifacts.artifact import Artifact, ArtifactWriter, write_durably
from basemodel_ops.artifacts.records import check_files, check_key, check_part, verified, with_checksum
from basemodel_ops.errors import ArtifactError


def version_of(*parts: object) -> str:
    """A hash of `parts` (JSON-able values): 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


class ArtifactStore:
    """Artifacts under an fsspec root: `<root>/<key>/<version>/`, and `<root>/<key>/current.json`."""

    def __init__(self, root: str) -> None:
        self._filesystem, self._root = fsspec.core.url_to_fs(root)

    def _folder(self, *parts: str) -> str:
        return posixpath.join(self._root, *parts)

    def find(self, key: str, version: str) -> Artifact | None:
        """The committed artifact of that version, or None."""
        check_key(key)
        check_part(version, "a version")
        name = f"{version}/manifest.json"
        manifest = self._record(key, name, "files")
        if manifest is None:
            return None
        if (manifest.get("key"), manifest.get("version")) != (key, version):
            raise self._broken(key, name, f"it is of {manifest.get('key')} {manifest.get('version')}")
        try:
            check_files(manifest["files"])
        except ArtifactError as error:
            raise self._broken(key, name, error) from error
        return Artifact(self._filesystem, self._folder(key, version), key, manifest)

    def _broken(self, key: str, name: str, problem: object) -> ArtifactError:
        path = self._folder(key, name)
        return ArtifactError(f"{path} is broken ({problem}). Remove it and materialise {key} again.")

    def _record(self, key: str, name: str, field: str) -> dict[str, Any] | None:
        """A sealed record of the artifact that holds `field`, or None if it is not there."""
        path = self._folder(key, name)
        if not self._filesystem.exists(path):
            return None
        with self._filesystem.open(path, "rb") as file:
            data = file.read()
        try:
            record = verified(data)
            record[field]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise self._broken(key, name, error) from error
        return record

    def versions(self) -> Iterator[tuple[str, str]]:
        """Key and version of every committed artifact, whole or not."""
        for path in sorted(self._filesystem.find(self._root)):
            parts = posixpath.relpath(path, self._root).split("/")
            if parts[-1] == "manifest.json" and len(parts) > 2 and not any(part.startswith(".") for part in parts):
                yield "/".join(parts[:-2]), parts[-2]

    def remove(self, key: str, version: str) -> None:
        """Remove an artifact, and the pointer if it is the current one."""
        check_key(key)
        check_part(version, "a version")
        try:
            current = self._record(key, "current.json", "version")
        except ArtifactError:  # a pointer nobody can read points to nothing
            current = {"version": version}
        if current is not None and current["version"] == version:
            self._filesystem.rm(self._folder(key, "current.json"))
        self._filesystem.rm(self._folder(key, version), recursive=True)

    def remove_leftovers(self) -> int:
        """Remove what writers that were killed left under temporary names; how many. Only while nobody writes."""
        result = set()
        for path in self._filesystem.find(self._root):
            parts = posixpath.relpath(path, self._root).split("/")
            hidden = next((path for path, part in enumerate(parts) if part.startswith(".")), None)
            if hidden is not None:
                result.add("/".join(parts[: hidden + 1]))
        for name in result:
            self._filesystem.rm(self._folder(name), recursive=True)
        return len(result)

    def newest(self, key: str) -> Artifact | None:
        """The newest artifact of `key`; None if it was never made."""
        return None if self._record(key, "current.json", "version") is None else self.current(key)

    def current(self, key: str) -> Artifact:
        """The newest artifact of `key`; ArtifactError if it was never made."""
        current = self._record(key, "current.json", "version")
        if current is None:
            raise ArtifactError(
                f"There is no artifact {key}. Materialise the asset {key} first: `basemodel train` makes what is "
                "missing."
            )
        version = str(current["version"])
        artifact = self.find(key, version)
        if artifact is None:
            raise ArtifactError(f"Artifact {key} {version} is incomplete. Materialise the asset {key} again.")
        return artifact

    def write(
        self,
        key: str,
        version: str,
        write_files: Callable[[ArtifactWriter], None],
        about: Mapping[str, object] | None = None,
    ) -> Artifact:
        """Make the artifact with `write_files`, commit it by a rename, and point `current` at it.

        `about` stands in the manifest for people: what the artifact was made from.
        """
        check_key(key)
        check_part(version, "a version")
        temporary = self._folder(key, f".{version}-{uuid.uuid4().hex}")
        self._filesystem.makedirs(temporary, exist_ok=True)
        try:
            writer = ArtifactWriter(self._filesystem, temporary)
            write_files(writer)
            manifest = {"key": key, "version": version, "files": writer.hashes, "about": dict(about or {})}
            write_durably(self._filesystem, posixpath.join(temporary, "manifest.json"), with_checksum(manifest))
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
        """Make `version` the current one; nothing is written where it is."""
        try:
            current = self._record(key, "current.json", "version")
        except ArtifactError:  # a pointer nobody can read is replaced
            current = None
        if current is None or current["version"] != version:
            self._put(self._folder(key, "current.json"), {"version": version})

    def fingerprint(self) -> str:
        """A hash of what the filesystem tells of every file, such as its size and when it was written."""
        self._filesystem.invalidate_cache()
        return version_of(self._filesystem.find(self._root, detail=True))

    def _put(self, path: str, record: Mapping[str, object]) -> None:
        """Write a sealed record in the place of an older one, at once."""
        temporary = posixpath.join(posixpath.dirname(path), f".{posixpath.basename(path)}-{uuid.uuid4().hex}")
        write_durably(self._filesystem, temporary, with_checksum(record))
        self._filesystem.mv(temporary, path)

    def retrain_due(self) -> dict[str, str]:
        """Since when models, as `key/version`, are due to be trained again: they saw someone who was forgotten."""
        record = self._record("", "retrain.json", "due")
        return {} if record is None else dict(record["due"])

    def current_due(self) -> dict[str, str]:
        """Keys of the current artifacts that are due to be trained again, and since when."""
        results = {}
        for name, since in self.retrain_due().items():
            key, _, version = name.rpartition("/")
            record = self._record(key, "current.json", "version")
            if record is not None and record["version"] == version:
                results[key] = since
        return results

    def mark_retrain_due(self, names: Iterable[str], since: str) -> None:
        """Mark models; those that were marked before keep their date."""
        due = {name: since for name in names} | self.retrain_due()
        if due:
            self._filesystem.makedirs(self._root, exist_ok=True)
            self._put(self._folder("retrain.json"), {"due": due})
