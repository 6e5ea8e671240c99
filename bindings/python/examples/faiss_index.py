"""Candidates from an index of faiss: `pip install faiss-cpu`."""

import sys

import faiss
import numpy as np

import melu

catalog = melu.open(sys.argv[1]).catalog()
vectors = catalog.item_vectors()
index = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
index.add(np.ascontiguousarray(vectors))

user = melu.User(catalog, None, [6, 11], [5, 1.5])
_, candidates = index.search(user.vector()[np.newaxis], 200)
# An index may find fewer, and fills up with -1.
candidates = candidates[candidates >= 0]
# The list is exact among the candidates, and neighbours of the answers are added to them.
best = user.recommend(10, among=candidates, add_neighbours=True)
print(best.items.tolist())
