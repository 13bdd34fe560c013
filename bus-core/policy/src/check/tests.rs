use insta::assert_snapshot;

use super::*;
use crate::load::{PolicyFile, load};
use crate::sample::{self, file, permit};
use crate::validity::date_from_iso;

fn warnings(files: &[PolicyFile]) -> String {
    match load(&sample::catalogue(), files) {
        Ok(policy) => check(&policy).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        Err(mistakes) => panic!("{mistakes}"),
    }
}

/// Grants of the court to the water company, all in the coarse view.
fn coarse(grants: &[&str]) -> Vec<PolicyFile> {
    let grants: Vec<String> =
        grants.iter().map(|grant| permit("C-1", "water", &format!("{grant}\nview = 'coarse'"))).collect();
    vec![file("permits/court.toml", &grants.join("\n"))]
}

const FINED: &str = "service = 'ruling'\nstatuses = ['fined']";
const SEALED: &str = "service = 'sealing'\nstatuses = ['sealed']";

#[test]
fn a_phase_with_one_service_and_status_behind_it_hides_nothing() {
    assert_snapshot!(warnings(&coarse(&[FINED])));
}

#[test]
fn a_phase_with_several_services_and_statuses_behind_it_hides_them_until_the_phase_before_tells() {
    assert_snapshot!(warnings(&coarse(&[FINED, SEALED])));
}

#[test]
fn two_statuses_of_one_service_tell_the_service() {
    assert_snapshot!(warnings(&coarse(&["service = 'sealing'\nstatuses = ['sealed', 'fined']"])));
}

#[test]
fn one_status_of_two_services_tells_the_status() {
    assert_snapshot!(warnings(&coarse(&[FINED, "service = 'sealing'\nstatuses = ['fined']"])));
}

#[test]
fn groups_that_only_one_permit_gives_tell_what_is_behind_a_copy() {
    let with_parcel = format!("{FINED}\ngroups = ['parcel']");
    assert_snapshot!(warnings(&coarse(&[&with_parcel, SEALED])));
}

#[test]
fn a_match_tells_what_is_behind_a_copy() {
    let matched = format!("{FINED}\nrequires = 'watch:parcel'");
    assert_snapshot!(warnings(&coarse(&[&matched, SEALED])));
}

#[test]
fn a_permit_that_has_run_out_hides_no_other() {
    let mut files = coarse(&[FINED, SEALED]);
    let sealed = files[0].text.rfind("2032-03-19").expect("the permit has an end");
    files[0].text.replace_range(sealed..sealed + 10, "2025-12-31");
    assert_snapshot!(warnings(&files));
}

#[test]
fn exact_views_have_nothing_to_hide() {
    let land = permit("C-1", "land", "service = 'ruling'\nstatuses = ['fined']\nview = 'exact'");
    assert_eq!(warnings(&[file("permits/court.toml", &land)]), "");
}

#[test]
fn a_permit_that_no_subscription_lets_through_is_told() {
    let deeds = "[[subscription]]\nsubscriber = 'bank'\nname = 'deeds'\nservice = 'deed'\n";
    let files: Vec<PolicyFile> = sample::files().into_iter().chain([file("subscriptions/bank.toml", deeds)]).collect();
    let lost: Vec<String> =
        warnings(&files).lines().filter(|line| line.contains("subscription")).map(str::to_owned).collect();
    assert_snapshot!(lost.join("\n"));
}

#[test]
fn permits_that_end_soon_are_told_once_for_each_number() {
    let policy = sample::policy(&[]);
    let at = |day: &str, days: u32| {
        let today = date_from_iso(day).expect("a date");
        expiring(&policy, today, days).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(at("2032-02-17", 30), "");
    assert_snapshot!(
        [at("2032-02-18", 30), at("2032-03-18", 30), at("2032-03-19", 0), at("2032-03-20", 0)].join("\n\n")
    );
}
