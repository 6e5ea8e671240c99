#!/bin/sh
# Builds the native library that the jar brings along, for the machine that it runs on:
#
#     bindings/kotlin/native.sh [--prefix DIR] [--out DIR]
#
# --prefix  where the C library is installed; without it, bindings/c/install.sh makes one
# --out     where to put it, bindings/kotlin/target/native if not given
#
# Needs a C compiler ($CC) and a JDK ($JAVA_HOME, or the javac in the path); without --prefix also
# cargo. The C library becomes a part of it, so that the jar needs nothing installed.
set -eu

fail() {
    echo "native.sh: $*" >&2
    exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
prefix=
out=$here/target/native
while [ $# -gt 0 ]; do
    [ $# -gt 1 ] || fail "usage: native.sh [--prefix DIR] [--out DIR]"
    case $1 in
        --prefix) prefix=$2 ;;
        --out) out=$2 ;;
        *) fail "unknown argument $1; usage: native.sh [--prefix DIR] [--out DIR]" ;;
    esac
    shift 2
done

java=${JAVA_HOME:-}
if [ -z "$java" ]; then
    javac=$(command -v javac) || fail "there is no javac; install a JDK, or set JAVA_HOME"
    java=$(dirname "$(dirname "$(readlink -f "$javac")")")
fi
[ -f "$java/include/jni.h" ] || fail "$java has no include/jni.h: it is no JDK"

processor=$(uname -m)
case $(uname -s) in
    Linux) system=linux name=libmelu_jni.so ;;
    Darwin) system=macos name=libmelu_jni.dylib ;;
    *) fail "$(uname -s) is not supported" ;;
esac
case $system-$processor in
    macos-arm64) processor=aarch64 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "$prefix" ]; then
    "$here/../c/install.sh" --prefix "$work/prefix" >&2
    prefix=$work/prefix
fi
archive=$prefix/lib/libmelu.a
[ -f "$archive" ] || fail "$prefix/lib has no libmelu.a"
libraries=$(sed -n 's/^Libs.private: //p' "$prefix/lib/pkgconfig/melu.pc")

set -- -std=c99 -D_POSIX_C_SOURCE=200809L -D_FILE_OFFSET_BITS=64 -O2 -fPIC -fvisibility=hidden \
    -ffunction-sections -Wall -Wextra -Wpedantic -Werror -I"$java/include" \
    -I"$prefix/include" "$here"/native/*.c -shared "$archive"
case $system in
    # Only what Java looks for is to be seen: another copy of melu in the process stays apart.
    linux)
        echo '{ global: JNI_OnLoad; JNI_OnUnload; local: *; };' >"$work/exports"
        set -- "$@" -I"$java/include/linux" "-Wl,--version-script=$work/exports" -Wl,--gc-sections \
            -Wl,-z,defs -Wl,-z,relro,-z,now -s
        ;;
    macos)
        printf '_JNI_OnLoad\n_JNI_OnUnload\n' >"$work/exports"
        set -- "$@" -I"$java/include/darwin" "-Wl,-exported_symbols_list,$work/exports" -Wl,-dead_strip
        ;;
esac
mkdir -p "$out/$system-$processor"
# shellcheck disable=SC2086 # a few arguments, or none
"${CC:-cc}" "$@" $libraries -o "$work/$name"
mv "$work/$name" "$out/$system-$processor/$name"
echo "$out/$system-$processor/$name"
