"""melu's C functions by ctypes: the lists that `recommend` gives, and those by vectors alone."""

from ctypes import byref, c_float, c_size_t

import numpy as np

from lists.world import MODELS
from melu import ALL_ITEMS, FLOATS, ITEMS, Batch, Recommendation
from melu import KEEP_RATED, done, library, make, open_catalog


class Peer:
    packages = []
    options = None  # as most call it

    def __init__(self, world):
        self.catalogs = {}

    def catalog(self, vectors):
        """The model with neighbours and predicted ratings."""
        if vectors.items not in self.catalogs:
            path = MODELS / f"films-{vectors.items}.melu"
            self.catalogs = {vectors.items: open_catalog(path)}
        return self.catalogs[vectors.items]

    def user(self, vectors):
        return make(library.melu_user_new, self.catalog(vectors), None, 0)

    def adapt(self, vectors, answers):
        user, count = self.user(vectors), len(answers.items)
        items = answers.items.ctypes.data_as(ITEMS)
        ratings = answers.ratings.ctypes.data_as(FLOATS)

        def call():
            done(library.melu_user_adapt(user, items, ratings, count, None))
            return user

        return call

    def vector(self, user):
        vector, width = (c_float * 1026)(), c_size_t()
        done(library.melu_user_vector(user, vector, 1026, byref(width), None))
        return np.array(vector[: width.value], np.float32)

    def best(self, vectors, vector, answers, count):
        return listed(self, self.adapt(vectors, answers)(), count)

    def recommend(self, vectors, answers, count):
        adapt, best, found = self.adapt(vectors, answers), (Recommendation * count)(), c_size_t()

        def call():
            recommend = library.melu_user_recommend
            done(recommend(adapt(), self.options, best, count, byref(found), None))
            return best

        return call

    def batch(self, vectors, users, answers, count):
        return Batch([self.user(vectors) for _ in answers], answers, count, self.options)

    def score(self, vectors, answers):
        user, scores = self.adapt(vectors, answers)(), (c_float * vectors.items)()

        def call():
            score = library.melu_user_score
            done(score(user, None, ALL_ITEMS, scores, vectors.items, None, None))
            return scores

        return call

    def no_work(self, vectors):
        """The longest list of arguments, and nothing to do: what ctypes costs."""
        user = self.user(vectors)
        return lambda: done(library.melu_user_score(user, None, 0, None, 0, None, None))

    def lists(self, found):
        best, room = (found.best, found.room) if isinstance(found, Batch) else (found, len(found))
        items = np.array([one.item for one in best]).reshape(-1, room)
        scores = np.array([one.score for one in best]).reshape(-1, room)
        return list(zip(items, scores))


def listed(peer, user, count):
    best, found = (Recommendation * count)(), c_size_t()

    def call():
        recommend = library.melu_user_recommend
        done(recommend(user, peer.options, best, count, byref(found), None))
        return best

    return call


class Alone(Peer):
    """By vectors alone, like the libraries of vectors; the answered may be in the list."""

    options = KEEP_RATED

    def catalog(self, vectors):
        return vectors.catalog

    # The same as the other's, or not what libraries of vectors do.
    adapt = recommend = score = None

    def best(self, vectors, vector, answers, count):
        return listed(self, Peer.adapt(self, vectors, answers)(), count)
