"""The native part."""

import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypedDict

import numpy as np
import numpy.typing as npt

from ._types import BatchRecommendations, Question, Recommendations

_Filter = Callable[[int], bool] | npt.NDArray[np.bool_] | Sequence[bool]
_Order = Literal["score", "rating"]

class _Field(TypedDict):
    name: str
    kind: Literal["one", "multi", "numeric"]
    values: list[str] | None

class Model:
    """A trained model. It never changes, and may be used from any number of threads at once.

    It is pickled as its path, if it was opened from one, or else as its bytes, together with the
    options that it was opened with.
    """

    @staticmethod
    def open(
        path: str | os.PathLike[str], max_memory: int | None = None, copy: bool = False
    ) -> Model: ...
    @staticmethod
    def from_bytes(data: bytes, max_memory: int | None = None) -> Model: ...
    def to_bytes(self) -> bytes:
        """The weight file's bytes."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the weight file, atomically."""

    @property
    def path(self) -> pathlib.Path | None:
        """The file that it was opened from."""

    def catalog(self) -> Catalog:
        """A catalogue of the model's own items. Make it once and keep it: the memory that calls
        compute in belongs to it."""

    @property
    def has_ratings(self) -> bool:
        """Whether it predicts ratings."""

    @property
    def has_deviations(self) -> bool:
        """Whether it knows how sure its predicted ratings are."""

    @property
    def has_questions(self) -> bool:
        """Whether it knows what to ask."""

    @property
    def user_fields(self) -> list[_Field]: ...
    @property
    def item_fields(self) -> list[_Field]: ...
    @property
    def training_json(self) -> str | None:
        """The record of its training, as JSON."""

    @property
    def evidence(self) -> npt.NDArray[np.uint32] | None:
        """The paper's evidence candidates, best first."""

class Catalog:
    """Items that can be scored, known by index from 0. It never changes, and may be used from
    any number of threads at once."""

    @property
    def model(self) -> Model: ...
    def __len__(self) -> int: ...
    def find(self, id: str) -> int | None:
        """The index of the item with an id."""

    def id(self, item: int) -> str: ...
    def title(self, item: int) -> str | None: ...
    @property
    def ids(self) -> list[str]: ...
    @property
    def titles(self) -> list[str] | None: ...
    def raters(self, item: int) -> int | None:
        """How many people chose or rated an item in training."""

    def extend(self, items: Sequence[Mapping[str, Any]]) -> Catalog:
        """A catalogue with more items: dictionaries of ``id``, perhaps ``title``, and fields."""

    def remove(self, items: npt.ArrayLike) -> Catalog:
        """A catalogue without these items."""

    def item_vectors(self) -> npt.NDArray[np.float32]:
        """The items as vectors, ``[items, width]``: a view that cannot be written to, and that
        keeps the catalogue alive. Their product with :meth:`User.vector` is the score without
        what neighbours and predicted ratings add to it."""

    def first_questions(self, count: int = 10) -> npt.NDArray[np.uint32]:
        """The items most worth asking an unknown user about."""

