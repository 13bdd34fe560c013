//! The sample export gives what `expected.json` says, row by row.

#[test]
fn the_sample_export_gives_what_is_expected() {
    if let Err(differences) =
        barid_connector::sample_check(&connector_samt::FOLDER, env!("CARGO_MANIFEST_DIR").as_ref())
    {
        panic!("{differences}");
    }
}
