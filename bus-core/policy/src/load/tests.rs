use insta::assert_snapshot;

use super::*;
use crate::sample::{self, file, permit};

/// All mistakes of the sample policy with these files in place of, or beside, its own.
fn refusal(files: &[PolicyFile]) -> String {
    let kept = sample::files().into_iter().filter(|own| files.iter().all(|file| file.path != own.path));
    let all: Vec<PolicyFile> = kept.chain(files.iter().cloned()).collect();
    match load(&sample::catalogue(), &all) {
        Ok(_) => "nothing is refused".to_owned(),
        Err(mistakes) => mistakes.to_string(),
    }
}

fn permits(text: &str) -> String {
    refusal(&[file("permits/court.toml", text)])
}

fn grant(subscriber: &str, keys: &str) -> String {
    permits(&permit("C-9", subscriber, keys))
}

fn subscription(keys: &str) -> String {
    refusal(&[file("subscriptions/all.toml", &format!("[[subscription]]\n{keys}\n"))])
}

#[test]
fn a_policy_without_mistakes_is_read_in_the_order_of_files_and_lines() {
    let text = "[[subscription]]\nsubscriber = 'bank'\nname = 'deeds'\ncounties = ['sari']\nfilters = [{ suffix = { type = '.issued' } }]\n";
    let policy = sample::policy(&[file("subscriptions/bank.toml", text)]);
    let lines: Vec<String> = policy.permits.iter().map(|permit| format!("{}  {permit}", permit.place)).collect();
    assert_snapshot!(lines.join("\n"));
    assert_eq!(policy.subscriptions.len(), 1);
}

#[test]
fn a_file_in_no_known_folder_is_refused() {
    assert_snapshot!(refusal(&[
        file("notes.txt", ""),
        file("permits/old/court.toml", ""),
        file("permit/court.toml", "")
    ]));
}

#[test]
fn a_file_that_is_given_twice_is_refused() {
    assert_snapshot!(refusal(&[file("subscriptions/a.toml", ""), file("subscriptions/a.toml", "")]));
}

#[test]
fn a_permit_file_of_an_unknown_publisher_is_refused() {
    assert_snapshot!(refusal(&[file("permits/cuort.toml", "")]));
}

#[test]
fn an_unknown_file_name_or_key_hides_no_other_mistake_of_the_file() {
    let grant = "service = 'ruling'\nstatuses = ['fnied']\nviwe = 'exact'";
    let told = refusal(&[file("permits/cuort.toml", &permit("C-9", "bnak", grant))]);
    for expected in [
        "unknown agency `cuort`, the publisher\n  cure: did you mean `court`?",
        "unknown agency `bnak`\n  cure: did you mean `bank`?",
        "unknown status `fnied`\n  cure: did you mean `fined`?",
        "unknown key `viwe`\n  cure: did you mean `view`?",
        "4 mistakes",
    ] {
        assert!(told.contains(expected), "{expected} is missing in:\n{told}");
    }
    // Resembling no agency, it is nobody's: what depends on the publisher is not judged.
    let told = refusal(&[file("permits/tetrahedron.toml", &permit("C-9", "bnak", grant))]);
    assert!(told.ends_with("4 mistakes") && !told.contains("owner"), "{told}");
    let told = subscription("subscriber = 'bank'\nname = 'deeds'\ncounty = 'sari'\nservice = 'dede'");
    assert!(told.contains("unknown key `county`") && told.contains("unknown service `dede`"), "{told}");
}

#[test]
fn a_mistake_in_a_catalogue_file_is_told_with_those_of_the_permits() {
    let catalogue = "[[service]]\ncode = \"survey\"\n";
    let files = [file("catalogue/land.toml", catalogue), file("permits/court.toml", "[[permits]]\n")];
    assert_snapshot!(refusal(&files));
}

#[test]
fn a_group_outside_of_the_whitelist_is_refused() {
    assert_snapshot!(grant(
        "bank",
        "service = 'ruling'\nstatuses = ['fined']\ngroups = ['parcel', 'N']\nview = 'coarse'"
    ));
}

#[test]
fn an_exact_view_of_a_sensitive_service_for_an_outsider_is_refused() {
    assert_snapshot!(grant("bank", "service = 'ruling'\nstatuses = ['fined']\nview = 'exact'"));
}

#[test]
fn an_unknown_subscriber_is_refused() {
    assert_snapshot!(grant("bnak", "service = 'ruling'\nstatuses = ['fined']\nview = 'coarse'"));
}

