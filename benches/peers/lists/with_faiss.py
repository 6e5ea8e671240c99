"""faiss: IndexFlatIP, exact."""

import faiss
import numpy as np

faiss.omp_set_num_threads(1)


class Peer:
    packages = ["faiss-cpu"]

    def __init__(self, world):
        self.indexes = {}

    def index(self, vectors):
        if vectors.items not in self.indexes:
            index = faiss.IndexFlatIP(vectors.rows.shape[1])
            index.add(vectors.rows)
            self.indexes = {vectors.items: index}
        return self.indexes[vectors.items]

    def best(self, vectors, vector, answers, count):
        return self.batch(vectors, vector[None], answers, count)

    def batch(self, vectors, users, answers, count):
        index, users = self.index(vectors), np.ascontiguousarray(users)
        return lambda: index.search(users, count)

    def write(self, vectors, path):
        faiss.write_index(self.index(vectors), str(path))

    def no_work(self):
        """A search among one item: what a call costs."""
        index, user = faiss.IndexFlatIP(64), np.zeros((1, 64), np.float32)
        index.add(user)
        return lambda: index.search(user, 1)

    def lists(self, found):
        scores, items = found
        return list(zip(items, scores))
