"""What makes each table, as a hash: the SQL of its dbt model, of all models below it and of the macros they use.

Comments and white space change nothing; nor do variables, such as the moment at which a data set is said to stop.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

COMMENTS = re.compile(r"\{#.*?#\}|/\*.*?\*/|--[^\n]*", re.DOTALL)


def definitions(manifest: dict[str, Any]) -> dict[str, str]:
    """The hash of each relation's definition, by `schema.name`, from a dbt manifest."""
    nodes = manifest["nodes"]
    return {
        f"{node['schema']}.{node.get('alias') or node['name']}": _hash(manifest, node)
        for node in nodes.values()
        if node["resource_type"] in ("model", "seed", "snapshot")
    }


def _hash(manifest: dict[str, Any], node: dict[str, Any]) -> str:
    texts = {key: _plain(text) for key, text in _texts(manifest, node, set())}
    return hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest()[:12]


def _texts(manifest: dict[str, Any], node: dict[str, Any], seen: set[str]) -> Iterator[tuple[str, str]]:
    """Keys and texts of a model or macro and of all that it depends on."""
    key = node["unique_id"]
    if key in seen:
        return
    seen.add(key)
    # A seed has no SQL: its file is what makes it.
    yield key, node.get("macro_sql") or node.get("raw_code") or str(node.get("checksum", ""))
    below = node.get("depends_on", {})
    for name in below.get("nodes", []):
        if name in manifest["nodes"]:
            yield from _texts(manifest, manifest["nodes"][name], seen)
    for name in below.get("macros", []):
        yield from _macros(manifest, name, seen)


def _macros(manifest: dict[str, Any], name: str, seen: set[str]) -> Iterator[tuple[str, str]]:
    """A macro of the project and its dialects; dbt's own are not among them."""
    package, _, short = name.removeprefix("macro.").partition(".")
    for other, macro in manifest["macros"].items():
        own = macro["package_name"] == package and not package.startswith("dbt")
        if own and (other == name or macro["name"].endswith(f"__{short}")):
            yield from _texts(manifest, macro, seen)


def _plain(text: str) -> str:
    return " ".join(COMMENTS.sub(" ", text).split())
