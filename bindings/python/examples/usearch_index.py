"""Candidates from an index of usearch: `pip install usearch`."""

import sys

import numpy as np
from usearch.index import Index

import melu

catalog = melu.open(sys.argv[1]).catalog()
vectors = catalog.item_vectors()
# Graphs lose short vectors when they search by inner product. One more number makes all vectors
# equally long, and is multiplied by 0 (Bachrach et al. 2014).
squares = (vectors**2).sum(axis=1)
rows = np.column_stack([vectors, np.sqrt(squares.max() - squares)]).astype(np.float32)
index = Index(ndim=rows.shape[1], metric="ip", dtype="f32")
index.add(np.arange(len(rows)), rows)

user = melu.User(catalog, None, [6, 11], [5, 1.5])
candidates = index.search(np.append(user.vector(), np.float32(0)), 200).keys.astype(np.int64)
# The list is exact among the candidates, and neighbours of the answers are added to them.
best = user.recommend(10, among=candidates, add_neighbours=True)
print(best.items.tolist())
