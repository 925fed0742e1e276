"""Packed (hyperedge, node) keys, and hyperedges cut from their sorted list."""

import numba
import numpy as np
from numba import njit, prange

from basemodel_ops.cleora.ids import mix

SHORT = 48
"""Runs up to here are sorted by insertion."""


def pack(edges: np.ndarray, nodes: np.ndarray, weights: np.ndarray, node_bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Keys edge << node_bits | node of the rows with a known node and a weight, uint64, and their weights."""
    parts = numba.get_num_threads()
    count = _count_kept(nodes, weights, parts)
    key = np.empty(int(count.sum()), np.uint64)
    weight = np.empty(len(key) if len(weights) else 0, np.float32)
    _pack(edges, nodes, weights, node_bits, np.cumsum(count) - count, key, weight)
    return key, weight


@njit(cache=True, nogil=True, inline="always")
def _is_kept(nodes: np.ndarray, weights: np.ndarray, row: int) -> bool:
    return nodes[row] >= 0 and (len(weights) == 0 or weights[row] >= np.float32(1e-25))


@njit(parallel=True, cache=True, nogil=True)
def _count_kept(nodes: np.ndarray, weights: np.ndarray, parts: int) -> np.ndarray:
    count, rows = np.zeros(parts, np.int64), len(nodes)
    for part in prange(parts):
        total = 0
        for row in range(rows * part // parts, rows * (part + 1) // parts):
            total += _is_kept(nodes, weights, row)
        count[part] = total
    return count


@njit(parallel=True, cache=True, nogil=True)
def _pack(
    edges: np.ndarray,
    nodes: np.ndarray,
    weights: np.ndarray,
    node_bits: int,
    first: np.ndarray,
    key: np.ndarray,
    weight: np.ndarray,
) -> None:
    parts, rows = len(first), len(nodes)
    for part in prange(parts):
        at = first[part]
        for row in range(rows * part // parts, rows * (part + 1) // parts):
            if _is_kept(nodes, weights, row):
                key[at] = (edges[row] << np.uint64(node_bits)) | np.uint64(nodes[row])
                if len(weights):
                    weight[at] = weights[row]
                at += 1


def group(
    key: np.ndarray, weight: np.ndarray, node_bits: int, least: np.uint64, names: np.ndarray, cap: int
) -> tuple[np.ndarray, np.ndarray]:
    """Hyperedges of a list of keys sorted by hyperedge; puts each one's nodes, sorted and distinct, at its start.

    Args:
        key: Sorted by hyperedge, uint64 (rows,); each run is rewritten.
        weight: Moves with the keys, float32 (rows,) or of length 0; repeats of a node are summed.
        node_bits: Low bits of a key that hold the node.
        least: Added to a key's hyperedge to give its id.
        names: Ids of the hyperedges, uint64, where keys hold ranks; of length 0 otherwise.
        cap: Most nodes of a hyperedge; 0 for no cap.

    Returns:
        First row of each run and number of its nodes (0 where it has only one), int64 (runs,) both.
    """
    start = _runs(key, node_bits, numba.get_num_threads())
    return start, _tidy(key, weight, start, node_bits, least, names, cap)


@njit(parallel=True, cache=True, nogil=True)
def _runs(key: np.ndarray, node_bits: int, parts: int) -> np.ndarray:
    low, rows = np.uint64(node_bits), len(key)
    count = np.zeros(parts, np.int64)
    for part in prange(parts):
        total = 0
        for row in range(rows * part // parts, rows * (part + 1) // parts):
            total += row == 0 or key[row] >> low != key[row - 1] >> low
        count[part] = total
    start = np.empty(count.sum(), np.int64)
    for part in prange(parts):
        at = count[:part].sum()
        for row in range(rows * part // parts, rows * (part + 1) // parts):
            if row == 0 or key[row] >> low != key[row - 1] >> low:
                start[at] = row
                at += 1
    return start


@njit(cache=True, nogil=True)
def _sort(key: np.ndarray, weight: np.ndarray) -> None:
    """Sort a run by node, repeats of a node by weight: their sum must not depend on the order of the rows."""
    if len(key) <= SHORT:
        for i in range(1, len(key)):
            entry, j = key[i], i
            if len(weight):
                total_weight = weight[i]
                while j > 0 and (key[j - 1] > entry or (key[j - 1] == entry and weight[j - 1] > total_weight)):
                    key[j], weight[j] = key[j - 1], weight[j - 1]
                    j -= 1
                weight[j] = total_weight
            else:
                while j > 0 and key[j - 1] > entry:
                    key[j] = key[j - 1]
                    j -= 1
            key[j] = entry
    elif len(weight):
        order = np.argsort(weight, kind="mergesort")
        order = order[np.argsort(key[order], kind="mergesort")]
        key[:], weight[:] = key[order], weight[order]
    else:
        key.sort()


@njit(cache=True, nogil=True)
def _sampled(key: np.ndarray, weight: np.ndarray, name: np.uint64, mask: np.uint64, cap: int) -> None:
    """Move the `cap` nodes with the least hash to the front, in their order."""
    hashes = np.empty(len(key), np.uint64)
    salt = mix(name + np.uint64(0x9E3779B97F4A7C15))
    for i in range(len(key)):
        hashes[i] = mix(salt ^ (key[i] & mask))
    bound = np.sort(hashes)[cap - 1]
    at = 0
    for i in range(len(key)):
        # Equal hashes are the same node: the mix is one to one.
        if hashes[i] <= bound:
            key[at] = key[i]
            if len(weight):
                weight[at] = weight[i]
            at += 1


@njit(parallel=True, cache=True, nogil=True)
def _tidy(
    key: np.ndarray,
    weight: np.ndarray,
    start: np.ndarray,
    node_bits: int,
    least: np.uint64,
    names: np.ndarray,
    cap: int,
) -> np.ndarray:
    runs, mask = len(start), (np.uint64(1) << np.uint64(node_bits)) - np.uint64(1)
    size = np.empty(runs, np.int64)
    for run in prange(runs):
        low = start[run]
        high = start[run + 1] if run + 1 < runs else len(key)
        total_weight = weight[low:high] if len(weight) else weight
        _sort(key[low:high], total_weight)
        last = low
        for row in range(low + 1, high):
            if key[row] != key[last]:
                last += 1
                key[last] = key[row]
                if len(weight):
                    weight[last] = weight[row]
            elif len(weight):
                weight[last] += weight[row]
        count = last + 1 - low
        if cap and count > cap:
            edge = key[low] >> np.uint64(node_bits)
            name = names[np.int64(edge)] if len(names) else edge + least
            _sampled(
                key[low : low + count], weight[low : low + count] if len(weight) else weight, np.uint64(name), mask, cap
            )
            count = cap
        size[run] = count if count > 1 else 0
    return size


def members_of(
    key: np.ndarray, weight: np.ndarray, start: np.ndarray, size: np.ndarray, node_bits: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compressed sparse rows of the runs that have nodes: starts int64, nodes int32, weights float32."""
    kept = size > 0
    start, size = start[kept], size[kept]
    edge_start = np.concatenate([np.zeros(1, np.int64), np.cumsum(size)])
    members = np.empty(edge_start[-1], np.int32)
    member_weights = np.empty(len(members) if len(weight) else 0, np.float32)
    _copy(key, weight, start, edge_start, node_bits, members, member_weights)
    return edge_start, members, member_weights


@njit(parallel=True, cache=True, nogil=True)
def _copy(
    key: np.ndarray,
    weight: np.ndarray,
    start: np.ndarray,
    edge_start: np.ndarray,
    node_bits: int,
    members: np.ndarray,
    member_weights: np.ndarray,
) -> None:
    mask = (np.uint64(1) << np.uint64(node_bits)) - np.uint64(1)
    for edge in prange(len(start)):
        for i in range(edge_start[edge + 1] - edge_start[edge]):
            members[edge_start[edge] + i] = np.int32(key[start[edge] + i] & mask)
            if len(weight):
                member_weights[edge_start[edge] + i] = weight[start[edge] + i]
