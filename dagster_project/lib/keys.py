"""Asset keys of dbt's nodes: dbt's own names, lengthened where another asset has the same."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator

from basemodel_ops.assets import assets, published_columns
from basemodel_ops.contract.nodes import TABLES
from basemodel_ops.contract.types import Contract

UNNAMEABLE = re.compile(r"[^A-Za-z0-9_-]")


def asset_key(key: str) -> dg.AssetKey:
    """The asset that makes an artifact. Dagster names steps after it: what it takes in no name stands as `_u` and a
    number, as in `my_u20_shop`."""
    return dg.AssetKey([UNNAMEABLE.sub(lambda result: f"_u{ord(result.group()):x}_", part) for part in key.split("/")])


def asset_keys(contract: Contract) -> set[dg.AssetKey]:
    """Keys of the assets that are not dbt's."""
    names = [
        "snapshot",
        "entity_representation",
        *assets(contract),
        *(f"{task.name}/{part}" for task in contract.tasks for part in ("scores", "deciles", "explanations")),
        *("entity_embeddings", "lookalikes", "segments", "segment_profiles", "anomalies", "report"),
        *(f"{audience.name}/audience" for audience in contract.audiences),
        *(f"{column}/embeddings" for column in published_columns(contract)),
    ]
    return {asset_key(name) for name in names}


def node_keys(manifest: Mapping[str, Any], contract: Contract) -> dict[str, dg.AssetKey]:
    """The asset key of each model, seed and snapshot, by its id in the manifest.

    One that is called like an asset of this package, or like another node, gets schema and package in front.
    """
    translator, taken = DagsterDbtTranslator(), asset_keys(contract)
    nodes = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] in TABLES}
    results = {key: translator.get_asset_key(node) for key, node in nodes.items()}
    for part in ("schema", "package_name"):
        times = Counter(results.values())
        for key, node in nodes.items():
            if times[results[key]] > 1 or results[key] in taken:
                results[key] = dg.AssetKey([node[part], *results[key].path])
    return results