#[test]
fn an_agency_that_subscribes_to_itself_is_refused() {
    assert_snapshot!(grant("court", "service = 'ruling'\nstatuses = ['fined']\nview = 'exact'"));
}

#[test]
fn an_unknown_service_is_refused() {
    assert_snapshot!(grant("bank", "service = 'rulings'\nstatuses = ['fined']\nview = 'coarse'"));
}

#[test]
fn an_unknown_status_is_refused() {
    assert_snapshot!(grant("bank", "service = 'ruling'\nstatuses = [\n  'heard',\n  'finde',\n]\nview = 'coarse'"));
}

#[test]
fn a_status_that_the_service_does_not_have_is_refused() {
    assert_snapshot!(grant("bank", "service = 'ruling'\nstatuses = ['sealed']\nview = 'coarse'"));
}

#[test]
fn a_grant_for_no_status_is_refused() {
    assert_snapshot!(grant("bank", "service = 'ruling'\nstatuses = []\nview = 'coarse'"));
}

#[test]
fn an_unknown_group_is_refused_and_so_is_the_envelope() {
    assert_snapshot!(grant(
        "bank",
        "service = 'ruling'\nstatuses = ['fined']\ngroups = ['parcle', 'X', 'E', 'L', 'parcel']\nview = 'coarse'"
    ));
}

#[test]
fn an_unknown_view_and_an_unknown_requirement_are_refused() {
    assert_snapshot!(grant(
        "bank",
        "service = 'ruling'\nstatuses = ['fined']\nview = 'corse'\nrequires = 'watch:parcels'"
    ));
}

#[test]
fn a_publisher_that_does_not_own_the_service_is_refused() {
    assert_snapshot!(grant("bank", "service = 'deed'\nstatuses = ['issued']\nview = 'exact'"));
}

#[test]
fn a_permit_that_has_run_out_before_it_begins_is_refused() {
    let text = permit("C-9", "bank", "service = 'ruling'\nstatuses = ['fined']\nview = 'coarse'");
    assert_snapshot!(permits(&text.replace("2032-03-19", "2021-03-19")));
}

#[test]
fn a_date_with_a_time_is_refused() {
    let text = permit("C-9", "bank", "service = 'ruling'\nstatuses = ['fined']\nview = 'coarse'");
    assert_snapshot!(permits(&text.replace("2022-03-21", "2022-03-21T10:00:00Z")));
}

#[test]
fn a_doubled_permit_is_refused() {
    let text = permit("C-9", "bank", "service = 'ruling'\nstatuses = ['fined', 'heard', 'fined']\nview = 'coarse'");
    assert_snapshot!(permits(&format!("{text}\n{text}")));
}

#[test]
fn one_number_for_two_pairs_is_refused() {
    let grant = "service = 'ruling'\nstatuses = ['fined']\nview = 'coarse'";
    assert_snapshot!(permits(&[permit("C-9", "bank", grant), permit("C-9", "water", grant)].join("\n")));
}

#[test]
fn two_numbers_for_one_pair_are_refused() {
    let one = permit("C-8", "bank", "service = 'ruling'\nstatuses = ['fined']\nview = 'coarse'");
    let other = permit("C-9", "bank", "service = 'ruling'\nstatuses = ['heard']\nview = 'coarse'");
    assert_snapshot!(permits(&[one, other].join("\n")));
}

#[test]
fn a_number_that_cannot_be_a_header_is_refused() {
    assert_snapshot!(permits(&permit(" C\\n9", "bank", "service = 'ruling'\nstatuses = ['fined']\nview = 'coarse'")));
}

#[test]
fn missing_keys_are_all_told_at_once() {
    assert_snapshot!(permits("[[permit]]\n\n[[permit]]\nnumber = 'C-9'\n[[permit.grant]]\n"));
}

#[test]
fn unknown_keys_are_all_told_at_once() {
    let grant = "servcie = 'ruling'\nstatuses = ['fined']\nview = 'coarse'\ncolour = 'blue'";
    assert_snapshot!(permits(&permit("C-9", "bank", grant)));
}

#[test]
fn mistakes_of_all_files_are_told_at_once_in_the_order_of_files_and_lines() {
    let court = permit("C-1", "bank", "service = 'rulng'\nstatuses = ['fined']\nview = 'exact'");
    let land = permit("C-1", "bank", "service = 'deed'\nstatuses = ['isued']\ngroups = ['number']\nview = 'exact'");
    let bank = "[[subscription]]\nsubscriber = 'bank'\nname = 'a'\ncounties = ['sary']\n";
    assert_snapshot!(refusal(&[
        file("subscriptions/bank.toml", bank),
        file("permits/land.toml", &land),
        file("permits/court.toml", &court),
    ]));
}

