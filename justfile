# `just` is one program: `pip install rust-just`, or `cargo install just`.

# The recipes.
default:
    @just --list

# Makes everything that a release has into target/release-check, and tests it; publishes nothing.
release-check *arguments:
    packaging/check.sh {{ arguments }}
