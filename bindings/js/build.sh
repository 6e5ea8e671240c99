#!/bin/sh
# Makes melu.wasm, the library as the package's module.
#
#     bindings/js/build.sh
#
# Needs cargo with the target wasm32-unknown-unknown (`rustup target add`), and npm, which
# fetches what package-lock.json names.
set -eu

fail() {
    echo "build.sh: $*" >&2
    exit 1
}

[ $# -eq 0 ] || fail "there are no arguments"
for tool in cargo npm; do
    command -v "$tool" >/dev/null || fail "$tool is missing"
done
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
system=wasm32-unknown-unknown
[ -d "$(cd "$root" && rustc --print sysroot)/lib/rustlib/$system" ] ||
    fail "Rust's own library for WebAssembly is missing; install it: rustup target add $system"

target=${CARGO_TARGET_DIR:-$root/target}
# All is to be small, as with `bindings/c/install.sh --small`, which says why: 200 KB compressed
# instead of 260, for a twentieth more time.
(cd "$root" && RUSTFLAGS="-Ctarget-feature=+simd128" cargo rustc --quiet --locked \
    --profile embedded --features capi --lib --crate-type cdylib \
    --target "$system" --target-dir "$target" -- \
    -Cllvm-args=-inline-threshold=6 -Cllvm-args=-force-attribute=optsize \
    -Cllvm-args=-unroll-threshold=150 -Cno-vectorize-loops)

cd "$here"
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent
[ ! melu.wasm -nt "$target/$system/embedded/melu.wasm" ] || exit 0
# The features that all engines with simd128 have.
node_modules/.bin/wasm-opt -Oz --strip-debug --strip-producers --enable-simd \
    --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext \
    --enable-mutable-globals --enable-multivalue --enable-reference-types \
    "$target/$system/embedded/melu.wasm" -o melu.wasm.new
mv melu.wasm.new melu.wasm
