"""Training from memory, and by the estimator."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

import melu

Tables = dict[str, dict[str, Any]]


def bytes_of(interactions: Any, items: Any, users: Any, **more: Any) -> bytes:
    model = melu.train(
        interactions, items, users, epochs=1, progress=False, new_users=0.2, new_items=0.1, **more
    )
    return model.to_bytes()


@pytest.fixture(scope="module")
def expected(tables: Tables) -> bytes:
    return bytes_of(tables["interactions"], tables["items"], tables["users"])


def test_pandas(tables: Tables, expected: bytes) -> None:
    pandas = pytest.importorskip("pandas")
    frames = {name: pandas.DataFrame(table) for name, table in tables.items()}
    frames["interactions"]["user"] = frames["interactions"]["user"].astype("category")
    frames["interactions"]["time"] = pandas.to_datetime(frames["interactions"]["time"], unit="s")
    shuffled = frames["interactions"].iloc[::-1]
    assert bytes_of(shuffled, frames["items"], frames["users"]) == expected


def test_pandas_without_arrow(
    tables: Tables, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    pandas = pytest.importorskip("pandas")

    def missing(self: Any, requested_schema: Any = None) -> Any:
        raise ImportError("pyarrow")

    monkeypatch.setattr(pandas.DataFrame, "__arrow_c_stream__", missing, raising=False)
    frames = {name: pandas.DataFrame(table) for name, table in tables.items()}
    frames["interactions"]["user"] = frames["interactions"]["user"].astype("category")
    frames["interactions"]["time"] = pandas.to_datetime(frames["interactions"]["time"], unit="s")
    frames["users"]["age"] = frames["users"]["age"].astype("string")
    assert bytes_of(frames["interactions"], frames["items"], frames["users"]) == expected


def test_polars(tables: Tables, expected: bytes) -> None:
    polars = pytest.importorskip("polars")
    frames = {name: polars.DataFrame(table) for name, table in tables.items()}
    frames["interactions"] = frames["interactions"].with_columns(
        polars.col("item").cast(polars.Categorical), polars.from_epoch("time").alias("time")
    )
    halves = [frames["interactions"][:100], frames["interactions"][100:]]
    chunked = polars.concat(halves, rechunk=False)
    assert bytes_of(chunked, frames["items"], frames["users"]) == expected


def test_pyarrow(tables: Tables, expected: bytes, tmp_path: pathlib.Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    read = {}
    for name, table in tables.items():
        parquet.write_table(arrow.table(table), tmp_path / f"{name}.parquet", row_group_size=97)
        read[name] = parquet.read_table(tmp_path / f"{name}.parquet")
    log = read["interactions"]
    log = log.set_column(0, "user", log["user"].dictionary_encode())
    log = log.set_column(2, "rating", log["rating"].cast(arrow.float32()))
    assert bytes_of(log, read["items"], read["users"]) == expected
    batches = arrow.RecordBatchReader.from_batches(log.schema, log.to_batches(max_chunksize=50))
    assert bytes_of(batches, read["items"].slice(0), read["users"]) == expected


def test_arrays_and_dictionaries(tables: Tables, expected: bytes) -> None:
    log = {name: np.array(column) for name, column in tables["interactions"].items()}
    log["rating"] = log["rating"].astype(np.float32)[::-1][::-1]
    log["time"] = log["time"].astype("datetime64[s]")
    items = {**tables["items"], "year": np.array(tables["items"]["year"], dtype=np.int16)}
    items["length"] = np.array(items["length"], dtype=np.float64)
    items["genres"] = [np.array(genres) for genres in items["genres"]]
    rows = [dict(zip(tables["users"], row)) for row in zip(*tables["users"].values())]
    assert bytes_of(log, items, rows) == expected
    kind = [("user", "U8"), ("item", "U8"), ("rating", "f4"), ("time", "i8")]
    structured = np.zeros(len(log["user"]), dtype=kind)
    for name in ("user", "item", "rating"):
        structured[name] = log[name]
    structured["time"] = log["time"].astype(np.int64)
    assert bytes_of(structured, items, rows) == expected


def test_arrays_of_numbers(tables: Tables) -> None:
    log = tables["interactions"]
    users = [int(user[1:]) for user in log["user"]]
    items = [int(item[1:]) for item in log["item"]]
    matrix = np.column_stack([users, items, log["rating"]])
    named = {"user": np.array(users, dtype=np.uint16), "item": items, "value": log["rating"]}
    train = {"epochs": 1, "progress": False}
    assert melu.train(matrix, **train).to_bytes() == melu.train(named, **train).to_bytes()
    choices = melu.dataset(matrix[:, :2].astype(np.int64))
    assert not choices.has_ratings and "7" in choices.item_ids
    with pytest.raises(melu.ArgumentError, match="not whole numbers"):
        melu.dataset(matrix + 0.5)
    with pytest.raises(melu.ArgumentError, match="shape"):
        melu.dataset(matrix[:, :1])


def test_the_same_bytes_as_by_a_folder(tmp_path: pathlib.Path, tables: Tables) -> None:
    log = tables["interactions"]
    lines = [f"{u},{i},{v}\n" for u, i, v in zip(log["user"], log["item"], log["rating"])]
    (tmp_path / "log.csv").write_text("user,item,rating\n" + "".join(lines))
    (tmp_path / "dataset.toml").write_text(
        'name = "data"\n[ratings]\nfile = "log.csv"\nuser = "user"\nitem = "item"\nvalue = "rating"\n'
    )
    folder = melu.Dataset.open(tmp_path)
    columns = {name: log[name] for name in ("user", "item", "rating")}
    options = {"epochs": 1, "progress": False, "seed": 5}
    assert melu.train(folder, **options).to_bytes() == melu.train(columns, **options).to_bytes()


def test_errors_name_row_column_and_value() -> None:
    log: dict[str, Any] = {"user": ["a", "b"], "item": ["x", "y"], "rating": [3.0, 4.0]}
    cases: list[tuple[dict[str, Any], str]] = [
        ({**log, "rating": [3.0, "good"]}, 'interactions, row 1, column "rating": "good" is not a'),
        ({**log, "rating": [3.0, None]}, 'interactions, row 1, column "rating": "" is empty'),
        ({**log, "user": [1.5, 2.0]}, 'row 0, column "user": "1.5" is a floating-point number'),
        ({**log, "user": ["a", None]}, 'row 1, column "user": "" is empty; an id is expected'),
        ({**log, "item": ["x"]}, 'column "item": has 1 rows; 2 are expected'),
        ({**log, "user": [object(), "b"]}, 'column "user": row 0 has a object; a text'),
        ({**log, "user": np.zeros((2, 2))}, 'column "user": has 2 dimensions'),
    ]
    for table, message in cases:
        with pytest.raises(ValueError) as caught:
            melu.dataset(table)
        assert isinstance(caught.value, melu.Error) and message in str(caught.value), str(caught.value)
    for keywords, message in (
        ({"user": "who"}, "user: interactions have no column 'who', but user, item, rating"),
        ({"items": {"name": ["x", "y"]}}, "items: none of the columns, name, is 'item' or 'id'"),
        ({"items": {"id": ["x", "y"], "g": ["a", "b"]}, "item_fields": {"g": "many"}}, "'many'"),
        ({"items": {"id": ["x"]}}, '"y" is not an id of the items'),
        ({"new_users": ["c"]}, 'new_users, row 0: "c" is not an id of the users'),
        ({"positive_only": True, "liked": 3}, "liked"),
        ({"after": 1.5}, "after"),
    ):
        with pytest.raises(melu.Error) as refused:
            melu.dataset(log, **keywords)  # type: ignore[arg-type]
        assert message in str(refused.value), str(refused.value)
    with pytest.raises(melu.ArgumentError, match="interactions: is a int"):
        melu.dataset(3)
    with pytest.raises(melu.ArgumentError, match="user: none of the columns"):
        melu.dataset({"who": [1], "what": [2]})
    skipped = melu.dataset({**log, "rating": ["?", 4.0]}, skip_bad_rows=1)
    assert len(skipped) == 1 and "row 0" in skipped.notes[0]


def test_arrow_types_that_no_column_can_have() -> None:
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table({"user": [b"a"], "item": ["x"]})
    with pytest.raises(melu.ArgumentError, match='column "user" has the type Binary'):
        melu.dataset(table)


def test_options(tables: Tables, world: melu.Dataset) -> None:
    with pytest.raises(melu.ArgumentError, match='there is no option "depth"; the options are: '):
        melu.train(world, options={"depth": 3}, progress=False)
    with pytest.raises(melu.ArgumentError, match="^epochs: it is .many"):
        melu.train(world, options={"epochs": "many"}, progress=False)
    with pytest.raises(melu.ArgumentError, match="^epochs: it is 0"):
        melu.train(world, epochs=0, progress=False)
    with pytest.raises(melu.ArgumentError, match="^recipe"):
        melu.train(world, recipe="cake", progress=False)
    with pytest.raises(melu.ArgumentError, match="has its items"):
        melu.train(world, tables["items"], progress=False)
    half = melu.train(world, epochs=1, options={"catalog": "f16"}, progress=False)
    assert half.training_json is not None and '"catalog":"f16"' in half.training_json
    paper = melu.train(world, recipe="paper", epochs=1, progress=False)
    assert repr(paper).startswith("<melu.Model: ratings, ")
    for refused in (paper.catalog().item_vectors, melu.User(paper.catalog()).next_question):
        with pytest.raises(melu.NotAvailableError):
            refused()


def test_a_training_starts_from_an_earlier_model(world: melu.Dataset, model: melu.Model) -> None:
    warm = melu.train(world, start_from=model, progress=False)
    assert warm.training_json is not None
    assert json.loads(warm.training_json)["started_from"] is not None


def test_the_same_bytes_by_any_number_of_threads(world: melu.Dataset, model: melu.Model) -> None:
    assert melu.train(world, epochs=1, threads=3, progress=False).to_bytes() == model.to_bytes()


def test_progress_is_told_and_may_fail(world: melu.Dataset) -> None:
    events: list[dict[str, Any]] = []
    curve: list[dict[str, Any]] = []
    melu.train(world, epochs=2, progress=events.append, curve=curve)
    assert [event["epoch"] for event in events if event["stage"] == "epoch"] == [1, 2]
    assert {"lists", "chosen", "ratings", "epoch"} == {event["stage"] for event in events}
    assert [row["epoch"] for row in curve if row["stage"] == "epoch"] == [1, 2]

    def fails(event: dict[str, Any]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        melu.train(world, progress=fails)
    bar = pytest.importorskip("tqdm")
    assert bar and melu.train(world, epochs=1).has_ratings


PROGRAM = """
import os, signal, sys, threading
import melu
world = melu.Dataset.synthetic(200, 120, ratings_per_user=20)
recommender = melu.Recommender(epochs=100_000, progress=lambda event: stop(event))
def stop(event):
    if event["stage"] == sys.argv[1] and event.get("epoch", 1) < 3:
        os.kill(os.getpid(), signal.SIGINT)
