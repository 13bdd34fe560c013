//! What a suggested configuration leaves to a person.

use barid_mistake::{Mistake, Mistakes, Place};

/// What `barid connect --suggest` writes where it cannot know. No code of the catalogue is written in capitals.
pub(crate) const FILL_IN: &str = "FILL_IN";

/// All mistakes in their order, with one for each line that is still to be filled in, in place of what follows from it.
pub(super) fn told_first(file: &str, text: &str, mistakes: Mistakes) -> Mistakes {
    let open: Vec<(u32, &str)> =
        (1..).zip(text.lines()).filter(|(_, line)| without_comment(line).contains(FILL_IN)).collect();
    let follows = |mistake: &Mistake| {
        mistake.message.contains(FILL_IN) || open.iter().any(|(line, _)| mistake.place.line == Some(*line))
    };
    let mut told = Mistakes::new();
    for (line, words) in &open {
        let message = format!("`{FILL_IN}` is left at line {line}: {}", words.trim());
        told.push(Mistake::new(Place::line(file, *line), message).with_cure(cure(words.trim())));
    }
    for mistake in &mistakes {
        if !follows(mistake) {
            told.push(mistake.clone());
        }
    }
    told.sort();
    told
}

fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (index, letter) in line.char_indices() {
        match (letter, quote) {
            ('"' | '\'', None) => quote = Some(letter),
            (letter, Some(open)) if letter == open => quote = None,
            ('#', None) => return &line[..index],
            _ => {}
        }
    }
    line
}

/// What belongs there.
fn cure(line: &str) -> &'static str {
    let key = line.trim_start_matches('[').split(['=', ' ', ']']).next().unwrap_or_default();
    match key {
        "agency" => "write the code of your agency, as in catalogue.toml",
        "fixed" => "write the code of the service, as in catalogue.toml",
        "columns" | "column" | "occurred_at" => "write the name of the column, as in the header of the export",
        _ if line.starts_with('[') => "write the code of the service, as in catalogue.toml",
        _ => "write the code of the status that the word means, one of the service in catalogue.toml",
    }
}
