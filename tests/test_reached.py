"""Every public function, class and method of `basemodel_ops` is reached from `dagster_project`."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
Name = tuple[str, str]
"""A module, and a name at its top."""

ENTRIES = {"KIND", "ENCODER"}
"""Names by which files of a folder are found: a type of task, a type of column."""

EXCEPTIONS = {
    "basemodel_ops.cleora.embedding.embed": "the same of a hypergraph in memory; `embed_stream` equals it to the byte",
    "basemodel_ops.cleora.simd.SimdVectorModel": "numba finds it by the type that it models",
    "basemodel_ops.cleora.ids.index_ids": "the way out that an error names, for incidences with ids of their own",
    "basemodel_ops.compiled.LinkedCacheLocator": "numba loads it in an image, by an environment variable",
    "basemodel_ops.compiled.check_processor": "of the same",
    "basemodel_ops.compiled.link": "of the same",
    "basemodel_ops.stages.scoring.scoring.entity_representation": "one step of `score`, for a notebook",
    "basemodel_ops.stages.scoring.scoring.task_scores": "one step of `score`, for a notebook",
    "basemodel_ops.stages.tasks.recommendation_artifact.RecommendationArtifact.measured_ranker": (
        "the ranker whose test figures are published; benchmarks measure it again"
    ),
}


def _modules() -> dict[str, Path]:
    paths = [path for part in ("basemodel_ops", "dagster_project") for path in (ROOT / part).rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


MODULES = _modules()
TREES = {module: ast.parse(path.read_text()) for module, path in MODULES.items()}


@cache
def top(module: str) -> dict[str, ast.stmt]:
    """What a module defines, by name."""
    names: dict[str, ast.stmt] = {}
    for node in TREES[module].body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {part.id: node for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
    return names


@cache
def imported(module: str) -> dict[str, set[Name]]:
    """Names that a module imports, anywhere, and the modules and names that they are taken from."""
    names: dict[str, set[Name]] = {}
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                names.setdefault(alias.asname or alias.name, set()).add((node.module, alias.name))
    return names


def resolved(module: str, name: str) -> set[Name]:
    """Where a name that a module uses is defined; a module that it stands for has no name."""
    if name in top(module):
        return {(module, name)}
    sources = imported(module).get(name, set())
    if not sources and f"{module}.{name}" in MODULES:
        return {(f"{module}.{name}", "")}
    return {target for source in sources for target in resolved(*source)}


def used(module: str, node: ast.AST) -> Iterator[Name]:
    """What a part of a module names: by itself, as an attribute of a module, or by a module's name as text."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield from (target for target in resolved(module, part.id) if target[1])
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            for source, name in resolved(module, part.value.id):
                if not name:
                    yield from resolved(source, part.attr)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            source, _, name = part.value.partition(":")
            if name:
                source = f"basemodel_ops.warehouse.{source}"  # as adapters name their class
            if source in MODULES:
                yield from ((source, entry) for entry in ([name] if name else top(source)))


def reached() -> set[Name]:
    """Every name at the top of a module that is reached from the definitions, the command line, or by being found."""
    waiting = [name for module in MODULES for name in _roots(module)]
    seen: set[Name] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += used(name[0], top(name[0])[name[1]])
    return seen


def _roots(module: str) -> Iterator[Name]:
    if module.startswith("dagster_project"):
        yield from used(module, TREES[module])
    yield from ((module, name) for name in ENTRIES & top(module).keys())
    definitions = (ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
    for node in TREES[module].body:
        if not isinstance(node, definitions):
            yield from used(module, node)


def unreached() -> set[str]:
    """Public names that are not reached, and methods that are no attribute of anything."""
    names = reached()
    attributes = {part.attr for tree in TREES.values() for part in ast.walk(tree) if isinstance(part, ast.Attribute)}
    results: set[str] = set()
    for module in MODULES:
        for name, node in top(module).items():
            if (
                module.startswith("dagster_project")
                or name.startswith("_")
                or not isinstance(node, ast.FunctionDef | ast.ClassDef)
            ):
                continue
            if (module, name) not in names:
                results.add(f"{module}.{name}")
            elif isinstance(node, ast.ClassDef):
                results |= {f"{module}.{name}.{method}" for method in _methods(node) - attributes}
    return results


def _methods(node: ast.ClassDef) -> set[str]:
    functions = [part for part in node.body if isinstance(part, ast.FunctionDef)]
    return {entry.name for entry in functions if not entry.name.startswith("_")} - {"forward"}  # torch calls it


def test_every_public_name_is_reached_from_the_product_or_has_a_reason() -> None:
    assert unreached() == EXCEPTIONS.keys()
