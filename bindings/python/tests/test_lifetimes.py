"""Memory, threads and processes."""

from __future__ import annotations

import gc
import multiprocessing
import os
import resource
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import melu


def test_views_outlive_their_model(model: melu.Model) -> None:
    data = model.to_bytes()
    vectors = melu.open(data).catalog().item_vectors()
    expected = vectors.copy()
    gc.collect()
    # What was freed is written over.
    rubbish = [bytearray(b"x" * len(data)) for _ in range(20)]
    assert np.array_equal(vectors, expected) and len(rubbish) == 20
    assert not vectors.flags.writeable and not vectors.flags.owndata
    with pytest.raises(ValueError):
        vectors[0, 0] = 1
    with pytest.raises(ValueError):
        vectors.flags.writeable = True


def test_a_file_may_be_deleted_while_it_is_used(model: melu.Model, tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "model.melu")
    model.save(path)
    user = melu.User(melu.open(path).catalog())
    os.remove(path)
    assert user.recommend(5).items.size == 5


def test_a_copied_file_may_change(model: melu.Model, tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "model.melu")
    model.save(path)
    user = melu.User(melu.open(path, copy=True).catalog(), None, [1], [5.0])
    expected = user.score()
    with open(path, "r+b") as file:
        file.truncate(100)
    assert np.array_equal(user.score(), expected)
    assert melu.User(melu.open(model.to_bytes()).catalog(), None, [1], [5.0]).score().tobytes() == (
        expected.tobytes()
    )


def test_bytes_are_used_in_place_and_kept(model: melu.Model) -> None:
    data = model.to_bytes()
    before = sys.getrefcount(data)
    opened = melu.open(data)
    # The model holds the object itself.
    assert sys.getrefcount(data) == before + 1
    catalog = opened.catalog()
    del opened
    assert sys.getrefcount(data) > before
    changing = bytearray(data)
    copied = melu.open(changing)
    changing[:] = bytes(len(changing))
    assert copied.to_bytes() == data
    assert melu.User(catalog).recommend(3).items.size == 3
    del catalog
    gc.collect()
    assert sys.getrefcount(data) == before


def test_users_keep_alive_what_they_were_made_from(model: melu.Model) -> None:
    user = melu.User(melu.open(model.to_bytes()).catalog(), None, [1], [5.0])
    gc.collect()
    assert user.recommend(3).items.size == 3


def grown(model: bytes) -> int:
    """How many bytes a process grows by while 100,000 users come and go."""
    opened = melu.open(model)
    catalog = opened.catalog()
    data = melu.User(catalog, {"age": "25-34"}, [1, 2], [3, 4]).to_bytes()

    def cycle() -> None:
        user = melu.User(catalog, {"age": "25-34"})
        user.rate(3, 4.0)
        user.recommend(3)
        catalog.item_vectors()

    def memory() -> int:
        gc.collect()
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()

    for _ in range(5_000):
        cycle()
    before = memory()
    for place in range(100_000):
        cycle()
        if place % 100 == 0:
            melu.User.from_bytes(catalog, data)
            opened.catalog()
            with pytest.raises(melu.ItemIndexError):
                melu.User(catalog, None, [10_000], [1.0])
    return memory() - before


def test_nothing_grows(model: melu.Model) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("memory is read from /proc")
    # In a process of its own: what other tests started, such as Ray's threads, allocates too.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        # A single pointer that is lost each time would be 800 KB.
        assert pool.submit(grown, model.to_bytes()).result() < 700_000


def test_threads_serve_users_of_one_catalogue(model: melu.Model) -> None:
    catalog = model.catalog()

    def serve(seed: int) -> bytes:
        random = np.random.default_rng(seed)
        items = random.permutation(len(catalog))[:10]
        user = melu.User(catalog, None, items, random.integers(1, 6, 10))
        question = user.next_question()
        assert question is not None
        return user.score().tobytes() + user.recommend(10).items.tobytes() + bytes([question.item])

    alone = [serve(seed) for seed in range(64)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(serve, range(64))) == alone


def test_a_user_is_changed_by_one_thread_at_a_time(model: melu.Model) -> None:
    user = melu.User(model.catalog())
    items = np.tile(np.arange(100, dtype=np.uint32), 2000)
    ratings = np.full(len(items), 3.0, dtype=np.float32)
    refused = 0
    thread = threading.Thread(target=lambda: user.adapt(items, ratings))
    thread.start()
    while thread.is_alive():
        try:
            user.score([1])
        except RuntimeError as error:
            assert "mutably borrowed" in str(error)
            refused += 1
    thread.join()
    assert user.items.size == len(items)
    # The other thread ran while this one adapted: the interpreter's lock was free.
    assert refused > 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_serves_and_trains(model: melu.Model, world: melu.Dataset) -> None:
    catalog = model.catalog()
    expected = melu.recommend_batch(catalog, [0, 1], [3], [4.0], 5, threads=2)
    child = os.fork()
    if child == 0:
        try:
            found = melu.recommend_batch(catalog, [0, 1], [3], [4.0], 5, threads=2)
            same = found.items.tolist() == expected.items.tolist()
            again = melu.train(world, epochs=1, progress=False, threads=2)
            os._exit(0 if same and again.to_bytes() == model.to_bytes() else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
