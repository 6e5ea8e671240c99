#!/usr/bin/env bash
# Runs fuzz targets, one process each and all at once, and prints how often each ran. Fails if one
# finds something.
#
#     fuzz/run.sh [SECONDS | EXECUTIONSx] [TARGET...]
#
# SECONDS      how long, 60 unless something else is given
# EXECUTIONSx  or how many inputs, as 2000000x
# TARGET       some of those below, instead of all
set -euo pipefail
cd "$(dirname "$0")"

case ${1:-60} in
    *x) limit=-runs=${1%x} ;;
    *) limit=-max_total_time=${1:-60} ;;
esac
shift $(($# > 0))
(($#)) || set -- weight_file configuration saved_user data_folder checkpoint abi

# The sanitizer's flags are not stable; the stable compiler has them all the same. The calls at
# every comparison took a fourth of the time.
export RUSTC_BOOTSTRAP=1
cargo fuzz build --no-trace-compares
# Of who allocated a thing only the last callers are kept; all are kept if one runs a find again.
export ASAN_OPTIONS=malloc_context_size=2${ASAN_OPTIONS:+:$ASAN_OPTIONS}
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

run() {
    mkdir -p "corpus/$1"
    # Without entropic, which keeps a statistic of each input that takes as long as the input.
    if cargo fuzz run --no-trace-compares "$1" -- "$limit" -max_len=4096 -rss_limit_mb=2048 \
        -entropic=0 -print_final_stats=1 >"$log/$1" 2>&1; then
        echo "$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log/$1") executions"
    else
        echo "$1: found something" >&2
        tail -n 40 "$log/$1" >&2
        return 1
    fi
}

failed=0
running=()
for target; do
    run "$target" &
    running+=($!)
done
for job in "${running[@]}"; do wait "$job" || failed=1; done
exit "$failed"
