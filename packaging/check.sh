#!/usr/bin/env bash
# Makes everything that a release has, and tests it. Publishes nothing.
#
#     packaging/check.sh [--all] [--system] [STEP...]
#
# source   the source package, of which everything else is made
# crate    the crate, by `cargo publish --dry-run`, which may not warn
# sbom     the bills of materials, for the library and for the command line program
# gnu      the C library for Linux on x86-64 with glibc
# musl     the C library for Linux on x86-64 with musl
# arm64    the C library for Linux on 64-bit Arm with glibc; only with --all or by its name
# windows  the C library for 64-bit Windows; only with --all or by its name
# wheel    the wheel for Python on Linux on x86-64 with glibc
# wheel-musl   that with musl; only with --all or by its name
# wheel-arm64  that on 64-bit Arm with glibc; only with --all or by its name
# debian   the packages for Debian
# conan    the recipe for Conan
# vcpkg    the port for vcpkg
#
# --system  also installs the Debian packages on this machine, and removes them again
#
# Without a step it is all of them, and they begin anew. The commit that is checked out is what is released, and
# nothing that differs from it. The artefacts are in target/release-check/artefacts, with their
# SHA256SUMS. Tools from PyPI go into target/release-check/tools. A step whose other tools are
# missing names them and is skipped; where MELU_REQUIRE_ALL is set, that is an error.
set -euo pipefail
cd "$(dirname "$0")/.."

STEPS=(source crate sbom gnu musl wheel debian conan vcpkg)
MORE=(arm64 windows wheel-musl wheel-arm64)
# Debian 11's; older systems have no support any more.
GLIBC=2.31

say() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }
fail() {
    echo "check.sh: $*" >&2
    exit 1
}

# need PROGRAM:PACKAGE...: status 69 where one is missing.
need() {
    local pair missing=()
    for pair; do command -v "${pair%%:*}" >/dev/null || missing+=("${pair%%:*} (${pair#*:})"); done
    ((${#missing[@]} == 0)) && return
    echo "check.sh: missing: ${missing[*]}" >&2
    exit 69
}

need_rust() {
    [[ -d $(rustc --print sysroot)/lib/rustlib/$1 ]] && return
    echo "check.sh: missing: Rust's own library for $1 (rustup target add $1)" >&2
    exit 69
}

system=
chosen=()
for argument; do
    case $argument in
        --all) chosen+=("${STEPS[@]}" "${MORE[@]}") ;;
        --system) system=yes ;;
        *)
            [[ " ${STEPS[*]} ${MORE[*]} " == *" $argument "* ]] ||
                fail "unknown argument $argument; the steps are ${STEPS[*]} ${MORE[*]}"
            chosen+=("$argument")
            ;;
    esac
