"""numpy: a product and a partition; LAPACK for the closed form, by SciPy."""

import numpy as np
from scipy.linalg.lapack import dposv


def best_of(scores, count):
    found = np.argpartition(scores, -count)[-count:]
    return found[np.argsort(-scores[found])]


class Peer:
    packages = ["numpy", "scipy"]

    def __init__(self, world):
        pass

    def best(self, vectors, vector, answers, count):
        rows = vectors.rows

        def call():
            scores = rows @ vector
            found = best_of(scores, count)
            return [(found, scores[found])]

        return call

    def batch(self, vectors, users, answers, count):
        columns = np.ascontiguousarray(vectors.rows.T)

        def call():
            scores = users @ columns
            found = np.argpartition(scores, -count, axis=1)[:, -count:]
            of_found = np.take_along_axis(scores, found, 1)
            order = np.argsort(-of_found, axis=1)
            found = np.take_along_axis(found, order, 1)
            return list(zip(found, np.take_along_axis(of_found, order, 1)))

        return call

    def lists(self, found):
        return found

    def adapt(self, vectors, answers):
        """The user's vector as docs/format.md has it, in double precision."""
        config, start = vectors.head
        start = start.astype(np.float64)
        width, count = len(start), len(answers.items)
        rows = vectors.rows[:, :width].astype(np.float64)
        values, targets = np.array(config["targets"]).T
        precision = np.array(config["precision"])
        precision += count * np.array(config["precision_per_answer"])
        share = 1.0
        if "half_start" in config:
            share = config["half_start"] / (config["half_start"] + count)
        scale, ends = config["scale"], [share * config["popularity"], config["new_items"]]
        items, ratings = answers
        start = share * start
        few = count < width
        variance = 1 / precision

        def call():
            v = rows[items]
            missing = np.interp(ratings, values, targets) - v @ start
            if few:
                # The same by a system of as many equations as there are answers.
                weighted = v * variance
                system = weighted @ v.T
                system.flat[:: count + 1] += 1
                moved = weighted.T @ dposv(system, missing, overwrite_a=True)[1]
            else:
                system = v.T @ v
                system.flat[:: width + 1] += precision
                moved = dposv(system, v.T @ missing, overwrite_a=True)[1]
            return np.concatenate([scale * (start + moved), ends])

        return call

    def vector(self, found):
        return found
