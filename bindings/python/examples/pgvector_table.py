"""Candidates from PostgreSQL with pgvector: `pip install pgvector "psycopg[binary]"`.

The second argument says where the database is, such as "dbname=shop".
"""

import sys

import psycopg
from pgvector.psycopg import register_vector

import melu

catalog = melu.open(sys.argv[1]).catalog()
vectors = catalog.item_vectors()
user = melu.User(catalog, None, [6, 11], [5, 1.5])

with psycopg.connect(sys.argv[2]) as connection:
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    register_vector(connection)
    connection.execute(
        f"CREATE TEMPORARY TABLE items (item integer PRIMARY KEY, vector vector({vectors.shape[1]}))"
    )
    with connection.cursor().copy("COPY items FROM STDIN WITH (FORMAT BINARY)") as copy:
        copy.set_types(["int4", "vector"])
        for item, vector in enumerate(vectors):
            copy.write_row([item, vector])
    connection.execute("CREATE INDEX ON items USING hnsw (vector vector_ip_ops)")
    # <#> is the negative inner product.
    rows = connection.execute(
        "SELECT item FROM items ORDER BY vector <#> %s LIMIT 200", (user.vector(),)
    ).fetchall()

# The list is exact among the candidates, and neighbours of the answers are added to them.
best = user.recommend(10, among=[item for (item,) in rows], add_neighbours=True)
print(best.items.tolist())
