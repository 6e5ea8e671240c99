#!/bin/sh
# Makes the page "melu in your browser": one file, site/index.html, to be opened from anywhere.
#
#     bindings/js/demo/build.sh [--data FOLDER | --model FILE]
#
# --data   trains the model on a data folder, instead of on a generated world
# --model  takes a weight file that is there already
#
# Needs what ../build.sh needs. MELU names the command line program, if it is built already.
set -eu

fail() {
    echo "build.sh: $*" >&2
    exit 1
}

usage="usage: build.sh [--data FOLDER | --model FILE]"
data= model=
case $# in
    0) ;;
    2) case $1 in
        --data) data=$2 ;;
        --model) model=$2 ;;
        *) fail "unknown argument $1; $usage" ;;
    esac ;;
    *) fail "$usage" ;;
esac
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)

melu() {
    if [ -n "${MELU:-}" ]; then
        "$MELU" "$@"
    else
        cargo run --quiet --release --manifest-path "$root/Cargo.toml" --features cli --bin melu -- "$@"
    fi
}

given=--given
if [ -z "$model" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    if [ -z "$data" ]; then
        # Made of the seed: all builds have the same films and people.
        data=$work/world given=
        melu synth "$data" --users 3000 --items 400 --seed 21 >/dev/null
    fi
    model=$work/model.melu
    melu train "$data" --output "$model" >/dev/null
fi
"$here/../build.sh"
mkdir -p "$here/site"
# shellcheck disable=SC2086 # one argument, or none
node "$here/bundle.mjs" "$model" $given "$here/site/index.html"
