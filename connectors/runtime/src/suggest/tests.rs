//! First configurations for the sample exports and for worse ones.

use std::path::PathBuf;

use barid_schemas::Catalogue;

use super::suggest;
use crate::load_config;

fn sample(agency: &str, file: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(agency).join("sample").join(file);
    suggest(&path).unwrap()
}

#[test]
fn the_suggestion_says_how_the_file_is_written_and_what_its_columns_are() {
    let suggestion = sample("agri_jahad", "01_agri_land.csv");
    for line in [
        "encoding = \"utf-8\"",
        "separator = \"comma\"",
        "columns = [\"شماره پرونده\"]",
        "column = \"وضعیت\"",
        "\"ارسال استعلام\" = \"FILL_IN\"",
        "occurred_at = { column = \"تاریخ وضعیت\", cast = \"jalali_date\" }",
        "case_no = { column = \"شماره پرونده\" }",
        "county = { column = \"شهرستان\" }",
        "\"parcel.plate\" = { column = \"پلاک ثبتی\" }",
        "\"identity.idv_tracking_code\" = { column = \"کد رهگیری\" }",
        "\"parcel.utm_e\" = { column = \"X\" }",
        "\"parcel.utm_n\" = { column = \"Y\" }",
    ] {
        assert!(suggestion.contains(line), "no `{line}` in\n{suggestion}");
    }
    assert!(suggestion.contains("number = { column = \"کد/شناسه ملی\" }"), "{suggestion}");
}

#[test]
fn encodings_separators_units_and_gregorian_times_are_found() {
    let suggestion = sample("art99_commission", "05_art99_cp1256.csv");
    assert!(suggestion.contains("encoding = \"windows-1256\"") && suggestion.contains("separator = \"semicolon\""));
    assert!(suggestion.contains("cast = \"rial\""), "{suggestion}");
    let suggestion = sample("art100_commission", "06_art100_utf16.tsv");
    assert!(suggestion.contains("encoding = \"utf-16le\"") && suggestion.contains("separator = \"tab\""));
    assert!(suggestion.contains("cast = \"toman\""), "{suggestion}");
    let suggestion = sample("bank_facilities", "07_bank.csv");
    assert!(suggestion.contains("cast = \"gregorian_timestamp\""), "{suggestion}");
    assert!(suggestion.contains("column = \"STATUS_TITLE\""), "{suggestion}");
}

#[test]
fn every_suggestion_is_refused_until_a_person_has_filled_it_in() {
    for (agency, file) in [
        ("agri_jahad", "01_agri_land.csv"),
        ("tourism_heritage", "03_tourism.csv"),
        ("samt", "04_samt.csv"),
        ("art99_commission", "05_art99_cp1256.csv"),
        ("art100_commission", "06_art100_utf16.tsv"),
        ("bank_facilities", "07_bank.csv"),
        ("identity_verification", "08_identity.csv"),
        ("smart_gov_council", "09_council.csv"),
    ] {
        let suggestion = sample(agency, file);
        let mistakes = load_config(&suggestion, "connector.toml".as_ref(), &Catalogue::shared()).unwrap_err();
        // What is refused is what was left open: no guess is a mistake of its own.
        for mistake in &mistakes {
            let text = mistake.to_string();
            assert!(text.contains("FILL_IN") || text.contains("catalogue.toml"), "{file}: {text}\n{suggestion}");
        }
    }
}

#[test]
fn a_header_with_quotes_and_backslashes_stays_toml() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("strange.csv");
    std::fs::write(&path, "\"a \"\"b\"\"\",c\\d,وضعیت\n1,2,\"x\"\"y\"\n").unwrap();
    let suggestion = suggest(&path).unwrap();
    assert!(toml::from_str::<toml::Value>(&suggestion).is_ok(), "{suggestion}");
}
