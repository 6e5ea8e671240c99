"""Training from memory."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from . import _frames, _melu
from ._errors import ArgumentError, Interrupted
from ._melu import Dataset, Model, Table

_USER = ("user", "user_id", "userId", "userid", "customer", "customer_id")
_ITEM = ("item", "item_id", "itemId", "itemid", "product", "product_id", "movie_id", "movieId")
_VALUE = ("value", "rating", "score", "stars")
_TIME = ("time", "timestamp", "date", "datetime")
_KINDS = ("one", "multi", "numeric")


def dataset(
    interactions: Any,
    items: Any = None,
    users: Any = None,
    *,
    name: str = "data",
    user: str | None = None,
    item: str | None = None,
    value: str | None = None,
    time: str | None = None,
    title: str | None = None,
    item_fields: Mapping[str, str] | Sequence[str] | None = None,
    user_fields: Mapping[str, str] | Sequence[str] | None = None,
    positive_only: bool = False,
    liked: float | None = None,
    new_users: float | Iterable[Any] | None = None,
    new_items: float | Iterable[Any] | None = None,
    after: Any = None,
    split_seed: int = 0,
    tasks: Mapping[str, int] | None = None,
    separator: str | None = None,
    missing: Sequence[str] | None = None,
    skip_bad_rows: int | None = None,
) -> Dataset:
    """Makes a data set from tables in memory.

    A table is a data frame of pandas or polars, a table of pyarrow or anything else with the
    Arrow C stream interface, a dictionary of columns, a list of dictionaries, or an array
    whose columns are user, item and perhaps value and time. Ids are texts or integers.

    ``user``, ``item``, ``value`` and ``time`` name columns; where they are not given, columns
    with usual names are found. With a column of values these are ratings on a scale, unless
    ``positive_only`` says that they are strengths, such as numbers of plays. ``items`` and
    ``users`` describe all items and users by a column of ids, which has the same name as in
    ``interactions`` or is called ``"id"``, and by fields. Fields of lists are of kind ``multi``,
    those of numbers ``numeric``, and others ``one``, unless ``item_fields`` and ``user_fields`` say
    otherwise: they are the names of the fields to use, or a dictionary of names and kinds.

    New users and items are kept from training, to measure on: a share of all, drawn by
    ``split_seed``, or a list of ids. ``after`` splits by time instead: at a date or number, or
    so that a share between 0 and 1 of the interactions lies after it.
    """
    columns = tuple(
        name or usual for name, usual in ((user, "user"), (item, "item"), (value, "value"), (time, "time"))
    )
    log = _frames.read("interactions", interactions, columns)
    kinds = log.kinds
    user = _named("user", user, _USER, kinds, "interactions")
    item = _named("item", item, _ITEM, kinds, "interactions")
    value = _found("value", value, _VALUE, kinds)
    time = _found("time", time, _TIME, kinds)
    settings: dict[str, Any] = {"name": name}
    tables = [log]
    if users is not None:
        tables.append(_frames.read("users", users))
        settings["users"] = _described("users", tables[-1], user, None, user_fields)
    if items is not None:
        tables.append(_frames.read("items", items))
        settings["items"] = _described("items", tables[-1], item, title, item_fields)
    columns_of_log = {"file": "interactions", "user": user, "item": item, "value": value, "time": time}
    if positive_only or value is None:
        if liked is not None:
            raise ArgumentError("liked: it is for ratings, and these have no values")
        settings["interactions"] = columns_of_log
    else:
        settings["ratings"] = {**columns_of_log, "liked": liked}
    split: dict[str, Any] = {}
    for key, new in (("new_users", new_users), ("new_items", new_items)):
        if new is None:
            continue
        if isinstance(new, (int, float)):
            split[key] = {"fraction": float(new), "seed": split_seed}
        else:
            tables.append(Table(key, {"id": list(new)}))
            split[key] = {"file": key}
    if after is not None:
        is_share = isinstance(after, float) and 0 < after < 1
        split["after"] = {"fraction": after} if is_share else _time(after)
    settings["split"] = split
    settings["tasks"] = dict(tasks or {})
    settings["format"] = {"separator": separator, "missing": missing}
    return Dataset.from_tables(_toml(settings), tables, skip_bad_rows)


def train(
    interactions: Any,
    items: Any = None,
    users: Any = None,
    *,
    recipe: str = "default",
    start_from: Model | None = None,
    threads: int = 0,
    progress: bool | Callable[[dict[str, Any]], None] = True,
    curve: list[dict[str, Any]] | None = None,
    seed: int | None = None,
    epochs: int | None = None,
    options: Mapping[str, Any] | None = None,
    **data: Any,
) -> Model:
    """Trains a model on tables in memory or a :class:`Dataset`.

    ``interactions``, ``items``, ``users`` and further keywords are those of :func:`dataset`.
    ``recipe`` is ``"default"`` or ``"paper"``; with ``start_from``, training starts from an earlier
    model, and takes a fraction of the time. ``options`` change single settings of the recipe, such
    as ``{"loss": "mse", "catalog": "f16"}``. The same data, options and seed give the same model,
    for any number of ``threads``; 0 is as many as there are processors.

    ``progress`` shows a bar if tqdm is there, or is a function that is called with each event.
    ``curve`` is a list to which a dictionary is added for each epoch.

    Ctrl-C raises :class:`Interrupted`, a ``KeyboardInterrupt`` whose ``model`` is the best so far,
    or ``None``.
    """
    if isinstance(interactions, Dataset):
        if items is not None or users is not None or data:
            raise ArgumentError("interactions: a Dataset has its items, users and settings already")
        made = interactions
    else:
        made = dataset(interactions, items, users, **data)
    changes = dict(options or {})
    changes.update({key: new for key, new in (("seed", seed), ("epochs", epochs)) if new is not None})
    bar = _Bar() if progress is True else None

    def observe(event: dict[str, Any]) -> None:
        if curve is not None and "loss" in event and event["stage"] != "ratings":
            curve.append(dict(event))
        if bar is not None:
            bar.show(event)
        elif callable(progress):
            progress(event)

    try:
        model, ended = _melu.train(made, recipe, json.dumps(changes), threads, start_from, observe)
    finally:
        if bar is not None:
            bar.close()
    if isinstance(ended, KeyboardInterrupt):
        left = "nothing is trained yet" if model is None else "its model is the best until now"
        raise Interrupted(f"the training was interrupted; {left}", model) from ended
    if ended is not None:
        raise ended
    if model is None:
        raise ArgumentError("training: it ended without a model")
    return model


def evaluate(
    model: Model,
    data: Dataset,
    *,
    draws: int | None = None,
    list_draws: int | None = None,
    seed: int = 0,
    threads: int = 0,
) -> Any:
    """Measures lists and predicted ratings of new users and items, beside simple predictors.

    Returns a data frame if pandas is there, or else a list of dictionaries, with one row for each
    table, scenario, predictor and number of answers given. ``list_draws`` 0 leaves lists out.

    Ctrl-C raises ``KeyboardInterrupt``, once the simple predictor that is being fitted is done.
    """
    found = json.loads(
        _melu.evaluate(model, data, draws=draws, list_draws=list_draws, seed=seed, threads=threads)
    )
    rows: list[dict[str, Any]] = []
    for ranking in found.get("rankings", []):
        about = {"table": "lists", "scenario": ranking["name"], "among": ranking.get("among")}
        about["users"] = ranking["users"]
        rows.extend({**about, **row} for row in ranking["rows"])
    for scenario in found["scenarios"]:
        about = {"table": "ratings", "scenario": scenario["name"], "among": None}
        about["users"] = scenario["users"]
        rows.extend({**about, **row} for row in scenario["rows"])
    return _frames.frame(rows)


def _found(what: str, name: str | None, usual: tuple[str, ...], kinds: dict[str, str]) -> str | None:
    if name is not None:
        if name not in kinds:
            raise ArgumentError(f"{what}: interactions have no column {name!r}, but {', '.join(kinds)}")
        return name
    return next((name for name in usual if name in kinds), None)


def _named(
    what: str, name: str | None, usual: tuple[str, ...], kinds: dict[str, str], table: str
) -> str:
    found = _found(what, name, usual, kinds)
    if found is None:
        raise ArgumentError(
            f"{what}: none of the columns of {table}, {', '.join(kinds)}, has a usual name for it; "
            f"say which is the {what}'s, as in {what}={next(iter(kinds), what)!r}"
        )
    return found


def _described(
    name: str,
    table: Table,
    id_column: str,
    title: str | None,
    fields: Mapping[str, str] | Sequence[str] | None,
) -> dict[str, Any]:
    kinds = table.kinds
    usual = (id_column, "id", *(_USER if name == "users" else _ITEM))
    found = next((column for column in usual if column in kinds), None)
    if found is None:
        raise ArgumentError(
            f"{name}: none of the columns, {', '.join(kinds)}, is {id_column!r} or 'id'"
        )
    if title is None and name == "items" and "title" in kinds:
        title = "title"
    if title is not None and title not in kinds:
        raise ArgumentError(f"title: {name} have no column {title!r}, but {', '.join(kinds)}")
    used = (
        [column for column in kinds if column not in (found, title)] if fields is None else list(fields)
    )
    described = []
    for field in used:
        if field not in kinds:
            raise ArgumentError(f"{name}: there is no column {field!r}, but {', '.join(kinds)}")
        kind = fields[field] if isinstance(fields, Mapping) else _kind(kinds[field])
        if kind not in _KINDS:
            raise ArgumentError(f"{name}: {field!r} is of kind {kind!r}; {', '.join(_KINDS)} are possible")
        described.append({"name": field, "kind": kind})
    return {"file": name, "id": found, "title": title, "fields": described}


def _kind(kind: str) -> str:
    return {"list": "multi", "integer": "numeric", "number": "numeric", "time": "numeric"}.get(kind, "one")


def _time(after: Any) -> Any:
    return after if isinstance(after, (int, float, str)) else after.isoformat()


def _toml(value: Any) -> str:
    """Settings as TOML, without keys whose value is ``None``."""
    lines = [f"{key} = {_inline(part)}" for key, part in value.items() if part is not None]
    return "\n".join(lines)


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        parts = (f"{_inline(key)} = {_inline(part)}" for key, part in value.items() if part is not None)
        return "{ " + ", ".join(parts) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # A string of JSON is one of TOML, but for what JSON leaves as it is.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float):
        return repr(value)
    return str(int(value))


class _Bar:
    """A bar by tqdm, if that is there, for a terminal or a notebook."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""
        try:
            self._tqdm = importlib.import_module("tqdm.auto").tqdm
        except ImportError:
            self._tqdm = None

    def show(self, event: dict[str, Any]) -> None:
        if self._tqdm is None or "done" not in event:
            return
        if event["stage"] != self._stage:
            self.close()
            self._stage = event["stage"]
            self._bar = self._tqdm(total=event["of"], desc=self._stage, leave=True)
        self._bar.total = max(event["of"], event["done"])
        self._bar.n = event["done"]
        if "loss" in event:
            self._bar.set_postfix(epoch=event["epoch"], loss=f"{event['loss']:.4f}", refresh=False)
        self._bar.refresh()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
