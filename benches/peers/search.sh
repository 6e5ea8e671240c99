#!/usr/bin/env bash
# Approximate search on melu's own vectors: how much of the best 20 faiss, usearch and
# PostgreSQL with pgvector find, and how long they take, beside exact search.
#
#     benches/peers/search.sh [--items N,N] [--publish]
#
# Trains a model of 100,000 items, and makes one of 1,000,000 of it. Takes half an hour and
# 6 GB of memory.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=benches/peers
. benches/peers/setup.sh

model large/model.melu world "$models/large" 10000 100000 50 positive
for items in 100000 1000000; do
    model large-$items.melu enlarge "$models/large/model.melu" $items "$models/large-$items.melu"
    model large-vector-$items.melu enlarge "$models/large/model.melu" $items \
        "$models/large-vector-$items.melu" vector
done
exec "$python" $here/run_search.py "$@"
