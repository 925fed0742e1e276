"""Who owns each table, as the dbt project says: its model's `meta.owner`, or else the owner of its group."""

from collections.abc import Mapping
from typing import Any

from basemodel_ops.contract.nodes import TABLES, Node


def owners(manifest: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The owners of each relation that has any, by `schema.name`; emails or names, as they are written."""
    groups = {group["name"]: group for group in manifest.get("groups", {}).values()}
    results = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] in TABLES and (names := owners_of(node, groups)):
            results[f"{node['schema']}.{node.get('alias') or node['name']}"] = names
    return results


def owners_of(node: Node, groups: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """The owners of a node: those it names itself, else those of its group (`groups` by name), else none."""
    config = node.get("config", {})
    names = _named((config.get("meta") or node.get("meta") or {}).get("owner"))
    return names or _named(groups.get(str(config.get("group") or node.get("group")), {}).get("owner"))


def _named(owner: object) -> tuple[str, ...]:
    """One owner or several, each a text or a mapping with an `email` or a `name`, as dbt has them of groups."""
    if isinstance(owner, Mapping):
        return _named(owner.get("email")) or _named(owner.get("name"))
    if isinstance(owner, str):
        return (owner.strip(),) if owner.strip() else ()
    return tuple(name for entry in owner for name in _named(entry)) if isinstance(owner, list) else ()
