#!/bin/sh
# Builds an AAR for Android 5 (API 21) and later: the Kotlin classes, and the native library for
# phones (arm64-v8a, armeabi-v7a) and emulators (x86_64).
#
#     bindings/kotlin/android.sh NDK [--out FILE]
#     bindings/kotlin/android.sh --libs DIR [--out FILE]
#
# NDK     the folder of an Android NDK, r25 or later, as $ANDROID_HOME/ndk/27.2.12479018
# --libs  packs the libraries that are there already, as DIR/arm64-v8a/libmelu_jni.so, and builds
#         none
# --out   the AAR, bindings/kotlin/target/melu-VERSION.aar if not given
#
# Needs Maven and a JDK, and with an NDK also cargo and Rust's targets:
#
#     rustup target add aarch64-linux-android armv7-linux-androideabi x86_64-linux-android
#
# A library whose segments are not aligned to 16 KB, which Android's newer devices demand, or that
# has symbols left, is refused.
set -eu

fail() {
    echo "android.sh: $*" >&2
    exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)
usage="usage: android.sh (NDK | --libs DIR) [--out FILE]"
ndk=
libs=
out=$here/target/melu-$version.aar
while [ $# -gt 0 ]; do
    case $1 in
        --libs | --out)
            [ $# -gt 1 ] || fail "$1 needs a value; $usage"
            if [ "$1" = --libs ]; then libs=$2; else out=$2; fi
            shift
            ;;
        -*) fail "unknown option $1; $usage" ;;
        *) ndk=$1 ;;
    esac
    shift
done
[ -n "$ndk" ] || [ -n "$libs" ] || fail "$usage"
[ -z "$ndk" ] || [ -z "$libs" ] || fail "an NDK builds the libraries that --libs names; $usage"
for tool in mvn jar; do
    command -v "$tool" >/dev/null || fail "$tool is missing"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
readelf=readelf

# The library for one ABI: melu as a static library, and the shim around it.
build() {
    abi=$1 target=$2 system=$3
    tools=$4
    echo "android.sh: $abi" >&2
    natives=$work/native-libraries
    built=${CARGO_TARGET_DIR:-$root/target}
    (cd "$root" && cargo rustc --quiet --locked --profile embedded --features capi --lib \
        --target "$target" --target-dir "$built" --crate-type staticlib -- \
        "--print=native-static-libs=$natives") || fail "cargo cannot build for $target;" \
        "is it there? rustup target add $target"
    libraries=$(tr ' ' '\n' <"$natives" | grep '^-l' | awk '!seen[$0]++' | tr '\n' ' ')
    mkdir -p "$libs/$abi"
    # shellcheck disable=SC2086 # a few arguments
    "$tools/clang" "--target=$system" -std=c99 -D_POSIX_C_SOURCE=200809L -D_FILE_OFFSET_BITS=64 \
        -O2 -fPIC -fvisibility=hidden -ffunction-sections -Wall -Wextra -Wpedantic -Werror \
        -I"$root/include" "$here"/native/*.c -shared "$built/$target/embedded/libmelu.a" \
        $libraries "-Wl,--version-script=$work/exports" -Wl,--gc-sections -Wl,-z,defs \
        -Wl,-z,relro,-z,now -Wl,-z,max-page-size=16384 -Wl,-soname,libmelu_jni.so -s \
        -o "$libs/$abi/libmelu_jni.so"
}

if [ -n "$ndk" ]; then
    command -v cargo >/dev/null || fail "cargo is missing"
    for tools in "$ndk"/toolchains/llvm/prebuilt/*/bin; do :; done
    [ -x "$tools/clang" ] || fail "$ndk is no NDK: there is no toolchains/llvm/prebuilt/*/bin/clang"
    readelf=$tools/llvm-readelf
    libs=$work/libs
    echo '{ global: JNI_OnLoad; JNI_OnUnload; local: *; };' >"$work/exports"
    build arm64-v8a aarch64-linux-android aarch64-linux-android21 "$tools"
    build armeabi-v7a armv7-linux-androideabi armv7a-linux-androideabi21 "$tools"
    build x86_64 x86_64-linux-android x86_64-linux-android21 "$tools"
fi
command -v "$readelf" >/dev/null || fail "$readelf is missing"

# What devices would refuse, or carry for nothing.
check() {
    library=$1
    segments=$("$readelf" -lW "$library" | awk '$1 == "LOAD" { print $NF }')
    [ -n "$segments" ] || fail "$library is no ELF library"
    for alignment in $segments; do
        [ $((alignment)) -ge 16384 ] || fail "$library has a segment aligned to $((alignment))" \
            "bytes; devices with pages of 16 KB cannot load it: link it with -z max-page-size=16384"
    done
    if "$readelf" -SW "$library" | grep -q '[.]symtab'; then
        fail "$library has symbols left: link it with -s"
    fi
    "$readelf" --dyn-syms -W "$library" | grep -q ' JNI_OnLoad$' ||
        fail "$library has no JNI_OnLoad: Java could load it and find nothing"
}

aar=$work/aar
mkdir -p "$aar/jni"
found=
for abi in arm64-v8a armeabi-v7a x86_64; do
    library=$libs/$abi/libmelu_jni.so
    [ -f "$library" ] || fail "there is no $library"
    check "$library"
    install -d "$aar/jni/$abi"
    install -m 644 "$library" "$aar/jni/$abi/libmelu_jni.so"
    found="$found $abi"
done

# The same classes as on a desktop, without the libraries for it.
mvn -q -B -f "$here/pom.xml" -Dmaven.test.skip=true "-Dmelu.target=$work/classes" \
    "-Dmelu.native=$work/none" package >&2
install -m 644 "$work/classes/melu-$version.jar" "$aar/classes.jar"
install -m 644 "$here/src/main/resources/META-INF/proguard/melu.pro" "$aar/proguard.txt"
: >"$aar/R.txt"
cat >"$aar/AndroidManifest.xml" <<'XML'
<?xml version="1.0" encoding="utf-8"?>
<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="io.github.melurs">
    <uses-sdk android:minSdkVersion="21" />
</manifest>
XML
mkdir -p "$(dirname "$out")"
jar --create --no-manifest --file "$work/melu.aar" -C "$aar" .
mv "$work/melu.aar" "$out"
echo "$out has$found"
