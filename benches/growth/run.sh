#!/usr/bin/env bash
# How cost grows with the work: the time of a list of 20 from 4,000 to 4,000,000 items, for each
# item, and beside it the time of a training for each rating, where results/training.json has it.
#
#     benches/growth/run.sh [--ten-million] [--publish]
#
# Takes two minutes, 5 GB of memory and 4 GB of disk; with --ten-million three times as much.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=benches/growth
. benches/peers/setup.sh
"$python" $here/growth.py "$make_models" "$@"