try:
    recommender.fit(world)
except KeyboardInterrupt as error:
    model = getattr(recommender, "model_", None)
    assert isinstance(error, melu.Interrupted) and error.model is model
    print("none" if model is None else len(recommender.recommend(k=5)))
"""


@pytest.mark.parametrize("stage, left", [("epoch", "5"), ("chosen", "5"), ("lists", "none")])
def test_ctrl_c_leaves_the_best_so_far(stage: str, left: str) -> None:
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, stage], capture_output=True, text=True, timeout=300
    )
    assert found.stdout.strip() == left, found.stderr


# Two signals, in each of the two parts: as soon as it runs, and later, from another thread.
EVALUATION = """
import os, signal, sys, threading, time
import melu
world = melu.Dataset.synthetic(400, 300, ratings_per_user=40)
recommender = melu.Recommender(epochs=1, progress=False).fit(world)
lists = sys.argv[1] == "lists"
many = {"draws": 1, "list_draws": 100_000} if lists else {"draws": 100_000, "list_draws": 0}
for delay in [0, 2]:
    sent = []
    def interrupt():
        time.sleep(delay)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)
    thread = threading.Thread(target=interrupt)
    try:
        thread.start()
        recommender.evaluate(**many)
    except KeyboardInterrupt:
        assert time.monotonic() - sent[0] < 30
        thread.join()
        print("interrupted")
