use insta::assert_snapshot;

use super::*;
use crate::load::load;
use crate::sample::{self, facts};

fn consequences(from: &str, to: &str, facts: &EventFacts<'_>) -> String {
    let mut files = sample::files();
    for file in &mut files {
        file.text = file.text.replace(from, to);
    }
    let new = load(&sample::catalogue(), &files).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let found = compare(&sample::index(&[]), &Index::build(new.into()), &WatchTable::new(), facts);
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn says_who_would_get_more_less_or_something_else() {
    let issued = facts("land", "deed", "issued");
    assert_eq!(consequences("C-1", "C-7", &issued), "");
    assert_snapshot!(
        [
            consequences("[\"L\", \"D\"]", "[\"L\"]", &issued),
            consequences("[\"issued\"]\ngroups", "[\"heard\"]\ngroups", &issued),
            consequences("[\"issued\"]\ngroups", "[\"heard\"]\ngroups", &facts("land", "deed", "heard")),
        ]
        .join("\n")
    );
}
