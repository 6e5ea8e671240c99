"""Models from files, and many users in one call."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from . import _melu
from ._melu import Catalog, Model
from ._types import BatchRecommendations


def open(path: str | os.PathLike[str] | bytes | bytearray | memoryview) -> Model:  # noqa: A001
    """Opens a weight file: a path, which is mapped into memory, or the file's bytes.

    While the model lives, the file may be deleted, or replaced by renaming another over it,
    but must not be changed in place.
    """
    if isinstance(path, (bytes, bytearray, memoryview)):
        return Model.from_bytes(bytes(path))
    return Model.open(path)


def recommend_batch(
    catalog: Catalog,
    offsets: npt.ArrayLike,
    items: npt.ArrayLike,
    ratings: npt.ArrayLike | None = None,
    k: int = 20,
    *,
    profiles: Sequence[Mapping[str, Any] | None] | None = None,
    threads: int = 0,
    **options: Any,
) -> BatchRecommendations:
    """The best ``k`` items for each of many users.

    The users' answers lie one after another, as in a sparse matrix by rows: those of user
    ``u`` are ``items[offsets[u]:offsets[u + 1]]``, with their ``ratings``; without ratings in
    the training data, these may be left out. ``threads`` is 0 for as many as there are
    processors; the result is the same for any number. ``options`` are those of
    :meth:`User.recommend`.
    """
    if profiles is not None:
        profiles = [None if profile is None else dict(profile) for profile in profiles]
    return _melu.recommend_batch(
        catalog, offsets, items, ratings, k, profiles=profiles, threads=threads, **options
    )
