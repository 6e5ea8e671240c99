#!/usr/bin/env bash
# melu on other processors and systems, from 64-bit Debian 12 on x86-64.
#
#     tests/platforms.sh [--install] [--write] PLATFORM...
#
# native       this machine, to compare with
# arm64        64-bit Arm, Linux; under qemu
# arm64-tests  Rust's tests of kernels, users, questions and weight files there; some minutes
# arm64-go     the Go package's tests there, with glibc and with musl; under qemu
# musl         Linux on x86-64 with musl: a static program, and the Go package's tests
# windows      64-bit Windows by MinGW: a DLL, a static program, CMake and pkg-config; under wine
# riscv64      64-bit RISC-V, Linux; under qemu
# arm32        32-bit Arm with hardware floats, Linux; under qemu
# i686         32-bit x86, Linux
# compiled     static libraries for Android, iOS and macOS: compiled, neither linked nor run
# big-endian   that the crate refuses such processors, and says so
# all          all of these
#
# --install    installs what is missing, by apt-get and rustup, and zig by pip
# --write      puts what was found into the tables of docs/platforms.md and README.md; without
#              it these are compared: sizes may differ by a tenth
#
# On each platform bindings/c/install.sh installs the library, and tests/platforms/smoke.c
# compares the numbers of tests/golden/everywhere.json, by each level of kernels. What is
# missing is named, and the status is 69 then: nothing is wrong with melu, but not all was tested.
set -euo pipefail
cd "$(dirname "$0")/.."

PLATFORMS=(native arm64 arm64-tests arm64-go musl windows riscv64 arm32 i686 compiled big-endian)

fail() {
    echo "platforms.sh: $*" >&2
    exit 1
}

# A folder without links, as it goes into libraries' paths.
mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd -P)
export CARGO_TARGET_DIR=$target
home=$target/platforms
install=
write=

