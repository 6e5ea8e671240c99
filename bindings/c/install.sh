#!/bin/sh
# Builds the C library and installs it: the headers for C and C++, shared and static
# library, and what pkg-config and CMake need to find them. The installed tree may be moved as a whole.
#
#     bindings/c/install.sh [--small] [--prefix DIR] [--libdir DIR]
#
# --small   builds Rust's own library anew too, for size, and without what prints
#           backtraces, which melu never does. Needs that library's sources
#           (`rustup component add rust-src`), and fetches what they need of others'.
# --prefix  where to install, /usr/local if not given
# --libdir  where libraries go, below the prefix; lib if not given
# DESTDIR   is put before the prefix, to make packages
#
# Needs cargo, and GNU binutils for Linux or another system with ELF. Nothing is installed
# before all is built.
#
# For another processor or system, CARGO_BUILD_TARGET is Rust's name of it, and CROSS_COMPILE
# the beginning of the names of its compiler and binutils:
#
#     CARGO_BUILD_TARGET=aarch64-unknown-linux-gnu CROSS_COMPILE=aarch64-linux-gnu-
#     CARGO_BUILD_TARGET=x86_64-pc-windows-gnu CROSS_COMPILE=x86_64-w64-mingw32-
#
# For Windows it is a DLL in bin, and what MinGW's linker needs for it. For musl
# (x86_64-unknown-linux-musl) it is the static library alone: Rust makes no shared one there.
set -eu

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

usage="usage: install.sh [--small] [--prefix DIR] [--libdir DIR]"
small=
prefix=/usr/local
libdir=lib
while [ $# -gt 0 ]; do
    case $1 in
        --small)
            small=yes
            shift
            continue
            ;;
        --prefix=* | --libdir=*) option=${1%%=*} value=${1#*=} ;;
        --prefix | --libdir)
            [ $# -gt 1 ] || fail "$1 needs a folder"
            option=$1 value=$2
            shift
            ;;
        *) fail "unknown argument $1; $usage" ;;
    esac
    shift
    case $option in
        --prefix) prefix=$value ;;
        --libdir) libdir=$value ;;
    esac
done
case $prefix in /*) ;; *) fail "the prefix $prefix must begin with /" ;; esac
case $libdir in
    /* | */ | "" | *..* | *//*) fail "the libdir $libdir must be a plain path below the prefix" ;;
esac
cross=${CROSS_COMPILE:-}
for tool in cargo "$cross"nm "$cross"ld "$cross"objcopy "$cross"objdump "$cross"ar; do
    command -v "$tool" >/dev/null || fail "$tool is missing"
done

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)
abi=$(sed -n '/^\[package.metadata.capi.library\]/,$ s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")
major=${abi%%.*}

system=${CARGO_BUILD_TARGET:-$(cd "$root" && rustc -vV | sed -n 's/^host: //p')}
if [ -n "$cross" ]; then
    linker=CARGO_TARGET_$(printf '%s' "$system" | tr 'a-z-' 'A-Z_')_LINKER
    eval "$linker=\${$linker:-${cross}gcc}"
    export "${linker?}"
fi

set --
target=${CARGO_TARGET_DIR:-$root/target}
build_std=
if [ -n "$small" ]; then
    sources=$(cd "$root" && rustc --print sysroot)/lib/rustlib/src/rust/library
    [ -d "$sources" ] || fail "--small needs the sources of Rust's own library, and there" \
        "is no $sources; install them: rustup component add rust-src"
    target=$target/small
    build_std="-Zbuild-std=std -Zbuild-std-features=panic-unwind,optimize_for_size"
    # All is to be small: what is to be inlined in kernels is marked so, and their loops are of
    # vectors already. But a loop of a known length is unrolled as ever, for only then are their
    # sums in registers. Lists take up to twice as long as by the other library.
    set -- -Cllvm-args=-inline-threshold=6 \
        -Cllvm-args=-force-attribute=optsize -Cllvm-args=-unroll-threshold=150 \
        -Cno-vectorize-loops
    # One level of kernels less, of 60 KB: see src/kernels/level.rs.
    set -- "$@" --cfg melu_small
    # There, Rust links by LLVM's linker, which keeps one of several functions that are alike.
    [ "$system" != x86_64-unknown-linux-gnu ] || set -- "$@" -Clink-arg=-Wl,--icf=all
    # Neither to build that library is stable, nor to leave out where a panic was: melu tells
    # what it says, not where.
    export CARGO_BUILD_TARGET="$system" RUSTC_BOOTSTRAP=1
    export RUSTFLAGS="${RUSTFLAGS:-} -Zlocation-detail=none"
fi

kinds=cdylib,staticlib
case $system in
    *-musl*) kinds=staticlib ;;
    *-windows-gnu) ;;
    *-windows-*) fail "for Windows there is x86_64-pc-windows-gnu alone, not $system" ;;
    *) set -- "$@" "-Clink-arg=-Wl,-soname,libmelu.so.$major" ;;
esac

# Both kinds alone, without the Rust library: only then is all of it optimised as one. The
# shared one's name, which programs look for at run time, carries the version of the ABI and
# nothing else, so that they keep running when the library is renewed.
built=$target${CARGO_BUILD_TARGET:+/$CARGO_BUILD_TARGET}/embedded
mkdir -p "$built"
natives=$built/melu-native-libraries
# shellcheck disable=SC2086 # a few arguments, or none
(cd "$root" && cargo rustc --quiet --locked --profile embedded --features capi --lib \
    $build_std --target-dir "$target" --crate-type "$kinds" -- \
    "$@" "--print=native-static-libs=$natives")
