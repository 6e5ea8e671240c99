#!/usr/bin/env bash
# The instructions that melu, ONNX Runtime and LiteRT execute for a new user's list, as valgrind
# counts them: a proxy for the energy that a phone spends.
#
#     benches/peers/instructions.sh [--publish]
#
# Needs what run.sh needs, valgrind and a C compiler. Takes a quarter of an hour.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=benches/peers
. benches/peers/setup.sh

for model in films vector; do
    kind=$([[ $model = films ]] || echo vector)
    model $model-3706.melu enlarge "$models/films/model.melu" 3706 "$models/$model-3706.melu" $kind
done
exec "$python" $here/instructions/count.py "$@"
