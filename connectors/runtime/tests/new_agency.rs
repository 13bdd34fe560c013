//! The example of `docs/new-agency.md` works, and the page says what is true.

use std::path::PathBuf;

use barid_connector::cast::Cast;
use barid_connector::source::FileFormat;
use barid_connector::{ConnectorConfig, DryRun, Keys, dry_run, load_config, suggest};
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

fn run(connector: &str) -> DryRun {
    let secret = |name: &str| Secret::from_bytes(format!("{name} of the example")).unwrap();
    let keys = Keys { connector: secret("the key"), correlation: secret("the other"), watch: secret("the third") };
    dry_run(&config(connector), &keys, Millis(0)).unwrap()
}

/// The events without their ids, which differ from key to key.
fn without_ids(run: &DryRun) -> Vec<Value> {
    let mut events: Vec<Value> = run.lines.iter().map(|line| line.json().clone()).collect();
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
    let corr_ids: Vec<&Value> = run.lines[..4].iter().map(|line| &line.json()["corr_id"]).collect();
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