# The compiler adds its own runtime, by the name that suits static linking or not.
libraries=$(tr ' ' '\n' <"$natives" | grep '^-l' | grep -vx -e -lc -e -lgcc_s | awk '!seen[$0]++' |
    tr '\n' ' ' | sed 's/ $//')

# One object whose only global names are melu's, so that the archive can be linked
# beside other archives that bring Rust's own library along.
make_one_object() {
    names=$("$cross"nm --defined-only --extern-only "$built/libmelu.a" 2>/dev/null |
        awk '$3 ~ /^melu_/ { print $3 }' | sort -u)
    [ -n "$names" ] || fail "$built/libmelu.a has no function of melu's"
    roots=
    for name in $names; do
        roots="$roots --undefined=$name"
    done
    # By binutils 2.40 the tables for unwinding are wrong for RISC-V if sections are collected, so
    # that no program with this archive could catch an exception. Elsewhere that spares 700 bytes
    # of the usual archive, and 147 KB of the small one.
    collect=--gc-sections
    case ${CARGO_BUILD_TARGET:-$(uname -m)} in riscv*) collect= ;; esac
    # Without groups, for those that two archives share are kept once, by their names.
    # shellcheck disable=SC2086 # one argument a name, and none
    "$cross"ld --relocatable $collect --force-group-allocation $roots \
        -o "$work/melu.o" "$built/libmelu.a"
    # A section for each function has done its work: headers and names were a quarter of it.
    # Rust's own bitcode would make linkers take this for an object of LLVM's.
    cat >"$work/merge.ld" <<'SCRIPT'
SECTIONS {
    .text 0 : { *(.text .text.*) }
    .rodata 0 : { *(.rodata .rodata.*) }
    .data.rel.ro 0 : { *(.data.rel.ro .data.rel.ro.*) }
    .data 0 : { *(.data .data.*) }
    .bss 0 : { *(.bss .bss.*) }
    .tbss 0 : { *(.tbss .tbss.*) }
    .gcc_except_table 0 : { *(.gcc_except_table .gcc_except_table.*) }
    /DISCARD/ : { *(.llvmbc .llvmcmd) }
}
SCRIPT
    "$cross"ld --relocatable --script="$work/merge.ld" -o "$work/merged.o" "$work/melu.o"
    mv "$work/merged.o" "$work/melu.o"
    # The names for files beyond 2 GB are others than the plain ones on systems of 32 bits alone.
    # glibc has both elsewhere, and musl, since 1.2.4, only the plain ones: with these the archive
    # suits both.
    plain=
    case $("$cross"objdump -f "$work/melu.o") in
        *elf64*)
            for name in $("$cross"nm --undefined-only "$work/melu.o" |
                awk '$NF ~ /[a-z]64$/ { print $NF }'); do
                plain="$plain --redefine-sym $name=${name%64}"
            done
            ;;
    esac
    # shellcheck disable=SC2086 # one argument a name
    "$cross"objcopy --strip-unneeded --wildcard --keep-global-symbol='melu_*' $plain "$work/melu.o"
    (cd "$work" && "$cross"ar crsD libmelu.a melu.o)
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $system in
    # MinGW's linker has no such options for objects of Windows.
    *-windows-*) cp "$built/libmelu.a" "$work/libmelu.a" ;;
    *) make_one_object ;;
esac

up=$(printf '%s' "$libdir" | sed 's|[^/][^/]*|..|g')
cmake_libraries=$(printf '%s' "$libraries" | sed 's/-l//g; s/ /;/g')
fill() {
    sed -e "s|@VERSION@|$version|g" -e "s|@ABI@|$abi|g" -e "s|@MAJOR@|$major|g" \
        -e "s|@LIBDIR@|$libdir|g" -e "s|@UP@|$up|g" \
        -e "s|@LIBRARIES@|$libraries|g" -e "s|@CMAKE_LIBRARIES@|$cmake_libraries|g" "$here/$1.in"
}

# The whole tree first, so that a failure leaves nothing behind.
tree=$work/tree
lib=$tree/$libdir
install -d "$tree/include" "$lib/pkgconfig" "$lib/cmake/melu"
install -m 644 "$root/include/melu.h" "$tree/include/melu.h"
install -m 644 "$root/bindings/cpp/melu.hpp" "$tree/include/melu.hpp"
if [ "$kinds" = staticlib ]; then
    note=", without a shared library, which Rust does not make for musl"
elif [ -z "${system##*-windows-*}" ]; then
    install -d "$tree/bin"
    install -m 755 "$built/melu.dll" "$tree/bin/melu.dll"
    install -m 644 "$built/libmelu.dll.a" "$lib/libmelu.dll.a"
else
    install -m 755 "$built/libmelu.so" "$lib/libmelu.so.$abi"
    # The compilers' names.
    [ -z "$small" ] || "$cross"objcopy --remove-section=.comment "$lib/libmelu.so.$abi"
    ln -sf "libmelu.so.$abi" "$lib/libmelu.so.$major"
    ln -sf "libmelu.so.$major" "$lib/libmelu.so"
fi
install -m 644 "$work/libmelu.a" "$lib/libmelu.a"
fill melu.pc >"$lib/pkgconfig/melu.pc"
fill melu-config.cmake >"$lib/cmake/melu/melu-config.cmake"
fill melu-config-version.cmake >"$lib/cmake/melu/melu-config-version.cmake"

base=${DESTDIR:-}$prefix
mkdir -p "$base"
cp -RP "$tree/." "$base/"
echo "melu $version is installed in $base${note:-}"
