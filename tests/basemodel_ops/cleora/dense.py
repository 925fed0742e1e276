"""The dense formulas of the paper, in float64, written apart from the code they test."""

import numpy as np


def incidence(nodes, edges, count, weights=None):
    """H, (nodes, hyperedges with two or more nodes): weights summed, or one where there is any row."""
    names, column = np.unique(edges, return_inverse=True)
    matrix = np.zeros((count, len(names)))
    known = nodes >= 0
    np.add.at(matrix, (nodes[known], column[known]), 1.0 if weights is None else weights[known].astype(np.float64))
    if weights is None:
        matrix = (matrix > 0).astype(float)
    return matrix[:, (matrix > 0).sum(0) > 1]


def markov(matrix):
    """M = D^-1 H diag(1/n) H', (nodes, nodes); rows of isolated nodes are zero."""
    adjacency = matrix @ np.diag(1 / matrix.sum(0)) @ matrix.T if matrix.shape[1] else np.zeros((len(matrix),) * 2)
    degree = adjacency.sum(1, keepdims=True)
    return np.divide(adjacency, degree, out=np.zeros_like(adjacency), where=degree > 0)


def unit(vectors):
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)


def whitened(vectors, connected):
    """Symmetric PCA whitening of the connected rows."""
    mean = vectors[connected].mean(0)
    centred = np.where(connected[:, None], vectors - mean, 0)
    values, directions = np.linalg.eigh(centred.T @ centred / connected.sum())
    scale = np.where(values > 1e-5 * values.max(), 1 / np.sqrt(np.maximum(values, 1e-30)), 0)
    return centred @ (directions * scale @ directions.T)
