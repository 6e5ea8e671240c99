"""What trees are trained on: the features of user and item, and which items were chosen."""

import numpy as np

TREES = 100


class Trees:
    def __init__(self, world):
        users, items, _ = world.ratings
        self.of_users, self.of_items = world.features
        random = np.random.default_rng(1)
        others = random.integers(0, len(self.of_items), len(items))
        pick = random.permutation(2 * len(items))[:200_000]
        rows = self.joined(np.tile(users, 2)[pick], np.concatenate([items, others])[pick])
        self.train(rows, (pick < len(items)).astype(np.float32))

    def joined(self, users, items):
        return np.concatenate([self.of_users[users], self.of_items[items]], axis=1)

    def rows(self, items):
        """All items beside one user, who is at hand when the clock starts."""
        return np.ascontiguousarray(self.joined(np.zeros(items, int), np.arange(items)))
