# The commands that people run; `just` lists them.

default:
    @just --list --unsorted

# Orders, step by step, over real HTTP; ends by itself
demo:
    cargo run --release -- demo

# API, processor and notifications in one process
serve *flags:
    cargo run --release -- serve {{ flags }}

# The whole test suite
test *flags:
    cargo test --workspace {{ flags }}

# The checks that a change must pass; changes no file
gate:
    .ci/run

# Formats the code and applies the corrections of clippy
fix:
    cargo fmt --all
    cargo clippy --workspace --all-targets --all-features --fix --allow-dirty --allow-staged
