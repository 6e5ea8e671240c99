"""Recommendations for people nobody knows yet.

A model learns from what many people chose or rated. A new person's first answers then give
them a vector in closed form, and with it a ranking of all items.

Train with :func:`train` or :class:`Recommender`; serve with :func:`open`.
"""

from ._errors import (
    ArgumentError,
    DataError,
    DivergedError,
    Error,
    FieldValueError,
    FileError,
    Interrupted,
    ItemIndexError,
    MemoryLimitError,
    NotAvailableError,
    OutOfMemoryError,
    RatingError,
    SavedUserError,
    Status,
    UnknownFieldError,
    WeightFileError,
)
from ._melu import Catalog, Dataset, Model, User, kernel
from ._melu import version as _version
from ._recommender import Recommender
from ._serving import open, recommend_batch
from ._training import dataset, evaluate, train
from ._types import BatchRecommendations, Question, Recommendations

__version__ = _version()

__all__ = [
    "ArgumentError",
    "BatchRecommendations",
    "Catalog",
    "DataError",
    "Dataset",
    "DivergedError",
    "Error",
    "FieldValueError",
    "FileError",
    "Interrupted",
    "ItemIndexError",
    "MemoryLimitError",
    "Model",
    "NotAvailableError",
    "OutOfMemoryError",
    "Question",
    "RatingError",
    "Recommendations",
    "Recommender",
    "SavedUserError",
    "Status",
    "UnknownFieldError",
    "User",
    "WeightFileError",
    "__version__",
    "dataset",
    "evaluate",
    "kernel",
    "open",
    "recommend_batch",
    "train",
]
