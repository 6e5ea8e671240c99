"""The generated world: its models, and people with answers, as arrays."""

import csv
import json
from functools import cached_property
from typing import NamedTuple

import numpy as np

import melu

MODELS = melu.TARGET / "peers" / "models"
SMALL, LARGE, LARGEST = 3_706, 100_000, 1_000_000


class Answers(NamedTuple):
    items: np.ndarray  # uint32
    ratings: np.ndarray  # float32


class World:
    """The people of a generated world, whose items are the first of every catalogue."""

    def __init__(self, name="films"):
        self.data = MODELS / name / "data"

    def table(self, name):
        with open(self.data / name, newline="") as file:
            return list(csv.DictReader(file))

    @cached_property
    def ratings(self):
        """Users, items and ratings of all interactions; 1 where nobody rates."""
        rated = (self.data / "ratings.csv").exists()
        rows = self.table("ratings.csv" if rated else "interactions.csv")
        number = lambda row, key: int(row[key][1:]) - 1
        users = np.array([number(row, "user_id") for row in rows], np.int32)
        items = np.array([number(row, "item_id") for row in rows], np.int32)
        return users, items, np.array([row.get("rating", 1) for row in rows], np.float32)

    @cached_property
    def people(self):
        """Each user's items and ratings, in an order by chance."""
        users, items, ratings = self.ratings
        order = np.random.default_rng(1).permutation(len(users))
        order = order[np.argsort(users[order], kind="stable")]
        ends = np.searchsorted(users[order], np.arange(users.max() + 2))
        parts = (order[begin:end] for begin, end in zip(ends, ends[1:]))
        return [Answers(items[part].astype(np.uint32), ratings[part]) for part in parts]

    def with_answers(self, count, people=1):
        """The first answers of so many users who have more, and what else they chose."""
        able = [person for person in self.people if len(person.items) >= count + 10][:people]
        given = (Answers(items[:count].copy(), ratings[:count].copy()) for items, ratings in able)
        return list(given), [person.items[count:] for person in able]

    @cached_property
    def features(self):
        """One-hot values of the users' fields and of the items', for libraries that take them."""
        of_users = one_hot(self.table("users.csv"), ["user_id"])
        return of_users, one_hot(self.table("items.csv"), ["item_id", "title"])


def one_hot(rows, besides):
    columns = {}
    for row in rows:
        for field, values in row.items():
            for value in [] if field in besides else values.split("|"):
                # A year counts by its decade.
                name = (field, value[:3] if field == "year" else value)
                columns.setdefault(name, len(columns))
    hot = np.zeros((len(rows), len(columns)), np.float32)
    for place, row in enumerate(rows):
        for (field, value), column in columns.items():
            values = row[field].split("|")
            hot[place, column] = any(
                v[:3] == value if field == "year" else v == value for v in values
            )
    return hot


class Vectors:
    """What a library of vectors is given: items' vectors, and users' by the closed form."""

    def __init__(self, items, name="vector"):
        self.items = items
        self.path = MODELS / f"{name}-{items}.melu"
        self.catalog = melu.open_catalog(self.path)
        vectors = melu.Vectors()
        melu.done(melu.library.melu_catalog_item_vectors(self.catalog, vectors, None))
        rows = np.ctypeslib.as_array(vectors.data, (vectors.rows, vectors.stride))
        self.rows = np.ascontiguousarray(rows[:, : vectors.width])

    @cached_property
    def head(self):
        """The numbers of the closed form, from the weight file."""
        from safetensors import safe_open

        with safe_open(self.path, "numpy") as file:
            config = json.loads(file.metadata()["melu.config"])["choice"]
            return config, file.get_tensor("prior.choice_user.intercept")

    def users(self, answers):
        """Users' vectors, as melu computes them, [users, width]."""
        width = self.rows.shape[1]
        found = np.empty((len(answers), width), np.float32)
        for row, (items, ratings) in zip(found, answers):
            user = melu.make(melu.library.melu_user_new, self.catalog, None, 0)
            given = (
                items.ctypes.data_as(melu.ITEMS),
                ratings.ctypes.data_as(melu.FLOATS),
                len(items),
            )
            melu.done(melu.library.melu_user_adapt(user, *given, None))
            into = row.ctypes.data_as(melu.FLOATS)
            melu.done(melu.library.melu_user_vector(user, into, width, None, None))
            melu.library.melu_user_free(user)
        return found
