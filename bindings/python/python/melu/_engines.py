"""What Spark and Ray have in common: ratings of some users in, these users' lists out."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow
import pyarrow.compute

from ._errors import ArgumentError, DataError, Error, ItemIndexError
from ._melu import Catalog, Model
from ._serving import open as open_model
from ._serving import recommend_batch

AT_ONCE = 4096
"""So many users' lists are in memory at once."""


class Opened(NamedTuple):
    """A model in a worker process."""

    catalog: Catalog
    ids: Any
    """The items' ids, as an array of Arrow."""


def opened(model: Model) -> Opened:
    catalog = model.catalog()
    return Opened(catalog, pyarrow.array(catalog.ids, pyarrow.string()))


@functools.lru_cache(maxsize=1)
def opened_path(path: str, digest: str | None) -> Opened:
    """The model of a path, once a process. With a digest, a file with other bytes is refused:
    it was replaced while the engine worked, and a part of the lists would be another model's."""
    if digest is not None and digest_of(path) != digest:
        raise ArgumentError(f"model: {path} is not the file here that the driver has at this path")
    return opened(open_model(path))


def digest_of(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def local_path(model: Model) -> str:
    """Where a model's file is."""
    if model.path is None:
        raise ArgumentError("model: it was not opened from a file; save it, and give the path")
    return os.path.abspath(model.path)


@dataclass(frozen=True)
class Work:
    """What to do with any part of the users. It does not change, and its results depend on
    nothing but the part, so that a part may be done again, anywhere."""

    k: int
    user: str
    item: str
    rating: str | None
    profile: tuple[str, ...]
    options: dict[str, Any]

    @staticmethod
    def check(
        model: Model,
        names: Iterable[str],
        k: int,
        user: str,
        item: str,
        rating: str | None,
        profile: Sequence[str],
        options: dict[str, Any],
    ) -> Work:
        """Refuses what no worker could do, before any begins."""
        if isinstance(profile, str):
            raise ArgumentError(f"profile: it is {profile!r}; a list of columns is expected")
        if not model.has_ratings:
            rating = None
        elif rating is None:
            raise ArgumentError("rating: the model was trained on ratings; their column is expected")
        catalog = model.catalog()
        for name in ("leave_out", "among"):
            if options.get(name) is not None:
                options[name] = indices(catalog, name, options[name])
        work = Work(k, user, item, rating, tuple(profile), options)
        there = list(names)
        for name in work.columns:
            if name not in there:
                raise ArgumentError(f"ratings: there is no column {name!r}, but {', '.join(there)}")
        made = work.made
        if len(set(made)) < len(made) or len(set(work.columns)) < len(work.columns):
            raise ArgumentError(
                f"ratings: the columns {', '.join(work.columns)} give lists with the columns "
                f"{', '.join(made)}; all names must differ"
            )
        recommend_batch(catalog, [0, 0], [], [], k, threads=1, **options)
        return work

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        rating = [] if self.rating is None else [self.rating]
        return [self.user, self.item, *rating, *self.profile]

    @property
    def made(self) -> list[str]:
        """The columns of the lists."""
        rating = [] if self.rating is None else [self.rating]
        return [self.user, "rank", self.item, "score", *rating, "unknown"]

    def lists(self, model: Opened, ratings: Any) -> Iterator[Any]:
        """The lists of all users of a table, which has all ratings of each, in any order."""
        if ratings.num_rows == 0:
            return
        answers = Answers.read(self, model.catalog, ratings)
        for first in range(0, len(answers.users), AT_ONCE):
            yield self._some(model, answers, first, min(first + AT_ONCE, len(answers.users)))

    def _some(self, model: Opened, answers: Answers, first: int, end: int) -> Any:
        found = self._recommend(model.catalog, answers, first, end)
        counts = found.counts.astype(np.int64)
        there = found.items >= 0
        rank = np.broadcast_to(np.arange(1, there.shape[1] + 1, dtype=np.int32), there.shape)
        columns = [
            answers.users.take(np.repeat(np.arange(first, end), counts)),
            pyarrow.array(rank[there]),
            model.ids.take(found.items[there]),
            pyarrow.array(found.scores[there]),
            pyarrow.array(np.repeat(answers.unknown[first:end], counts)),
        ]
        if self.rating is not None:
            columns.insert(4, pyarrow.array(found.ratings[there]))
        return pyarrow.RecordBatch.from_arrays(columns, self.made)

    def _recommend(self, catalog: Catalog, answers: Answers, first: int, end: int) -> Any:
        offsets = answers.offsets[first : end + 1]
        of = slice(offsets[0], offsets[-1])
        profiles = None if answers.profiles is None else answers.profiles[first:end]
        try:
            return recommend_batch(
                catalog,
                offsets - offsets[0],
                answers.items[of],
                answers.ratings[of],
                self.k,
                profiles=profiles,
                threads=1,
                **self.options,
            )
        except Error as error:
            if end - first == 1:
                raise DataError(f"user {answers.users[first].as_py()!r}: {error}") from error
            # It names the user by a place that only this call knows.
            for place in range(first, end):
                self._recommend(catalog, answers, place, place + 1)
            raise


class Answers(NamedTuple):
    """Users' answers in their one order, which is the items': sums of floats depend on it."""

    users: Any
    offsets: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    ratings: npt.NDArray[np.float32]
    unknown: npt.NDArray[np.int32]
    """How many answers of each user are of items that the model does not know."""
    profiles: list[dict[str, Any]] | None

    @staticmethod
    def read(work: Work, catalog: Catalog, table: Any) -> Answers:
        users = _encoded(table, work.user)
        if users.null_count:
            raise DataError(f"ratings: a row has no {work.user!r}")
        of = users.indices.to_numpy().astype(np.int64)
        items = _items(work.item, catalog, _encoded(table, work.item))
        count = len(users.dictionary)
        unknown = np.bincount(of[items == UNKNOWN], minlength=count).astype(np.int32)
        known = np.flatnonzero(items >= 0)
        key = of[known] * len(catalog) + items[known]
        if work.rating is None:
            key, ratings = np.unique(key), None
        else:
            values = _ratings(work, table, known)
            order = np.argsort(key)
            again = np.flatnonzero(np.diff(key[order]) == 0)
            if len(again):
                # Of several ratings of an item the greatest counts, as it comes last.
                order = np.lexsort((values, key))
                order = order[np.append(np.diff(key[order]) != 0, True)]
            key, ratings = key[order], values[order]
        counts = np.bincount(key // len(catalog), minlength=count)
        offsets = np.append(np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64))
        if ratings is None:
            ratings = np.ones(len(key), np.float32)
        profiles = _profiles(work, table, of, count) if work.profile else None
        return Answers(users.dictionary, offsets, key % len(catalog), ratings, unknown, profiles)


UNKNOWN, NONE = -1, -2
"""In place of an item's index: an item that the model does not know, and no item."""


def _encoded(table: Any, name: str) -> Any:
    """A column as an array of its distinct values, and places among these."""
    column = table.column(name)
    if pyarrow.types.is_dictionary(column.type):
        # Its dictionary may have values of other parts.
        column = column.cast(column.type.value_type)
    return column.combine_chunks().dictionary_encode()


def _items(name: str, catalog: Catalog, column: Any) -> npt.NDArray[np.int64]:
    kind = column.dictionary.type
    if not (
        pyarrow.types.is_integer(kind)
        or pyarrow.types.is_string(kind)
        or pyarrow.types.is_large_string(kind)
        or pyarrow.types.is_null(kind)
    ):
        raise DataError(f"ratings: the column {name!r} has the type {kind}; texts or integers are expected")
    found = [catalog.find(str(item)) for item in column.dictionary.to_pylist()]
    places = np.array([UNKNOWN if item is None else item for item in found] + [NONE], np.int64)
    of: npt.NDArray[np.int64] = places[column.indices.fill_null(len(found)).to_numpy()]
    return of


def _ratings(work: Work, table: Any, known: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    column = table.column(work.rating).take(known).cast(pyarrow.float32(), safe=False)
    values: npt.NDArray[np.float32] = column.to_numpy()
    if column.null_count or not np.isfinite(values).all():
        row = int(known[np.flatnonzero(~np.isfinite(values))[0]])
        user, item, rating = (table.column(name)[row].as_py() for name in work.columns[:3])
        raise DataError(f"user {user!r}, item {item!r}: the rating is {rating}; a number is expected")
    return values


def _profiles(
    work: Work, table: Any, of: npt.NDArray[np.int64], count: int
) -> list[dict[str, Any]]:
    """Each user's profile, of any of their rows."""
    row = np.empty(count, np.int64)
    row[of] = np.arange(len(of))
    rows: list[dict[str, Any]] = table.select(list(work.profile)).take(row).to_pylist()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def indices(catalog: Catalog, name: str, ids: Iterable[Any]) -> npt.NDArray[np.uint32]:
    places = []
    for item in ids:
        place = catalog.find(str(item))
        if place is None:
            raise ItemIndexError(f"{name}: {item!r} is not an id of the items")
        places.append(place)
    return np.array(places, dtype=np.uint32)


def whole_users(batches: Iterable[Any], user: str, rows: int) -> Iterator[Any]:
    """Tables with all rows of each user, of batches that are sorted by user.

    A table has no more than ``rows`` rows, and those of one user, and of one batch.
    """
    waiting: list[Any] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += batch.num_rows
        if count < rows:
            continue
        table = pyarrow.Table.from_batches(waiting)
        users = table.column(user)
        if users.null_count:
            raise DataError(f"ratings: a row has no {user!r}")
        others = pyarrow.compute.not_equal(users, users[-1]).to_numpy()
        # The last user may have more rows in the next batch.
        end = int(np.flatnonzero(others)[-1]) + 1 if others.any() else 0
        if end:
            yield table.slice(0, end)
        waiting = table.slice(end).to_batches()
        count -= end
    if count:
        yield pyarrow.Table.from_batches(waiting)
