"""Lists for a million users by the direct call, by Spark and by Ray: speed, memory, and a check.

    pip install . pyarrow pyspark ray        # and a JDK for Spark
    python examples/million_users.py --users 1000000

Each works from the same files of Parquet to files of Parquet, with two workers of one core.
Figures are by the processor time of all processes, which other work on the machine does not
change as it does the clock. It needs Linux.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow
from pyarrow import parquet

import melu
from melu import _engines

ANSWERS = 20
K = 20
FILES = 8


def processes() -> dict[int, tuple[int, float]]:
    """All processes' parents, and the seconds of processor time of them and of their children
    that ended."""
    found = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks = sum(map(int, fields[11:15]))
        found[int(folder.name)] = (int(fields[1]), ticks / os.sysconf("SC_CLK_TCK"))
    return found


def family() -> dict[int, float]:
    """The processor time of this process and all that it started."""
    everything = processes()
    mine = {os.getpid()}
    while more := {pid for pid, (parent, _) in everything.items() if parent in mine} - mine:
        mine |= more
    return {pid: everything[pid][1] for pid in mine if pid in everything}


class Memory(threading.Thread):
    """The greatest memory of any worker process: one that has the model's file mapped."""

    def __init__(self, name: str) -> None:
        super().__init__(daemon=True)
        self.name_of_file, self.ended = name, threading.Event()
        self.greatest, self.of_files, self.workers = 0, 0, set[int]()

    def run(self) -> None:
        while not self.ended.wait(0.2):
            for pid in family():
                try:
                    if self.name_of_file not in pathlib.Path(f"/proc/{pid}/maps").read_text():
                        continue
                    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
                except OSError:
                    continue
                sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.endswith("kB")}
                self.workers.add(pid)
                self.greatest = max(self.greatest, int(sizes["RssAnon"]) // 1024)
                self.of_files = max(self.of_files, int(sizes["RssFile"]) // 1024)


def measured(what: str, users: int, name: str, work: Callable[[], None]) -> None:
    memory = Memory(name)
    memory.start()
    begin, before = time.monotonic(), sum(family().values())
    work()
    seconds, core = time.monotonic() - begin, sum(family().values()) - before
    memory.ended.set()
    memory.join()
    print(
        f"{what:22} {users / core:8,.0f} users/s a core   {core:7.1f} core-seconds "
        f"{seconds:7.1f} s   {len(memory.workers)} workers, each at most "
        f"{memory.greatest} MB of its own and {memory.of_files} MB of files",
        flush=True,
    )


def make(folder: pathlib.Path, users: int, items: int) -> None:
    """A model, and ratings of users whom it did not see, in files where no user's are together."""
    world = melu.Dataset.synthetic(6000, items, ratings_per_user=2 * ANSWERS)
    if not (folder / "world.melu").exists():
        melu.train(world, epochs=1, progress=False).save(folder / "world.melu")
    people, liked, values = world.interactions
    order = np.argsort(people, kind="stable")
    begins = np.searchsorted(people[order], np.arange(6000))
    random = np.random.default_rng(0)
    lengths = np.diff(np.append(begins, len(people)))
    able = np.flatnonzero(lengths >= ANSWERS)
    of = able[np.arange(users) % len(able)]
    starts = begins[of] + random.integers(0, lengths[of] - ANSWERS + 1)
    rows = order[(starts[:, None] + np.arange(ANSWERS)).ravel()]
    shuffled = random.permutation(len(rows))
    user = np.repeat(np.arange(users), ANSWERS)[shuffled]
    ids = pyarrow.array(world.item_ids)
    for part in range(FILES):
        some = rows[shuffled[part::FILES]]
        table = pyarrow.table(
            {"user": user[part::FILES], "item": ids.take(liked[some]), "rating": values[some]}
        )
        (folder / "ratings").mkdir(exist_ok=True)
        parquet.write_table(table, folder / f"ratings/{part}.parquet", compression="zstd")


def calls(folder: pathlib.Path, users: int) -> None:
    """The direct call alone, on arrays in memory."""
    catalog = melu.open(folder / "world.melu").catalog()
    table = parquet.read_table(folder / "ratings").sort_by("user")
    ids = {name: place for place, name in enumerate(catalog.ids)}
    items = np.array([ids[name] for name in table["item"].to_pylist()], np.uint32)
    ratings = table["rating"].to_numpy()

    def work() -> None:
        for first in range(0, users, 4096):
            of = slice(first * ANSWERS, min(first + 4096, users) * ANSWERS)
            offsets = np.arange(0, of.stop - of.start + 1, ANSWERS)
            melu.recommend_batch(catalog, offsets, items[of], ratings[of], K, threads=1)

    measured("the call alone", users, "world.melu", work)


def one_process(folder: pathlib.Path, users: int) -> None:
    """The same from files to files, in one process."""
    model = melu.open(folder / "world.melu")

    def work() -> None:
        names = ["user", "item", "rating"]
        todo = _engines.Work.check(model, names, K, *names, [], {})
        table = parquet.read_table(folder / "ratings", use_threads=False)
        writer = None
        for lists in todo.lists(_engines.opened(model), table):
            writer = writer or parquet.ParquetWriter(
                folder / "one.parquet", lists.schema, compression="zstd"
            )
            writer.write_batch(lists)
        if writer is not None:
            writer.close()

    measured("one process", users, "world.melu", work)
    check(folder, folder / "one.parquet", users)


def by_spark(folder: pathlib.Path, users: int, workers: int) -> None:
    import pyspark
    from pyspark.sql import SparkSession

    import melu.spark

    # pip's package is a whole distribution; what executors write goes below SPARK_HOME.
    home = folder / "spark"
    home.mkdir(exist_ok=True)
    for part in pathlib.Path(pyspark.__file__).parent.iterdir():
        if not (home / part.name).exists():
            (home / part.name).symlink_to(part)
    os.environ.update(SPARK_HOME=str(home), PYSPARK_PYTHON=sys.executable)
    session = (
        SparkSession.builder.master(f"local-cluster[{workers},1,2048]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", str(parts(users, workers)))
        .config("spark.sql.parquet.compression.codec", "zstd")
        .getOrCreate()
    )
    ratings = session.read.parquet(str(folder / "ratings"))

    def work(ratings: Any) -> None:
        lists = melu.spark.recommend(ratings, folder / "world.melu", K)
        lists.write.mode("overwrite").parquet(str(folder / "spark_lists"))

    work(ratings.where("user % 50 = 0"))  # processes start
    measured("Spark", users, "melu-", lambda: work(ratings))
    session.stop()
    check(folder, folder / "spark_lists", users)


def by_ray(folder: pathlib.Path, users: int, workers: int) -> None:
    import ray

    import melu.ray

    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False

    def work(ratings: Any) -> None:
        lists = melu.ray.recommend(
            ratings, folder / "world.melu", K, parts=parts(users, workers), ship=False
        )
        shutil.rmtree(folder / "ray_lists", ignore_errors=True)
        lists.write_parquet(str(folder / "ray_lists"), compression="zstd")

    work(ray.data.read_parquet(str(folder / "ratings")).limit(10_000))  # processes start
    measured(
        "Ray", users, "world.melu", lambda: work(ray.data.read_parquet(str(folder / "ratings")))
    )
    ray.shutdown()
    check(folder, folder / "ray_lists", users)


def parts(users: int, workers: int) -> int:
    return max(workers, users // 50_000)


def check(folder: pathlib.Path, lists: pathlib.Path, users: int) -> None:
    """Nothing is lost, nothing is there twice, and sampled users have the direct call's lists."""
    places = parquet.read_table(lists, columns=["user", "rank"])
    seen = np.bincount(places["user"].to_numpy() * K + places["rank"].to_numpy() - 1)
    assert len(seen) == users * K and (seen == 1).all(), "rows are lost, or there twice"
    catalog = melu.open(folder / "world.melu").catalog()
    some = range(0, users, max(1, users // 1000))
    given = rows_of(folder / "ratings", some)
    found = rows_of(lists, some)
    for user in some:
        answers = sorted((catalog.find(row["item"]), row["rating"]) for row in given[user])
        best = melu.User(catalog, None, *zip(*answers)).recommend(K)
        mine = sorted(found[user], key=lambda row: row["rank"])
        assert [catalog.find(row["item"]) for row in mine] == best.items.tolist()
        for name, numbers in (("score", best.scores), ("rating", best.ratings)):
            assert np.array([row[name] for row in mine], np.float32).tobytes() == numbers.tobytes()
    print(f"{'':22} {users:8,} users, each once; {len(some)} equal to the direct call", flush=True)


def rows_of(path: pathlib.Path, users: range) -> dict[int, list[dict[str, Any]]]:
    rows: dict[int, list[dict[str, Any]]] = {user: [] for user in users}
    for row in parquet.read_table(path, filters=[("user", "in", list(users))]).to_pylist():
        rows[row["user"]].append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=3706)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=pathlib.Path, help="keeps the files, and finds them again")
    parser.add_argument("--only", choices=["calls", "one", "spark", "ray"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or pathlib.Path(temporary)
        folder.mkdir(exist_ok=True)
        if not (folder / "ratings").exists():
            make(folder, given.users, given.items)
        pyarrow.set_cpu_count(1)
        if given.only in (None, "calls"):
            calls(folder, given.users)
        if given.only in (None, "one"):
            one_process(folder, given.users)
        if given.only in (None, "spark"):
            by_spark(folder, given.users, given.workers)
        if given.only in (None, "ray"):
            by_ray(folder, given.users, given.workers)


if __name__ == "__main__":
    main()
