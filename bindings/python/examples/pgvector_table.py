"""Candidates from PostgreSQL with pgvector: `pip install pgvector "psycopg[binary]"`.

The second argument says where the database is, such as "dbname=shop".
"""

import sys

import numpy as np
import psycopg
from pgvector.psycopg import register_vector

import melu

catalog = melu.open(sys.argv[1]).catalog()
vectors = catalog.item_vectors()
# Graphs lose short vectors when they search by inner product. One more number makes all vectors
# equally long, and is multiplied by 0 (Bachrach et al. 2014).
squares = (vectors**2).sum(axis=1)
rows = np.column_stack([vectors, np.sqrt(squares.max() - squares)]).astype(np.float32)
user = melu.User(catalog, None, [6, 11], [5, 1.5])

with psycopg.connect(sys.argv[2]) as connection:
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    register_vector(connection)
    connection.execute(
        f"CREATE TEMPORARY TABLE items (item integer PRIMARY KEY, vector vector({rows.shape[1]}))"
    )
    with connection.cursor().copy("COPY items FROM STDIN WITH (FORMAT BINARY)") as copy:
        copy.set_types(["int4", "vector"])
        for item, vector in enumerate(rows):
            copy.write_row([item, vector])
    connection.execute("CREATE INDEX ON items USING hnsw (vector vector_ip_ops)")
    # <#> is the negative inner product.
    found = connection.execute(
        "SELECT item FROM items ORDER BY vector <#> %s LIMIT 200", (np.append(user.vector(), np.float32(0)),)
    ).fetchall()

# The list is exact among the candidates, and neighbours of the answers are added to them.
best = user.recommend(10, among=[item for (item,) in found], add_neighbours=True)
print(best.items.tolist())
