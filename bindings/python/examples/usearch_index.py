"""Candidates from an index of usearch: `pip install usearch`."""

import sys

import numpy as np
from usearch.index import Index

import melu

catalog = melu.open(sys.argv[1]).catalog()
vectors = catalog.item_vectors()
index = Index(ndim=vectors.shape[1], metric="ip", dtype="f32")
index.add(np.arange(len(vectors)), np.ascontiguousarray(vectors))

user = melu.User(catalog, None, [6, 11], [5, 1.5])
candidates = index.search(user.vector(), 200).keys.astype(np.int64)
# The list is exact among the candidates, and neighbours of the answers are added to them.
best = user.recommend(10, among=candidates, add_neighbours=True)
print(best.items.tolist())
