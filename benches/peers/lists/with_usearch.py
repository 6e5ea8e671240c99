"""usearch: exact search over an array, which needs no index."""

import numpy as np
from usearch.index import MetricKind, search


class Peer:
    packages = ["usearch"]

    def __init__(self, world):
        pass

    def best(self, vectors, vector, answers, count):
        rows, user = vectors.rows, np.ascontiguousarray(vector)
        return lambda: search(rows, user, count, MetricKind.IP, exact=True, threads=1)

    def lists(self, found):
        # Its distance is one less the product.
        return [
            (np.asarray(found.keys).astype(np.int64), 1 - np.asarray(found.distances, np.float64))
        ]
