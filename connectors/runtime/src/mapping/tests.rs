//! Configuration and rows.

use std::collections::BTreeMap;

use barid_schemas::case_event::{Precision, RulingKind};
use barid_schemas::{Catalogue, Millis};

use super::target::TARGETS;
use super::{MappedRow, Moment, RowMapper, load_config};

const CATALOGUE: &str = r#"
agency = { code = "harbour_office", fa = "اداره بندر", en = "Harbour office", number = 99 }

[[service]]
code = "harbour_permit"
fa = "مجوز بندر"
en = "Harbour permit"
transitions = [
  { from = "submitted", to = "approved", actor = "director", basis = "as" },
  { from = "approved", to = "issued", actor = "director", basis = "as" },
]
"#;

/// A configuration with these lines in place of its fields.
fn connector(fields: &str) -> String {
    format!(
        r#"version = 1

[connector]
agency = "harbour_office"

[[source]]
name = "permits"
kind = "files"
path = "export.csv"

[source.case]
columns = ["no"]

[source.service]
fixed = "harbour_permit"

[source.status]
column = "status"
words = {{ harbour_permit = {{ "ثبت" = "submitted", "موافقت" = "approved", "صدور" = "issued" }} }}

[source.fields]
occurred_at = {{ column = "date", cast = "jalali_date" }}
{fields}
"#
    )
}

fn load(text: &str) -> Result<super::ConnectorConfig, String> {
    let mut catalogue = Catalogue::shared();
    catalogue.add("catalogue.toml", CATALOGUE).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    load_config(text, "office/connector.toml".as_ref(), &catalogue).map_err(|mistakes| mistakes.to_string())
}

