#!/usr/bin/env bash
# Measures melu beside other libraries, from a clean checkout: builds melu, installs the
# others into target/peers, sees that all agree, measures, and writes a table and a plot.
#
#     benches/peers/run.sh [--check | --quick | --publish] [--million] [--peers A,B]
#
# Needs cargo and Python 3.11 or later with venv. PyTorch is several gigabytes where its own
# index of smaller packages cannot be reached.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=benches/peers
target=${CARGO_TARGET_DIR:-target}

bindings/c/install.sh --prefix "$(realpath -m "$target/peers/melu")"
cargo build --quiet --locked --release --features train --example peers_training

environment=$target/peers/python
python=$environment/bin/python
if ! cmp -s $here/requirements.txt "$environment/installed"; then
    python3 -m venv "$environment"
    install=("$python" -m pip install --quiet --disable-pip-version-check)
    # Without CUDA, where that can be had: then the next line finds it installed.
    cpu=(--timeout 15 --retries 0 --index-url https://download.pytorch.org/whl/cpu)
    "${install[@]}" "${cpu[@]}" "$(grep '^torch==' $here/requirements.txt)" 2>/dev/null || true
    "${install[@]}" -r $here/requirements.txt
    cp $here/requirements.txt "$environment/installed"
fi
exec "$python" $here/run.py "$@"