# need RUST_TARGET PROGRAM:PACKAGES...
need() {
    local rust=$1 pair missing=() packages=()
    shift
    for pair; do
        command -v "${pair%%:*}" >/dev/null || {
            missing+=("${pair%%:*}")
            # shellcheck disable=SC2206 # several packages
            packages+=(${pair#*:})
        }
    done
    if ((${#missing[@]})) && [[ $install ]]; then
        local root=()
        ((EUID == 0)) || root=(sudo)
        "${root[@]}" apt-get update -q >/dev/null
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -qy --no-install-recommends "${packages[@]}" >/dev/null
        missing=()
    fi
    if ((${#missing[@]})); then
        echo "platforms.sh: not here: ${missing[*]}; --install installs ${packages[*]}" >&2
        exit 69
    fi
    [[ -d $(rustc --print sysroot)/lib/rustlib/$rust ]] && return
    if [[ ! $install ]] || ! rustup target add "$rust"; then
        echo "platforms.sh: Rust's own library for $rust is not here: rustup target add $rust" >&2
        exit 69
    fi
}

# record ROW KERNELS RUN LIBRARY: what tests/platforms/table.py puts into the page.
record() {
    mkdir -p "$home/found"
    printf '%s\n' "$2" "$3" "$4" >"$home/found/$1"
}

bytes_of() {
    stat -c %s "$1"
}

# install_library NAME RUST_TARGET PREFIX_OF_TOOLS: into $prefix, and makes ready to compile.
install_library() {
    prefix=$home/$1/prefix
    work=$home/$1
    rm -rf "$work"
    mkdir -p "$work"
    CARGO_BUILD_TARGET=$2 CROSS_COMPILE=$3 bindings/c/install.sh --prefix "$prefix"
    export PKG_CONFIG_LIBDIR=$prefix/lib/pkgconfig
    tests/platforms/cases.py >"$work/golden.h"
    compile=("${3}gcc" -std=c99 -O1 -Wall -Wextra -Werror "-I$work" tests/platforms/smoke.c)
}

# smoke PROGRAM LEVEL...: the numbers by each level, by the command of `runner`.
smoke() {
    local program=$1 level
    shift
    for level; do
        MELU_KERNEL=$level "${runner[@]}" "$program" | tee "$work/output"
        grep -q "^$level: " "$work/output" || fail "$program did not compute with $level"
    done
}

# linux NAME RUST_TARGET TOOLS EMULATOR LEVEL...: shared and static.
linux() {
    local name=$1 rust=$2 tools=$3 emulator=$4
    shift 4
    install_library "$name" "$rust" "$tools-"
    # shellcheck disable=SC2046 # a few arguments
    "${compile[@]}" $(pkg-config --cflags --libs melu) "-Wl,-rpath,$prefix/lib" -lm -o "$work/shared"
    # shellcheck disable=SC2046
    "${compile[@]}" $(pkg-config --cflags melu) "$prefix/lib/libmelu.a" \
        $(pkg-config --static --libs-only-l melu | sed 's/-lmelu //') -lm -o "$work/static"
    # The tables for unwinding, which the linker leaves out if an object's are wrong.
    "$tools-readelf" --program-headers "$work/static" | grep -qE "GNU_EH_FRAME|EXIDX" ||
        fail "with the archive, programs cannot catch exceptions"
    "$tools-strip" "$work/static"
    runner=("$emulator" -L "/usr/$tools")
    smoke "$work/shared" "$@"
    smoke "$work/static" "$@"
    record "$name" "$(levels "$@")" "C program, under qemu" \
        "$(bytes_of "$(readlink -f "$prefix/lib/libmelu.so")")"
}

# What this processor has, for those platforms that are of its kind.
kernels=(portable)
grep -qw f16c /proc/cpuinfo && grep -qw avx2 /proc/cpuinfo && kernels=(avx2 "${kernels[@]}")
grep -qw avx512f /proc/cpuinfo && kernels=(avx512 "${kernels[@]}")

levels() {
    local all
    printf -v all '%s, ' "$@"
    printf '%s' "${all%, }"
}

platform_native() {
    need x86_64-unknown-linux-gnu gcc:gcc pkg-config:pkg-config
    install_library native x86_64-unknown-linux-gnu ""
    # shellcheck disable=SC2046
    "${compile[@]}" $(pkg-config --cflags --libs melu) "-Wl,-rpath,$prefix/lib" -lm -o "$work/shared"
    runner=(env)
    smoke "$work/shared" "${kernels[@]}"
    record native "$(levels "${kernels[@]}")" "whole suite, by \`cargo test\`" \
        "$(bytes_of "$(readlink -f "$prefix/lib/libmelu.so")")"
}

ARM64=(aarch64-linux-gnu-gcc:"gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
    qemu-aarch64-static:qemu-user-static pkg-config:pkg-config)

platform_arm64() {
    need aarch64-unknown-linux-gnu "${ARM64[@]}"
    linux arm64 aarch64-unknown-linux-gnu aarch64-linux-gnu qemu-aarch64-static neon portable
}

platform_arm64-tests() {
    need aarch64-unknown-linux-gnu "${ARM64[@]}"
    local name tests=()
    for name in "${ARM64_TESTS[@]}"; do tests+=(--test "$name"); done
    # MELU_EMULATOR is how tests start themselves again.
    MELU_EMULATOR=$(command -v qemu-aarch64-static) QEMU_LD_PREFIX=/usr/aarch64-linux-gnu \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64-static \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
        CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc MELU_REQUIRE_ALL=1 \
        cargo test --locked --target aarch64-unknown-linux-gnu --features capi \
        --config 'profile.dev.debug=0' --lib "${tests[@]}"
    record arm64-tests "neon, portable" \
        "Rust's tests of the kernels, and of what uses and opens models" ""
}
# Tests that start no compilers and do not train: training takes too long under qemu, and its code
# as long to compile as all the rest.
ARM64_TESTS=(c_catalogues c_serving c_users catalog everywhere prepared questions rooms
    saved serving user weight_file)

# The module's own archive, linked and run as programs have it; there is no row of the table for it.
platform_arm64-go() {
    need aarch64-unknown-linux-gnu "${ARM64[@]}" go:golang-go python3:python3-venv
    local zig=$home/zig/bin/python
    if [[ $install && ! -x $zig ]]; then
        python3 -m venv "$home/zig"
        "$zig" -m pip install -q --disable-pip-version-check \
            "$(grep '^ziglang==' packaging/requirements.txt)"
    fi
    if ! "$zig" -c 'import ziglang' 2>/dev/null; then
        echo "platforms.sh: not here: zig, for musl; --install installs it into $home/zig" >&2
        exit 69
    fi
    local work=$home/arm64-go archive=$PWD/bindings/go/internal/native/libmelu_linux_arm64.a
    rm -rf "$work"
    mkdir -p "$work"
    if aarch64-linux-gnu-nm --undefined-only "$archive" | grep '[a-z]64$'; then
        fail "the archive refers to names that musl has not had since 1.2.4"
    fi
    printf '#!/bin/sh\nexec "%s" -m ziglang cc -target aarch64-linux-musl "$@"\n' "$zig" >"$work/musl-gcc"
    chmod +x "$work/musl-gcc"
    export GOARCH=arm64 CGO_ENABLED=1
    local libc compiler flags
    for libc in glibc musl; do
        compiler=aarch64-linux-gnu-gcc flags=
        [[ $libc == glibc ]] ||
            compiler=$work/musl-gcc flags='-linkmode external -extldflags "-static -lunwind"'
        (
            cd bindings/go
            export CC=$compiler
            go vet -tags melu_vendored .
            go test -c -tags melu_vendored -o "$work/$libc" -ldflags "$flags" .
            qemu-aarch64-static -L /usr/aarch64-linux-gnu "$work/$libc"
        )
    done
}

platform_musl() {
    need x86_64-unknown-linux-musl gcc:gcc musl-gcc:musl-tools go:golang-go
    install_library musl x86_64-unknown-linux-musl ""
    if nm --undefined-only "$prefix/lib/libmelu.a" "$vendored" | grep '[a-z]64$'; then
        fail "the archive refers to names that musl has not had since 1.2.4"
    fi
    # musl 1.2.5 comes along with Rust; what it is called elsewhere is made of it.
    local rust name
    rust=$(rustc --print sysroot)/lib/rustlib/x86_64-unknown-linux-musl/lib/self-contained
    mkdir "$work/musl"
    cp "$rust"/* "$work/musl"
    for name in dl m pthread rt util; do ar rc "$work/musl/lib$name.a"; done
    mv "$work/musl/libunwind.a" "$work/musl/libgcc_eh.a"
    "${compile[@]}" -static -nostdlib "$work"/musl/crt{1,i}.o "-I$prefix/include" \
        "$prefix/lib/libmelu.a" "-L$work/musl" -lgcc_eh -lc -lgcc "$work/musl/crtn.o" \
        -o "$work/static"
    strip "$work/static"
    runner=(env)
    smoke "$work/static" "${kernels[@]}"
    go_with_musl
    record musl "$(levels "${kernels[@]}")" "C program and the Go package's tests, static" \
        "$(bytes_of "$work/static")"
}

# The archive that the Go package has, for any libc.
vendored=bindings/go/internal/native/libmelu_linux_amd64.a

# The Go package's tests, as static programs: by the headers of the system's musl, and Rust's
# newer library.
go_with_musl() {
    sed -e "s|/usr/lib/x86_64-linux-musl|$work/musl|g" \
        -e "s|%:if-exists(libgcc_eh.a%s)|$work/musl/libgcc_eh.a|" \
        /usr/lib/x86_64-linux-musl/musl-gcc.specs >"$work/specs"
    printf '#!/bin/sh\nexec gcc -specs "%s" "$@"\n' "$work/specs" >"$work/gcc"
    chmod +x "$work/gcc"
    (cd bindings/go && CC=$work/gcc CGO_ENABLED=1 go test -tags melu_vendored \
        -ldflags '-linkmode external -extldflags "-static"' .)
}

platform_windows() {
    need x86_64-pc-windows-gnu x86_64-w64-mingw32-gcc:gcc-mingw-w64-x86-64 \
        /usr/lib/wine/wine64:wine64 pkg-config:pkg-config cmake:cmake
    local tools=x86_64-w64-mingw32
    install_library windows x86_64-pc-windows-gnu $tools-
    local folder
    for folder in shared static cmake; do mkdir -p "$work/$folder"; done
    # shellcheck disable=SC2046
    "${compile[@]}" $(pkg-config --cflags --libs melu) -o "$work/shared/smoke.exe"
    # shellcheck disable=SC2046
    "${compile[@]}" -static $(pkg-config --static --cflags --libs melu) -o "$work/static/smoke.exe"
    cp "$prefix/bin/melu.dll" "$work/shared"
    cat >"$work/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.15)
project(smoke C)
find_package(melu REQUIRED)
foreach(kind melu melu-static)
  add_executable(\${kind} $PWD/tests/platforms/smoke.c)
  target_include_directories(\${kind} PRIVATE $work)
  target_link_libraries(\${kind} PRIVATE melu::\${kind})
endforeach()
target_link_options(melu-static PRIVATE -static)
get_target_property(dll melu::melu IMPORTED_LOCATION)
file(COPY "\${dll}" DESTINATION "\${CMAKE_BINARY_DIR}")
END
    cmake -S "$work" -B "$work/cmake" -DCMAKE_SYSTEM_NAME=Windows -DCMAKE_C_COMPILER=$tools-gcc \
        -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
    cmake --build "$work/cmake" >/dev/null
    # Windows has this, and Debian's wine has not: random numbers for Rust's hash tables.
    cat >"$work/random.c" <<'END'
unsigned char __stdcall SystemFunction036(void *to, unsigned long len);
__declspec(dllexport) int ProcessPrng(void *to, unsigned long long len) {
  return SystemFunction036(to, (unsigned long)len);
}
END
    $tools-gcc -shared "$work/random.c" -ladvapi32 -o "$work/bcryptprimitives.dll"
    for folder in shared static cmake; do cp "$work/bcryptprimitives.dll" "$work/$folder"; done
    export WINEPREFIX=$work/wine WINEDEBUG=-all
    runner=(/usr/lib/wine/wine64)
    local program
    for program in shared/smoke static/smoke cmake/melu cmake/melu-static; do
        smoke "$work/$program.exe" "${kernels[@]}"
    done
    /usr/lib/wine/wineserver64 -k || true
    record windows "$(levels "${kernels[@]}")" "C program by pkg-config and CMake, under wine" \
        "$(bytes_of "$prefix/bin/melu.dll")"
}

platform_riscv64() {
    need riscv64gc-unknown-linux-gnu pkg-config:pkg-config qemu-riscv64-static:qemu-user-static \
        riscv64-linux-gnu-gcc:"gcc-riscv64-linux-gnu libc6-dev-riscv64-cross"
    linux riscv64 riscv64gc-unknown-linux-gnu riscv64-linux-gnu qemu-riscv64-static portable
}

platform_arm32() {
    need armv7-unknown-linux-gnueabihf pkg-config:pkg-config qemu-arm-static:qemu-user-static \
        arm-linux-gnueabihf-gcc:"gcc-arm-linux-gnueabihf libc6-dev-armhf-cross"
    linux arm32 armv7-unknown-linux-gnueabihf arm-linux-gnueabihf qemu-arm-static portable
}

platform_i686() {
    need i686-unknown-linux-gnu pkg-config:pkg-config qemu-i386-static:qemu-user-static \
        i686-linux-gnu-gcc:"gcc-i686-linux-gnu libc6-dev-i386-cross"
    linux i686 i686-unknown-linux-gnu i686-linux-gnu qemu-i386-static portable
}

platform_compiled() {
    local rust
    for rust in aarch64-linux-android aarch64-apple-ios aarch64-apple-darwin; do
        need $rust
        cargo rustc --quiet --locked --profile embedded --features capi --lib \
            --crate-type staticlib --target $rust
        record $rust "neon, portable" "compiled" ""
    done
}

platform_big-endian() {
    need s390x-unknown-linux-gnu
    local said message="melu needs a little-endian processor"
    if said=$(cargo check --locked --lib --target s390x-unknown-linux-gnu 2>&1); then
        fail "the crate compiles for a big-endian processor"
    fi
    grep -q "^error: $message" <<<"$said" || fail "not \"$message\", but: $said"
    # And nothing else, which would hide it.
    [[ $(grep -c '^error: [^c]' <<<"$said") == 1 ]] || fail "more than one error: $said"
    echo "big-endian: refused"
    record big-endian "none" "refused when compiling" ""
}

chosen=()
for argument; do
    case $argument in
        --install) install=yes ;;
        --write) write=--write ;;
        all) chosen=("${PLATFORMS[@]}") ;;
        *)
            [[ " ${PLATFORMS[*]} " == *" $argument "* ]] ||
                fail "unknown argument $argument; there are ${PLATFORMS[*]} all"
            chosen+=("$argument")
            ;;
    esac
done
((${#chosen[@]})) || fail "which platform? There are ${PLATFORMS[*]} all"

status=0
rm -rf "$home/found"
for platform in "${chosen[@]}"; do
    printf '\n== %s\n' "$platform"
    begin=$SECONDS
    # A shell of its own, for what it exports; and its status without losing `set -e`.
    set +e
    (
        set -e
        "platform_$platform"
    )
    found=$?
    set -e
    if ((found == 69)) && [[ ! ${MELU_REQUIRE_ALL-} ]]; then
        status=69
    elif ((found)); then
        fail "$platform: failed with status $found"
    else
        echo "$platform: $((SECONDS - begin)) s"
    fi
done
[[ ! -d $home/found ]] || tests/platforms/table.py "$home/found" $write
exit $status
