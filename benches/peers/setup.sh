# Sourced by the commands that measure with Python, at the root of the repository: builds melu,
# installs what requirements.txt of the folder `here` names into target/<the folder's name>, and
# makes models of generated worlds. Sets `python`, `models` and the function `model`.
target=${CARGO_TARGET_DIR:-target}

bindings/c/install.sh --prefix "$(realpath -m "$target/peers/melu")"
cargo build --quiet --locked --release --features cli \
    --example peers_training --example peers_models
make_models=$target/release/examples/peers_models

. benches/peers/python.sh

# The models are made anew when the program that makes them is new.
models=$target/peers/models
model() { # NAME COMMAND...: makes it unless it is there
    [[ $models/$1 -nt $make_models ]] || "$make_models" "${@:2}"
}
mkdir -p "$models"
model films/model.melu world "$models/films" 6040 3706 40
