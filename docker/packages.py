"""The packages that a lock names, as they are installed in this environment."""

import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

PINNED = re.compile(r"^([a-zA-Z0-9._-]+)==([^\s;]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Package:
    """One locked package: its version, the hashes of its wheels, and what it says of itself if it is installed."""

    name: str
    version: str
    hashes: tuple[str, ...]
    licence: str
    """As the package states it: an SPDX expression, else classifiers, else free text; empty if it says nothing."""
    requires: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def locked(lock: Path) -> list[tuple[str, str, tuple[str, ...]]]:
    """Names, versions and hashes in a requirements file, in its order."""
    found: list[tuple[str, str, list[str]]] = []
    for line in lock.read_text().splitlines():
        if pinned := PINNED.match(line):
            found.append((normal(pinned[1]), pinned[2], []))
        if hashed := HASH.search(line):
            found[-1][2].append(hashed[1])
    return [(name, version, tuple(hashes)) for name, version, hashes in found]


def packages(lock: Path) -> list[Package]:
    """The packages of a lock with what the installed ones say of themselves."""
    installed = {normal(one.metadata["Name"]): one for one in metadata.distributions() if one.metadata["Name"]}
    found = []
    for name, version, hashes in locked(lock):
        one = installed.get(name)
        requires = [re.match(r"[A-Za-z0-9._-]+", text) for text in (one.requires or [])] if one else []
        names = sorted({normal(match[0]) for match in requires if match})
        found.append(Package(name, version, hashes, stated_licence(one) if one else "", tuple(names)))
    return found


def stated_licence(one: metadata.Distribution) -> str:
    """What a package says of its licence."""
    fields = one.metadata
    for expression in fields.get_all("License-Expression") or []:
        return expression.strip()
    classifiers = [text.split(" :: ")[-1] for text in fields.get_all("Classifier") or [] if text.startswith("License")]
    named = sorted(text for text in classifiers if text != "OSI Approved")
    if named:
        return " / ".join(named)
    lines = "".join(fields.get_all("License") or []).strip().splitlines()
    return lines[0].strip()[:80] if lines else ""


def normal(name: str) -> str:
    """A package's name in PyPI's normal form."""
    return re.sub(r"[-_.]+", "-", name).lower()
