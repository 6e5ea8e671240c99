"""Models from files, and many users in one call."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from . import _melu
from ._melu import Catalog, Model
from ._types import BatchRecommendations


def open(  # noqa: A001
    path: str | os.PathLike[str] | bytes | bytearray | memoryview,
    *,
    max_memory: int | None = None,
    copy: bool = False,
) -> Model:
    """Opens a weight file, given as a path, which is mapped into memory, or as the file's bytes.
    ``bytes`` are used in place; bytes that may change, such as a ``bytearray``, are copied.

    While the model lives, a mapped file may be deleted, or replaced by renaming another over it,
    but must not be changed in place. With ``copy`` the file is read into memory instead, and may then
    be changed.

    ``max_memory`` is how many bytes a catalogue of the model may compute, and how many a call may
    compute in: a small file can describe items by very many numbers. A catalogue or call that would
    take more raises :class:`melu.MemoryLimitError`. A catalogue that the file has computed already,
    as melu's own files do, takes none. The default is 1 GiB.
    """
    if isinstance(path, (bytes, bytearray, memoryview)):
        return Model.from_bytes(bytes(path), max_memory=max_memory)
    return Model.open(path, max_memory=max_memory, copy=copy)


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

    The users' answers lie one after another, like the rows of a sparse matrix: those of user
    ``u`` are ``items[offsets[u]:offsets[u + 1]]``, with their ``ratings``; for a model
    that was trained without ratings, these may be left out. ``threads`` is 0 for as many as there are
    processors; the result is the same for any number. ``options`` are those of
    :meth:`User.recommend`.
    """
    if profiles is not None:
        profiles = [None if profile is None else dict(profile) for profile in profiles]
    return _melu.recommend_batch(
        catalog, offsets, items, ratings, k, profiles=profiles, threads=threads, **options
    )
