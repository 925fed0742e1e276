"""Link prediction and page type on the mutual likes of Facebook pages, as Cleora's published notebooks do.

Protocol, after the published notebook where it is known: one edge in five is held out at random; the embedding (1,024
dimensions, 5 plain iterations) sees the training edges, grouped by their first page: a hyperedge is a page and the
pages it names (the notebook's star and clique files hold the same groups). Page type: one page in five is held out;
logistic regression by stochastic gradient descent (alpha 1e-4, 20 passes, batches of 256, no shuffling); micro-F1.
Link prediction: the ranking behind the published figures is inferred; here the second page of each held-out edge is
ranked by cosine to the first, among all pages ("raw"), and among those that are not its neighbours in training
("filtered"). Beside it, edges as pairs, and whitened iterations.
"""

from typing import Any

import numpy as np
import pyarrow.parquet as pq

DIMENSION, ITERATIONS = 1024, 5
PUBLISHED = {"link_mrr": 0.078, "link_hit_rate_10": 0.203, "page_type_micro_f1": {"star": 0.909, "clique": 0.917}}


def pages(folder: str) -> dict[str, Any]:
    """Figures for hyperedges and pairs, plain and whitened."""
    from basemodel_ops.cleora import build_hypergraph, embed

    edges = pq.read_table(f"{folder}/edges.parquet")
    attributes = pq.read_table(f"{folder}/pages.parquet").sort_by("id")
    first, second = (edges.column(name).to_numpy() for name in ("id_1", "id_2"))
    count = attributes.num_rows
    generator = np.random.default_rng(0)
    is_test = np.zeros(len(first), bool)
    is_test[generator.permutation(len(first))[: len(first) // 5]] = True
    left, right = first[~is_test], second[~is_test]
    ends, links_of = np.stack([left, right], axis=1).reshape(-1), np.repeat(np.arange(len(left)), 2)
    pairs = build_hypergraph(ends, links_of, count)  # hyperedges of two pages
    grouped = build_hypergraph(np.concatenate([left, right]), np.concatenate([left, left]), count)
    kinds = np.unique(attributes.column("page_type").to_numpy(zero_copy_only=False).astype(str), return_inverse=True)[1]
    result: dict[str, Any] = {}
    for name, graph, whiten, iterations in (
        ("hyperedges, plain", grouped, False, ITERATIONS),
        ("hyperedges, whitened", grouped, True, ITERATIONS),
        ("pairs, plain", pairs, False, ITERATIONS),
        ("pairs, whitened", pairs, True, ITERATIONS),
    ):
        vectors = embed(graph, np.arange(count), DIMENSION, iterations, whiten=whiten, device="cpu").vectors
        result[name] = {
            "link": links(vectors, left, right, first[is_test], second[is_test]),
            "page_type_micro_f1": page_type(vectors, kinds, graph.connected),
        }
    return result


def links(
    vectors: np.ndarray, left: np.ndarray, right: np.ndarray, source: np.ndarray, target: np.ndarray
) -> dict[str, Any]:
    """Mean reciprocal rank and hit rate at 10 of the target among all pages, ties counted against it."""
    known = np.abs(vectors).max(axis=1) > 0
    kept = known[source] & known[target]
    order = np.argsort(source[kept], kind="stable")
    source, target = source[kept][order], target[kept][order]
    entity_index, neighbour = np.concatenate([left, right]), np.concatenate([right, left])
    order = np.argsort(entity_index, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(entity_index, minlength=len(vectors)))])
    neighbour = neighbour[order]
    ranks: dict[str, list[np.ndarray]] = {"raw": [], "filtered": []}
    for low in range(0, len(source), 2000):
        these, those = source[low : low + 2000], target[low : low + 2000]
        scores = vectors[these] @ vectors[known].T
        row_index = np.cumsum(known) - 1
        row = np.arange(len(these))
        scores[row, row_index[these]] = -np.inf
        current = scores[row, row_index[those]].copy()
        ranks["raw"].append((scores >= current[:, None]).sum(axis=1))
        for i, page in enumerate(these):
            others = neighbour[start[page] : start[page + 1]]
            scores[i, row_index[others[known[others]]]] = -np.inf
        scores[row, row_index[those]] = current
        ranks["filtered"].append((scores >= current[:, None]).sum(axis=1))
    out: dict[str, Any] = {"held_out": len(source)}
    for name, parts in ranks.items():
        rank = np.concatenate(parts)
        out[name] = {"mrr": float((1 / rank).mean()), "hit_rate_10": float((rank <= 10).mean())}
    return out


def page_type(vectors: np.ndarray, kinds: np.ndarray, connected: np.ndarray) -> float:
    """Micro-F1 (accuracy) on a fifth of the pages that have a vector."""
    from sklearn.linear_model import SGDClassifier

    order = np.random.default_rng(1).permutation(len(kinds))
    test, train = np.split(order, [len(order) // 5])
    test, train = test[connected[test]], train[connected[train]]
    model = SGDClassifier(random_state=0, loss="log_loss", alpha=1e-4)
    for _ in range(20):
        for low in range(0, len(train), 256):
            batch = train[low : low + 256]
            model.partial_fit(vectors[batch], kinds[batch], classes=np.unique(kinds))
    return float((model.predict(vectors[test]) == kinds[test]).mean())
