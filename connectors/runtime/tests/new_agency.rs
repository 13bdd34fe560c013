//! The example of `docs/new-agency.md` works, and the page says what is true.

use std::collections::BTreeSet;
use std::path::PathBuf;

use barid_connector::cast::Cast;
use barid_connector::source::FileFormat;
use barid_connector::{ConnectorConfig, DryRun, Keys, dry_run, load_config, reason_codes, suggest};
use barid_event::Secret;
use barid_schemas::{Catalogue, Millis};
use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn example(file: &str) -> PathBuf {
    root().join("examples/new-agency").join(file)
}

fn text(path: PathBuf) -> String {
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn page() -> String {
    text(root().join("docs/new-agency.md"))
}

fn config(connector: &str) -> ConnectorConfig {
    let mut catalogue = Catalogue::shared();
    let added = catalogue.add("catalogue.toml", &text(example("catalogue.toml")));
    added.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    load_config(connector, &example("connector.toml"), &catalogue).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// A dry run and its lines.
struct Ran {
    run: DryRun,
    lines: Vec<Value>,
}

impl std::ops::Deref for Ran {
    type Target = DryRun;

    fn deref(&self) -> &DryRun {
        &self.run
    }
}

fn run(connector: &str) -> Ran {
    try_out(&config(connector))
}

fn try_out(config: &ConnectorConfig) -> Ran {
    let secret = |name: &str| Secret::from_bytes(format!("{name} of the example")).unwrap();
    let keys = Keys { connector: secret("the key"), correlation: secret("the other"), watch: secret("the third") };
    let mut lines = Vec::new();
    let run = dry_run(config, &keys, Millis(0), |line| {
        lines.push(line.json().clone());
        Ok::<(), std::convert::Infallible>(())
    });
    Ran { run: run.unwrap_or_else(|never| match never {}), lines }
}

/// The events without their ids, which differ from key to key.
fn without_ids(run: &Ran) -> Vec<Value> {
    let mut events: Vec<Value> = run.lines.clone();
    for event in events.iter_mut().filter_map(Value::as_object_mut) {
        event.remove("event_id");
        event.remove("corr_id");
    }
    events
}

#[test]
fn the_example_gives_the_events_that_stand_beside_it() {
    let run = run(&text(example("connector.toml")));
    assert!(run.faults.is_empty(), "{:?}", run.faults);
    let events = without_ids(&run);
    let expected: Vec<Value> =
        text(example("expected.jsonl")).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (event, expected) in events.iter().zip(&expected) {
        assert_eq!(event, expected, "the event of row {}", event["source"]["row"]);
    }
    assert_eq!(events.len(), expected.len());
    assert_eq!((run.files[0].rows, run.files[0].published), (8, 8));
}

#[test]
fn the_rows_of_one_case_are_one_matter_whatever_their_spelling() {
    let run = run(&text(example("connector.toml")));
    let corr_ids: Vec<&Value> = run.lines[..4].iter().map(|line| &line["corr_id"]).collect();
    assert!(corr_ids.windows(2).all(|pair| pair[0] == pair[1]));
}

/// What the page shows of a row with an unknown word.
#[test]
fn a_forgotten_status_word_holds_back_its_row_with_the_message_on_the_page() {
    let forgotten = text(example("connector.toml")).replace("\"بازدید\" = \"site_visited\"\n", "");
    let run = run(&forgotten);
    let quarantined: Vec<Value> =
        without_ids(&run).into_iter().filter(|line| line.get("quarantined").is_some()).collect();
    assert_eq!(quarantined.len(), 3, "the row, and the two of its case behind it");
    assert_eq!((run.files[0].published, run.files[0].quarantined, run.files[0].waiting), (5, 1, 2));
    let message = quarantined[0]["quarantined"]["problems"][0]["message_en"].as_str().unwrap();
    assert!(page().contains(message), "the page does not show:\n{message}");
}

#[test]
fn the_suggestion_for_the_example_finds_what_the_page_says_it_finds() {
    let suggestion = suggest(&example("exports/farms-1403.csv")).unwrap();
    let page = page();
    let shown = page.split("<!-- suggested -->").nth(1).and_then(|rest| rest.split("```").nth(1)).unwrap();
    for line in shown.lines().skip(1).filter(|line| !line.trim().is_empty() && *line != "…") {
        assert!(suggestion.contains(line), "the suggestion has no line\n{line}\nbut is\n{suggestion}");
    }
}

#[test]
fn the_permit_of_the_example_names_what_the_catalogue_has() {
    let permits: toml::Value = toml::from_str(&text(example("permits.toml"))).unwrap();
    let grant = &permits["permit"][0]["grant"][0];
    let mut catalogue = Catalogue::shared();
    catalogue.add("catalogue.toml", &text(example("catalogue.toml"))).unwrap();
    let service = &catalogue.services[grant["service"].as_str().unwrap()];
    let states = service.states();
    for status in grant["statuses"].as_array().unwrap() {
        assert!(states.contains(status.as_str().unwrap()), "{status}");
    }
}

#[test]
fn the_page_shows_the_files_of_the_example_as_they_are() {
    let files = [text(example("catalogue.toml")), text(example("connector.toml")), text(example("permits.toml"))];
    for block in page().split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        if block.contains('…') || block.contains("# a sketch") {
            continue;
        }
        assert!(files.iter().any(|file| file.contains(block.trim_end())), "no file of the example has\n{block}");
    }
}

#[test]
fn the_page_has_every_reason_and_no_other() {
    let page = page();
    let table = page.split("| what you see |").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap();
    let told = table.lines().filter_map(|row| row.strip_prefix("| ")?.split(" |").next());
    let told: BTreeSet<&str> = told.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    let known: BTreeSet<&str> = reason_codes().collect();
    assert_eq!(told, known);
}

#[test]
fn one_file_that_is_absent_stops_no_other_source() {
    let text = text(example("connector.toml"));
    let source = &text[text.find("[[source]]").unwrap()..];
    let name = source.lines().find(|line| line.starts_with("name")).unwrap();
    let path = source.lines().find(|line| line.starts_with("path")).unwrap();
    let absent = source.replace(name, "name = \"absent\"").replace(path, "path = \"exports/nothing-*.csv\"");
    let run = run(&text.replace(source, &format!("{absent}\n{source}")));
    assert_eq!(run.files[0].published, 8, "the source behind it is read");
    let fault = &run.faults[0].faults[0];
    assert_eq!((run.faults[0].source.as_str(), fault.reason.code()), ("absent", "no_file"));
    assert!(fault.to_string().contains("nothing-*.csv"), "{fault}");
}

#[test]
fn a_folder_with_unfinished_files_only_is_not_called_absent() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("export.csv.part"), "half").unwrap();
    let text = text(example("connector.toml"));
    let path = text.lines().find(|line| line.starts_with("path")).unwrap();
    let run = run(&text.replace(path, &format!("path = '{}'", folder.path().display())));
    let said = run.faults[0].faults[0].to_string();
    assert!(said.contains("no export; unfinished and hidden files passed over: 1"), "{said}");
}

