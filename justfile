# Recipes for people who work on Barid. `just` alone lists them.

# The same flags everywhere, so that nothing is compiled twice.
everything := "--workspace --all-features"

# List the recipes.
default:
    @just --list --unsorted

# Show the bus at work on the sample exports, in one process.
demo *arguments:
    cargo run -- demo {{ arguments }}

# Fetch what the tests need and run everything that must hold, as continuous integration does.
check:
    tests/run.sh

# Fetch what the tests need: Kafka, Apicurio, the Python clients.
fetch:
    tests/run.sh --fetch

# Run the tests that need no broker.
test *arguments:
    cargo test --workspace {{ arguments }}

# Run the tests on a real Kafka; all test binaries share one broker. Arguments go to cargo: `just kafka-test --test end_to_end`.
kafka-test *arguments:
    cargo build {{ everything }} --bins
    target/debug/with_kafka cargo test {{ everything }} {{ arguments }}

# Run one broker and a command with its address in BARID_TEST_BOOTSTRAP.
with-kafka +command:
    cargo build {{ everything }} --bins
    target/debug/with_kafka {{ command }}

# Measure: about 20 minutes, figures and ratios on stdout and in target/bench.json. `just bench router` measures one thing.
bench *arguments:
    cargo build --release -p barid -p barid-benches
    target/release/barid-bench --json target/bench.json {{ arguments }}

# Break a cluster of three in every way once, under 50,000 events; nothing may be lost, doubled or out of order. The same run again: `just faults 1402`.
faults seed="":
    cargo build {{ everything }} --bins
    target/debug/barid-faults {{ if seed == "" { "" } else { "--seed " + seed } }}

# The same with a million events and a hundred faults, optimised, half an hour and more; writes a report. `just soak --seed 7` for a seed of your own.
soak *arguments:
    cargo build --release {{ everything }} --bins
    mkdir -p docs/reports
    target/release/barid-faults --events 1000000 --faults 100 --report docs/reports/soak-`date -u +%F`.md {{ arguments }}

# Lints, with warnings as errors.
lint:
    cargo clippy {{ everything }} --all-targets -- -D warnings

# Format the source.
format:
    cargo fmt --all

# Build the documentation of our own crates and open it.
doc:
    cargo doc {{ everything }} --no-deps --document-private-items --open

# Licences, bans and sources of dependencies; needs no network.
deny:
    cargo deny --offline --workspace --all-features check licenses bans sources

# Known vulnerabilities in dependencies; fetches the advisory database.
advisories:
    cargo deny --workspace --all-features check advisories

# Accept what the snapshot tests now print, after a look at each difference.
snapshots:
    INSTA_UPDATE=always cargo test --workspace
    git diff -- '*.snap'

# Remove what the tests fetched.
clean-cache:
    rm -rf .cache/tests
