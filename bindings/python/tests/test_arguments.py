"""Arrays of all layouts and types, and what is refused."""

from __future__ import annotations

import pathlib
import pickle
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import melu

ITEMS = [3, 9, 27, 5]
RATINGS = [5.0, 1.5, 4.0, 3.0]


def variants() -> list[tuple[Any, Any]]:
    wide = np.zeros((4, 3), dtype=np.int64)
    wide[:, 1] = ITEMS
    backwards = np.array(RATINGS[::-1], dtype=np.float64)
    # Elements that are 9 bytes apart, which is no multiple of their size.
    packed = np.zeros(4, dtype=[("day", "u1"), ("item", "<u4"), ("rating", "<f4")])
    packed["item"], packed["rating"] = ITEMS, RATINGS
    return [
        (np.array(ITEMS, dtype=np.uint32), np.array(RATINGS, dtype=np.float32)),
        (np.array(ITEMS, dtype=np.int8), np.array(RATINGS, dtype=np.float16)),
        (np.array(ITEMS, dtype=">u8"), np.array(RATINGS, dtype=">f8")),
        (wide[:, 1], backwards[::-1]),
        (np.repeat(np.array(ITEMS, dtype=np.uint32), 2)[::2], np.repeat(np.float32(RATINGS), 3)[::3]),
        (tuple(ITEMS), tuple(RATINGS)),
        (memoryview(np.array(ITEMS)), RATINGS),
        (packed["item"], packed["rating"]),
        (packed["item"][::-1][::-1], np.frombuffer(b"-" + packed["rating"].tobytes(), "<f4", offset=1)),
    ]


@pytest.mark.parametrize("items, ratings", variants())
def test_layouts_and_types_do_not_matter(catalog: melu.Catalog, items: Any, ratings: Any) -> None:
    expected = melu.User(catalog, None, ITEMS, RATINGS)
    user = melu.User(catalog, None, items, ratings)
    assert user.score().tobytes() == expected.score().tobytes()
    assert user.score(items).tobytes() == expected.score(ITEMS).tobytes()
    lists = melu.recommend_batch(catalog, np.array([0, 4], dtype=np.int16), items, ratings, 5)
    assert lists.items[0].tolist() == expected.recommend(5).items.tolist()


@pytest.mark.parametrize(
    "items, ratings, message",
    [
        ([1.5], [1], "items: has the type float64; integers"),
        (["a"], [1], "items: has the type <U1; integers"),
        ("12", [1], "items: has the type str; integers"),
        ([[1, 2]], [1], "items: has 2 dimensions; 1 is expected"),
        (3, [1], "items: has 0 dimensions; 1 is expected"),
        ([True], [1], "items: has the type bool; integers"),
        ([None], [1], "items: has the type object; integers"),
        ([1], ["good"], "ratings: has the type <U4; numbers"),
        ([1], [1j], "ratings: has the type complex128; numbers"),
        ([1], [[1.0]], "ratings: has 2 dimensions"),
        ([1, 2], [1.0], "ratings"),
        ([1], [np.nan], "rating NaN at position 0"),
        ([1, 2], [3, np.inf], "rating inf at position 1"),
    ],
)
def test_what_cannot_be_an_answer_is_refused(
    catalog: melu.Catalog, items: Any, ratings: Any, message: str
) -> None:
    user = melu.User(catalog, None, [3], [4.0])
    with pytest.raises(ValueError, match=message) as caught:
        user.adapt(items, ratings)
    assert isinstance(caught.value, melu.Error)
    assert user.items.tolist() == [3]


@pytest.mark.parametrize("item", [-1, 120, 2**32, 2**40])
def test_items_beyond_the_catalogue_are_refused(catalog: melu.Catalog, item: int) -> None:
    user = melu.User(catalog)
    for call in (
        lambda: user.score([0, item]),
        lambda: user.adapt([0, item], [1, 2]),
        lambda: user.recommend(3, leave_out=[item]),
        lambda: user.next_question(unknown=[item]),
        lambda: melu.recommend_batch(catalog, [0, 1], [item], [3.0]),
    ):
        with pytest.raises(IndexError) as caught:
            call()
        assert isinstance(caught.value, melu.ItemIndexError)
        assert caught.value.status is melu.Status.ITEM_INDEX


def test_offsets_must_rise_to_the_end(catalog: melu.Catalog) -> None:
    for offsets in ([], [0], [0, 3], [1, 2], [0, 2, 1, 2], [-1, 2], [0.0, 2.0]):
        with pytest.raises(melu.ArgumentError, match="offsets"):
            melu.recommend_batch(catalog, offsets, [1, 2], [3.0, 4.0])
    with pytest.raises(melu.ItemIndexError, match=r"users\[1\]: items: item index 999"):
        melu.recommend_batch(catalog, [0, 1, 2], [1, 999], [3.0, 4.0])
    with pytest.raises(melu.ArgumentError, match="profiles: there are 1 for 2 users"):
        melu.recommend_batch(catalog, [0, 1, 2], [1, 2], [3.0, 4.0], profiles=[None])


