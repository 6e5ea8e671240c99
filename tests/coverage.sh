#!/usr/bin/env bash
# Which lines of src/model/file and src/ffi the tests reach that concern them, without training,
# compilers or other languages. Needs cargo-llvm-cov, and the component llvm-tools of rustup.
#
#     tests/coverage.sh            # a table
#     tests/coverage.sh --text     # each line, with how often it ran
set -euo pipefail
cd "$(dirname "$0")/.."

TESTS=(c_catalogues c_memory c_questions c_serving c_threads c_users catalog estimator everywhere
    mapping prepared questions saved serving user weight_file weight_file_checksum
    weight_file_choice)
# All but the two folders.
OTHERS='src/(bin|catalog|data|eval|kernels|train|user)/|src/[a-z]+\.rs|tests/'
OTHERS+='|src/model/([a-z]+\.rs|config|network|prior|schema)'

# Unoptimised, it is compiled some times as fast; the kernels' own tests would then take long.
export CARGO_PROFILE_DEV_OPT_LEVEL=0
cargo llvm-cov --locked --features capi --lib "${TESTS[@]/#/--test=}" \
    --ignore-filename-regex "$OTHERS" "$@" -- --skip kernels::
