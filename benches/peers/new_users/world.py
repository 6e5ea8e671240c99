"""New users and their answers, as `melu eval` takes them (docs/accuracy.md), and the worth of lists."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

LENGTH = 20


class Task(NamedTuple):
    """One new user. Items are columns of `World.item_ids`."""

    user: int
    items: np.ndarray  # int32, the answers in the order in which they are given
    ratings: np.ndarray  # float32
    relevant: np.ndarray  # held out, and liked

    def first(self, given):
        return self.items[:given], self.ratings[:given]


class World:
    """A data set's known items, and what the training part has of them."""

    def __init__(self, dataset):
        self.dataset = dataset
        users, items, self.ratings = dataset.interactions
        self.is_new = dataset.new_users
        training = ~self.is_new[users] & ~dataset.new_items[items]
        # Somebody in training chose them.
        known = np.unique(items[training])
        self.item_ids = [dataset.item_ids[item] for item in known]
        column = np.full(len(dataset.item_ids), -1, np.int32)
        column[known] = np.arange(len(known))
        self.users, self.items = users.astype(np.int32), column[items]
        self.unit = not dataset.has_ratings
        scale = self.ratings[training]
        # What counts as liked: three quarters of the scale; anything where there is none.
        liked = scale.min() + 0.75 * (scale.max() - scale.min())
        self.liked = -np.inf if self.unit else liked
        self.is_liked = self.ratings >= self.liked
        order = np.argsort(self.users, kind="stable")
        order = order[self.items[order] >= 0]
        ends = np.searchsorted(self.users[order], np.arange(len(dataset.user_ids) + 1))
        self.rows = [order[begin:end] for begin, end in zip(ends, ends[1:])]
        self.profiles = [dataset.profile(user) for user in dataset.user_ids]

    def training(self, users):
        """These users' interactions with known items: where, ratings, and whether liked."""
        rows = np.concatenate([self.rows[user] for user in users])
        return Training(self, np.asarray(users), rows)

    def tasks(self, users, seed):
        """A fifth of each user's interactions is held out; the others are answers."""
        found = []
        for user in users:
            rows = self.rows[user]
            if len(rows) < 20:
                continue
            rows = np.random.default_rng((seed, user)).permutation(rows)
            held, given = rows[: len(rows) // 5], rows[len(rows) // 5 :]
            relevant = self.items[held[self.is_liked[held]]]
            if len(relevant):
                found.append(Task(user, self.items[given], self.ratings[given], relevant))
        return found


class Training:
    """What libraries are fitted to. Rows are users, columns known items."""

    def __init__(self, world, users, rows):
        self.world, self.users = world, users
        self.place = np.full(len(world.profiles), -1, np.int32)
        self.place[users] = np.arange(len(users))
        self.of_users, self.of_items = self.place[world.users[rows]], world.items[rows]
        self.ratings, self.is_liked = world.ratings[rows], world.is_liked[rows]
        self.shape = len(users), len(world.item_ids)
        self.popularity = np.bincount(self.of_items, minlength=self.shape[1])
        self._columns = self._profile_columns()

    def matrix(self, counts):
        """`all` interactions count 1, those that were `liked`, or all by their `rating`."""
        kept = self.is_liked if counts == "liked" else np.full(len(self.ratings), True)
        values = np.ones(len(kept), np.float32) if counts != "rating" else self.ratings
        where = self.of_users[kept], self.of_items[kept]
        return csr_matrix((values[kept].astype(np.float32), where), self.shape)

    def row(self, items, ratings, counts):
        """Answers in the same way: items in their order, and values."""
        if counts == "liked":
            kept = ratings >= self.world.liked
            items, ratings = items[kept], ratings[kept]
        order = np.argsort(items)
        values = ratings[order] if counts == "rating" else np.ones(len(items), np.float32)
        return items[order], values.astype(np.float32)

    def _profile_columns(self):
        """A column for each value of the profile that at least ten training users have."""
        counts = {}
        for user in self.users:
            for value in values_of(self.world.profiles[user]):
                counts[value] = counts.get(value, 0) + 1
        return {value: at for at, value in enumerate(v for v, n in counts.items() if n >= 10)}

    def profile(self, users):
        """One-hot values, float32."""
        hot = np.zeros((len(users), len(self._columns)), np.float32)
        for row, user in zip(hot, users):
            for value in values_of(self.world.profiles[user]):
                if value in self._columns:
                    row[self._columns[value]] = 1
        return hot


def values_of(profile):
    for field, values in profile.items():
        for value in values if isinstance(values, (list, tuple)) else [values]:
            yield field, value


def worth(best, relevant):
    """nDCG@10, nDCG@20 and recall@20 of a list, best first."""
    hits = np.isin(best[:LENGTH], relevant)
    gains = 1 / np.log2(np.arange(LENGTH) + 2)
    ndcg = [
        gains[: len(hits[:k])][hits[:k]].sum() / gains[: min(k, len(relevant))].sum()
        for k in (10, LENGTH)
    ]
    return [*ndcg, hits.sum() / len(relevant)]
