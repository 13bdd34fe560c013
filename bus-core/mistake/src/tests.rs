use serde::Deserialize;
use toml::Spanned;

use super::*;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Office {
    name: Spanned<String>,
    #[serde(default)]
    colour: Option<Colour>,
    #[serde(default)]
    #[expect(dead_code, reason = "only read")]
    desk: Vec<Desk>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Desk {
    #[expect(dead_code, reason = "only read")]
    number: u32,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Colour {
    Green,
    Blue,
}

fn check(text: &str, expected: &[&str]) {
    let found: Vec<String> = match parse_toml::<Office>("office.toml", text) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(found, expected);
}

#[test]
fn a_right_file_is_read_with_the_place_of_its_values() {
    let text = "\u{feff}# an office\ncolour = \"blue\"\nname = 'دفتر'\n";
    let office: Office = parse_toml("office.toml", text).expect("the file is right");
    assert_eq!(office.name.get_ref(), "دفتر");
    assert_eq!(office.colour, Some(Colour::Blue));
    assert_eq!(line_of(text, office.name.span().start), 3);
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_key_that_was_meant() {
    check("\nnmae = 'x'\n", &["office.toml:2: unknown key `nmae`\n  cure: did you mean `name`?"]);
}

#[test]
fn an_unknown_key_that_resembles_nothing_is_named_with_all_that_is_known() {
    check(
        "name = 'x'\n[tetrahedron]\nsides = 4\n",
        &["office.toml:2: unknown key `tetrahedron`\n  cure: known here: `name`, `colour`, `desk`"],
    );
}

#[test]
fn all_unknown_keys_are_told_at_once_also_in_nested_tables() {
    check(
        "naem = 'x'\n[[desk]]\nnumber = 1\n[[desk]]\nnumbr = 2\nchair = 3\n",
        &[
            "office.toml:1: unknown key `naem`\n  cure: did you mean `name`?",
            "office.toml:5: unknown key `numbr`\n  cure: did you mean `number`?",
            "office.toml:6: unknown key `chair`\n  cure: known here: `number`",
        ],
    );
}

#[test]
fn an_unknown_value_is_named_with_the_value_that_was_meant() {
    check("name = 'x'\ncolour = 'gren'", &["office.toml:2: unknown value `gren`\n  cure: did you mean `green`?"]);
}

#[test]
fn a_missing_key_is_told_with_the_table_that_lacks_it() {
    check("name = 'x'\n\n[[desk]]\n", &["office.toml:3: missing field `number`"]);
}

#[test]
fn a_wrong_type_is_told_with_its_line() {
    check("name = 'x'\n[[desk]]\nnumber = 'one'", &["office.toml:3: invalid type: string \"one\", expected u32"]);
}

#[test]
fn all_errors_of_syntax_are_told_at_once() {
    let mistakes = parse_toml::<Office>("office.toml", "name = 'x\n= 3\n").expect_err("the file is broken");
    let lines: Vec<_> = mistakes.iter().map(|mistake| mistake.place.line).collect();
    assert_eq!(lines, [Some(1), Some(2)], "{mistakes}");
}

#[test]
fn all_mistakes_are_printed_one_after_another_with_their_number() {
    let mut mistakes = Mistakes::new();
    mistakes.add(Place::file("b.toml"), "it is empty");
    mistakes
        .push(Mistake::new(Place::line("a.toml", 3), "unknown agency `smat`").with_nearest("smat", ["tax", "samt"]));
    mistakes.sort();
    assert_eq!(
        mistakes.to_string(),
        "a.toml:3: unknown agency `smat`\n  cure: did you mean `samt`?\nb.toml: it is empty\n2 mistakes"
    );
}

#[test]
fn nearest_finds_slips_of_the_pen_and_leaves_other_words_alone() {
    let known = ["under_review", "approved", "approved_conditional", "rejected"];
    for (word, expected) in [
        ("approvd", Some("approved")),
        ("under-reveiw", Some("under_review")),
        ("REJECTED", Some("rejected")),
        ("aproved_conditonal", Some("approved_conditional")),
        ("demolished", None),
        ("", None),
    ] {
        assert_eq!(nearest(word, known), expected, "{word}");
    }
    assert_eq!(nearest("tax", ["samt"]), None);
    assert_eq!(nearest("a", ["b"]), None);
}

#[test]
fn line_of_counts_from_one_and_stays_inside_the_text() {
    let text = "a\nb\n";
    assert_eq!([0, 1, 2, 3, 4, 99].map(|byte| line_of(text, byte)), [1, 1, 2, 2, 3, 3]);
}
