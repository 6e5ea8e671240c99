#!/bin/sh
# Puts the static library and its header beside the Go package, where the build tag
# melu_vendored looks for them. Needs what bindings/c/install.sh does, or an installed
# library:
#
#     vendor.sh [--prefix=DIR]
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
if [ -z "$prefix" ]; then
    prefix=$work
    "$here/../c/install.sh" --prefix "$prefix"
fi
[ -f "$prefix/lib/libmelu.a" ] || fail "$prefix/lib/libmelu.a is not there"

platform=$(go env GOOS)_$(go env GOARCH)
install -d "$here/native/include" "$here/native/$platform"
install -m 644 "$prefix/include/melu.h" "$here/native/include/melu.h"
install -m 644 "$prefix/lib/libmelu.a" "$here/native/$platform/libmelu.a"
echo "the library is in $here/native/$platform"
