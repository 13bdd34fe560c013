use insta::assert_snapshot;

use super::*;
use crate::load::{PolicyFile, load};
use crate::sample::{self, file};

fn changed(change: impl Fn(&mut Vec<PolicyFile>)) -> Difference {
    let mut files = sample::files();
    change(&mut files);
    let new = load(&sample::catalogue(), &files).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    difference(&sample::policy(&[]), &new)
}

fn replaced(from: &str, to: &str) -> Difference {
    changed(|files| {
        for file in files {
            file.text = file.text.replace(from, to);
        }
    })
}

#[test]
fn the_same_policy_written_otherwise_changes_nothing() {
    let difference = changed(|files| files[0].text.insert_str(0, "# the court\n\n"));
    assert!(difference.is_empty());
    assert_eq!(difference.to_string(), "nothing changes");
}

#[test]
fn a_new_permit_gives_more_and_a_removed_one_does_not() {
    let more = replaced("statuses = [\"issued\"]\ngroups", "statuses = [\"issued\", \"heard\"]\ngroups");
    assert!(more.gives_more());
    let less = replaced("statuses = [\"heard\", \"fined\"]", "statuses = [\"fined\"]");
    assert!(!less.gives_more());
    assert_snapshot!(format!("{more}\n\n{less}"));
}

#[test]
fn wider_and_narrower_groups_are_told_apart() {
    assert_snapshot!(replaced("[\"L\", \"D\"]", "[\"decision\", \"money\"]").to_string());
}

#[test]
fn a_change_of_view_condition_and_validity_says_whether_it_gives_more() {
    let looser = replaced("requires = \"watch:parcel\"", "");
    let stricter = replaced("view = \"exact\"\nrequires", "view = \"coarse\"\nrequires");
    let longer = replaced("2032-03-19", "2033-03-19");
    let shorter = replaced("2032-03-19", "2031-03-19");
    assert_eq!([&looser, &stricter, &longer, &shorter].map(Difference::gives_more), [true, false, true, false]);
    assert_snapshot!(format!("{looser}\n\n{stricter}\n\n{shorter}"));
}

#[test]
fn subscriptions_are_compared_by_their_names() {
    let one = "[[subscription]]\nsubscriber = 'bank'\nname = 'deeds'\nservice = 'deed'\ncounties = ['sari']\n";
    let other =
        "[[subscription]]\nsubscriber = 'bank'\nname = 'deeds'\nfilters = [{ suffix = { type = '.issued' } }]\n";
    let old = sample::policy(&[file("subscriptions/a.toml", one)]);
    let new = sample::policy(&[file("subscriptions/b.toml", other)]);
    assert_snapshot!(difference(&old, &new).to_string());
}

#[test]
fn a_changed_catalogue_is_told() {
    let old = sample::policy(&[]);
    let mut new = old.clone();
    new.catalogue.counties.remove("amol");
    new.catalogue.sensitive_services.remove("sealing");
    new.catalogue.exact_status_pairs.insert(("ruling".to_owned(), "bank".to_owned()));
    if let Some(allowed) = new.catalogue.whitelist.get_mut(&Group::Number) {
        allowed.insert("bank".to_owned());
    }
    if let Some(status) = new.catalogue.statuses.get_mut("fined") {
        status.phase = barid_schemas::catalogue::Phase::Ended;
    }
    if let Some(service) = new.catalogue.services.get_mut("deed") {
        service.edges.remove(0);
    }
    assert_snapshot!(difference(&old, &new).to_string());
}
