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
    return {
        f"{node['schema']}.{node.get('alias') or node['name']}": _hash(manifest, key)
        for key, node in manifest["nodes"].items()
        if node["resource_type"] in ("model", "seed", "snapshot")
    }


def _hash(manifest: dict[str, Any], key: str) -> str:
    texts = {name: " ".join(COMMENTS.sub(" ", text).split()) for name, text in _texts(manifest, key, set())}
    return hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest()[:12]


def _texts(manifest: dict[str, Any], key: str, seen: set[str]) -> Iterator[tuple[str, str]]:
    """Keys and texts of a model or macro and of all that it depends on."""
    entry = manifest["nodes"].get(key) or manifest.get("macros", {}).get(key)
    if entry is None or key in seen:
        return
    seen.add(key)
    # A seed has no SQL: its file is what makes it.
    yield key, entry.get("macro_sql") or entry.get("raw_code") or str(entry.get("checksum", ""))
    below = entry.get("depends_on", {})
    for name in below.get("nodes", []):
        yield from _texts(manifest, name, seen)
    for name in below.get("macros", []):
        for other in _dialects(manifest, name):
            yield from _texts(manifest, other, seen)


def _dialects(manifest: dict[str, Any], name: str) -> Iterator[str]:
    """A macro of the project and those that stand for it in a dialect; dbt's own are not among them."""
    package, _, short = name.removeprefix("macro.").partition(".")
    for other, macro in manifest.get("macros", {}).items():
        current = macro["package_name"] == package and not package.startswith("dbt")
        if current and (other == name or macro["name"].endswith(f"__{short}")):
            yield other