def test_profiles(catalog: melu.Catalog, model: melu.Model) -> None:
    names = {field["name"]: field["values"] for field in model.user_fields}
    assert set(names) == {"age", "occupation", "region"}
    user = melu.User(catalog, {"age": np.str_("25-34"), "region": None, "occupation": "sailor-king"})
    assert user.unknown_profile == [("occupation", "sailor-king")]
    with pytest.raises(melu.UnknownFieldError, match="there is no user field \"shoe\"") as caught:
        melu.User(catalog, {"shoe": "42"})
    assert isinstance(caught.value, LookupError) and caught.value.status == 6
    with pytest.raises(melu.FieldValueError):
        melu.User(catalog, {"age": ["25-34", "35-44"]})
    with pytest.raises(melu.ArgumentError, match="has a object"):
        melu.User(catalog, {"age": object()})
    with pytest.raises(melu.FieldValueError):
        catalog.extend([{"id": "x", "year": "long ago"}])
    with pytest.raises(melu.ArgumentError, match='no "id"'):
        catalog.extend([{"title": "x"}])


def test_a_profile_may_change_while_it_is_read(catalog: melu.Catalog) -> None:
    class Changing:
        def __init__(self, profile: dict[str, Any]) -> None:
            self.profile = profile

        def __iter__(self) -> Iterator[str]:
            self.profile["shoe"] = "42"
            return iter(["25-34"])

    profile: dict[str, Any] = {"region": None}
    profile["age"] = Changing(profile)
    expected = melu.User(catalog, {"age": "25-34"})
    assert melu.User(catalog, profile).score().tobytes() == expected.score().tobytes()
    assert "shoe" in profile


def test_lists_and_filters(catalog: melu.Catalog) -> None:
    user = melu.User(catalog, None, ITEMS, RATINGS)
    everything = user.recommend(10_000)
    assert len(everything.items) == len(catalog) - 4
    assert np.all(np.diff(everything.scores) <= 0)
    even = user.recommend(10, filter=lambda item: item % 2 == 0)
    mask = np.arange(len(catalog)) % 2 == 0
    assert even.items.tolist() == user.recommend(10, filter=mask).items.tolist()
    assert even.items.tolist() == [item for item in everything.items.tolist() if item % 2 == 0][:10]
    assert set(ITEMS) <= set(user.recommend(10_000, keep_rated=True).items.tolist())
    assert user.recommend(2, among=np.array([7, 8, 9])).items.size == 2
    by_rating = user.recommend(5, order="rating")
    assert np.all(np.diff(by_rating.ratings) <= 0)

    def fails(item: int) -> bool:
        raise ZeroDivisionError(item)

    with pytest.raises(ZeroDivisionError):
        user.recommend(5, filter=fails)
    with pytest.raises(ZeroDivisionError):
        melu.recommend_batch(catalog, [0, 0, 0], [], [], 5, filter=fails, threads=2)
    # A filter may serve somebody else, but not change its own user.
    user.recommend(2, filter=lambda item: user.score([item]).size == 1)
    with pytest.raises(RuntimeError, match="borrowed"):
        user.recommend(2, filter=lambda item: user.rate(1, 2.0) is None)
    for wrong, message in (
        ({"order": "name"}, "order"),
        ({"exposure": float("nan")}, "exposure"),
        ({"filter": [True]}, "filter: it has 1 truth values"),
        ({"filter": [1] * len(catalog)}, "filter: has the type"),
    ):
        with pytest.raises(melu.ArgumentError, match=message):
            user.recommend(5, **wrong)
    with pytest.raises(TypeError, match="'colour'"):
        user.recommend(5, colour="red")  # type: ignore[call-arg]


def test_errors_have_their_statuses(tmp_path: pathlib.Path, catalog: melu.Catalog) -> None:
    with pytest.raises(OSError) as io:
        melu.open(tmp_path / "nothing.melu")
    assert isinstance(io.value, melu.FileError) and io.value.status is melu.Status.IO
    broken = tmp_path / "broken.melu"
    broken.write_bytes(b"not a model")
    for source in (broken, b"not a model"):
        with pytest.raises(melu.WeightFileError) as weights:
            melu.open(source)
        assert weights.value.status == 5
        assert str(pickle.loads(pickle.dumps(weights.value))) == str(weights.value)
    with pytest.raises(melu.SavedUserError):
        melu.User.from_bytes(catalog, b"nobody")
    with pytest.raises(melu.DataError):
        melu.Dataset.open(tmp_path) if (tmp_path / "dataset.toml").write_text("") == 0 else None


