"""The version of the code, so that nothing made by older code passes for new."""

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent

AROUND = (
    "artifacts", "audit", "contract", "errors", "erasures", "memory", "names", "data_quality", "report",
    "settings", "assets", "warehouse", "stages.workspace",
)  # fmt: skip
"""Modules and packages that hand data to and fro: what they do changes no result, or stops the run."""


@functools.cache
def code_version(*packages: str) -> str:
    """A hash of the sources of these packages of `basemodel_ops`, or of all: 12 hexadecimal digits."""
    folders = [ROOT / package for package in packages] or [ROOT]
    return _hash(sorted(path for folder in folders for path in folder.rglob("*.py")))


@functools.cache
def code_behind(*modules: str) -> str:
    """A hash of the sources on which what these modules of `basemodel_ops` make depends: 12 hexadecimal digits.

    These are the modules and all that they import, and the kernels in CUDA beside them, but not what is `AROUND` them.
    """
    return _hash(sources(*modules))


def sources(*modules: str) -> list[Path]:
    """The files that `code_behind` reads, sorted."""
    results: set[Path] = set()
    waiting = [f"basemodel_ops.{module}" for module in modules]
    while waiting:
        path = _file(waiting.pop())
        if path is None or path in results:
            continue
        results.add(path)
        waiting += [name for name in _imports(path) if not _is_around(name)]
        if "importlib" in _imports(path):  # it finds the modules of its package by their names
            waiting += [
                ".".join(("basemodel_ops", *entry.relative_to(ROOT).with_suffix("").parts))
                for entry in path.parent.glob("*.py")
            ]
    kernels = {kernel for path in results for kernel in path.parent.glob("*.cu")}
    return sorted(results | kernels)


def _is_around(module: str) -> bool:
    name = module.removeprefix("basemodel_ops.")
    return any(name == entry or name.startswith(f"{entry}.") for entry in AROUND)


def _file(module: str) -> Path | None:
    """The file of a module or package of `basemodel_ops`; None where there is none."""
    path = ROOT.joinpath(*module.split(".")[1:])
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file() and file != ROOT / "__init__.py":
            return file
    return None


@functools.cache
def _imports(path: Path) -> tuple[str, ...]:
    """Full names of the modules that a file imports from `basemodel_ops`, wherever in it; and `importlib`."""
    return tuple(_imported(ast.parse(path.read_bytes())))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            inside = [f"{module}.{alias.name}" for alias in node.names]
            yield from (name if _file(name) else module for name in inside if module.startswith("basemodel_ops"))
            yield from ("importlib" for _ in inside if module == "importlib")
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name == "importlib" or a.name.startswith("basemodel_ops"))


def _hash(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:12]
