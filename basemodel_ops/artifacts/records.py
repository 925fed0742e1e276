"""Small JSON files that seal themselves: a record carries the hash of its own text, so no byte of it can change."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from basemodel_ops.errors import ArtifactError
from basemodel_ops.names import file_fault


def check_part(part: str, what: str) -> None:
    """Hold one part of a path to being a plain name, so that nothing is read or written outside its folder.

    Raises:
        ArtifactError: naming it.
    """
    if fault := file_fault(part):
        raise ArtifactError(
            f"{part!r} cannot be the name of {what}: it {fault}. Rename the model or column that it comes from, or "
            "remove what was not written by this store."
        )


def check_key(key: str) -> None:
    """Hold every part of a key such as `encoders/visits` to being a plain name."""
    for part in key.split("/"):
        check_part(part, "an artifact")


def check_files(files: object) -> None:
    """Hold a manifest's files to plain names and SHA-256 hashes."""
    if not isinstance(files, dict):
        raise ArtifactError("A manifest's `files` must be hashes by name.")
    for name, digest in files.items():
        check_part(name, "a file of an artifact")
        if not (isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{64}", digest)):
            raise ArtifactError(f"{digest!r} is no SHA-256 of {name}.")


def with_checksum(record: Mapping[str, object]) -> bytes:
    """The record as JSON, with the hash of its text as `checksum`."""
    text = json.dumps(dict(record), sort_keys=True, indent=1, default=str)
    checksum = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps({**json.loads(text), "seal": checksum}, sort_keys=True, indent=1).encode()


def verified(data: bytes) -> dict[str, Any]:
    """The record of a sealed text, without its seal.

    Raises:
        ValueError: it is no record, or some byte of it is another than was written.
    """
    record = json.loads(data)
    if not isinstance(record, dict) or "seal" not in record:
        raise ValueError("it has no seal")
    del record["seal"]
    if with_checksum(record) != data:
        raise ValueError("it does not match its seal")
    return record
