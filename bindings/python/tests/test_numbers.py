"""The same numbers as the library's."""

from __future__ import annotations

import json
import os
import pathlib
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import melu

ROOT = pathlib.Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests/golden/everywhere.json"


def golden() -> list[tuple[str, dict[str, Any]]]:
    if not GOLDEN.exists():
        return []
    models = json.loads(GOLDEN.read_text())["models"]
    return [(model["file"], user) for model in models for user in model["users"]]


def adapted(catalog: melu.Catalog, given: dict[str, Any]) -> melu.User:
    profile = {}
    for value in given["profile"]:
        profile[value["field"]] = next(of for key, of in value.items() if key != "field")
    items = [item for item, _ in given["answers"]]
    ratings = [rating for _, rating in given["answers"]]
    return melu.User(catalog, profile, items, ratings)


def options(given: dict[str, Any]) -> dict[str, Any]:
    options = dict(given["options"])
    options["exposure"] = 1.0 - options.pop("popularity_discount", 0.0)
    if options.pop("only_even", False):
        options["filter"] = lambda item: item % 2 == 0
    return options


def close(found: Any, expected: Any) -> None:
    expected = np.array(expected, dtype=np.float32)
    found = np.array(found, dtype=np.float32)
    assert found.shape == expected.shape
    assert np.all(np.abs(found - expected) <= 1e-5 * (1 + np.abs(expected)))


@pytest.mark.parametrize("file, given", golden())
def test_numbers_are_those_of_every_binding(file: str, given: dict[str, Any]) -> None:
    model = melu.open(ROOT / file)
    catalog = model.catalog()
    user = adapted(catalog, given)
    everything = np.arange(len(catalog))
    for user in (user, melu.User.from_bytes(catalog, bytes.fromhex(given["saved"])), user.copy()):
        close(user.score(), given["scores"])
        close(user.score(everything), given["scores"])
        if "predicted" in given:
            close(user.predict(everything), given["predicted"])
        else:
            with pytest.raises(melu.NotAvailableError):
                user.predict(everything)
        if "predicted_deviations" in given:
            close(user.predict_with_deviations(everything)[1], given["predicted_deviations"])
        if "vector" in given:
            close(user.vector(), given["vector"])
        else:
            with pytest.raises(melu.NotAvailableError):
                user.vector()
        best = user.recommend(given["count"], **options(given))
        assert best.items.tolist() == [found["item"] for found in given["best"]]
        close(best.scores, [found["score"] for found in given["best"]])
        for numbers, name in ((best.ratings, "rating"), (best.deviations, "deviation")):
            if given["best"] and name in given["best"][0]:
                close(numbers, [found[name] for found in given["best"]])
            else:
                assert np.isnan(numbers).all()
        question = user.next_question(unknown=given["unknown"])
        if given["question"] is None:
            assert question is None
        else:
            assert question is not None and question.item == given["question"]["item"]
            close(question[1:], [given["question"]["known"], given["question"]["reduction"]])


@pytest.mark.skipif("MELU_EXACT" not in os.environ, reason="the library's own numbers are not given")
def test_numbers_are_the_librarys_to_the_bit() -> None:
    exact = json.loads(pathlib.Path(os.environ["MELU_EXACT"]).read_text())
    users = golden()
    assert len(users) == len(exact) > 10
    for (file, given), bits in zip(users, exact):
        user = adapted(melu.open(ROOT / file).catalog(), given)
        assert user.score().view(np.uint32).tolist() == bits["scores"]
        best = user.recommend(given["count"], **options(given))
        assert best.items.tolist() == bits["items"]
        assert best.scores.view(np.uint32).tolist() == bits["best"]
        assert user.to_bytes().hex() == bits["saved"]


def test_one_user_and_batches_agree_to_the_bit(model: melu.Model) -> None:
    catalog = model.catalog()
    random = np.random.default_rng(1)
    counts = random.integers(0, 30, 50)
    items = np.concatenate([random.permutation(len(catalog))[:count] for count in counts])
    ratings = random.integers(1, 11, len(items)) / 2
    offsets = np.concatenate([[0], np.cumsum(counts)])
    profiles = [None if place % 3 else {"age": "25-34"} for place in range(50)]
    results = [
        melu.recommend_batch(
            catalog, offsets, items, ratings, 7, profiles=profiles, threads=threads, min_raters=1
        )
        for threads in (1, 3)
    ]
    for one, other in zip(*results):
        assert one.tobytes() == other.tobytes()
    for place in range(50):
        of = slice(offsets[place], offsets[place + 1])
        user = melu.User(catalog, profiles[place], items[of], ratings[of])
        best = user.recommend(7, min_raters=1)
        count = results[0].counts[place]
        assert results[0].items[place, :count].tolist() == best.items.tolist()
        assert results[0].scores[place, :count].tobytes() == best.scores.tobytes()
        assert results[0].ratings[place, :count].tobytes() == best.ratings.tobytes()


