"""Lists for the users of a data frame of Spark. It needs pyspark and pyarrow."""

from __future__ import annotations

import functools
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import pyspark
from pyspark.sql import types

from ._engines import AT_ONCE, Work, digest_of, local_path, opened_path, whole_users
from ._melu import Model
from ._serving import open as open_model

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ROWS_AT_ONCE = 20 * AT_ONCE
"""About so many ratings are in a Python process's memory at once."""


def recommend(
    ratings: DataFrame,
    model: str | os.PathLike[str] | Model,
    k: int = 20,
    *,
    user: str = "user",
    item: str = "item",
    rating: str | None = "rating",
    profile: Sequence[str] = (),
    ship: bool = True,
    keep_rated: bool = False,
    order: Literal["score", "rating"] = "score",
    exposure: float = 1.0,
    min_raters: int = 0,
    new_items: int = 0,
    leave_out: Iterable[Any] = (),
    among: Iterable[Any] | None = None,
) -> DataFrame:
    """The best ``k`` items for each user of a frame, without those that they rated.

    ``ratings`` has one row for each rating, with the columns that ``user``, ``item`` and ``rating``
    name; ids are those of the training data. The result has one row for each item of a list, with
    the columns ``user``, ``rank`` from 1, ``item`` as a text, ``score``, ``rating`` as
    predicted, and ``unknown``: how many of the user's ratings are of items that the model does
    not know, and were left out. A user without any other ratings gets the list of somebody new.
    Columns of users, items and ratings keep their names. A model that was trained without ratings
    needs no column of them, and the result has none.

    A row without an item is no rating, so that a frame can have users who rated nothing. If a user
    rated an item several times, the greatest rating counts. ``profile`` names columns that are
    fields of the model, and the same in all rows of a user.

    ``model`` is a path or a model. Spark ships its file to each worker, where processes map it
    into memory; with ``ship=False`` workers find the file at the same path. ``leave_out`` and
    ``among`` are ids of items; the other options are those of :meth:`melu.User.recommend`.

    A user's list depends on nothing but the model and the user's rows, however these are ordered
    and distributed, and however often a task is repeated. On processors of one kind it is the same
    to the bit.
    """
    options: dict[str, Any] = {
        "keep_rated": keep_rated,
        "order": order,
        "exposure": exposure,
        "min_raters": min_raters,
        "new_items": new_items,
        "leave_out": leave_out,
        "among": among,
    }
    opened = model if isinstance(model, Model) else open_model(model)
    work = Work.check(opened, ratings.columns, k, user, item, rating, profile, options)
    if ship:
        place, digest = _shipped(ratings.sparkSession.sparkContext, opened), None
    else:
        place = local_path(opened)
        digest = digest_of(place)
    kinds: dict[str, types.DataType] = {
        user: ratings.schema[user].dataType,
        "rank": types.IntegerType(),
        item: types.StringType(),
        "score": types.FloatType(),
        "unknown": types.IntegerType(),
    }
    schema = types.StructType(
        [types.StructField(name, kinds.get(name, types.FloatType())) for name in work.made]
    )
    together = ratings.select(*work.columns).repartition(user).sortWithinPartitions(user)
    part = functools.partial(_part, work, place, digest)
    return together.mapInArrow(part, schema)


def _shipped(context: Any, model: Model) -> str:
    """The name under which workers find the model's file."""
    folder = pathlib.Path(pyspark.SparkFiles.getRootDirectory()) / "melu"
    folder.mkdir(exist_ok=True)
    file = folder / "model.melu"
    model.save(file)
    # Spark ships a name once: other bytes need another one.
    named = folder / f"melu-{digest_of(str(file))}.melu"
    if not named.exists():
        file.rename(named)
        context.addFile(str(named))
    return named.name


def _part(work: Work, place: str, digest: str | None, batches: Iterator[Any]) -> Iterator[Any]:
    """What a task does."""
    path = pyspark.SparkFiles.get(place) if digest is None else place
    model = opened_path(path, digest)
    for table in whole_users(batches, work.user, ROWS_AT_ONCE):
        yield from work.lists(model, table)
