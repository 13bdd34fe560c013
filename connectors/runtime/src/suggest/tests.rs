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

fn of(name: &str, export: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, export).unwrap();
    suggest(&path).unwrap()
}

#[track_caller]
fn has(suggestion: &str, line: &str) {
    assert!(suggestion.lines().any(|found| found == line), "no line `{line}` in\n{suggestion}");
}

#[test]
fn a_damaged_cell_is_told_and_changes_no_guess() {
    let dates = ["1403/01/01", "1403/01/32", "1403/02/01", "1403/03/01"];
    let rows = dates.map(|date| format!("1,{date},ثبت\n")).concat();
    let suggestion = of("export.csv", &format!("شماره پرونده,تاریخ وضعیت,وضعیت\n{rows}"));
    has(&suggestion, "# no `jalali_date` in 1 of 4 cells: row 2");
    has(&suggestion, "occurred_at = { column = \"تاریخ وضعیت\", cast = \"jalali_date\" }");
}

#[test]
fn a_deadline_is_not_the_moment_of_the_status() {
    let suggestion = of("export.csv", "شماره پرونده,وضعیت,مهلت رسیدگی\n1,ثبت,1403/01/01\n2,ثبت,1403/01/02\n");
    has(&suggestion, "occurred_at = { column = \"FILL_IN\", cast = \"jalali_date\" }");
    has(&suggestion, "deadline_at = { column = \"مهلت رسیدگی\", cast = \"jalali_date\" }");
}

#[test]
fn money_tells_its_unit_or_asks_for_it() {
    let header = |name: &str| of("export.csv", &format!("شماره پرونده,وضعیت,{name}\n1,ثبت,\"2,500\"\n2,ثبت,900\n"));
    has(&header("تعرفه (تومان)"), "\"money.amount_rial\" = { column = \"تعرفه (تومان)\", cast = \"toman\" }");
    has(&header("عوارض به ریال"), "\"money.amount_rial\" = { column = \"عوارض به ریال\", cast = \"rial\" }");
    has(&header("مبلغ"), "\"money.amount_rial\" = { column = \"مبلغ\", cast = \"rial\" } # rial or toman?");
}

#[test]
fn names_and_pointers_are_understood() {
    has(&of("export.csv", "شماره پرونده,وضعیت,نام\n1,ثبت,ساحل\n"), "\"person.name\" = { column = \"نام\" }");
    let suggestion = of(
        "export.jsonl",
        "{\"case\":\"1\",\"status\":\"ثبت\",\"date\":\"1403/01/01\",\"person\":{\"name\":\"ساحل\"}}\n",
    );
    has(&suggestion, "columns = [\"/case\"]");
    has(&suggestion, "\"person.name\" = { column = \"/person/name\" }");
    has(&suggestion, "occurred_at = { column = \"/date\", cast = \"jalali_date\" }");
}

#[test]
fn what_only_looks_like_something_is_not_guessed() {
    let rows: String = (1..=9).map(|row| format!("{row},پ{row},ثبت,1{row}/5\n")).collect();
    let suggestion = of("export.csv", &format!("ردیف,پرونده,وضعیت,دبی\n{rows}"));
    has(&suggestion, "# ردیف numbers the rows of the export; it is left out");
    assert!(!suggestion.contains("percent") && !suggestion.contains("plate"), "{suggestion}");
}

#[test]
fn what_is_left_open_is_named_with_its_line_and_all_at_once() {
    let suggestion = of("export.csv", "شماره پرونده,وضعیت,تاریخ\n1,ثبت,1403/01/01\n");
    let mistakes = load_config(&suggestion, "connector.toml".as_ref(), &Catalogue::shared()).unwrap_err();
    let open = (1..).zip(suggestion.lines()).filter(|(_, line)| !line.starts_with('#') && line.contains("FILL_IN"));
    let open: Vec<String> =
        open.map(|(number, line): (u32, _)| format!("`FILL_IN` is left at line {number}: {line}")).collect();
    let told: Vec<&str> = mistakes.iter().map(|mistake| mistake.message.as_str()).collect();
    assert_eq!(told, open);
    assert_eq!(open.len(), 4, "agency, service, its table, one word");
}

#[test]
fn a_header_with_quotes_and_backslashes_stays_toml() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("strange.csv");
    std::fs::write(&path, "\"a \"\"b\"\"\",c\\d,وضعیت\n1,2,\"x\"\"y\"\n").unwrap();
    let suggestion = suggest(&path).unwrap();
    assert!(toml::from_str::<toml::Value>(&suggestion).is_ok(), "{suggestion}");
}