class User:
    """Somebody with a profile and answers, and what follows from them.

    Calls that change it raise ``RuntimeError`` while another thread uses it, and so do all
    calls while one changes it.
    """

    def __new__(
        cls,
        catalog: Catalog,
        profile: Mapping[str, Any] | None = None,
        items: npt.ArrayLike | None = None,
        ratings: npt.ArrayLike | None = None,
    ) -> User: ...
    @staticmethod
    def from_bytes(catalog: Catalog, data: bytes) -> User:
        """The user that :meth:`to_bytes` wrote, in any catalogue."""

    def to_bytes(self) -> bytes:
        """Profile, answers by item id, and what was learned from them."""

    @property
    def catalog(self) -> Catalog: ...
    @property
    def adapted_anew(self) -> bool:
        """Of a loaded user: whether another model or catalogue adapted it anew."""

    @property
    def missing_items(self) -> int:
        """Of a loaded user: how many answers are of items that the catalogue lacks."""

    @property
    def unknown_profile(self) -> list[tuple[str, str | int | float]]:
        """The profile's values that the model does not know."""

    @property
    def items(self) -> npt.NDArray[np.uint32]:
        """The answered items."""

    @property
    def ratings(self) -> npt.NDArray[np.float32]:
        """Their ratings."""

    def adapt(self, items: npt.ArrayLike, ratings: npt.ArrayLike | None = None) -> None:
        """Replaces all answers by these. If the training data had no ratings, items suffice."""

    def rate(self, item: int, rating: float | None = None) -> None:
        """Adds an answer, or changes the earlier answer about this item."""

    def withdraw(self, item: int) -> bool:
        """Takes an answer back. Returns whether there was one."""

    def reset(self) -> None:
        """Forgets all answers."""

    def copy(self) -> User: ...
    def score(self, items: npt.ArrayLike | None = None) -> npt.NDArray[np.float32]:
        """The scores of these items, or of all: what lists are ordered by."""

    def predict(self, items: npt.ArrayLike, *, median: bool = False) -> npt.NDArray[np.float32]:
        """The ratings that the user would give: means, or medians."""

    def predict_with_deviations(
        self, items: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """The ratings that the user would give, and their standard deviations."""

    def recommend(
        self,
        k: int = 20,
        *,
        threads: int = 1,
        among: npt.ArrayLike | None = None,
        add_neighbours: bool = False,
        leave_out: npt.ArrayLike | None = None,
        filter: _Filter | None = None,
        keep_rated: bool = False,
        order: _Order = "score",
        exposure: float = 1.0,
        min_raters: int = 0,
        new_items: int = 0,
    ) -> Recommendations:
        """The best ``k`` items, without those that the user answered.

        Items are given by index. ``among`` are the only items to recommend, to which
        ``add_neighbours`` adds the neighbours of the answered items; ``leave_out`` are items to
        leave out, and ``keep_rated`` keeps those that the user answered. ``filter`` is a function
        of an item's index, called for a few hundred items, or one truth value for each item.
        ``order`` is by score, or by predicted rating. ``exposure`` is how much an item's popularity
        counts, 1 as trained. ``min_raters`` leaves out items with fewer raters, and ``new_items``
        reserves places for items that nobody chose yet. The result is the same for any number of
        ``threads``.
        """

    def next_question(
        self,
        *,
        unknown: npt.ArrayLike | None = None,
        leave_out: npt.ArrayLike | None = None,
        known: npt.ArrayLike | None = None,
    ) -> Question | None:
        """The item most worth asking about now. ``unknown`` are those that the user was asked
        about and did not know; ``known`` are the only ones to ask about."""

    def vector(self) -> npt.NDArray[np.float32]:
        """The user's vector, as long as a row of :meth:`Catalog.item_vectors`."""

class Table:
    """A table in memory."""

    def __new__(cls, name: str, source: Any) -> Table: ...
    @property
    def kinds(self) -> dict[str, str]: ...
    def __len__(self) -> int: ...

class Dataset:
    """Users, items, and what users did with items: see :func:`melu.dataset`."""

    @staticmethod
    def open(path: str | os.PathLike[str], *, skip_bad_rows: int | None = None) -> Dataset:
        """The data folder at a path."""

    @staticmethod
    def from_tables(
        settings: str, tables: Sequence[Table], skip_bad_rows: int | None
    ) -> Dataset: ...
    @staticmethod
    def synthetic(
        users: int = 3000,
        items: int = 800,
        *,
        ratings_per_user: int = 40,
        positive_only: bool = False,
        seed: int = 0,
    ) -> Dataset:
        """A generated world, for trying things out."""

    def inside(self, seed: int) -> Dataset:
        """The training part alone, with new users and items drawn from it: for choosing
        settings."""

    def profile(self, user: str) -> dict[str, Any]: ...
    def answers(self, user: str) -> tuple[list[str], npt.NDArray[np.float32]]: ...
    @property
    def name(self) -> str: ...
    @property
    def user_ids(self) -> list[str]: ...
    @property
    def item_ids(self) -> list[str]: ...
    @property
    def new_users(self) -> npt.NDArray[np.bool_]: ...
    @property
    def new_items(self) -> npt.NDArray[np.bool_]: ...
    @property
    def has_ratings(self) -> bool: ...
    @property
    def interactions(
        self,
    ) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32], npt.NDArray[np.float32]]:
        """Each interaction's user, item and value."""

    @property
    def notes(self) -> list[str]:
        """How the data were understood, and what was left out."""

    def __len__(self) -> int: ...

def train(
    dataset: Dataset,
    recipe: str,
    options: str,
    threads: int,
    start_from: Model | None = None,
    observe: Callable[[dict[str, Any]], None] | None = None,
) -> tuple[Model | None, BaseException | None]: ...
def evaluate(
    model: Model,
    dataset: Dataset,
    *,
    draws: int | None = None,
    list_draws: int | None = None,
    seed: int = 0,
    threads: int = 0,
) -> str: ...
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
) -> BatchRecommendations: ...
def catalog_of(model: Model) -> Catalog: ...
def user_of(catalog: Catalog, data: bytes) -> User: ...
def version() -> str: ...
def kernel() -> str: ...
