"""Candidates from an index of faiss: `pip install faiss-cpu`."""

import sys

import faiss
import numpy as np

import melu

catalog = melu.open(sys.argv[1]).catalog()
vectors = catalog.item_vectors()
# Graphs lose short vectors when they search by inner product. One more number makes all vectors
# equally long, and is multiplied by 0 (Bachrach et al. 2014).
squares = (vectors**2).sum(axis=1)
rows = np.column_stack([vectors, np.sqrt(squares.max() - squares)]).astype(np.float32)
index = faiss.IndexHNSWFlat(rows.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
index.add(rows)

user = melu.User(catalog, None, [6, 11], [5, 1.5])
_, candidates = index.search(np.append(user.vector(), np.float32(0))[np.newaxis], 200)
# An index may find fewer, and fills up with -1.
candidates = candidates[candidates >= 0]
# The list is exact among the candidates, and neighbours of the answers are added to them.
best = user.recommend(10, among=candidates, add_neighbours=True)
print(best.items.tolist())