def test_a_limit_of_memory(model: melu.Model, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.melu"
    model.save(path)
    more = [{"id": f"new {place}"} for place in range(1000)]
    for source in [path, str(path), path.read_bytes(), bytearray(path.read_bytes())]:
        limited = melu.open(source, max_memory=100_000)
        # The file's own items take none of it, but those of another catalogue do.
        catalog = limited.catalog()
        with pytest.raises(melu.MemoryLimitError, match="max_memory, 100000: open the model with") as limit:
            catalog.extend(more)
        assert limit.value.status == 16 and isinstance(limit.value, MemoryError)
        again = pickle.loads(pickle.dumps(limited))
        with pytest.raises(melu.MemoryLimitError):
            again.catalog().extend(more)
        assert len(melu.open(source, max_memory=1 << 30).catalog().extend(more)) == 1120
        with pytest.raises(OverflowError):
            melu.open(source, max_memory=-1)
        with pytest.raises(TypeError):
            melu.open(source, max_memory="1 GiB")  # type: ignore[arg-type]
    recommender = melu.Recommender.load(path, max_memory=100_000, copy=True)
    with pytest.raises(melu.MemoryLimitError):
        recommender.catalog_.extend(more)
    path.unlink()
    with pytest.raises(melu.FileError):
        melu.open(path, copy=True)


def test_counts_may_be_more_than_there_can_be(catalog: melu.Catalog) -> None:
    user = melu.User(catalog)
    most = 2**64 - 1
    everything = user.recommend(most, new_items=most, threads=most)
    assert sorted(everything.items.tolist()) == list(range(len(catalog)))
    lists = melu.recommend_batch(catalog, [0, 0], [], [], most, new_items=most, threads=most)
    assert lists.items.shape == (1, len(catalog))
    assert user.recommend(3, min_raters=2**32 - 1).items.size == 0
    assert len(catalog.first_questions(most)) <= len(catalog)
    for count in (-1, 2**64):
        with pytest.raises(OverflowError):
            user.recommend(count)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_lists_that_exceed_the_memory_are_refused(model: melu.Model, tmp_path: pathlib.Path) -> None:
    model.save(tmp_path / "model.melu")
    program = """
import resource, sys
import numpy as np
import melu

catalog = melu.open(sys.argv[1]).catalog()
offsets = np.zeros(1_000_001, dtype=np.int64)
with open("/proc/self/statm") as file:
    now = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + 500_000_000, -1))
try:
    melu.recommend_batch(catalog, offsets, [], [], 10_000)
except melu.OutOfMemoryError as error:
    print(error)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "model.melu")]
    ended = subprocess.run(command, capture_output=True, text=True)
    expected = "lists of 120 items for 1000000 users exceed the memory\n"
    assert (ended.returncode, ended.stdout) == (0, expected), ended.stderr


def test_reprs_help(model: melu.Model, catalog: melu.Catalog, world: melu.Dataset) -> None:
    assert repr(model) == (
        "<melu.Model: lists and ratings, 120 items, user fields (age, occupation, region), "
        "item fields (genres, studio, country, year)>"
    )
    assert repr(catalog) == "<melu.Catalog: 120 items, vectors of 64>"
    assert repr(melu.User(catalog, None, [1, 2], [3, 4])) == "<melu.User: 2 answers, of 120 items>"
    assert repr(world).startswith("<melu.Dataset Made-up world 0: 200 users, 120 items, ")
    assert repr(melu.Recommender()) == "<melu.Recommender: not trained, recipe 'default'>"


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    items=arrays.arrays(
        st.sampled_from([np.int8, np.uint16, np.int64, np.uint64, np.float32, np.bool_]),
        arrays.array_shapes(max_dims=2, max_side=6),
    ),
    ratings=arrays.arrays(
        st.sampled_from([np.float16, np.float32, np.float64, np.int32, np.complex64]),
        arrays.array_shapes(max_dims=2, max_side=6),
    ),
    k=st.integers(0, 200),
)
def test_no_array_does_harm(catalog: melu.Catalog, items: Any, ratings: Any, k: int) -> None:
    user = melu.User(catalog)
    try:
        with np.errstate(all="ignore"):
            user.adapt(items, ratings)
    except melu.Error:
        assert user.items.size == 0
    best = user.recommend(k)
    assert len(best.items) == min(k, len(catalog) - len(np.unique(user.items)))
    assert np.isfinite(best.scores).all()