#[test]
fn a_subscription_of_a_subscriber_without_any_permit_is_refused() {
    assert_snapshot!(subscription("subscriber = 'court'\nname = 'all'"));
}

#[test]
fn a_subscription_without_name_or_subscriber_is_refused() {
    assert_snapshot!(subscription("counties = ['sari']"));
}

#[test]
fn two_subscriptions_of_one_name_are_refused() {
    let one = "subscriber = 'bank'\nname = 'all'";
    assert_snapshot!(subscription(&format!("{one}\n[[subscription]]\n{one}")));
}

#[test]
fn unknown_words_in_a_subscription_are_refused() {
    assert_snapshot!(subscription(
        "subscriber = 'bank'\nname = 'all'\npublisher = 'lnad'\nservice = 'deeds'\ncounties = ['sary', 'amol', 'amol']"
    ));
}

#[test]
fn an_unknown_attribute_in_a_filter_is_refused() {
    assert_snapshot!(subscription(
        "subscriber = 'bank'\nname = 'all'\nfilters = [\n  { exact = { sorce = '/agencies/land' } },\n  { not = { prefix = { dataschema = 'http' } } },\n]"
    ));
}

#[test]
fn an_unknown_dialect_is_refused() {
    assert_snapshot!(subscription("subscriber = 'bank'\nname = 'all'\nfilters = [{ sql = \"type = 'x'\" }]"));
}

#[test]
fn a_filter_of_two_dialects_of_none_or_of_nothing_is_refused() {
    assert_snapshot!(subscription(
        "subscriber = 'bank'\nname = 'all'\nfilters = [\n  { exact = { type = 'a' }, prefix = { type = 'a' } },\n  {},\n  { any = [] },\n  { exact = {} },\n  { prefix = { type = '' } },\n]"
    ));
}

#[test]
fn a_filter_on_what_no_permit_shows_is_refused() {
    assert_snapshot!(subscription(
        "subscriber = 'bank'\nname = 'all'\nfilters = [\n  { exact = { type = 'ir.barid.deed.isued' } },\n  { prefix = { source = '/agencies/water' } },\n]"
    ));
}

#[test]
fn a_filter_on_what_a_coarse_view_hides_is_refused() {
    assert_snapshot!(subscription(
        "subscriber = 'water'\nname = 'all'\nfilters = [{ exact = { type = 'ir.barid.sealing.sealed' } }]"
    ));
}

#[test]
fn a_subscription_to_a_service_that_is_seen_in_the_coarse_view_only_is_refused() {
    assert_snapshot!(subscription("subscriber = 'water'\nname = 'all'\nservice = 'sealing'"));
}

#[test]
fn a_subscription_to_a_service_or_publisher_that_no_permit_gives_is_refused() {
    assert_snapshot!(subscription(
        "subscriber = 'bank'\nname = 'a'\nservice = 'inquiry'\n[[subscription]]\nsubscriber = 'water'\nname = 'b'\npublisher = 'land'"
    ));
}

#[test]
fn a_filter_that_contradicts_itself_is_refused() {
    assert_snapshot!(subscription(
        "subscriber = 'bank'\nname = 'all'\nfilters = [{ all = [{ prefix = { subject = 'ab' } }, { prefix = { subject = 'ac' } }] }]"
    ));
}

#[test]
fn filters_that_contradict_each_other_are_refused() {
    assert_snapshot!(subscription(
        "subscriber = 'bank'\nname = 'all'\nfilters = [\n  { exact = { source = '/agencies/land' } },\n  { suffix = { type = '.blocked' } },\n]"
    ));
}

#[test]
fn a_filter_on_a_subject_that_is_no_uuid_is_refused() {
    assert_snapshot!(subscription(
        "subscriber = 'bank'\nname = 'all'\nfilters = [{ exact = { subject = '1401/17' } }]"
    ));
}

#[test]
fn a_subscription_is_not_judged_by_a_permit_that_is_itself_at_fault() {
    let court = permit("C-9", "water", "service = 'rulng'\nstatuses = ['fined']\nview = 'coarse'");
    let water = "[[subscription]]\nsubscriber = 'water'\nname = 'a'\nservice = 'restriction'\n";
    assert_snapshot!(refusal(&[file("permits/court.toml", &court), file("subscriptions/water.toml", water)]));
}
