"""The version of the code, so that nothing made by older code passes for new."""

import dis
import functools
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).parent

AROUND = (
    "artifacts", "audit", "contract", "errors", "erasures", "memory", "names", "data_quality", "report",
    "settings", "assets", "warehouse", "stages.progress", "stages.workspace",
)  # fmt: skip
"""Modules and packages that hand data to and fro: what they do changes no result, or stops the run."""


@functools.cache
def code_version(*packages: str) -> str:
    """A hash of the sources of these packages of `basemodel_ops`, or of all: 12 hexadecimal digits."""
    folders = [ROOT / package for package in packages] or [ROOT]
    paths = sorted(path for folder in folders for path in folder.rglob("*.py"))
    return _hash((path, path.read_bytes()) for path in paths)


@functools.cache
def code_behind(*modules: str) -> str:
    """A hash of the code on which what these modules of `basemodel_ops` make depends: 12 hexadecimal digits.

    These are the modules and all that they import, and the kernels in CUDA beside them, but not what is `AROUND` them.
    Of a module counts what it compiles to, without docstrings: words refit nothing.
    """
    return _hash((path, _meaning(path)) for path in sources(*modules))


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
def _compiled(path: Path) -> CodeType:
    return compile(path.read_bytes(), path.name, "exec", dont_inherit=True, optimize=2)


def _meaning(path: Path) -> bytes:
    """What a file says to the interpreter; of a kernel in CUDA its text."""
    return b"".join(_instructions(_compiled(path))) if path.suffix == ".py" else path.read_bytes()


def _instructions(code: CodeType) -> Iterator[bytes]:
    """Everything of a piece of code and of those within it, except where its lines are."""
    signature = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
    yield repr((code.co_name, signature, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)).encode()
    yield code.co_code + code.co_exceptiontable
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _instructions(constant)
        else:  # the order of a set differs between processes
            yield repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant).encode()


@functools.cache
def _imports(path: Path) -> tuple[str, ...]:
    """Full names of the modules that a file imports from `basemodel_ops`, wherever in it; and `importlib`."""
    return tuple(_imported(_compiled(path)))


def _imported(code: CodeType) -> Iterator[str]:
    if any(name.startswith(("basemodel_ops", "importlib")) for name in code.co_names):
        names: tuple[str, ...] | None = None
        for step in dis.get_instructions(code):
            if step.opname == "IMPORT_NAME" and step.argval.split(".")[0] == "importlib":
                yield "importlib"
            elif step.opname == "IMPORT_NAME" and step.argval.startswith("basemodel_ops"):
                inside = [f"{step.argval}.{name}" for name in names or ()]
                yield from {name if _file(name) else step.argval for name in inside} or {step.argval}
            names = step.argval if step.opname == "LOAD_CONST" and isinstance(step.argval, tuple) else None
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _imported(constant)


def _hash(parts: Iterable[tuple[Path, bytes]]) -> str:
    digest = hashlib.sha256()
    for path, content in parts:
        digest.update(str(path.relative_to(ROOT)).encode() + content)
    return digest.hexdigest()[:12]
