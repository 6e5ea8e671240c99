#!/bin/sh
# Makes bindings/swift/CMelu.xcframework, which Package.swift takes on Apple's systems: melu as a
# static library for iPhones, for their simulator and for Macs, with its header and module map.
#
#     bindings/swift/xcframework/build.sh
#
# Needs a Mac with Xcode, cargo, and Rust's targets:
#
#     rustup target add aarch64-apple-ios aarch64-apple-ios-sim x86_64-apple-ios \
#         aarch64-apple-darwin x86_64-apple-darwin
set -eu

fail() {
    echo "build.sh: $*" >&2
    exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
out=$here/../CMelu.xcframework
for tool in xcodebuild lipo cargo; do
    command -v "$tool" >/dev/null || fail "$tool is missing: this needs a Mac with Xcode"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
built=${CARGO_TARGET_DIR:-$root/target}
export IPHONEOS_DEPLOYMENT_TARGET=13.0 MACOSX_DEPLOYMENT_TARGET=11.0

mkdir -p "$work/headers"
cp "$root/include/melu.h" "$here/module.modulemap" "$work/headers/"

# One library for several processors of one system.
library() {
    name=$1
    shift
    for target; do
        (cd "$root" && cargo rustc --quiet --locked --profile embedded --features capi --lib \
            --target "$target" --target-dir "$built" --crate-type staticlib) ||
            fail "cargo cannot build for $target; is it there? rustup target add $target"
        set -- "$@" "$built/$target/embedded/libmelu.a"
        shift
    done
    mkdir -p "$work/$name"
    lipo -create "$@" -output "$work/$name/libmelu.a"
}

library ios aarch64-apple-ios
library simulator aarch64-apple-ios-sim x86_64-apple-ios
library macos aarch64-apple-darwin x86_64-apple-darwin

rm -rf "$out"
xcodebuild -create-xcframework \
    -library "$work/ios/libmelu.a" -headers "$work/headers" \
    -library "$work/simulator/libmelu.a" -headers "$work/headers" \
    -library "$work/macos/libmelu.a" -headers "$work/headers" \
    -output "$out"
