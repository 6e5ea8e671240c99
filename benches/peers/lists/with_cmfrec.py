"""cmfrec: its implicit model, and its functions for warm users."""

import numpy as np
from cmfrec import CMF_implicit
from scipy.sparse import coo_matrix


class Peer:
    packages = ["cmfrec"]

    def __init__(self, world):
        users, items, _ = world.ratings
        self.model = CMF_implicit(k=64, niter=5, nthreads=1, use_float=True, produce_dicts=False)
        self.model.fit(coo_matrix((np.ones(len(users), np.float32), (users, items))))

    def adapt(self, vectors, answers):
        items, ones = answers.items.astype(np.int64), np.ones(len(answers.items), np.float32)
        return lambda: self.model.factors_warm(X_col=items, X_val=ones)

    def vector(self, found):
        return np.asarray(found).ravel()

    def recommend(self, vectors, answers, count):
        items, ones = answers.items.astype(np.int64), np.ones(len(answers.items), np.float32)
        warm = self.model.topN_warm
        return lambda: warm(count, X_col=items, X_val=ones, exclude=items, output_score=True)

    def lists(self, found):
        return [tuple(map(np.asarray, found))]