def test_short_lists_of_a_batch_end_with_minus_one(catalog: melu.Catalog) -> None:
    lists = melu.recommend_batch(catalog, [0, 0, 1], [5], [4.0], 3, among=[5, 6])
    assert lists.counts.tolist() == [2, 1]
    assert lists.items[1].tolist() == [6, -1, -1]
    assert np.isnan(lists.scores[1, 1:]).all()


def test_pickles_give_the_same_scores(tmp_path: pathlib.Path, model: melu.Model) -> None:
    path = tmp_path / "a model.melu"
    model.save(path)
    opened = melu.open(path)
    assert opened.path == path
    assert len(pickle.dumps(opened)) < 1000 < len(pickle.dumps(model))
    assert model.to_bytes() == opened.to_bytes() == path.read_bytes()
    for original in (model, opened, melu.open(path.read_bytes())):
        catalog = original.catalog()
        users = [melu.User(catalog, {"age": "25-34"}, [6, place], [5, 1.5]) for place in range(3)]
        loaded = pickle.loads(pickle.dumps(users))
        assert loaded[0].catalog is loaded[2].catalog
        for user, other in zip(users, loaded):
            assert user.score().tobytes() == other.score().tobytes()
            assert user.to_bytes() == other.to_bytes()
    bigger = model.catalog().extend([{"id": "new", "title": "New", "year": 1999}])
    with pytest.raises(melu.NotAvailableError, match="only a model's own catalogue"):
        pickle.dumps(bigger)


def test_catalogues_grow_and_shrink(catalog: melu.Catalog) -> None:
    bigger = catalog.extend([{"id": 7, "title": "Seven", "genres": ["drama"], "year": 1999.0, "studio": None}])
    assert len(bigger) == len(catalog) + 1 and bigger.find("7") == len(catalog)
    assert bigger.title(len(catalog)) == "Seven" and bigger.raters(len(catalog)) == 0
    smaller = bigger.remove(np.arange(len(catalog)))
    assert smaller.ids == ["7"]
    user = melu.User(catalog, None, [3, 4], [5, 2])
    moved = melu.User.from_bytes(bigger, user.to_bytes())
    assert moved.items.tolist() == [3, 4] and not moved.adapted_anew
    assert melu.User.from_bytes(smaller, user.to_bytes()).missing_items == 2


def test_answers_are_given_changed_and_withdrawn(catalog: melu.Catalog, clicks: melu.Model) -> None:
    user = melu.User(catalog)
    user.rate(3, 4)
    user.rate(8, 2.5)
    user.rate(3, 1.5)
    assert (user.items.tolist(), user.ratings.tolist()) == ([3, 8], [1.5, 2.5])
    assert user.score().tobytes() == melu.User(catalog, None, [3, 8], [1.5, 2.5]).score().tobytes()
    assert user.withdraw(3) and not user.withdraw(3)
    user.reset()
    assert user.score().tobytes() == melu.User(catalog).score().tobytes()
    with pytest.raises(melu.ArgumentError, match="ratings: they are missing"):
        user.adapt([3])
    chooser = melu.User(clicks.catalog(), None, [3])
    chooser.rate(9)
    assert chooser.ratings.tolist() == [1, 1]


def test_vectors_give_the_scores_but_for_their_other_parts(clicks: melu.Model) -> None:
    catalog = clicks.catalog()
    user = melu.User(catalog)
    # Without answers there are no neighbours, and without ratings no other part.
    product = catalog.item_vectors() @ user.vector()
    assert np.allclose(product, user.score(), rtol=1e-5, atol=1e-5)


def test_the_level_of_instructions_is_that_of_the_environment() -> None:
    program = "import melu; print(melu.kernel())"
    environment = {**os.environ, "MELU_KERNEL": "portable"}
    found = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert found.stdout.strip() == "portable"
