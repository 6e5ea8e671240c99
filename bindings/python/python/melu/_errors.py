"""All exceptions, each with the library's status."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from ._melu import Model


class Status(IntEnum):
    """Why a call failed. The numbers are those of the C library's ``melu_status``."""

    INVALID_ARGUMENT = 1
    IO = 4
    WEIGHT_FILE = 5
    UNKNOWN_FIELD = 6
    FIELD_VALUE = 7
    ITEM_INDEX = 8
    RATING = 9
    DIVERGED = 10
    NOT_AVAILABLE = 12
    SAVED_USER = 13
    OUT_OF_MEMORY = 14
    MEMORY_LIMIT = 16


class Error(Exception):
    """The base of melu's errors. ``status`` says which error it is."""

    status: ClassVar[Status] = Status.INVALID_ARGUMENT


class ArgumentError(Error, ValueError):
    """An argument does not fit the others or the model."""


class FileError(Error, OSError):
    """A file cannot be opened, read or written."""

    status = Status.IO


class DataError(Error, ValueError):
    """A data folder or a table breaks the format: the message names row, column and value."""

    status = Status.IO


class WeightFileError(Error, ValueError):
    """A weight file breaks the format."""

    status = Status.WEIGHT_FILE


class UnknownFieldError(Error, LookupError):
    """The model has no field of that name."""

    status = Status.UNKNOWN_FIELD


class FieldValueError(Error, ValueError):
    """A field cannot have that value."""

    status = Status.FIELD_VALUE


class ItemIndexError(Error, IndexError):
    """An item's index is beyond the end of the catalogue, or an id is not in it."""

    status = Status.ITEM_INDEX


class RatingError(Error, ValueError):
    """A rating cannot be learned from."""

    status = Status.RATING


class DivergedError(Error, ArithmeticError):
    """A result is not a finite number."""

    status = Status.DIVERGED


class NotAvailableError(Error, RuntimeError):
    """The model does not have this: items, vectors, ratings, deviations or questions."""

    status = Status.NOT_AVAILABLE


class SavedUserError(Error, ValueError):
    """Bytes are not a complete saved user."""

    status = Status.SAVED_USER


class OutOfMemoryError(Error, MemoryError):
    """Memory ran out; nothing was changed."""

    status = Status.OUT_OF_MEMORY


class MemoryLimitError(Error, MemoryError):
    """A catalogue or call would take more memory than ``max_memory`` of :func:`melu.open` allows."""

    status = Status.MEMORY_LIMIT


class Interrupted(KeyboardInterrupt):
    """Ctrl-C ended a training. ``model`` is the best so far; ``None`` if there is none."""

    def __init__(self, message: str, model: Model | None = None) -> None:
        super().__init__(message)
        self.model = model
