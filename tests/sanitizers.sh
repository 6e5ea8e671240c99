#!/usr/bin/env bash
# The Rust side under a checker of memory or of threads. Not a part of CI: the compiler's flags
# are not stable, and the standard library is built anew.
#
#     tests/sanitizers.sh address [TEST...] [-- ARGUMENT...]
#     tests/sanitizers.sh thread  [TEST...] [-- ARGUMENT...]
#     tests/sanitizers.sh miri    [TEST...] [-- ARGUMENT...]
#
# address  AddressSanitizer and LeakSanitizer: the library's own tests and those named below
# thread   ThreadSanitizer: those that start threads
# miri     Miri: the library's own tests, or those that a name after -- chooses: it is some thousand
#          times as slow
#
# TEST       one of the files of `tests`, or `lib`, instead of all
# ARGUMENT   for the tests' own programs: a name, --test-threads
#
# The compiler is the installed one for address and thread, and the toolchain `nightly` for Miri;
# both need the component rust-src, the latter also miri. PROPTEST_CASES lowers the number of
# random cases, and MELU_SWAPS_SECONDS raises that of tests/swaps.rs. What is excused, and why,
# is in tests/sanitizers.
set -euo pipefail
cd "$(dirname "$0")/.."

# Tests that start no compilers, and do not limit memory or stacks.
ADDRESS=(lib c_catalogues c_choice c_memory c_questions c_serving c_threads c_users catalog
    data_types hostile_values lists out_of_memory saved serving swaps threads user
    weight_file weight_file_checksum)
MIRI=(lib)
THREAD=(c_threads saved serving swaps threads user)

fail() {
    echo "sanitizers.sh: $*" >&2
    exit 1
}

mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd -P)
checker=${1-}
[[ $checker ]] || fail "which checker? There are address thread miri"
shift
chosen=()
while (($#)) && [[ $1 != -- ]]; do
    chosen+=("$1")
    shift
done
(($#)) && shift

need_sources() {
    [[ -d $(rustc "$@" --print sysroot)/lib/rustlib/src/rust/library ]] ||
        fail "Rust's own library as source is not here: rustup component add rust-src"
}

# sanitize NAME FLAGS TESTS... -- ARGUMENTS...
sanitize() {
    local name=$1 flags=$2 tests=() test
    shift 2
    while [[ $1 != -- ]]; do
        test=$1
        [[ $test == lib ]] && tests+=(--lib) || tests+=(--test "$test")
        shift
    done
    shift
    need_sources
    # The flags are not stable; the stable compiler has them all the same. Frame pointers make
    # stacks readable, and a standard library that is built the same way takes part.
    # Level 3 would take the compiler some ten times as long.
    RUSTC_BOOTSTRAP=1 CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_TARGET_DIR="$target/sanitizers/$name" \
        RUSTFLAGS="$flags -Cforce-frame-pointers=yes" \
        cargo test -Zbuild-std --locked --no-fail-fast --features capi \
        --target x86_64-unknown-linux-gnu "${tests[@]}" -- "$@"
}

case $checker in
    address)
        export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}
        export LSAN_OPTIONS=suppressions=$PWD/tests/sanitizers/leaks.txt:print_suppressions=0
        ((${#chosen[@]})) || chosen=("${ADDRESS[@]}")
        sanitize address -Zsanitizer=address "${chosen[@]}" -- "$@"
        ;;
    thread)
        export TSAN_OPTIONS=suppressions=$PWD/tests/sanitizers/threads.txt:halt_on_error=0:second_deadlock_stack=1${TSAN_OPTIONS:+:$TSAN_OPTIONS}
        ((${#chosen[@]})) || chosen=("${THREAD[@]}")
        sanitize thread -Zsanitizer=thread "${chosen[@]}" -- "$@"
        ;;
    miri)
        need_sources +nightly
        cargo +nightly miri --version >/dev/null ||
            fail "Miri is not here: rustup toolchain install nightly --component miri,rust-src"
        ((${#chosen[@]})) || chosen=("${MIRI[@]}")
        tests=()
        for test in "${chosen[@]}"; do
            [[ $test == lib ]] && tests+=(--lib) || tests+=(--test "$test")
        done
        # Without isolation, for files. Miri has no instructions but the portable ones.
        export MIRIFLAGS="-Zmiri-disable-isolation ${MIRIFLAGS-}"
        CARGO_TARGET_DIR="$target/sanitizers/miri" PROPTEST_CASES=${PROPTEST_CASES:-2} \
            cargo +nightly miri test --locked --no-fail-fast --features capi "${tests[@]}" -- "$@"
        ;;
    *) fail "unknown checker $checker; there are address thread miri" ;;
esac