done
((${#chosen[@]})) || chosen=("${STEPS[@]}")

git diff --quiet HEAD || fail "there are changes that are not committed: they would not be released"
for tool in cargo git python3 objdump; do command -v $tool >/dev/null || fail "$tool is missing"; done

mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd -P)
home=$target/release-check
artefacts=$home/artefacts
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
source=$home/source/melu-$version
export CARGO_TARGET_DIR=$home/cargo
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
[[ " ${chosen[*]} " != *" source "* ]] || rm -rf "$artefacts"
mkdir -p "$artefacts" "$home/work"

# Tools of PyPI, of the versions that were tried.
tools=$home/tools
if ! cmp -s packaging/requirements.txt "$tools/installed"; then
    say "tools"
    python3 -m venv "$tools"
    "$tools/bin/pip" install -q --disable-pip-version-check -r packaging/requirements.txt
    cp packaging/requirements.txt "$tools/installed"
fi
export PATH=$tools/bin:$PATH
export ZIG_GLOBAL_CACHE_DIR=$home/zig CARGO_ZIGBUILD_CACHE_DIR=$home/zig/linkers

# No path of this machine in what is released: panics would tell it.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
rust_source=$(rustc --print sysroot)/lib/rustlib/src/rust
rust_commit=$(rustc -vV | sed -n 's/^commit-hash: //p')
remap="--remap-path-prefix=$cargo_home=/cargo --remap-path-prefix=$rust_source=/rustc/$rust_commit"
remap+=" --remap-path-prefix=$source=/melu"

# pack FOLDER: as a .tar.gz that depends on nothing but the files and the commit.
pack() {
    tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
        -C "$(dirname "$1")" -c "$(basename "$1")" | gzip -n9 >"$artefacts/$(basename "$1").tar.gz"
}

# check_paths FOLDER
check_paths() {
    local found
    found=$(grep -rlaF -e "$cargo_home" -e "$source" -e "$HOME/" "$1") || return 0
    fail "paths of this machine are in $found"
}

# check_glibc LIBRARY: that it asks for no newer glibc.
check_glibc() {
    local newest
    newest=$(objdump -T "$1" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -Vu | tail -n 1)
    [[ $(printf '%s\n' "$newest" "$GLIBC" | sort -V | tail -n 1) == "$GLIBC" ]] ||
        fail "$1 needs glibc $newest, not $GLIBC"
    echo "$(basename "$1") needs glibc $newest or later"
}

# use_zig TARGET: a compiler and linker `$home/work/zig-TARGET`.
use_zig() {
    zig=$home/work/zig-$1
    printf '#!/bin/sh\nexec "%s/bin/cargo-zigbuild" zig cc -- -target %s "$@"\n' "$tools" "$1" >"$zig"
    chmod +x "$zig"
}

# archive NAME RUST_TARGET PREFIX_OF_TOOLS NEEDS: makes it, and unpacks it into $unpacked.
archive() {
    local name=melu-$version-$1 tree
    tree=$home/work/$name
    unpacked=$home/unpacked/$name
    rm -rf "$tree" "$unpacked"
    CARGO_BUILD_TARGET=$2 CROSS_COMPILE=$3 RUSTFLAGS=$remap "$source/bindings/c/install.sh" --prefix "$tree"
    cp "$source"/LICENSE-* "$tree"
    "$source/packaging/crates.py" licences >"$tree/THIRD-PARTY.txt"
    sed -e "s|@VERSION@|$version|g" -e "s|@NAME@|$1|g" -e "s|@NEEDS@|$4|g" \
        -e "s|@ABI@|$(sed -n 's/.*define MELU_ABI_VERSION *\([0-9]*\).*/\1/p' include/melu.h)|g" \
        -e "s|@SERIES@|${version%.*}|g" \
        -e "s|@REPOSITORY@|$(sed -n 's/^repository = "\(.*\)"/\1/p' Cargo.toml)|g" \
        packaging/README-archive.md.in >"$tree/README.md"
    check_paths "$tree"
    pack "$tree"
    mkdir -p "$home/unpacked"
    tar -xzf "$artefacts/$name.tar.gz" -C "$home/unpacked"
}

mkdir -p "$home/work/golden"
tests/platforms/cases.py >"$home/work/golden/golden.h"

# by_pkg_config PREFIX LIBDIR KIND COMPILER...: a C program, in $program.
by_pkg_config() {
    local prefix=$1 lib=$1/$2 kind=$3 flags options=(--cflags --libs)
    shift 3
    [[ $kind == shared ]] || options+=(--static)
    flags=$(PKG_CONFIG_LIBDIR=$lib/pkgconfig pkg-config "${options[@]}" melu)
    [[ $kind == shared ]] || flags=${flags/-lmelu/-l:libmelu.a}
    program=$home/work/smoke-$(basename "$prefix")-$kind
    # shellcheck disable=SC2086 # several flags
    "$@" -std=c99 -O1 -Wall -Wextra -Werror "-I$home/work/golden" tests/platforms/smoke.c \
        $flags "-Wl,-rpath,$lib" -lm -o "$program"
}

# by_cmake PREFIX [OPTION...]: builds and runs a C program with all kinds that are there.
by_cmake() {
    local build prefix=$1 kind ran=
    shift
    build=$home/work/cmake-$(basename "$prefix")
    rm -rf "$build"
    cmake -S packaging/smoke -B "$build" -DGOLDEN="$home/work/golden" \
        -DCMAKE_PREFIX_PATH="$prefix" "$@" >/dev/null
    cmake --build "$build" >/dev/null
    for kind in melu melu-static; do
        [[ ! -x $build/$kind ]] || { "$build/$kind" && ran+=" $kind"; }
    done
    [[ $ran ]] || fail "CMake found no library in $prefix"
}

step_source() {
    mkdir -p "$home/source"
    rm -rf "$source"
    git archive --format=tar --prefix="melu-$version/" HEAD | gzip -n9 >"$artefacts/melu-$version.tar.gz"
    tar -xzf "$artefacts/melu-$version.tar.gz" -C "$home/source"
    local file other
    for file in bindings/python/Cargo.toml bindings/js/package.json bindings/kotlin/pom.xml \
        packaging/vcpkg/vcpkg.json packaging/debian/changelog; do
        other=$(sed -n 's/^ *"\?version\(-semver\)\?"\? *[=:] *"\(.*\)".*/\2/p
            s|^ *<version>\(.*\)</version>|\1|p; s/^melu (\(.*\)-[0-9]*).*/\1/p' "$file" | head -n 1)
        [[ $other == "$version" ]] || fail "$file has the version $other, and Cargo.toml $version"
    done
}

step_crate() {
    # That it compiles is all that is looked at: quickly.
    cargo publish --dry-run --locked --config profile.dev.opt-level=0 2>&1 | tee "$home/work/publish" | grep -v Compiling
    # It always says that it did not upload.
    if grep '^warning' "$home/work/publish" | grep -v 'aborting upload due to dry run'; then
        fail "cargo publish warns"
    fi
    cargo package --quiet --locked --no-verify
    cp "$CARGO_TARGET_DIR/package/melu-$version.crate" "$artefacts"
}

# bill FILE ARGUMENT...: what packaging/crates.py prints, by the schema.
bill() {
    local file=$1
    shift
    "$source/packaging/crates.py" sbom "$@" >"$file"
    python3 - "$file" <<'PYTHON'
import json, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
text = open(sys.argv[1]).read()
error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
if error:
    sys.exit(f"{sys.argv[1]}: {error}")
print(f"{len(json.loads(text)['components'])} crates in {sys.argv[1]}")
PYTHON
}

step_sbom() {
    bill "$artefacts/melu-$version.cdx.json"
    bill "$artefacts/melu-$version-cli.cdx.json" --features cli
}

step_gnu() {
    need gcc:gcc pkg-config:pkg-config cmake:cmake
    need_rust x86_64-unknown-linux-gnu
    # What Rust's own library needs.
    use_zig x86_64-linux-gnu.2.17
    CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=$zig \
        archive linux-x86_64-gnu x86_64-unknown-linux-gnu "" "Linux on x86-64 with glibc $GLIBC or later"
    check_glibc "$unpacked/lib/libmelu.so"
    local kind
    # Against Debian 11's glibc, and against this machine's.
    use_zig "x86_64-linux-gnu.$GLIBC"
    # Other compilers name the library that unwinds themselves.
    for kind in shared static; do
        by_pkg_config "$unpacked" lib $kind "$zig" -lunwind
        check_glibc "$program"
        "$program"
    done
    by_cmake "$unpacked"
}

step_musl() {
    need pkg-config:pkg-config cmake:cmake
    need_rust x86_64-unknown-linux-musl
    archive linux-x86_64-musl x86_64-unknown-linux-musl "" \
        "Linux on x86-64 with musl; a static library, which needs LLVM's libunwind"
    # Zig's musl is newer than Debian's: 1.2.5 and later have no open64, fstat64 and mmap64.
    use_zig x86_64-linux-musl
    by_pkg_config "$unpacked" lib static "$zig" -static
    "$program"
    by_cmake "$unpacked" -DCMAKE_C_COMPILER="$zig" -DCMAKE_EXE_LINKER_FLAGS=-static
}

step_arm64() {
    need aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu qemu-aarch64-static:qemu-user-static \
        pkg-config:pkg-config
    need_rust aarch64-unknown-linux-gnu
    use_zig aarch64-linux-gnu.2.17
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=$zig archive linux-arm64-gnu aarch64-unknown-linux-gnu \
        aarch64-linux-gnu- "Linux on 64-bit Arm with glibc $GLIBC or later"
    check_glibc "$unpacked/lib/libmelu.so"
    local kind
    use_zig "aarch64-linux-gnu.$GLIBC"
    for kind in shared static; do
        by_pkg_config "$unpacked" lib $kind "$zig" -lunwind
        qemu-aarch64-static -L /usr/aarch64-linux-gnu "$program"
    done
}

step_windows() {
    need x86_64-w64-mingw32-gcc:gcc-mingw-w64-x86-64 pkg-config:pkg-config
    need_rust x86_64-pc-windows-gnu
    archive windows-x86_64-gnu x86_64-pc-windows-gnu x86_64-w64-mingw32- \
        "64-bit Windows, for MinGW's compilers"
    by_pkg_config "$unpacked" lib static x86_64-w64-mingw32-gcc -static
    by_pkg_config "$unpacked" lib shared x86_64-w64-mingw32-gcc
    echo "linked; tests/platforms.sh windows runs such programs under wine"
}

# wheel RUST_TARGET COMPATIBILITY PLATFORM: makes it, and unpacks it into $home/work/unzipped-PLATFORM.
wheel() {
    local unzipped=$home/work/unzipped-$3 bill=$home/work/melu-python.cdx.json wheels=$home/work/wheels-$3
    need_rust "$1"
    rm -rf "$wheels" "$unzipped"
    bill "$bill" --package "$source/bindings/python"
    RUSTFLAGS=$remap maturin build --release --locked --quiet --zig --target "$1" --compatibility "$2" \
        --sbom-include "$bill" --out "$wheels" --manifest-path "$source/bindings/python/Cargo.toml"
    auditwheel show "$wheels"/*.whl | grep -A3 'platform tag'
    [[ $(echo "$wheels"/*) == *"/melu_recsys-$version-cp310-abi3-"*"$3"*.whl &&
        $(find "$wheels" -type f | wc -l) == 1 ]] ||
        fail "not one wheel for CPython 3.10 and $3, but: $(echo "$wheels"/*)"
    made=$(echo "$wheels"/*)
    mkdir -p "$unzipped"
    python3 -m zipfile -e "$made" "$unzipped"
    check_paths "$unzipped"
}

step_wheel() {
    local environment=$home/work/python made
    wheel x86_64-unknown-linux-gnu manylinux2014 manylinux_2_17_x86_64
    rm -rf "$environment"
    python3 -m venv "$environment"
    "$environment/bin/pip" install -q --disable-pip-version-check "$made"
    # With numpy and nothing else, away from the sources.
    (cd "$home/work" && "$environment/bin/python" -W error "$source/packaging/smoke/wheel.py" "$version")
    cp "$made" "$artefacts"
}

step_wheel-musl() {
    need readelf:binutils
    local made needed
    wheel x86_64-unknown-linux-musl musllinux_1_2 musllinux_1_2_x86_64
    needed=$(readelf -d "$home"/work/unzipped-musllinux_1_2_x86_64/melu/*.so | grep NEEDED)
    [[ $(grep -c . <<<"$needed") == 1 && $needed == *"[libc.so]"* ]] || fail "it needs $needed"
    echo "linked; there is no Python with musl to run it by"
    cp "$made" "$artefacts"
}

# arm64_python: Debian's Python for 64-bit Arm in $home/work/arm64, as $python, run by qemu. The
# packages are got and unpacked, not installed.
arm64_python() {
    local root=$home/work/arm64 packages=$home/work/arm64-packages deb apt
    rm -rf "$root" "$packages"
    mkdir -p "$root" "$packages"/{lists,archives,cache}
    touch "$packages/status"
    apt=(apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=
        -o Debug::NoLocking=1 -o Dir::State::status="$packages/status"
        -o Dir::State::lists="$packages/lists" -o Dir::Cache="$packages/cache"
        -o Dir::Cache::archives="$packages/archives")
    "${apt[@]}" update >/dev/null
    "${apt[@]}" install -y --download-only --no-install-recommends python3 libstdc++6 >/dev/null
    for deb in "$packages"/archives/*.deb; do dpkg-deb -x "$deb" "$root"; done
    python=(qemu-aarch64-static -L "$root" -E "PYTHONHOME=$root/usr" "$root"/usr/bin/python3.[0-9]*)
}

step_wheel-arm64() {
    need qemu-aarch64-static:qemu-user-static apt-get:apt dpkg-deb:dpkg
    local made python packages=$home/work/python-arm64
    wheel aarch64-unknown-linux-gnu manylinux2014 manylinux_2_17_aarch64
    arm64_python
    rm -rf "$packages"
    pip install -q --disable-pip-version-check --target "$packages" --only-binary=:all: \
        --platform manylinux_2_28_aarch64 --platform manylinux2014_aarch64 \
        --python-version "$("${python[@]}" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" "$made"
    (cd "$home/work" && PYTHONPATH=$packages "${python[@]}" -W error "$source/packaging/smoke/wheel.py" "$version")
    cp "$made" "$artefacts"
}

step_debian() {
    need dpkg-buildpackage:dpkg-dev dh:debhelper help2man:help2man lintian:lintian \
        pkg-config:pkg-config cmake:cmake
    local build=$home/work/debian multiarch root
    rm -rf "$build"
    mkdir -p "$build"
    # The sources where they are, so that what is compiled already need not be again.
    rm -rf "$source/debian"
    cp -R "$source/packaging/debian" "$source/debian"
    (cd "$source" && RUSTFLAGS=$remap dpkg-buildpackage --no-sign --build=binary --no-pre-clean)
    mv "$home/source"/*.deb "$build"
    rm -rf "$source/debian" "$home/source"/melu_*
    # There is no wish for a package in Debian's list of bugs, as nothing is uploaded there.
    lintian --allow-root --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs \
        "$build"/*.deb
    root=$build/root
    multiarch=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
    local package
    for package in "$build"/*.deb; do
        dpkg-deb -x "$package" "$root"
    done
    check_paths "$root"
    by_pkg_config "$root/usr" "lib/$multiarch" shared gcc
    "$program"
    by_cmake "$root/usr" -DCMAKE_LIBRARY_ARCHITECTURE="$multiarch"
    [[ $("$root/usr/bin/melu" --version) == "melu $version" ]] || fail "the program has another version"
    if [[ $system ]]; then
        ((EUID == 0)) || fail "only root can install packages"
        ! dpkg -s melu libmelu1 libmelu-dev >/dev/null 2>&1 || fail "a package of melu is installed already"
        trap 'dpkg --purge melu libmelu-dev libmelu1' EXIT
        dpkg --install "$build"/*.deb
        # shellcheck disable=SC2046
        gcc -std=c99 "-I$home/work/golden" tests/platforms/smoke.c \
            $(pkg-config --cflags --libs melu) -lm -o "$build/smoke"
        "$build/smoke"
        melu --version
        trap - EXIT
        dpkg --purge melu libmelu-dev libmelu1
    fi
    cp "$build"/*.deb "$artefacts"
}

step_conan() {
    need cmake:cmake gcc:gcc
    export CONAN_HOME=$home/work/conan
    rm -rf "$CONAN_HOME"
    conan profile detect
    local shared
    for shared in False True; do
        RUSTFLAGS="" conan create "$source/packaging/conan" --no-remote -o "melu/*:shared=$shared"
    done
}

step_vcpkg() {
    need cmake:cmake gcc:gcc pkg-config:pkg-config
    local linkage tree
    for linkage in static dynamic; do
        tree=$home/work/vcpkg-$linkage
        rm -rf "$tree"
        RUSTFLAGS=$remap cmake -DSOURCE="$source" -DPACKAGE="$tree" -DLINKAGE=$linkage \
            -P packaging/vcpkg/check.cmake
        by_cmake "$tree"
    done
}

skipped=()
step_source
for step in "${chosen[@]}"; do
    [[ $step != source ]] || continue
    say "$step"
    # A shell of its own, for what it exports; and its status without losing `set -e`.
    set +e
    (
        set -e
        "step_$step"
    )
    status=$?
    set -e
    if ((status == 69)) && [[ ! ${MELU_REQUIRE_ALL-} ]]; then
        skipped+=("$step")
    elif ((status)); then
        fail "$step: failed with status $status"
    fi
done

say "artefacts"
cd "$artefacts"
rm -f SHA256SUMS
sha256sum -- * >"$home/work/SHA256SUMS"
mv "$home/work/SHA256SUMS" .
ls -l --block-size=K
((${#skipped[@]} == 0)) || echo "skipped, for want of tools: ${skipped[*]}"
