use barid_schemas::Millis;

use super::*;

fn version() -> PolicyVersion {
    let file = |path: &str, text: &str| PolicyFile { path: path.to_owned(), text: text.to_owned() };
    PolicyVersion {
        version: 3,
        files: vec![file("permits/court.toml", "# دادگاه\n"), file("permits/land.toml", "")],
        applied_by: "operator".to_owned(),
        applied_at: Millis(1),
    }
}

fn replay(records: Vec<PolicyRecord>) -> Result<Option<PolicyVersion>, ManifestError> {
    let mut versions = PolicyVersions::default();
    let mut last = None;
    for record in records {
        last = versions.add(record)?;
    }
    Ok(last)
}

#[test]
fn a_version_is_complete_with_its_manifest_and_reads_as_it_was_written() {
    let mut records = version_records(&version());
    assert_eq!(replay(records.clone()), Ok(Some(version())));
    records.pop();
    assert_eq!(replay(records), Ok(None));
}

#[test]
fn a_manifest_whose_file_is_missing_or_different_is_refused() {
    let path = || "permits/court.toml".to_owned();
    let mut missing = version_records(&version());
    missing.remove(0);
    assert_eq!(replay(missing), Err(ManifestError::Missing { version: 3, path: path() }));
    let mut different = version_records(&version());
    different[0].text.push('x');
    assert_eq!(replay(different), Err(ManifestError::Different { version: 3, path: path() }));
}

#[test]
fn a_file_that_the_manifest_does_not_name_is_refused() {
    let mut records = version_records(&version());
    let mut stray = records[0].clone();
    stray.path = "permits/stray.toml".to_owned();
    records.insert(0, stray);
    assert_eq!(replay(records), Err(ManifestError::Unnamed { version: 3, path: "permits/stray.toml".to_owned() }));
}

#[test]
fn a_manifest_with_a_broken_line_is_refused() {
    let mut records = version_records(&version());
    let manifest = records.last_mut().expect("a manifest");
    manifest.text = manifest.text.replacen("  ", " ", 1);
    assert_eq!(replay(records), Err(ManifestError::BadLine { version: 3, line: 1 }));
}

#[test]
fn a_complete_version_never_changes() {
    let mut records = version_records(&version());
    records.extend(version_records(&version()));
    assert_eq!(replay(records), Err(ManifestError::Complete { version: 3 }));
}
