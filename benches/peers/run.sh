#!/usr/bin/env bash
# Measures melu beside other libraries, from a clean checkout: builds melu, installs the
# others into target/peers, sees that all agree, measures, and writes tables and plots.
#
#     benches/peers/run.sh [--check | --quick | --publish] [--suite NAME] [--peers A,B]
#
# Needs cargo and Python 3.11 or later with venv, 6 GB of memory and, where PyTorch's own index
# of smaller packages cannot be reached, 8 GB of disk.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=benches/peers
. benches/peers/setup.sh

for items in 3706 100000 1000000; do
    model films-$items.melu enlarge "$models/films/model.melu" $items "$models/films-$items.melu"
    model vector-$items.melu enlarge "$models/films/model.melu" $items \
        "$models/vector-$items.melu" vector
done
# One after another, each in a process of its own: no library disturbs the other suite's.
for suite in lists published; do
    "$python" $here/run.py "$suite" "$@"
done
