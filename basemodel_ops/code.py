"""The version of the code, so that nothing made by older code passes for new."""

import functools
import hashlib
from pathlib import Path


@functools.cache
def code_version(*packages: str) -> str:
    """A hash of the sources of these packages of `basemodel_ops`, or of all: 12 hexadecimal digits."""
    root = Path(__file__).parent
    folders = [root / package for package in packages] or [root]
    digest = hashlib.sha256()
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()[:12]
