"""implicit: alternating least squares, which computes a new user's factors anew."""

import numpy as np
from implicit.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix


def rows_of(answers, items):
    """Those who answered, by what they liked."""
    counts = [len(of_user.items) for of_user in answers]
    at = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    chosen = np.concatenate([of_user.items for of_user in answers]).astype(np.int32)
    matrix = csr_matrix((np.ones(len(chosen), np.float32), chosen, at), (len(answers), items))
    matrix.sort_indices()
    return matrix


class Peer:
    packages = ["implicit"]

    def __init__(self, world):
        users, items, ratings = world.ratings
        shape = users.max() + 1, items.max() + 1
        self.model = AlternatingLeastSquares(64, iterations=5, num_threads=1, random_state=1)
        ones = np.ones(len(users), np.float32)
        self.model.fit(csr_matrix((ones, (users, items)), shape), show_progress=False)

    def adapt(self, vectors, answers):
        row = rows_of([answers], vectors.items)
        return lambda: self.model.recalculate_user(0, row)

    def vector(self, found):
        return np.asarray(found).ravel()

    def recommend(self, vectors, answers, count):
        row = rows_of([answers], vectors.items)
        return lambda: self.model.recommend(0, row, count, recalculate_user=True)

    def batch(self, vectors, users, answers, count):
        # It knows the items of the small world.
        if vectors.items != self.model.item_factors.shape[0]:
            return None
        rows, numbers = rows_of(answers, vectors.items), np.arange(len(answers))
        return lambda: self.model.recommend(numbers, rows, count, recalculate_user=True)

    def lists(self, found):
        items, scores = (np.atleast_2d(part) for part in found)
        return list(zip(items, scores))
