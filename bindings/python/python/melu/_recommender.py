"""An estimator that trains, recommends and measures, by ids."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _frames
from ._errors import ArgumentError, Interrupted, ItemIndexError, NotAvailableError
from ._melu import Catalog, Dataset, Model, User
from ._serving import open as open_model
from ._serving import recommend_batch
from ._training import dataset, evaluate, train

Who = Any
"""Somebody: the id of a user of the training data; a dictionary of item ids and ratings; or the
ids of items that they chose."""


class Recommender:
    """Trains a model on tables, and recommends by ids.

    The arguments are those of :func:`melu.train`. After :meth:`fit` there are ``model_``,
    ``catalog_``, ``dataset_`` and ``curve_``, the training curve as a frame. Ids are texts; an
    integer stands for the text of its digits.
    """

    model_: Model
    catalog_: Catalog
    dataset_: Dataset | None

    def __init__(
        self,
        *,
        recipe: str = "default",
        seed: int | None = None,
        epochs: int | None = None,
        threads: int = 0,
        progress: bool | Callable[[dict[str, Any]], None] = True,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.recipe = recipe
        self.seed = seed
        self.epochs = epochs
        self.threads = threads
        self.progress = progress
        self.options = options
        self._curve: list[dict[str, Any]] = []

    def fit(
        self,
        interactions: Any,
        items: Any = None,
        users: Any = None,
        *,
        start_from: Model | None = None,
        **data: Any,
    ) -> Recommender:
        """Trains on tables or a :class:`melu.Dataset`; further keywords are those of
        :func:`melu.dataset`.

        Ctrl-C raises ``KeyboardInterrupt``; the best model so far is kept, if there is one.
        """
        if not isinstance(interactions, Dataset):
            interactions = dataset(interactions, items, users, **data)
        elif items is not None or users is not None or data:
            raise ArgumentError("interactions: a Dataset has its items, users and settings already")
        self._curve = []
        self.dataset_ = interactions
        try:
            model = train(
                interactions,
                recipe=self.recipe,
                start_from=start_from,
                threads=self.threads,
                progress=self.progress,
                curve=self._curve,
                seed=self.seed,
                epochs=self.epochs,
                options=self.options,
            )
        except Interrupted as interrupted:
            if interrupted.model is not None:
                self._use(interrupted.model)
            raise
        self._use(model)
        return self

    def _use(self, model: Model) -> None:
        self.model_ = model
        self.catalog_ = model.catalog()
        self._ids = np.array(self.catalog_.ids, dtype=object)

    @property
    def curve_(self) -> Any:
        """The training curve: a frame of pandas if that is there, else a list of dictionaries."""
        return _frames.frame(self._curve)

    @property
    def item_ids(self) -> npt.NDArray[np.object_]:
        """All items' ids, by their indices."""
        self._check()
        return self._ids

    def user(self, who: Who = None, profile: Mapping[str, Any] | None = None) -> User:
        """Somebody as a :class:`melu.User`; ``None`` is a user who answered nothing."""
        self._check()
        items: Sequence[Any] = ()
        ratings: npt.ArrayLike | None = None
        if isinstance(who, User):
            return who
        if isinstance(who, Mapping):
            items = list(who)
            ratings = np.fromiter(who.values(), dtype=np.float32, count=len(items))
        elif isinstance(who, (str, int, np.integer)):
            if self.dataset_ is None:
                raise NotAvailableError(
                    "a loaded model does not have its users' answers: give them as a dictionary"
                )
            items, ratings = self.dataset_.answers(str(who))
            profile = self.dataset_.profile(str(who)) if profile is None else profile
        elif who is not None:
            items = list(who)
        if not self.model_.has_ratings:
            ratings = None
        elif ratings is None and len(items) > 0:
            raise ArgumentError(
                "who: the model was trained on ratings; a dictionary of item ids and ratings is expected"
            )
        known = {name for name in (field["name"] for field in self.model_.user_fields)}
        profile = {name: value for name, value in (profile or {}).items() if name in known}
        user = User(self.catalog_, profile)
        if len(items) > 0:
            user.adapt(self._indices(items), ratings)
        return user

    def recommend(
        self,
        who: Who = None,
        k: int = 20,
        filter: Callable[[str], bool] | None = None,  # noqa: A002
        *,
        profile: Mapping[str, Any] | None = None,
        leave_out: Iterable[Any] = (),
        among: Iterable[Any] | None = None,
        **options: Any,
    ) -> Any:
        """The best ``k`` items for somebody, as a frame: ``id``, ``title`` if there are titles,
        ``score``, ``rating`` and ``deviation``.

        ``filter`` decides by an item's id whether it may be recommended. ``options`` are those of
        :meth:`melu.User.recommend`.
        """
        user = self.user(who, profile)
        ids = self._ids
        best = user.recommend(
            k,
            filter=None if filter is None else lambda item: filter(str(ids[item])),
            leave_out=self._indices(leave_out),
            among=None if among is None else self._indices(among),
            **options,
        )
        titles = self.catalog_.titles
        rows = []
        for item, score, rating, deviation in zip(*best):
            row: dict[str, Any] = {"id": ids[item]}
            if titles is not None:
                row["title"] = titles[item]
            row["score"] = float(score)
            if self.model_.has_ratings:
                row["rating"] = float(rating)
            if self.model_.has_deviations:
                row["deviation"] = float(deviation)
            rows.append(row)
        return _frames.frame(rows)

    def predict(
        self,
        who: Who,
        items: Iterable[Any],
        *,
        profile: Mapping[str, Any] | None = None,
        median: bool = False,
    ) -> npt.NDArray[np.float32]:
        """The ratings that somebody would give these items."""
        return self.user(who, profile).predict(self._indices(items), median=median)

    def recommend_batch(
        self, users: Sequence[Who], k: int = 20, *, threads: int = 0, **options: Any
    ) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.float32]]:
        """The best ``k`` items for each of many: item ids and scores, both ``[users, k]``.

        After the end of a shorter list, ids are ``None`` and scores NaN.
        """
        self._check()
        everybody = [self.user(who) for who in users]
        counts = [len(user.items) for user in everybody]
        profiles: list[Mapping[str, Any] | None] = []
        for who in users:
            is_known = self.dataset_ is not None and isinstance(who, (str, int, np.integer))
            profiles.append(self._profile(str(who)) if is_known else None)
        found = recommend_batch(
            self.catalog_,
            np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64),
            np.concatenate([user.items for user in everybody] or [np.zeros(0, np.uint32)]),
            np.concatenate([user.ratings for user in everybody] or [np.zeros(0, np.float32)]),
            k,
            profiles=profiles,
            threads=threads,
            **options,
        )
        ids = np.append(self._ids, [None])[found.items]
        return ids, found.scores

    def _profile(self, user: str) -> dict[str, Any]:
        known = {field["name"] for field in self.model_.user_fields}
        profile = {} if self.dataset_ is None else self.dataset_.profile(user)
        return {name: value for name, value in profile.items() if name in known}

    def next_question(
        self,
        who: Who = None,
        *,
        profile: Mapping[str, Any] | None = None,
        unknown: Iterable[Any] = (),
        leave_out: Iterable[Any] = (),
    ) -> dict[str, Any] | None:
        """The item most worth asking somebody about now; ``None`` if none is left.

        ``unknown`` are items that they were asked about and did not know.
        """
        question = self.user(who, profile).next_question(
            unknown=self._indices(unknown), leave_out=self._indices(leave_out)
        )
        if question is None:
            return None
        return {
            "id": self._ids[question.item],
            "title": self.catalog_.title(question.item),
            "known": question.known,
            "reduction": question.reduction,
        }

    def item_vectors(self) -> npt.NDArray[np.float32]:
        """All items' vectors, ``[items, width]``, in the order of ``item_ids``."""
        self._check()
        return self.catalog_.item_vectors()

    def evaluate(self, **options: Any) -> Any:
        """Measures lists and predicted ratings of the users and items that were kept from
        training, as a frame: see :func:`melu.evaluate`. Ctrl-C raises ``KeyboardInterrupt``."""
        self._check()
        if self.dataset_ is None:
            raise NotAvailableError("a loaded model does not have its data: use melu.evaluate")
        options.setdefault("threads", self.threads)
        return evaluate(self.model_, self.dataset_, **options)

    def plot(self, ax: Any = None) -> Any:
        """Draws the training curve by matplotlib, and returns its axes."""
        try:
            from matplotlib import pyplot
        except ImportError as error:
            raise ImportError("plot() needs matplotlib: pip install matplotlib") from error
        if ax is None:
            ax = pyplot.figure().add_subplot()
        for stage, label in (("lists", "lists"), ("epoch", "ratings")):
            rows = [row for row in self._curve if row["stage"] == stage]
            if rows:
                ax.plot([row["epoch"] for row in rows], [row["loss"] for row in rows], label=label)
        ax.set_xlabel("epoch")
        ax.set_ylabel("loss")
        ax.legend()
        return ax

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the weight file, which :func:`melu.open` and every other language reads."""
        self._check()
        self.model_.save(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], **options: Any) -> Recommender:
        """A recommender of a weight file, without the training data. ``options`` are those of
        :func:`melu.open`."""
        loaded = cls()
        loaded.dataset_ = None
        loaded._use(open_model(path, **options))
        return loaded

    def _check(self) -> None:
        if not hasattr(self, "model_"):
            raise NotAvailableError("the recommender is not trained yet: call fit() first")

    def _indices(self, ids: Iterable[Any]) -> npt.NDArray[np.uint32]:
        indices = []
        for item in ids:
            index = self.catalog_.find(str(item))
            if index is None:
                raise ItemIndexError(f"{item!r} is not an id of the items")
            indices.append(index)
        return np.array(indices, dtype=np.uint32)

    def __repr__(self) -> str:
        if not hasattr(self, "model_"):
            return f"<melu.Recommender: not trained, recipe {self.recipe!r}>"
        return f"<melu.Recommender of {self.model_!r}>"
