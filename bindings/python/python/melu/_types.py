"""What calls return."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Recommendations(NamedTuple):
    """A list, best first, as arrays of the same length."""

    items: npt.NDArray[np.uint32]
    """The items' indices in the catalogue."""
    scores: npt.NDArray[np.float32]
    """What the list is ordered by."""
    ratings: npt.NDArray[np.float32]
    """Predicted ratings; NaN without ratings in the training data."""
    deviations: npt.NDArray[np.float32]
    """The ratings' standard deviations; NaN where the model knows none."""


class BatchRecommendations(NamedTuple):
    """Many users' lists, best first, one row each."""

    items: npt.NDArray[np.int64]
    """``[users, k]``: items' indices; -1 after a list's end."""
    scores: npt.NDArray[np.float32]
    """``[users, k]``; NaN after a list's end."""
    ratings: npt.NDArray[np.float32]
    """``[users, k]``; NaN without ratings in the training data."""
    deviations: npt.NDArray[np.float32]
    """``[users, k]``; NaN where the model knows none."""
    counts: npt.NDArray[np.uint32]
    """``[users]``: the lists' lengths."""


class Question(NamedTuple):
    """An item worth asking a user about."""

    item: int
    """Its index in the catalogue."""
    known: float
    """The chance that the user knows it."""
    reduction: float
    """By how much an answer would lower the mean variance of scores."""
