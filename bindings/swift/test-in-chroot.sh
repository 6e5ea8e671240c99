#!/bin/sh
# Compiles the package and runs its tests with Debian 13's Swift, in a Debian 13 of its own:
#
#     bindings/swift/test-in-chroot.sh DIR
#
# DIR  where that system is, or is to be made; it takes some 4 GB and stays: remove it yourself
#
# Needs root, debootstrap, cargo, and Debian's packages from the network. Nothing else runs it:
# where there is a Swift compiler, `swift test` in bindings/swift is enough.
set -eu

fail() {
    echo "test-in-chroot.sh: $*" >&2
    exit 1
}

[ $# = 1 ] || fail "usage: test-in-chroot.sh DIR"
case $1 in /*) ;; *) fail "$1 must begin with /" ;; esac
[ "$(id -u)" = 0 ] || fail "debootstrap and chroot need root"
system=$1
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

if [ ! -x "$system/usr/bin/swiftc" ]; then
    command -v debootstrap >/dev/null || fail "debootstrap is missing"
    debootstrap --variant=minbase --include=ca-certificates,pkg-config trixie "$system"
    chroot "$system" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qy --no-install-recommends swiftlang libc6-dev libstdc++-14-dev
fi

# What the tests read, as it lies in the repository.
work=$system/melu
rm -rf "$work"
mkdir -p "$work/bindings/go" "$work/tests/golden"
cp -R "$root/bindings/swift" "$work/bindings/"
cp -R "$root/bindings/go/testdata" "$work/bindings/go/"
cp "$root/tests/golden/everywhere.json" "$work/tests/golden/"
DESTDIR=$system "$root/bindings/c/install.sh" --prefix /opt/melu

mounted=
unmount() {
    for folder in $mounted; do umount "$system/$folder"; done
}
trap unmount EXIT
for folder in proc dev; do
    if ! mountpoint -q "$system/$folder"; then
        mount --bind "/$folder" "$system/$folder"
        mounted="$mounted $folder"
    fi
done
chroot "$system" env PKG_CONFIG_PATH=/opt/melu/lib/pkgconfig LD_LIBRARY_PATH=/opt/melu/lib \
    HOME=/root swift test --package-path /melu/bindings/swift --scratch-path /melu/build