assert threading.active_count() == 1
print(len(recommender.evaluate(draws=1, list_draws=0)) > 0)
"""


@pytest.mark.parametrize("part", ["lists", "ratings"])
def test_ctrl_c_ends_an_evaluation(part: str) -> None:
    # To the end it would take days.
    found = subprocess.run(
        [sys.executable, "-c", EVALUATION, part], capture_output=True, text=True, timeout=300
    )
    assert found.stdout.split() == ["interrupted", "interrupted", "True"], found.stderr


def test_other_threads_run_while_one_trains(world: melu.Dataset) -> None:
    thread = threading.Thread(target=lambda: melu.train(world, epochs=3, progress=False))
    thread.start()
    turns = 0
    while thread.is_alive():
        time.sleep(0.001)
        turns += 1
    assert turns > 20


def test_the_estimator(tables: Tables, tmp_path: pathlib.Path) -> None:
    recommender = melu.Recommender(epochs=1, progress=False, seed=1)
    with pytest.raises(melu.NotAvailableError, match=r"call fit\(\) first"):
        recommender.recommend()
    log, items, users = tables["interactions"], tables["items"], tables["users"]
    recommender.fit(log, items, users, new_users=0.2, new_items=0.1)
    assert "120 items" in repr(recommender)
    known = log["user"][0]
    best = recommender.recommend(known, 5)
    assert list(best["id"]) == [str(found) for found in best["id"]] and len(best) == 5
    assert list(best["title"]) == [f"Title {items['id'].index(found)}" for found in best["id"]]
    seen = {item for user, item in zip(log["user"], log["item"]) if user == known}
    assert not seen & set(best["id"])
    ratings = {item: 5.0 for item in list(seen)[:3]}
    somebody = recommender.recommend(ratings, 5, lambda item: item.endswith("1"), profile={"age": "25-34"})
    assert all(item.endswith("1") for item in somebody["id"])
    among = recommender.recommend(ratings, 5, among=["i1", "i2"], leave_out=["i1"])
    assert list(among["id"]) == ["i2"]
    predicted = recommender.predict(ratings, ["i1", "i2"])
    assert predicted.shape == (2,) and predicted.dtype == np.float32
    with pytest.raises(melu.ItemIndexError, match="'nothing' is not an id of the items"):
        recommender.predict(ratings, ["nothing"])
    with pytest.raises(melu.ArgumentError, match="a dictionary of item ids and ratings"):
        recommender.recommend(["i1"])
    with pytest.raises(melu.ArgumentError, match='"nobody" is not an id of the users'):
        recommender.recommend("nobody")
    ids, scores = recommender.recommend_batch([known, ratings, None], 5)
    assert ids.shape == scores.shape == (3, 5)
    assert list(ids[0]) == list(best["id"]) and list(ids[2]) == list(recommender.recommend(k=5)["id"])
    question = recommender.next_question(ratings)
    assert question is not None and question["id"] in items["id"] and question["id"] not in ratings
    other = recommender.next_question(ratings, unknown=[question["id"]])
    assert other is not None and other["id"] != question["id"]
    assert recommender.item_vectors().shape == (120, 64)
    found = recommender.evaluate(draws=1, list_draws=1)
    assert {"melu", "popular"} <= set(found["predictor"]) and {"lists", "ratings"} == set(found["table"])
    assert len(recommender.curve_) >= 1
    path = tmp_path / "model.melu"
    recommender.save(path)
    loaded = melu.Recommender.load(path)
    assert list(loaded.recommend(ratings, 5)["id"]) == list(recommender.recommend(ratings, 5)["id"])
    with pytest.raises(melu.NotAvailableError):
        loaded.recommend(known)
    with pytest.raises(melu.NotAvailableError):
        loaded.evaluate()


def test_choices_alone(tables: Tables) -> None:
    log = {name: tables["interactions"][name] for name in ("user", "item")}
    recommender = melu.Recommender(progress=False).fit(log)
    best = recommender.recommend(["i1", "i5"], 4)
    assert list(best) == ["id", "score"] and len(best) == 4
    ids, _ = recommender.recommend_batch([["i1", "i5"]], 4)
    assert list(ids[0]) == list(best["id"])


def test_frames_are_not_needed(monkeypatch: pytest.MonkeyPatch, tables: Tables) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    recommender = melu.Recommender(epochs=1, progress=False).fit(tables["interactions"])
    best = recommender.recommend(k=3)
    assert isinstance(best, list) and set(best[0]) == {"id", "score", "rating", "deviation"}
    assert isinstance(recommender.curve_, list)


def test_a_plot(tables: Tables) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    recommender = melu.Recommender(epochs=2, progress=False).fit(tables["interactions"])
    axes = recommender.plot()
    assert axes.lines and axes.get_xlabel() == "epoch"


def test_a_split_by_time(tables: Tables) -> None:
    made = melu.dataset(tables["interactions"], after=0.3)
    assert len(made) < len(tables["interactions"]["user"])
    later = melu.dataset(tables["interactions"], after="2020-09-13T12:40:00Z")
    assert 0 < len(later) < len(tables["interactions"]["user"])


def test_the_environment_is_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    melu.Dataset.synthetic(30, 30, ratings_per_user=5)
    assert signal.getsignal(signal.SIGINT) is before and os.getpid()
