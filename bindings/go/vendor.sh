#!/bin/sh
# Puts the static library and its header into the Go package, where the build tag
# melu_vendored looks for them. Needs what bindings/c/install.sh --small does, or an
# installed library:
#
#     vendor.sh [--prefix=DIR]
#
# GOARCH=arm64 on another processor makes the library for 64-bit Arm, by gcc-aarch64-linux-gnu and
# its binutils. Other platforms' are made by CARGO_BUILD_TARGET and CROSS_COMPILE of install.sh,
# beside GOOS and GOARCH.
#
# The same Rust and binutils make the same bytes, wherever the repository and cargo's
# folder are.
set -eu

fail() {
    echo "vendor.sh: $*" >&2
    exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
prefix=
while [ $# -gt 0 ]; do
    case $1 in
    --prefix=*) prefix=${1#--prefix=} ;;
    --prefix)
        [ $# -ge 2 ] || fail "--prefix needs a folder"
        shift
        prefix=$1
        ;;
    *) fail "unknown argument $1; usage: vendor.sh [--prefix=DIR]" ;;
    esac
    shift
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "$prefix" ] && [ -z "${CARGO_BUILD_TARGET:-}" ] &&
    [ "$(go env GOOS)/$(go env GOARCH)" != "$(go env GOHOSTOS)/$(go env GOHOSTARCH)" ]; then
    case $(go env GOOS)/$(go env GOARCH) in
    linux/arm64) export CARGO_BUILD_TARGET=aarch64-unknown-linux-gnu CROSS_COMPILE=aarch64-linux-gnu- ;;
    *) fail "$(go env GOOS)/$(go env GOARCH) is not this machine: set CARGO_BUILD_TARGET and" \
        "CROSS_COMPILE, as bindings/c/install.sh has them" ;;
    esac
fi
if [ -z "$prefix" ]; then
    prefix=$work
    # The small one has no messages of panics that say where sources lie.
    "$here/../c/install.sh" --small --prefix "$prefix"
fi
[ -f "$prefix/lib/libmelu.a" ] || fail "$prefix/lib/libmelu.a is not there"

native=$here/internal/native
archive=libmelu_$(go env GOOS)_$(go env GOARCH).a
install -m 644 "$prefix/include/melu.h" "$native/melu.h"
install -m 644 "$prefix/lib/libmelu.a" "$native/$archive"
(cd "$native" && sha256sum melu.h ./*.a | sed 's|\./||' >SHA256SUMS)
echo "the library is in $native/$archive"
