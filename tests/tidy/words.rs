//! Words that must not stand in the source.

use toml::Table;

use crate::tree::{code_lines, expect_none, files, is_test, members, production_text, read, rust_files};

/// Paths of one machine and hosts of registries: a checkout builds and tests anywhere, with the ordinary clients. In two
/// halves, so that this list does not find itself.
const FORBIDDEN: [(&str, &str); 16] = [
    ("/wo", "rk/"),
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("/tmp/", "plan"),
    ("../", "shared"),
    ("a ", "session of the project"),
    ("this ", "session"),
    ("index.", "crates.io"),
    ("static.", "crates.io"),
    ("pypi.", "org"),
    ("files.python", "hosted.org"),
    ("repo1.", "maven"),
    ("repo.", "maven"),
    ("registry.", "npmjs"),
    ("proxy.", "golang"),
    ("deb.", "debian"),
];

const TEXT: [&str; 14] = [
    ".rs", ".toml", ".md", ".sh", ".py", ".xml", ".txt", ".json", ".avsc", ".csv", ".yml", ".yaml", "/run", "justfile",
];

/// Files and folders whose tests sleep, each with the reason.
const SLEEPERS: [(&str, &str); 5] = [
    ("tests/harness/src/wait.rs", "looks at a condition again and again, up to a limit"),
    ("tests/harness/src/proxy.rs", "plays a slow network"),
    ("tests/harness/src/supervised.rs", "waits for a process to end, up to a limit"),
    ("bus-core/kafka/tests/", "plays a processor that is slow, so that it can be killed in the middle"),
    ("tests/tidy/words.rs", "names the words"),
];

const LOG_MACROS: [&str; 5] = ["error!(", "warn!(", "info!(", "debug!(", "trace!("];

#[test]
fn no_file_names_a_machine_or_the_host_of_a_registry() {
    let mut faults = Vec::new();
    for file in files("", &TEXT) {
        for (index, line) in file.text.lines().enumerate() {
            for (one, two) in FORBIDDEN {
                if line.contains(&format!("{one}{two}")) {
                    faults.push(format!("{}:{}: `{one}{two}`", file.path, index + 1));
                }
            }
        }
    }
    expect_none("the project must not know where it was made:", &faults);
}

#[test]
fn no_log_message_ends_with_a_period() {
    let mut faults = Vec::new();
    for member in members() {
        for file in member.production_files() {
            for (line, message) in log_messages(production_text(&file.text)) {
                if message.ends_with('.') {
                    faults.push(format!("{}:{line}: `{message}`", file.path));
                }
            }
        }
    }
    expect_none("a log line is no sentence:", &faults);
}

/// Codes that are ordinary words as well ("tax", "health") are looked for as whole strings only.
#[test]
fn no_agency_is_named_in_the_production_code_of_the_bus() {
    let agencies: Table = read("schemas/catalogue/agencies.toml").parse().unwrap();
    let codes: Vec<&str> =
        agencies["agency"].as_array().unwrap().iter().filter_map(|one| one["code"].as_str()).collect();
    assert!(codes.len() >= 25, "the agencies: {codes:?}");
    let mut faults = Vec::new();
    for file in rust_files("bus-core").into_iter().filter(|file| !is_test(&file.path)) {
        for (line, text) in code_lines(production_text(&file.text)) {
            for code in &codes {
                if text.contains(&format!("\"{code}\"")) || (code.contains('_') && text.contains(code)) {
                    faults.push(format!("{}:{line}: `{code}`", file.path));
                }
            }
        }
    }
    expect_none("the bus serves any agency:", &faults);
}

#[test]
fn no_test_sleeps() {
    let mut faults = Vec::new();
    for file in rust_files("").into_iter().filter(|file| !SLEEPERS.iter().any(|(path, _)| file.path.starts_with(path)))
    {
        let tests = if is_test(&file.path) { 0 } else { production_text(&file.text).len() };
        for (line, text) in code_lines(&file.text[tests..]) {
            if text.contains("thread::sleep") || text.contains("time::sleep") {
                let line = line + file.text[..tests].lines().count();
                faults.push(format!("{}:{line}", file.path));
            }
        }
    }
    expect_none("wait for a condition with a limit:", &faults);
}

/// The last string of each call of a log macro, with its line: the message.
fn log_messages(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for name in LOG_MACROS {
        for (at, _) in text.match_indices(name) {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_') {
                continue;
            }
            if let Some(message) = last_string(&text[at + name.len()..]) {
                found.push((text[..at].lines().count().max(1), message));
            }
        }
    }
    found
}

/// The last string literal before the parenthesis that closes the call.
fn last_string(arguments: &str) -> Option<String> {
    let mut open = 1;
    let mut last = None;
    let mut letters = arguments.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '(' => open += 1,
            ')' if open == 1 => break,
            ')' => open -= 1,
            '"' => {
                let mut string = String::new();
                while let Some(letter) = letters.next() {
                    match letter {
                        '"' => break,
                        '\\' => string.extend(letters.next()),
                        letter => string.push(letter),
                    }
                }
                last = Some(string);
            }
            _ => {}
        }
    }
    last
}

#[test]
fn finds_the_message_of_a_log_call() {
    let calls = "warn!(reason = \"x.\", count = f(1), \"it \\\"failed\\\" (again)\");\n  tracing::info!(\"done.\");\nmy_info!(\"no.\");";
    assert_eq!(log_messages(calls), [(1, "it \"failed\" (again)".to_owned()), (2, "done.".to_owned())]);
}
