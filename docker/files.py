"""What lies in an image that should not: looked for in its unpacked files."""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HOME = "var/lib/basemodel"
STICKY = {"tmp"}
"""Directories that everybody may write to: a mount covers it when the image runs."""

LEFTOVERS = re.compile(
    r"^(var/lib/apt/lists/.+|var/cache/.+|var/log/.+|root/\..+|(var/)?tmp/.+|install(/.*)?"
    r"|(.*/)?(\.cache|pip-cache|uv-cache)/.+|.*/(bin|site-packages)/(pip|uv|uvx|pip3)|.*\.(pyc|whl|deb|orig)\.\d+"
    r"|.*\.whl|.*\.deb)$"
)
"""Caches and logs of package managers, their tools, and what the build used."""

SECRET = re.compile(
    rb"-----BEGIN (?:RSA |EC |OPENSSH |ENCRYPTED )?PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{200,}"
    rb"|\bAKIA(?![0-9A-Z]*EXAMPLE)[0-9A-Z]{16}\b|\bghp_[A-Za-z0-9]{36}\b|\bxox[bp]-[0-9A-Za-z-]{20,}|\bpypi-AgEI[A-Za-z0-9_-]{50,}"
)
NAMES = re.compile(r"(^|/)(\.netrc|\.pgpass|\.pypirc|id_(rsa|ed25519|ecdsa)|.*\.p8|credentials(\.json)?|\.env)$")
SOURCE = re.compile(r"^opt/basemodel/lib/(?!.*/py31[2-9]_).*\.py$")
"""Sources of this Python, not of a later one, as torch has."""
SCANNED = 2 * 2**20
"""Files up to this many bytes are read for secrets; larger ones are libraries and data of packages."""


@dataclass
class Files:
    """Findings of one walk, as paths without the leading slash, and the bytes that files take."""

    bytes: int = 0
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of each package: a directory of site-packages, or a directory of the system."""
    writable: list[str] = field(default_factory=list)
    setuid: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    """Python sources of the environment without bytecode: a read-only root could never keep it."""


def look(root: Path) -> Files:
    """Walk an image's files once."""
    found, seen = Files(), set()
    for path, status in walk(root):
        name, mode = str(path.relative_to(root)), status.st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # devices of a base: what runs it mounts its own
            continue
        if mode & stat.S_IWOTH and not (name in STICKY and mode & stat.S_ISVTX):
            found.writable.append(name)
        if mode & (stat.S_ISUID | stat.S_ISGID) and stat.S_ISREG(mode):
            found.setuid.append(name)
        if (
            (status.st_uid or status.st_gid)
            and not (name + "/").startswith(HOME + "/")
            and not _is_system_group(status)
        ):
            found.foreign.append(name)
        if LEFTOVERS.match(name):
            found.leftovers.append(name)
        if stat.S_ISREG(mode) and status.st_ino not in seen:
            seen.add(status.st_ino)
            found.bytes += status.st_size
            package = _package(name)
            found.sizes[package] = found.sizes.get(package, 0) + status.st_size
            if NAMES.search(name) or (status.st_size <= SCANNED and SECRET.search(path.read_bytes())):
                found.secrets.append(name)
            if SOURCE.match(name) and not _bytecode(path).exists():
                found.stale.append(name)
    return found


def walk(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Everything below a directory, links not followed."""
    for folder, directories, files in os.walk(root):
        for name in (*directories, *files):
            path = Path(folder, name)
            yield path, path.lstat()


def _bytecode(source: Path) -> Path:
    return source.parent / "__pycache__" / f"{source.stem}.cpython-311.pyc"


def _is_system_group(status: os.stat_result) -> bool:
    """Root's own file, shared with one of Debian's groups, such as `shadow` and `mail`."""
    return status.st_uid == 0 and status.st_gid < 100


def _package(name: str) -> str:
    parts = name.split("/")
    if "site-packages" in parts:
        inside = parts[parts.index("site-packages") + 1 :]
        return inside[0].split(".cpython")[0].removesuffix(".libs").lstrip("_")
    return "/" + "/".join(parts[: 2 if parts[0] in ("usr", "var", "opt") else 1])
