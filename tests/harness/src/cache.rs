//! Where `tests/run.sh` has put what it fetched: `.cache/tests` in the checkout, or `$BARID_TEST_CACHE`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The root of the checkout.
#[must_use]
pub fn checkout() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The folder of everything that was fetched.
#[must_use]
pub fn folder() -> PathBuf {
    env::var_os("BARID_TEST_CACHE").map_or_else(|| checkout().join(".cache/tests"), PathBuf::from)
}

/// A file or folder of the cache; an error that names the cure if it is not there.
pub fn fetched(path: &str) -> Result<PathBuf> {
    let found = folder().join(path);
    if !found.exists() {
        bail!("`{}` is not there\n  cure: run `tests/run.sh --fetch` once", found.display());
    }
    Ok(found)
}

/// The `java` of an installation of at least this version: `$JAVA_HOME`, then what stands in `/usr/lib/jvm`. The oldest
/// that will do is taken, for that is what most users run.
pub fn java(at_least: u32) -> Result<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    let homes = env::var_os("JAVA_HOME")
        .map(PathBuf::from)
        .into_iter()
        .chain(fs::read_dir("/usr/lib/jvm").into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())));
    for home in homes {
        let java = home.join("bin/java");
        if let (true, Some(version)) = (java.exists(), version_of(&home)) {
            found.push((version, java));
        }
    }
    found.sort();
    found.into_iter().find(|(version, _)| *version >= at_least).map(|(_, java)| java).with_context(|| {
        format!("there is no Java {at_least} or newer\n  cure: install a JDK below /usr/lib/jvm or set JAVA_HOME")
    })
}

/// The major version that the installation's `release` file names.
fn version_of(home: &Path) -> Option<u32> {
    let release = fs::read_to_string(home.join("release")).ok()?;
    let version = release.lines().find_map(|line| line.strip_prefix("JAVA_VERSION="))?.trim_matches('"').to_owned();
    version.split(['.', '-', '+']).next()?.parse().ok()
}
