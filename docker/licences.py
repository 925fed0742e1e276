"""`python -m docker.licences LOCK`: the licences of locked packages, in Markdown; exit 1 if one is not allowed."""

import fnmatch
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from docker.packages import Package, packages

SPDX = {
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "BSD": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "2-clause BSD License": "BSD-2-Clause",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Apache Software License / BSD License": "Apache-2.0 OR BSD-3-Clause",
    "Apache Software License / MIT License": "MIT OR Apache-2.0",
}
"""What packages write in words, as SPDX expressions. A family without its variant is read as its usual one."""

ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC",
    "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Unlicense", "Zlib",
}  # fmt: skip
"""Licences under which a package may be used, passed on in an image, and linked with a product under Apache-2.0."""

REVIEWED = {
    "psycopg2-binary": ("LGPL-3.0-only", "with exceptions for linking; used as it is, as a module of its own"),
    "text-unidecode": ("Artistic-1.0", "one of the licences it offers; dbt's slugs need it"),
    "triton": ("MIT", "GPU machines only; read from its wheel's metadata"),
    "cupy-cuda13x": ("MIT", "GPU machines only"),
    "nvidia-*": ("NVIDIA", "GPU machines only; NVIDIA's own terms, which let applications pass its libraries on"),
    "cuda-*": ("NVIDIA", "GPU machines only; NVIDIA's own terms, which let applications pass its libraries on"),
}
"""Packages, by pattern, that a person has looked at: the licence that holds, and why it may be used."""


def expression(package: Package) -> str:
    """A package's licence as an SPDX expression, or in its own words."""
    if reviewed := review(package.name):
        return reviewed[0]
    return SPDX.get(package.licence, package.licence)


def review(name: str) -> tuple[str, str] | None:
    """The licence and the reason of a package that was looked at."""
    return next((found for pattern, found in REVIEWED.items() if fnmatch.fnmatch(name, pattern)), None)


def is_allowed(text: str) -> bool:
    """Whether every licence that an expression demands is allowed, and one of those that it offers."""
    if match := re.fullmatch(r"\((.*)\)", text):
        return is_allowed(match[1])
    # `AND` binds closer than `OR`, so the expression is taken apart at `OR` first.
    for word, holds in (("OR", any), ("AND", all)):
        parts = _parts(text, word)
        if len(parts) > 1:
            return holds(is_allowed(part) for part in parts)
    return text in ALLOWED


def _parts(text: str, word: str) -> list[str]:
    """The operands of a word that stands outside of all brackets."""
    parts, depth = [""], 0
    for token in re.findall(r"[()]|[^()\s]+", text):
        depth += (token == "(") - (token == ")")
        if token == word and depth == 0:
            parts.append("")
        else:
            parts[-1] += f" {token}"
    return [part.strip().replace("( ", "(").replace(" )", ")") for part in parts]


def refused(found: Sequence[Package]) -> list[str]:
    """A sentence for each package whose licence is neither allowed nor reviewed."""
    return [
        f"{package.name} {package.version} is under {package.licence or 'no licence that it states'!r}"
        for package in found
        if not review(package.name) and not is_allowed(expression(package))
    ]


def table(found: Sequence[Package]) -> str:
    """The list as Markdown."""
    lines = [
        "# Licences of dependencies",
        "",
        "Made by `make licences` from the lock of CPU machines and what the packages say of themselves. Allowed are",
        f"{', '.join(sorted(ALLOWED))}.",
        "",
        "| package | version | licence | reviewed |",
        "|---|---|---|---|",
    ]
    for package in found:
        reason = (review(package.name) or ("", ""))[1]
        lines.append(f"| {package.name} | {package.version} | {expression(package)} | {reason} |")
    lines += ["", "On GPU machines there are, besides:", "", "| packages | licence | reviewed |", "|---|---|---|"]
    lines += [f"| `{name}` | {licence} | {reason} |" for name, (licence, reason) in REVIEWED.items() if "GPU" in reason]
    return "\n".join(lines)


def main() -> int:
    """Print the table; the packages that are refused go to the other stream."""
    found = packages(Path(sys.argv[1]))
    print(table(found))
    problems = refused(found)
    for problem in problems:
        print(f"{problem}. Replace it, or review it: docker/licences.py, REVIEWED.", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
