"""Lists for the users of a dataset of Ray. It needs ray and pyarrow."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import ray

from ._engines import Opened, Work, digest_of, local_path, opened, opened_path
from ._melu import Model
from ._serving import open as open_model

if TYPE_CHECKING:
    from ray.data import Dataset


def recommend(
    ratings: Dataset,
    model: str | os.PathLike[str] | Model,
    k: int = 20,
    *,
    user: str = "user",
    item: str = "item",
    rating: str | None = "rating",
    profile: Sequence[str] = (),
    parts: int | None = None,
    ship: bool = True,
    keep_rated: bool = False,
    order: Literal["score", "rating"] = "score",
    exposure: float = 1.0,
    min_raters: int = 0,
    new_items: int = 0,
    leave_out: Iterable[Any] = (),
    among: Iterable[Any] | None = None,
) -> Dataset:
    """The best ``k`` items for each user of a dataset, without those that they rated.

    Arguments and result are those of :func:`melu.spark.recommend`, with these differences. Users
    are divided into ``parts``, by default as many as Ray's context says; all ratings and lists of a
    part are in a worker's memory at once. Ray keeps the model in its object store, from
    which each worker process takes a copy; with ``ship=False`` workers find the file at the
    same path, and map it into memory.
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
    trained = model if isinstance(model, Model) else open_model(model)
    work = Work.check(trained, ratings.columns() or [], k, user, item, rating, profile, options)
    if ship:
        stored = ray.put(np.frombuffer(trained.to_bytes(), np.uint8))
        part = functools.partial(_part, work, stored=stored)
    else:
        place = local_path(trained)
        part = functools.partial(_part, work, place=(place, digest_of(place)))
    if parts is None:
        parts = ray.data.DataContext.get_current().default_hash_shuffle_parallelism
    together = ratings.select_columns(work.columns).repartition(parts, keys=[user])
    # A batch without a size is a whole part.
    return together.map_batches(part, batch_size=None, batch_format="pyarrow")


@functools.lru_cache(maxsize=1)
def _opened_stored(stored: Any) -> Opened:
    """The model of the object store, once a process."""
    return opened(open_model(ray.get(stored).tobytes()))


def _part(
    work: Work, ratings: Any, *, stored: Any = None, place: tuple[str, str] | None = None
) -> Iterator[Any]:
    """What a task does."""
    model = _opened_stored(stored) if place is None else opened_path(*place)
    import pyarrow

    for lists in work.lists(model, ratings):
        yield pyarrow.Table.from_batches([lists])