#[test]
fn two_sources_that_tell_of_the_same_cases_are_named() {
    let text = text(example("connector.toml"));
    let source = &text[text.find("[[source]]").unwrap()..];
    let name = source.lines().find(|line| line.starts_with("name")).unwrap();
    let again = source.replace(name, "name = \"again\"").replace("[source.case]", "[source.case]\nprefix = \"again\"");
    assert_eq!(run(&format!("{text}\n{again}")).shared, []);
    let other_rows = again.replace("prefix = \"again\"\n", "").replace("county = ", "# county = ");
    let shared = &run(&format!("{text}\n{other_rows}")).shared;
    assert_eq!(shared.len(), 1, "{shared:?}");
    assert_eq!((shared[0].cases, shared[0].sources[1].as_str()), (3, "again"));
}

#[test]
fn the_page_names_every_cast() {
    let page = page();
    // No field of the event is a yes or no.
    for cast in Cast::ALL.into_iter().filter(|cast| *cast != Cast::YesNo) {
        assert!(page.contains(&format!("`{}`", cast.name())), "{}", cast.name());
    }
}

#[test]
fn the_example_is_written_as_its_configuration_says() {
    let opened = barid_connector::source::Opened::open(&example("exports/farms-1403.csv"), &FileFormat::default());
    let opened = opened.unwrap();
    let config = config(&text(example("connector.toml")));
    assert_eq!(opened.format().encoding, config.sources[0].format.encoding);
    assert_eq!(opened.format().separator, config.sources[0].format.separator);
}
