"""Lists of many users by Spark and Ray, and what these have in common."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

import melu

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

from melu import _engines  # noqa: E402

K = 20
USERS = 20_000

# A worker's processes begin with this. It notes which of them make lists, and ends the first
# that makes its third batch: once, as a folder is made once. Those that make none are left alone.
SITE = """
import importlib.util, os, signal, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name != "melu._engines":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module
        spec.loader.exec_module = lambda module: (load(module), change(module))
        return spec
def change(engines):
    make, calls, notes = engines.recommend_batch, 0, os.environ["MELU_TEST_NOTES"]
    def counted(*arguments, **options):
        nonlocal calls
        calls += 1
        open(f"{notes}/{os.getpid()}", "w").close()
        if calls == 3:
            try:
                os.mkdir(f"{notes}/killed")
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return make(*arguments, **options)
    engines.recommend_batch, engines.AT_ONCE = counted, 256
sys.meta_path.insert(0, Watch())
"""


def have(package: str, program: str | None = None) -> None:
    missing = None
    if importlib.util.find_spec(package) is None:
        missing = f"{package} is missing: pip install -r tests/requirements.txt"
    elif program is not None and shutil.which(program) is None:
        missing = f"{package} needs {program}, which is missing"
    if missing is not None:
        if os.environ.get("MELU_REQUIRE_ALL") == "1":
            pytest.fail(missing)
        pytest.skip(missing)


def people(items: int, users: int, seed: int) -> dict[str, np.ndarray[Any, Any]]:
    """Ratings in no order: with items that nobody knows, users who rated only such, users who
    rated nothing, and items that were rated again."""
    random = np.random.default_rng(seed)
    counts = random.integers(1, 12, users)
    user = np.repeat(np.arange(users), counts)
    item = random.integers(0, items, len(user))
    rating = random.integers(1, 11, len(user)) / 2
    names = np.array([f"i{place}" for place in item], dtype=object)
    names[random.random(len(names)) < 0.05] = "nobody knows it"
    names[user % 97 == 0] = "nobody knows it"
    names[user % 89 == 0] = None
    order = random.permutation(len(user))
    return {"user": user[order] + 1_000_000, "item": names[order], "rating": rating[order]}


def expected(model: melu.Model, rows: dict[str, np.ndarray[Any, Any]], user: int) -> list[Any]:
    """A user's list by the call for one user."""
    catalog = model.catalog()
    best: dict[int, float] = {}
    unknown = 0
    for place in np.flatnonzero(rows["user"] == user):
        name = rows["item"][place]
        item = None if name is None else catalog.find(name)
        unknown += name is not None and item is None
        if item is not None:
            best[item] = max(best.get(item, 0), float(rows["rating"][place]))
    items = sorted(best)
    found = melu.User(catalog, None, items, [best[item] for item in items]).recommend(K)
    return [
        (user, rank, catalog.id(int(item)), float(score), float(rating), unknown)
        for rank, (item, score, rating, _) in enumerate(zip(*found), start=1)
    ]


def check(model: melu.Model, rows: dict[str, np.ndarray[Any, Any]], table: Any) -> None:
    """Nothing is lost, nothing is there twice, and every 50th user has the list of one call."""
    assert table.column_names == ["user", "rank", "item", "score", "rating", "unknown"]
    table = table.sort_by([("user", "ascending"), ("rank", "ascending")])
    users = np.unique(rows["user"])
    assert np.array_equal(table["user"].to_numpy(), np.repeat(users, K))
    assert np.array_equal(table["rank"].to_numpy(), np.tile(np.arange(1, K + 1), len(users)))
    for place in range(0, len(users), 50):
        found = table.slice(place * K, K).to_pylist()
        assert [tuple(row.values()) for row in found] == expected(model, rows, int(users[place]))