/// Maps one row.
fn map(fields: &str, cells: &[(&str, &str)]) -> MappedRow {
    let config = load(&connector(fields)).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let mut columns: BTreeMap<String, String> =
        [("no", "1"), ("status", "صدور"), ("date", "1401/01/01")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    columns.extend(cells.iter().map(|(column, cell)| ((*column).to_owned(), (*cell).to_owned())));
    RowMapper::new(&config.sources[0], "export.csv").map(1, (&columns).into())
}

/// A mistake in the file: the message names this line, these words and this cure.
fn refuses(text: &str, line: &str, message: &str, cure: &str) {
    let mistakes = load(text).unwrap_err();
    let number = text.lines().position(|found| found.contains(line)).unwrap() + 1;
    let place = format!("office/connector.toml:{number}: ");
    let found = mistakes.split("office/connector.toml:").any(|mistake| {
        mistake.starts_with(&format!("{number}: ")) && mistake.contains(message) && mistake.contains(cure)
    });
    assert!(found, "no `{place}` with `{message}` and `{cure}` in\n{mistakes}");
}

#[test]
fn every_path_of_a_single_field_is_one_of_the_event() {
    // An event with every group shows every field by its Avro name.
    let json = serde_json::json!({
        "identity": barid_schemas::case_event::Identity::default(),
        "number": barid_schemas::case_event::Number::default(),
        "person": barid_schemas::case_event::Person::default(),
        "contact": barid_schemas::case_event::Contact::default(),
        "parcel": barid_schemas::case_event::Parcel::default(),
        "decision": barid_schemas::case_event::Decision::default(),
        "money": barid_schemas::case_event::Money::default(),
        "violation": barid_schemas::case_event::Violation::default(),
        "business": barid_schemas::case_event::Business::default(),
        "resolution": barid_schemas::case_event::Resolution::default(),
    });
    let avsc: serde_json::Value = serde_json::from_str(barid_schemas::case_event::AVSC).unwrap();
    let envelope: Vec<&str> =
        avsc["fields"].as_array().unwrap().iter().filter_map(|field| field["name"].as_str()).collect();
    for target in TARGETS.iter().filter(|target| !["number", "person.name", "parcel.plate"].contains(&target.path)) {
        let known = match target.path.split_once('.') {
            Some((group, field)) => json[group].get(field).is_some(),
            None => envelope.contains(&target.path),
        };
        assert!(known, "{}", target.path);
    }
    // And every field of every group but two can be filled: pseudonyms are the router's.
    for (group, fields) in json.as_object().unwrap() {
        for field in fields.as_object().unwrap().keys().filter(|field| *field != "subject_ref") {
            let path = format!("{group}.{field}");
            assert!(TARGETS.iter().any(|target| target.path == path), "{path}");
        }
    }
}

#[test]
fn all_mistakes_are_told_at_once_each_with_its_line_and_the_nearest_right_word() {
    let text = connector(
        "\"parcel.utm_zoen\" = { value = 39 }\n\
         \"parcel.utm_zone\" = { value = 99 }\n\
         county = { value = \"nowshar\" }\n\
         \"money.amount_rial\" = { column = \"sum\" }\n\
         deadline_at = { column = \"until\", cast = \"jalali_dat\" }\n\
         \"decision.valid_until\" = { column = \"until\", cast = \"rial\" }\n\
         \"decision.decision\" = { from = \"status\", when = { status = [\"isued\"] } }\n\
         \"violation.ruling_kind\" = { column = \"kind\", words = { \"جریمه\" = \"fin\" } }\n\
         \"identity.idv_status\" = { column = \"result\" }\n\
         letter_no = { column = \"a\", value = \"b\" }",
    )
    .replace("\"submitted\"", "\"sumbitted\"");
    refuses(&text, "utm_zoen", "unknown field `parcel.utm_zoen`", "did you mean `parcel.utm_zone`?");
    refuses(&text, "value = 99", "`parcel.utm_zone` takes a whole number, not `99`", "");
    refuses(&text, "nowshar", "`county` takes a county, not `nowshar`", "did you mean `nowshahr`?");
    refuses(&text, "amount_rial", "`money.amount_rial` needs a cast", "`rial`, `toman`");
    refuses(&text, "jalali_dat\"", "unknown cast `jalali_dat`", "did you mean `jalali_date`?");
    refuses(&text, "valid_until", "which cast `rial` does not give", "`jalali_date`");
    refuses(&text, "isued", "unknown status `isued`", "did you mean `issued`?");
    refuses(&text, "fin\"", "unknown code `fin` for `violation.ruling_kind`", "did you mean `fine`?");
    refuses(&text, "idv_status", "`identity.idv_status` needs `words`", "");
    refuses(&text, "letter_no", "exactly one of `column`, `value`, `from`, `observed`", "");
    refuses(&text, "sumbitted", "unknown status `sumbitted`", "did you mean `submitted`?");
}

#[test]
fn unknown_keys_are_refused_with_the_key_that_was_meant() {
    let text = connector("").replace("path = ", "pth = ");
    refuses(&text, "pth", "unknown key `pth`", "did you mean `path`?");
    let text = connector("case_no = { colunm = \"no\" }");
    refuses(&text, "colunm", "unknown key `colunm`", "did you mean `column`?");
}

#[test]
fn an_agency_publishes_its_own_services_only() {
    let text = connector("").replace("harbour_permit", "harbour_permits");
    refuses(&text, "fixed", "unknown service `harbour_permits`", "did you mean `harbour_permit`?");
    let text = connector("").replace("fixed = \"harbour_permit\"", "fixed = \"treasury_payment\"");
    refuses(&text, "treasury_payment", "does not belong to agency `harbour_office`", "harbour_permit");
    let text = connector("").replace("agency = \"harbour_office\"", "agency = \"harbor_office\"");
    refuses(&text, "harbor_office", "unknown agency `harbor_office`", "did you mean `harbour_office`?");
}

#[test]
fn a_service_without_status_words_and_two_words_that_are_one_are_refused() {
    let text = connector("").replace("words = { harbour_permit = {", "words = { other = {");
    refuses(
        &text,
        "column = \"status\"",
        "has no status words for service `harbour_permit`",
        "[source.status.words.harbour_permit]",
    );
    let text = connector("").replace("\"صدور\" = \"issued\"", "\"ثـبت\" = \"issued\"");
    refuses(&text, "ثـبت", "are the same word to the program", "remove one");
}

#[test]
fn a_source_must_say_when_a_status_came_about() {
    let text = connector("").replace("occurred_at = { column = \"date\", cast = \"jalali_date\" }", "");
    refuses(&text, "name = \"permits\"", "does not say when a status came about", "occurred_at");
}

#[test]
fn the_first_rule_whose_condition_holds_fills_the_field() {
    let fields = "deadline_at = { column = \"until\", cast = \"jalali_date\", when = { status_not = [\"issued\"] } }\n\
        \"decision.valid_until\" = { column = \"until\", cast = \"jalali_date\", when = { status = [\"issued\"] } }\n\
        \"violation.ruling_kind\" = [\n  { value = \"fine\", when = { column = \"kind\", is = [\"جریمه\"] } },\n  { value = \"none\" },\n]";
    let issued = map(fields, &[("until", "1402/02/10"), ("kind", "جريمه")]);
    assert_eq!(issued.facts.deadline_at, None);
    assert!(issued.facts.decision.as_ref().unwrap().valid_until.is_some());
    assert_eq!(issued.facts.violation.as_ref().unwrap().ruling_kind, Some(RulingKind::Fine));
    let approved = map(fields, &[("until", "1402/02/10"), ("status", "موافقت"), ("kind", "")]);
    assert_eq!(approved.facts.decision, None);
    // 1402-02-10 in Tehran ends where the 11th begins: 2023-04-30T20:30:00Z.
    assert_eq!(approved.facts.deadline_at, Some(Millis(1_682_886_600_000 - 1)));
    assert_eq!(approved.facts.violation.as_ref().unwrap().ruling_kind, Some(RulingKind::None));
}

#[test]
fn a_part_of_a_cell_and_a_county_by_its_name_fill_their_fields() {
    let fields = "county = { column = \"address\", split = { by = \"،\", part = 2 } }";
    assert_eq!(map(fields, &[("address", "مازنـدران، قائم شهر، x")]).facts.county.as_deref(), Some("qaemshahr"));
    assert_eq!(map(fields, &[("address", "مازندران")]).facts.county, None);
    let elsewhere = map(fields, &[("address", "مازندران، تبریز")]);
    assert_eq!(elsewhere.problems[0].reason, "unknown_county");
    assert!(elsewhere.problems[0].message_en.contains("`source.fields.county.words` in connector.toml"));
}

#[test]
fn the_length_of_the_number_tells_person_from_company() {
    let fields = "number = { column = \"id\" }\n\"person.name\" = { column = \"name\" }";
    let person = map(fields, &[("id", "9901001171"), ("name", "هاجر")]).facts;
    assert_eq!(person.person.as_ref().unwrap().full_name.as_deref(), Some("هاجر"));
    assert!(person.number.unwrap().legal_id.is_none());
    let company = map(fields, &[("id", "99001000114"), ("name", "شرکت")]).facts;
    assert_eq!(company.person.as_ref().unwrap().company_name.as_deref(), Some("شرکت"));
    assert!(company.number.unwrap().national_id.is_none());
}

#[test]
fn words_that_are_not_in_the_table_stop_the_row_unless_the_mapping_says_otherwise() {
    let strict = "\"person.capacity\" = { column = \"as\", words = { \"وارث\" = \"heir\" } }";
    assert_eq!(map(strict, &[("as", "همسایه")]).problems[0].reason, "unknown_word");
    let lenient = "\"person.capacity\" = { column = \"as\", words = { \"وارث\" = \"heir\" }, other_words = \"empty\" }";
    assert!(map(lenient, &[("as", "همسایه")]).is_sound());
}

#[test]
fn a_required_field_stops_a_row_that_leaves_it_empty() {
    let row = map("letter_no = { column = \"letter\", required = true }", &[("letter", " ")]);
    assert_eq!((row.problems[0].reason.as_str(), row.problems[0].column.as_deref()), ("missing_value", Some("letter")));
}

#[test]
fn a_row_that_tells_no_time_is_observed_and_its_content_does_not_depend_on_when() {
    let text = connector("").replace(
        "occurred_at = { column = \"date\", cast = \"jalali_date\" }",
        "occurred_at = [{ observed = true, when = { status = [\"issued\"] } }, { column = \"date\", cast = \"jalali_date\" }]",
    );
    let config = load(&text).unwrap();
    let map = |status: &str| {
        let columns = [("no", "1"), ("status", status), ("date", "1401/01/01")];
        let columns = columns.into_iter().collect();
        RowMapper::new(&config.sources[0], "export.csv").map(1, columns)
    };
    assert_eq!(map("صدور").moment, Moment::Observed);
    match map("ثبت").moment {
        Moment::At(timestamp) => assert_eq!(timestamp.precision, Precision::Day),
        other => panic!("{other:?}"),
    }
}

#[test]
fn spelling_does_not_change_the_content_and_values_do() {
    let fields =
        "\"person.full_name\" = { column = \"name\" }\n\"money.amount_rial\" = { column = \"sum\", cast = \"rial\" }";
    let hash = |name: &str, sum: &str| map(fields, &[("name", name), ("sum", sum)]).content_hash;
    assert_eq!(hash("هاجر کیان‌مهر", "418,600,000"), hash("هاجر كيان مهر ", "۴۱۸٬۶۰۰٬۰۰۰"));
    assert_ne!(hash("هاجر", "1000"), hash("هاجر", "1001"));
    assert_ne!(hash("هاجر", "1000"), hash("نیما", "1000"));
}

#[test]
fn every_problem_of_a_row_is_told() {
    let row = map("number = { column = \"id\" }", &[("id", "9.9E+09"), ("status", "?"), ("date", "1401/07/31")]);
    let reasons: Vec<_> = row.problems.iter().map(|problem| problem.reason.as_str()).collect();
    assert_eq!(reasons, ["unknown_status", "impossible_date", "scientific_notation"]);
    assert_eq!(row.moment, Moment::Unknown);
}

#[test]
fn numbers_in_texts_become_ascii_digits_and_names_stay_as_written() {
    let row = map(
        "\"decision.decision_no\" = { column = \"d\" }\n\"violation.violation_type\" = { column = \"v\" }",
        &[("d", "ك/۱۴۰۱/۲۱۷"), ("v", "۲ طبقه مازاد")],
    );
    assert_eq!(row.facts.decision.as_ref().unwrap().decision_no.as_deref(), Some("ک/1401/217"));
    assert_eq!(row.facts.violation.as_ref().unwrap().violation_type.as_deref(), Some("۲ طبقه مازاد"));
}

#[test]
fn a_changed_mapping_or_machine_has_another_fingerprint() {
    let one = load(&connector("")).unwrap();
    assert_eq!(one.sha256, load(&connector("")).unwrap().sha256);
    assert_ne!(one.sha256, load(&connector("case_no = { column = \"no\" }")).unwrap().sha256);
    let mut catalogue = Catalogue::shared();
    let wider = CATALOGUE.replace(
        "transitions = [",
        "transitions = [\n{ from = \"issued\", to = \"submitted\", actor = \"x\", basis = \"as\" },",
    );
    catalogue.add("catalogue.toml", &wider).unwrap();
    let other = load_config(&connector(""), "office/connector.toml".as_ref(), &catalogue).unwrap();
    assert_ne!(one.sha256, other.sha256);
}

/// A second source, for `service`, with these lines in its `[source.case]`.
fn second(service: &str, case: &str) -> String {
    let first = connector("");
    let source = first[first.find("[[source]]").unwrap()..].replace("\"permits\"", "\"berths\"");
    let source =
        source.replace("harbour_permit", service).replace("columns = [\"no\"]", &format!("columns = [\"no\"]\n{case}"));
    format!("{first}\n{source}")
}

/// A catalogue with a second service.
fn two_services() -> Catalogue {
    let mut catalogue = Catalogue::shared();
    let (agency, service) = CATALOGUE.split_once("[[service]]").unwrap();
    let berth = service.replace("harbour_permit", "berth_permit");
    let text = format!("{agency}[[service]]{service}\n[[service]]{berth}");
    catalogue.add("catalogue.toml", &text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    catalogue
}

fn load_two(case: &str) -> Result<super::ConnectorConfig, String> {
    let text = second("berth_permit", case);
    load_config(&text, "office/connector.toml".as_ref(), &two_services()).map_err(|mistakes| mistakes.to_string())
}

#[test]
fn two_sources_that_could_number_their_cases_alike_must_say_what_is_meant() {
    let mistakes = load_two("").unwrap_err();
    assert!(mistakes.contains("the sources `permits` and `berths` are for other services"), "{mistakes}");
    assert!(mistakes.contains("prefix = "), "{mistakes}");
    for said in ["prefix = \"berth\"", "prefix = \"\""] {
        load_two(said).unwrap_or_else(|mistakes| panic!("{said}: {mistakes}"));
    }
    let of_one_service = second("harbour_permit", "");
    load(&of_one_service).unwrap_or_else(|mistakes| panic!("one service in two files: {mistakes}"));
    assert!(load_two("prefix = \"--\"").unwrap_err().contains("no letter and no digit"));
}

#[test]
fn a_prefix_parts_the_cases_of_two_sources_and_is_shown_nowhere() {
    let config = load_two("prefix = \"berth\"").unwrap();
    let columns: BTreeMap<String, String> =
        [("no", "12"), ("status", "ثبت"), ("date", "1401/01/01")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let keys: Vec<String> = config
        .sources
        .iter()
        .map(|source| RowMapper::new(source, "export.csv").map(1, (&columns).into()).case_key)
        .collect();
    assert_eq!(keys, ["12", "berth:12"]);
    let nameless: BTreeMap<_, _> = columns.into_iter().map(|(name, cell)| (name, cell.replace("12", "--"))).collect();
    let row = RowMapper::new(&config.sources[1], "export.csv").map(1, (&nameless).into());
    assert_eq!(row.case_key, "", "a prefix alone names no case");
}

#[test]
fn a_fault_of_a_column_that_fills_two_fields_is_told_once() {
    let fields = "deadline_at = { column = \"until\", cast = \"jalali_date\" }\n\"decision.valid_until\" = { column = \"until\", cast = \"jalali_date\" }";
    let row = map(fields, &[("until", "1401/07/31")]);
    assert_eq!(row.problems.len(), 1, "{:?}", row.problems);
}
