#!/usr/bin/env bash
# melu for 64-bit Arm, on a PC with 64-bit Debian 12: tests its kernels, and what
# computes with them, under qemu, and compiles static libraries for phones.
#
#     tests/arm.sh            both
#     tests/arm.sh test       tests for Linux: the NEON kernels compute
#     tests/arm.sh mobile     libraries for Android and iOS: compiled, neither linked nor run
#
# Needs cargo and a C compiler. Debian's compilers for Arm are unpacked into target/arm, and
# nothing is installed. Ends with status 69 if they cannot be had: nothing is wrong with melu
# then, but nothing was tested either.
set -euo pipefail
cd "$(dirname "$0")/.."

unavailable() {
    echo "arm.sh: $*" >&2
    exit 69
}

case ${1-} in
    "" | test | mobile) ;;
    *)
        echo "arm.sh: unknown argument $1; usage: arm.sh [test | mobile]" >&2
        exit 2
        ;;
esac

home=$PWD/target/arm
tools=$home/tools

# Debian's own compiler, of the suite that brings newer ones for browsers, has what rustup
# has: the library compiled for other processors, and its sources.
fetch() {
    local needed found library llvm package
    [[ $(uname -sm) == "Linux x86_64" ]] || unavailable "the compilers run on Linux on x86-64 alone"
    command -v apt-get >/dev/null || unavailable "there is no apt-get: this needs Debian 12"
    rm -rf "$home/apt" "$tools.new"
    mkdir -p "$home"/apt/{lists,cache/archives}/partial
    # Lists of one's own: for two architectures, and no need to be root.
    local apt=(-q -o APT::Architectures::=amd64 -o APT::Architectures::=arm64
        -o "Dir::State::lists=$home/apt/lists" -o "Dir::Cache=$home/apt/cache"
        -o APT::Sandbox::User=)
    apt-get "${apt[@]}" update || unavailable "the lists of Debian's packages could not be had"

    candidate() {
        apt-cache "${apt[@]}" policy "$1" | sed -n 's/^ *Candidate: //p'
    }
    depends() {
        apt-cache "${apt[@]}" depends "$1" | sed -n "s/^ *Depends: \($2\)$/\1/p"
    }
    needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    found=$(candidate rustc-web)
    dpkg --compare-versions "${found:-0}" ge "$needed" ||
        unavailable "needs the package rustc-web $needed or later, of Debian 12's security suite;" \
            "the package sources of this machine have ${found:-none}"
    for package in libstd-rust-web-dev:amd64 libstd-rust-web-dev:arm64 rust-web-src; do
        [[ $(candidate "$package") == "$found" ]] ||
            unavailable "needs $package $found, to go with rustc-web;" \
                "the package sources of this machine have $(candidate "$package")"
    done
    library=$(depends libstd-rust-web-dev:amd64 'libstd-rust-web-[0-9.]*') &&
        llvm=$(depends "$library" 'libllvm[0-9]*') ||
        unavailable "libstd-rust-web-dev $found does not say which compiler it goes with"
    (
        cd "$home/apt"
        apt-get "${apt[@]}" download rustc-web "$library" \
            libstd-rust-web-dev:{amd64,arm64} rust-web-src \
            "$llvm" libbsd0 libedit2 libffi8 libicu72 libmd0 libxml2 libz3-4 \
            binutils-aarch64-linux-gnu binutils-common libbinutils libjansson4 \
            {gcc,cpp}-12-aarch64-linux-gnu libgmp10 libisl23 libmpc3 libmpfr6 \
            libgcc-12-dev-arm64-cross libgcc-s1-arm64-cross \
            libc6-arm64-cross libc6-dev-arm64-cross linux-libc-dev-arm64-cross qemu-user-static
    ) || unavailable "not all of Debian's packages could be downloaded"
    mkdir -p "$tools.new"
    for package in "$home"/apt/*.deb; do
        # Of a gigabyte of the compiler's sources, the library's are needed, and of all
        # emulators that for Arm.
        dpkg --fsys-tarfile "$package" |
            tar -x -C "$tools.new" --no-wildcards-match-slash --exclude='./usr/bin/qemu-*' \
                --exclude='./usr/src/rustc-*/compiler' --exclude='./usr/src/rustc-*/src' \
                --exclude=./usr/share
    done
    dpkg --fsys-tarfile "$home"/apt/qemu-user-static_*.deb |
        tar -x -C "$tools.new" ./usr/bin/qemu-aarch64-static
    rm -rf "$home/apt"
    mv "$tools.new" "$tools"
}

[[ -d $tools ]] || fetch
export LD_LIBRARY_PATH=$tools/usr/lib/x86_64-linux-gnu:$tools/lib/x86_64-linux-gnu
export RUSTC=$tools/usr/bin/rustc CARGO_TARGET_DIR=$home/build
"$RUSTC" --version || unavailable "Debian's Rust does not start here: this needs Debian 12"

test_linux() {
    # How tests start themselves again.
    export MELU_EMULATOR=$tools/usr/bin/qemu-aarch64-static
    export QEMU_LD_PREFIX=$tools/usr/aarch64-linux-gnu
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=$MELU_EMULATOR
    export CC_aarch64_unknown_linux_gnu=$tools/usr/bin/aarch64-linux-gnu-gcc-12
    export CFLAGS_aarch64_unknown_linux_gnu=--sysroot=$tools
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=$CC_aarch64_unknown_linux_gnu
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS=-Clink-arg=--sysroot=$tools
    export MELU_REQUIRE_ALL=1
    cargo test --locked --target aarch64-unknown-linux-gnu \
        --features train --config 'profile.dev.debug=0' \
        --lib --test kernels --test autodiff --test user --test saved --test weight_file
}

compile_mobile() {
    local target
    for target in aarch64-linux-android aarch64-apple-ios; do
        # There is no library for phones: it is compiled from its sources.
        RUSTC_BOOTSTRAP=1 cargo rustc --locked --profile embedded --features capi --lib \
            --crate-type staticlib --target $target -Zbuild-std=std
        ls -l "$CARGO_TARGET_DIR/$target/embedded/libmelu.a"
    done
    echo "These were compiled, and neither linked nor run."
}

[[ ${1-} == mobile ]] || test_linux
[[ ${1-} == test ]] || compile_mobile