@pytest.fixture(scope="module")
def path(model: melu.Model, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("engines") / "world.melu"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def rows(model: melu.Model) -> dict[str, np.ndarray[Any, Any]]:
    return people(len(model.catalog()), USERS, 1)


@pytest.fixture(scope="module")
def folder(
    rows: dict[str, np.ndarray[Any, Any]], tmp_path_factory: pytest.TempPathFactory
) -> pathlib.Path:
    """The ratings in four files of Parquet: most users have some in each."""
    folder = tmp_path_factory.mktemp("ratings")
    table = pyarrow.table(rows)
    for part in range(4):
        some = table.take(np.arange(part, len(table), 4))
        parquet.write_table(some, folder / f"{part}.parquet", compression="zstd")
    return folder


def shown(engine: str) -> str:
    """The code of the document that uses an engine."""
    page = (pathlib.Path(__file__).parents[3] / "docs/python.md").read_text()
    blocks = re.findall(r"^```py\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if f"import melu.{engine}\n" in block]
    return str(block)


@pytest.fixture
def notes(
    path: pathlib.Path, folder: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> pathlib.Path:
    """Where workers note what they do. The work is in the folder above, with what it needs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ratings").symlink_to(folder)
    (tmp_path / "world.melu").symlink_to(path)
    notes, site = tmp_path / "notes", tmp_path / "site"
    notes.mkdir()
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE)
    monkeypatch.setenv("MELU_TEST_NOTES", str(notes))
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    return notes


def killed(notes: pathlib.Path) -> bool:
    """Whether a process was killed, and another made lists too."""
    names = {note.name for note in notes.iterdir()}
    return "killed" in names and len(names - {"killed"}) >= 2


def work(model: melu.Model, k: int = K, **options: Any) -> _engines.Work:
    names = ["user", "item", "rating", "age"]
    given = {"profile": [], **options}
    profile = given.pop("profile")
    return _engines.Work.check(model, names, k, "user", "item", "rating", profile, given)


def table(rows: dict[str, Any]) -> Any:
    return pyarrow.table({"item": pyarrow.array([], pyarrow.string()), "rating": [], **rows})


def lists_of(work: _engines.Work, model: melu.Model, rows: Any) -> Any:
    return pyarrow.Table.from_batches(list(work.lists(_engines.opened(model), rows)))


def same(found: Any, expected: Any) -> None:
    order = [("user", "ascending"), ("rank", "ascending")]
    assert found.column_names == expected.column_names
    assert found.sort_by(order).to_pydict() == expected.sort_by(order).to_pydict()


def test_lists_are_those_of_the_call_for_one_user(
    model: melu.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_engines, "AT_ONCE", 64)
    rows = people(len(model.catalog()), 500, 2)
    found = lists_of(work(model), model, pyarrow.table(rows))
    check(model, rows, found)


@hypothesis.given(strategies.data())
@hypothesis.settings(max_examples=50, deadline=None)
def test_the_order_of_rows_and_their_batches_change_nothing(
    model: melu.Model, data: strategies.DataObject
) -> None:
    seed = data.draw(strategies.integers(0, 1000))
    rows = pyarrow.table(people(len(model.catalog()), 30, seed))
    expected = lists_of(work(model), model, rows).sort_by([("user", "ascending"), ("rank", "ascending")])
    order = np.random.default_rng(seed).permutation(len(rows))
    rows = rows.take(order).sort_by("user")
    cuts = data.draw(strategies.lists(strategies.integers(0, len(rows)), max_size=20).map(sorted))
    ends = [*cuts, len(rows)]
    batches = [
        batch
        for begin, end in zip([0, *cuts], ends)
        for batch in rows.slice(begin, end - begin).to_batches()
    ]
    most = data.draw(strategies.integers(1, 200))
    parts = list(_engines.whole_users(batches, "user", most))
    assert sum(len(part) for part in parts) == len(rows)
    found = pyarrow.concat_tables([lists_of(work(model), model, part) for part in parts])
    assert found.equals(expected)


def test_profiles_and_options_are_those_of_lists(model: melu.Model) -> None:
    catalog = model.catalog()
    age = next(field["values"] for field in model.user_fields if field["name"] == "age")
    assert age is not None
    rows = table({"user": ["a", "b"], "item": [catalog.id(3), None], "rating": [4, None], "age": [age[0], None]})
    options: dict[str, Any] = {"order": "rating", "keep_rated": True, "exposure": 0.5, "min_raters": 2}
    excluded = [catalog.id(5), catalog.id(7)]
    made = work(model, profile=["age"], leave_out=excluded, **options)
    found = lists_of(made, model, rows)
    for user, of in (("a", melu.User(catalog, {"age": age[0]}, [3], [4])), ("b", melu.User(catalog))):
        best = of.recommend(K, leave_out=[5, 7], **options)
        mine = found.filter(pyarrow.compute.equal(found["user"], user))
        assert mine["item"].to_pylist() == [catalog.id(int(item)) for item in best.items]
        assert mine["score"].to_numpy().tobytes() == best.scores.tobytes()
    few = lists_of(work(model, among=excluded), model, rows)
    assert sorted(few["item"].to_pylist()) == sorted(excluded * 2)
    assert few["rank"].to_pylist() == [1, 2, 1, 2]


def test_kinds_of_columns(model: melu.Model) -> None:
    class Digits:
        """A catalogue whose ids are digits, as those of integers are."""

        find = staticmethod(lambda id: model.catalog().find(f"i{id}"))

    numbers = pyarrow.array([3, None, 4_000], pyarrow.int64()).dictionary_encode()
    assert _engines._items("item", Digits, numbers).tolist() == [2, -2, -1]  # type: ignore[arg-type]
    texts = pyarrow.array(["i3", "i4"]).dictionary_encode()
    for kind in (pyarrow.string(), pyarrow.large_string()):
        rows = table({"user": texts, "item": texts.cast(kind), "rating": pyarrow.array([4, 5], pyarrow.int8())})
        # Values of a dictionary that no row has are no users.
        found = lists_of(work(model), model, rows.slice(1))
        assert set(found["user"].to_pylist()) == {"i4"}


def test_what_is_wrong_is_named(model: melu.Model) -> None:
    item = model.catalog().id(0)
    for rows, message in (
        ({"user": [None], "item": [item], "rating": [3.0]}, "a row has no 'user'"),
        ({"user": ["u"], "item": [item], "rating": [None]}, f"user 'u', item '{item}': the rating is None"),
        ({"user": ["u"], "item": [item], "rating": [np.inf]}, f"user 'u', item '{item}': the rating is inf"),
        ({"user": ["u"], "item": [1.5], "rating": [3.0]}, "the column 'item' has the type double"),
    ):
        with pytest.raises(melu.DataError, match=message):
            lists_of(work(model), model, pyarrow.table(rows))
    for options, error, message in (
        ({"leave_out": ["nothing"]}, melu.ItemIndexError, "leave_out: 'nothing' is not an id"),
        ({"order": "price"}, melu.ArgumentError, "order"),
        ({"profile": ["sex"]}, melu.ArgumentError, "there is no column 'sex', but user, item"),
        ({"profile": "age"}, melu.ArgumentError, "a list of columns is expected"),
        ({"profile": ["item"]}, melu.ArgumentError, "all names must differ"),
    ):
        with pytest.raises(error, match=message):
            work(model, **options)


def test_a_model_without_ratings_needs_and_gives_none(clicks: melu.Model) -> None:
    catalog = clicks.catalog()
    made = _engines.Work.check(clicks, ["user", "item"], 3, "user", "item", "rating", [], {})
    rows = pyarrow.table({"user": [1, 1, 1], "item": [catalog.id(9), catalog.id(3), catalog.id(9)]})
    found = lists_of(made, clicks, rows)
    assert found.column_names == ["user", "rank", "item", "score", "unknown"]
    best = melu.User(catalog, None, [3, 9]).recommend(3)
    assert found["score"].to_numpy().tobytes() == best.scores.tobytes()


def test_another_file_at_the_models_path_is_refused(
    path: pathlib.Path, clicks: melu.Model, tmp_path: pathlib.Path
) -> None:
    digest = _engines.digest_of(str(path))
    assert _engines.opened_path(str(path), digest) is _engines.opened_path(str(path), digest)
    other = tmp_path / "other.melu"
    clicks.save(other)
    with pytest.raises(melu.ArgumentError, match="is not the file here that the driver has"):
        _engines.opened_path(str(other), digest)


def test_the_package_alone_imports_no_engine() -> None:
    program = "import sys, melu; print({'pyspark', 'ray', 'pyarrow'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert found.stdout.strip() == "set()", found


@pytest.fixture
def spark(notes: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    have("pyspark", "java")
    import pyspark
    from pyspark.sql import SparkSession

    # pip's package is a whole distribution, so that executors are processes of their own.
    home = notes.parent / "spark"
    home.mkdir()
    for part in pathlib.Path(pyspark.__file__).parent.iterdir():
        (home / part.name).symlink_to(part)
    monkeypatch.setenv("SPARK_HOME", str(home))
    # Where nobody knows the machine by its name.
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    monkeypatch.setenv("SPARK_LOCAL_HOSTNAME", "localhost")
    session = (
        SparkSession.builder.master("local-cluster[2,1,1024]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.executorEnv.PYTHONPATH", os.environ["PYTHONPATH"])
        .config("spark.executorEnv.MELU_TEST_NOTES", str(notes))
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.sql.parquet.compression.codec", "zstd")
        .config("spark.sql.adaptive.coalescePartitions.enabled", "false")
        .config("spark.sql.warehouse.dir", str(notes.parent / "warehouse"))
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.mark.filterwarnings("default")
def test_spark_loses_nothing_when_a_worker_is_killed(
    spark: Any, notes: pathlib.Path, model: melu.Model, clicks: melu.Model,
    path: pathlib.Path, rows: dict[str, Any],
) -> None:  # fmt: skip
    import melu.spark

    exec(shown("spark"), {"spark": spark})
    assert killed(notes)
    check(model, rows, parquet.read_table("lists"))

    # The file where it is, and another model after the first.
    few = spark.read.parquet("ratings").where("user < 1000100")
    for ship, other in ((False, melu.open(path)), (True, clicks)):
        found = melu.spark.recommend(few, other, K, ship=ship, min_raters=2)
        same(found.toArrow(), lists_of(work(other, min_raters=2), other, few.toArrow()))
    with pytest.raises(melu.ArgumentError, match="it was not opened from a file"):
        melu.spark.recommend(few, clicks, ship=False)


@pytest.fixture
def ray(notes: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    have("ray")
    # On a busy machine it starts slowly.
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "300")
    monkeypatch.setenv("RAY_agent_register_timeout_ms", "300000")
    import ray

    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200_000_000
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    ray.data.DataContext.get_current().default_hash_shuffle_parallelism = 4
    yield ray
    ray.shutdown()


@pytest.mark.filterwarnings("default")
def test_ray_loses_nothing_when_a_worker_is_killed(
    ray: Any, notes: pathlib.Path, model: melu.Model, clicks: melu.Model,
    path: pathlib.Path, rows: dict[str, Any],
) -> None:  # fmt: skip
    import melu.ray

    exec(shown("ray"), {"ray": ray})
    assert killed(notes)
    check(model, rows, parquet.read_table("lists"))

    # The file where it is, and another model after the first.
    few = pyarrow.table(rows).slice(0, 500)
    for ship, other in ((False, melu.open(path)), (True, clicks)):
        lists = melu.ray.recommend(
            ray.data.from_arrow(few), other, K, parts=2, ship=ship, min_raters=2
        )
        found = pyarrow.concat_tables(ray.get(lists.to_arrow_refs()))
        same(found, lists_of(work(other, min_raters=2), other, few))
    with pytest.raises(melu.ArgumentError, match="it was not opened from a file"):
        melu.ray.recommend(ray.data.from_arrow(few), clicks, ship=False)
