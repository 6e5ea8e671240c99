# Sourced by the commands that measure with Python, at the root of the repository: installs what
# requirements.txt of the folder `here` names into target/<the folder's name>. Sets `target` and
# `python`.
target=${CARGO_TARGET_DIR:-target}

environment=$target/$(basename "$here")/python
python=$environment/bin/python
if ! cmp -s "$here/requirements.txt" "$environment/installed"; then
    python3 -m venv "$environment"
    install=("$python" -m pip install --quiet --disable-pip-version-check)
    if torch=$(grep '^torch==' "$here/requirements.txt"); then
        # Without CUDA, where that can be had: then the next line finds it installed.
        cpu=(--timeout 15 --retries 0 --index-url https://download.pytorch.org/whl/cpu)
        "${install[@]}" "${cpu[@]}" "$torch" 2>/dev/null || true
    fi
    "${install[@]}" -r "$here/requirements.txt"
    # What is compiled in a way that pip is giving up; where that fails, the suite says so and
    # goes on.
    if [[ -e $here/requirements-old.txt ]]; then
        "${install[@]}" --no-use-pep517 --no-deps -r "$here/requirements-old.txt" || true
    fi
    cp "$here/requirements.txt" "$environment/installed"
fi
