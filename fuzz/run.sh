#!/usr/bin/env bash
# Runs every fuzz target for so many seconds, 60 unless others are given, all at once, and prints
# how often each ran. Fails if one finds something.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-60}
# The sanitizer's flags are not stable; the stable compiler has them all the same.
export RUSTC_BOOTSTRAP=1
cargo fuzz build
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

run() {
    mkdir -p "corpus/$1"
    # shellcheck disable=SC2012 # names of ours
    if cargo fuzz run "$1" -- -max_total_time="$seconds" -max_len=4096 -rss_limit_mb=2048 \
        -print_final_stats=1 >"$log/$1" 2>&1; then
        echo "$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log/$1") executions"
    else
        echo "$1: found something" >&2
        tail -n 40 "$log/$1" >&2
        return 1
    fi
}

failed=0
running=()
for target in weight_file configuration saved_user data_folder checkpoint abi; do
    run "$target" &
    running+=($!)
done
for job in "${running[@]}"; do wait "$job" || failed=1; done
exit "$failed"
