"""Nodes of a dbt manifest as dbt itself means them: which are tables, which version counts, what a snapshot adds."""

from collections.abc import Iterator, Mapping
from typing import Any

Node = Mapping[str, Any]

TABLES = ("model", "seed", "snapshot")
"""Kinds of nodes that dbt builds as tables or views, and so those that an annotation may stand on."""

SNAPSHOT_COLUMNS = {
    "dbt_valid_from": ("timestamp", None),
    "dbt_valid_to": ("timestamp", None),
    "dbt_updated_at": ("timestamp", "ignore"),
    "dbt_scd_id": ("varchar", "ignore"),
    "dbt_is_deleted": ("varchar", "ignore"),
}
"""Columns that dbt adds to a snapshot, each with its data type and, where it is no moment of a fact, how it is read."""


def is_newest(node: Node) -> bool:
    """Whether `ref` without a version means this node: it has no versions, or it is the latest of them."""
    version = node.get("version")
    return version is None or str(version) == str(node.get("latest_version"))


def meta_of(node: Node) -> Any:
    """What stands under `meta.basemodel`, in `config` or beside it; None where nothing does."""
    return (node.get("config", {}).get("meta") or node.get("meta") or {}).get("basemodel")


def is_ephemeral(node: Node) -> bool:
    """Whether dbt pastes the node into others, so that there is no table of it."""
    return node.get("config", {}).get("materialized") == "ephemeral"


def snapshot_column(node: Node, name: str) -> str:
    """What the project calls a column that dbt adds to a snapshot."""
    return (node.get("config", {}).get("snapshot_meta_column_names") or {}).get(name) or name


def columns_of(node: Node) -> dict[str, dict[str, Any]]:
    """The declared columns; of a snapshot also those that dbt adds, which nobody has to declare."""
    columns = dict(node.get("columns", {}))
    if node["resource_type"] != "snapshot":
        return columns
    there = {name.lower() for name in columns}
    for name, (data_type, read_as) in SNAPSHOT_COLUMNS.items():
        current = snapshot_column(node, name)
        if current.lower() not in there:
            meta = {"basemodel": {"type": read_as}} if read_as else {}
            columns[current] = {"name": current, "data_type": data_type, "config": {"meta": meta}}
    return columns


def disabled(manifest: Mapping[str, Any]) -> dict[str, Node]:
    """Models, seeds and snapshots that the project switches off, by name."""
    nodes = [node for versions in manifest.get("disabled", {}).values() for node in versions]
    return {node["name"]: node for node in nodes if node.get("resource_type") in TABLES}


def misplaced(manifest: Mapping[str, Any]) -> Iterator[str]:
    """A problem for each annotation on what is no table of dbt's, such as a source: it would never be read."""
    indices = [*manifest["nodes"].values()]
    for section in ("sources", "exposures", "metrics", "semantic_models", "saved_queries", "macros"):
        indices += manifest.get(section, {}).values()
    for node in indices:
        if node.get("resource_type") not in TABLES and meta_of(node) is not None:
            yield (
                f"{node['resource_type'].capitalize()} {node['name']} carries `meta.basemodel`, which is read only of "
                "models, seeds and snapshots. Write a model that selects from it, and annotate that."
            )


def unread(manifest: Mapping[str, Any]) -> list[str]:
    """A line for each annotated node that dbt leaves out, so that nobody waits for it."""
    lines = [f"{name} is disabled" for name, node in disabled(manifest).items() if meta_of(node) is not None]
    for node in manifest["nodes"].values():
        if node["resource_type"] in TABLES and meta_of(node) is not None and not is_newest(node):
            lines.append(f"version {node['version']} of {node['name']}: version {node['latest_version']} is the latest")
    return sorted(lines)
