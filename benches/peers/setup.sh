# Sourced by the commands beside it, at the root of the repository: builds melu, installs the
# other libraries into target/peers, and makes the models of the generated world. Sets
# `python`, `models` and `make_models`.
here=benches/peers
target=${CARGO_TARGET_DIR:-target}

bindings/c/install.sh --prefix "$(realpath -m "$target/peers/melu")"
cargo build --quiet --locked --release --features train \
    --example peers_training --example peers_models
make_models=$target/release/examples/peers_models

environment=$target/peers/python
python=$environment/bin/python
if ! cmp -s $here/requirements.txt "$environment/installed"; then
    python3 -m venv "$environment"
    install=("$python" -m pip install --quiet --disable-pip-version-check)
    # Without CUDA, where that can be had: then the next line finds it installed.
    cpu=(--timeout 15 --retries 0 --index-url https://download.pytorch.org/whl/cpu)
    "${install[@]}" "${cpu[@]}" "$(grep '^torch==' $here/requirements.txt)" 2>/dev/null || true
    "${install[@]}" -r $here/requirements.txt
    # Its sources alone, and they are built in a way of before; where that fails, the suite
    # says so and goes on.
    "${install[@]}" --no-use-pep517 --no-deps lightfm==1.17 || true
    cp $here/requirements.txt "$environment/installed"
fi

# The models are made anew when the program that makes them is new.
models=$target/peers/models
model() { # NAME COMMAND...: makes it unless it is there
    [[ $models/$1 -nt $make_models ]] || "$make_models" "${@:2}"
}
mkdir -p "$models"
model films/model.melu world "$models/films" 6040 3706 40
for items in 3706 100000 1000000; do
    model films-$items.melu enlarge "$models/films/model.melu" $items "$models/films-$items.melu"
    model vector-$items.melu enlarge "$models/films/model.melu" $items \
        "$models/vector-$items.melu" vector
done
