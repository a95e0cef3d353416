# The commands that people run; `just` lists them.

default:
    @just --list --unsorted

# Orders, step by step, over real HTTP; ends by itself
demo:
    cargo run --release -- demo

# API, processor and notifications in one process
serve *flags:
    cargo run --release -- serve {{ flags }}

# Everything that is promised
test *flags:
    cargo test --workspace {{ flags }}

# The gate that a change has to pass; read-only
gate:
    .ci/run

# What the gate would refuse and a program can mend
fix:
    cargo fmt --all
    cargo clippy --workspace --all-targets --all-features --fix --allow-dirty --allow-staged
