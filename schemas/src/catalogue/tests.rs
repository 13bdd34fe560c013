use super::*;

/// The eight connector folders, as they stand in this repository.
const FOLDERS: [(&str, &str); 8] = [
    ("agri_jahad", include_str!("../../../connectors/agri_jahad/catalogue.toml")),
    ("tourism_heritage", include_str!("../../../connectors/tourism_heritage/catalogue.toml")),
    ("samt", include_str!("../../../connectors/samt/catalogue.toml")),
    ("art99_commission", include_str!("../../../connectors/art99_commission/catalogue.toml")),
    ("art100_commission", include_str!("../../../connectors/art100_commission/catalogue.toml")),
    ("bank_facilities", include_str!("../../../connectors/bank_facilities/catalogue.toml")),
    ("identity_verification", include_str!("../../../connectors/identity_verification/catalogue.toml")),
    ("smart_gov_council", include_str!("../../../connectors/smart_gov_council/catalogue.toml")),
];

fn whole() -> Catalogue {
    let mut catalogue = Catalogue::shared();
    for (agency, text) in FOLDERS {
        catalogue.add(&format!("connectors/{agency}/catalogue.toml"), text).unwrap_or_else(|error| panic!("{error}"));
    }
    catalogue
}

const NEW_AGENCY: &str = r#"[agency]
code = "fisheries"
number = 15
en = "Fisheries"
fa = "شیلات"

[[status]]
code = "pond_inspected"
phase = "in_progress"
en = "pond inspected"
fa = "بازدید استخر"

[[service]]
code = "fish_farm_permit"
en = "Fish farm permit"
fa = "مجوز پرورش ماهی"
transitions = [
  { from = "submitted", to = "pond_inspected", actor = "expert", limit = "10wd", basis = "as" },
  { from = "pond_inspected", to = "issued", actor = "director", limit = "30d from submitted", basis = "Fisheries Act Art. 5" },
]
"#;

/// What is wrong with the catalogue of a new agency in which `wrong` stands for `right`.
fn check(right: &str, wrong: &str, expected: &[&str]) {
    assert!(NEW_AGENCY.contains(right), "{right}");
    let text = NEW_AGENCY.replacen(right, wrong, 1);
    let mut catalogue = whole();
    let before = catalogue.clone();
    let mistakes = catalogue.add("fisheries/catalogue.toml", &text).expect_err("the file is wrong");
    let found: Vec<_> =
        mistakes.iter().map(|mistake| mistake.to_string().replace("fisheries/catalogue.toml:", "")).collect();
    assert_eq!(found, expected);
    assert_eq!(catalogue, before, "nothing may be added from a file with mistakes");
}

#[test]
fn the_whole_catalogue_has_all_services_statuses_agencies_and_counties() {
    let catalogue = whole();
    assert_eq!(catalogue.services.len(), 47);
    assert_eq!(catalogue.statuses.len(), 160);
    assert_eq!(catalogue.agencies.len(), 25);
    assert_eq!(catalogue.counties.len(), 22);
    assert_eq!(catalogue.services.values().map(|service| service.edges.len()).sum::<usize>(), 597);
    assert_eq!(catalogue.group_labels.len(), Group::COUNT);
    assert_eq!(catalogue.sensitive_services.len(), 11);
    assert_eq!(catalogue.exact_status_agencies.len(), 7);
    assert_eq!(catalogue.exact_status_pairs.len(), 2);
}

#[test]
fn every_folder_holds_five_services_of_its_own_agency() {
    let shared = Catalogue::shared();
    assert_eq!(shared.services.len(), 7);
    for (agency, text) in FOLDERS {
        let mut catalogue = shared.clone();
        catalogue.add(agency, text).unwrap_or_else(|error| panic!("{error}"));
        let new = catalogue.services.iter().filter(|(code, _)| !shared.services.contains_key(*code));
        let owners: Vec<_> = new.map(|(_, service)| service.owner.clone()).collect();
        assert_eq!(owners, vec![Owner::Agency(agency.to_owned()); 5]);
    }
}

#[test]
fn every_agency_status_and_service_has_a_name_of_its_own_in_both_languages() {
    let catalogue = whole();
    let mut names = BTreeSet::new();
    for status in catalogue.statuses.values() {
        assert!(names.insert(&status.label.en), "`{}` names two statuses", status.label.en);
        assert!(status.label.en.is_ascii(), "`{}`", status.label.en);
        assert!(!status.label.fa.is_ascii(), "`{}`", status.label.fa);
    }
    let labels = catalogue.agencies.values().map(|agency| &agency.label);
    let labels = labels.chain(catalogue.services.values().map(|service| &service.label));
    for label in labels.chain(catalogue.counties.values().map(|county| &county.label)) {
        assert!(!label.fa.is_ascii() && !label.en.is_empty(), "{label:?}");
    }
}

#[test]
fn the_groups_that_not_everybody_may_receive_are_those_of_the_permit_rules() {
    let catalogue = Catalogue::shared();
    let closed: GroupSet = catalogue.whitelist.keys().copied().collect();
    let expected = [Group::Number, Group::Person, Group::Contact, Group::Money, Group::Violation];
    assert_eq!(closed, expected.into_iter().collect());
    let wanted = [Group::Contact, Group::Parcel, Group::Money].into_iter().collect();
    let withheld = catalogue.withheld_by_whitelist("bank_facilities", wanted);
    assert_eq!(withheld.iter().collect::<Vec<_>>(), [Group::Contact, Group::Money]);
}

#[test]
fn the_exact_status_of_a_sensitive_service_is_for_its_publisher_and_the_named_agencies() {
    let catalogue = whole();
    assert!(catalogue.may_see_exact_status("bank_debt_reschedule", "bank_facilities"));
    assert!(catalogue.may_see_exact_status("art99_violation_case", "land_registry"));
    assert!(catalogue.may_see_exact_status("council_grievance_referral", "bank_facilities"));
    assert!(!catalogue.may_see_exact_status("art99_violation_case", "bank_facilities"));
    assert!(catalogue.may_see_exact_status("art99_settlement_certificate", "bank_facilities"));
}

#[test]
fn a_shared_service_may_be_published_by_every_agency_and_others_by_their_owner() {
    let catalogue = whole();
    assert!(catalogue.services["cross_inquiry"].may_be_published_by("samt"));
    assert!(catalogue.services["treasury_payment"].may_be_published_by("treasury"));
    assert!(!catalogue.services["treasury_payment"].may_be_published_by("samt"));
}

#[test]
fn limits_are_read_with_their_clock() {
    let catalogue = whole();
    let edges = &catalogue.services["agri_land_use_change"].edges;
    let limit = |from: &str, to: &str| {
        edges.iter().find(|edge| edge.from == from && edge.to == to).expect("the edge is there").limit.clone()
    };
    assert_eq!(limit("submitted", "docs_incomplete"), Some(TimeLimit::WorkingDays { days: 3, from_state: None }));
    let from_submitted = TimeLimit::Days { days: 60, from_state: Some("submitted".to_owned()) };
    assert_eq!(limit("in_commission", "approved"), Some(from_submitted));
}

#[test]
fn reach_tells_a_step_from_a_skip_and_from_what_is_not_allowed() {
    let catalogue = whole();
    let service = &catalogue.services["agri_land_use_change"];
    for (from, to, expected) in [
        ("submitted", "submitted", Reach::Same),
        ("submitted", "inquiry_sent", Reach::Step),
        ("docs_incomplete", "submitted", Reach::Step),
        ("submitted", "issued", Reach::Skip),
        ("docs_incomplete", "approved", Reach::Skip),
        ("issued", "submitted", Reach::Unreachable),
        ("withdrawn", "approved", Reach::Unreachable),
        ("submitted", "disbursed", Reach::Unreachable),
        ("disbursed", "submitted", Reach::Unreachable),
    ] {
        assert_eq!(service.reach(from, to), expected, "from {from} to {to}");
    }
}

/// Reach by closing the relation of edges under composition: slow and obvious.
#[test]
fn reach_agrees_with_the_closure_of_the_edges_in_every_machine() {
    for service in whole().services.values() {
        let steps: BTreeSet<(&str, &str)> =
            service.edges.iter().map(|edge| (edge.from.as_str(), edge.to.as_str())).collect();
        let mut paths = steps.clone();
        loop {
            let longer: BTreeSet<_> = paths
                .iter()
                .flat_map(|(from, middle)| {
                    steps.iter().filter(move |(next, _)| next == middle).map(move |(_, to)| (*from, *to))
                })
                .collect();
            let before = paths.len();
            paths.extend(longer);
            if paths.len() == before {
                break;
            }
        }
        for from in service.states() {
            for to in service.states() {
                let expected = match (from, to) {
                    (from, to) if from == to => Reach::Same,
                    edge if steps.contains(&edge) => Reach::Step,
                    path if paths.contains(&path) => Reach::Skip,
                    _ => Reach::Unreachable,
                };
                assert_eq!(service.reach(from, to), expected, "{}: from {from} to {to}", service.code);
            }
        }
    }
}

#[test]
fn a_new_agency_comes_with_a_file_alone() {
    let mut catalogue = whole();
    catalogue.add("fisheries/catalogue.toml", NEW_AGENCY).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(catalogue.agencies["fisheries"].number, 15);
    assert_eq!(catalogue.phase("pond_inspected"), Some(Phase::InProgress));
    assert_eq!(catalogue.services["fish_farm_permit"].reach("submitted", "issued"), Reach::Skip);
    assert!(catalogue.services["fish_farm_permit"].may_be_published_by("fisheries"));
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once() {
    let text = NEW_AGENCY
        .replace("number = 15", "number = 12")
        .replace("\"in_progress\"", "\"in_progres\"")
        .replace("from = \"submitted\"", "from = \"submited\"")
        .replace("10wd", "10w");
    let mut catalogue = whole();
    let mistakes = catalogue.add("fisheries/catalogue.toml", &text).expect_err("the file is wrong");
    assert_eq!(
        mistakes.to_string(),
        "fisheries/catalogue.toml:3: agency number `12` is that of `agri_jahad`\n\
         fisheries/catalogue.toml:9: unknown phase `in_progres`\n  cure: did you mean `in_progress`?\n\
         fisheries/catalogue.toml:18: unknown status `submited`\n  cure: did you mean `submitted`?\n\
         fisheries/catalogue.toml:18: `10w` is not a time limit: the unit is neither `d` nor `wd`\n  \
         cure: write `3wd` (working days), `60d` (calendar days), `60d from submitted`, or a sentence\n\
         4 mistakes"
    );
}

#[test]
fn an_unknown_key_is_refused_with_the_right_one() {
    check("basis = \"as\"", "bassis = \"as\"", &["18: unknown key `bassis`\n  cure: did you mean `basis`?"]);
}

#[test]
fn an_unknown_status_is_refused_also_where_a_limit_counts_from_it() {
    check(
        "30d from submitted",
        "30d from submited",
        &["19: unknown status `submited`\n  cure: did you mean `submitted`?"],
    );
    check(
        "to = \"issued\"",
        "to = \"harvested_early\"",
        &[
            "19: unknown status `harvested_early`\n  cure: take a shared status, or describe a new one in a `[[status]]`",
        ],
    );
}

#[test]
fn a_service_of_another_agency_is_refused() {
    check(
        "\"fish_farm_permit\"",
        "\"samt_guild_licence\"",
        &["14: service `samt_guild_licence` is one of agency `samt`\n  cure: take it out, or choose another code"],
    );
    check(
        "code = \"fish_farm_permit\"",
        "code = \"fish_farm_permit\"\nagency = \"samt\"",
        &[
            "15: service `fish_farm_permit` is one of agency `samt`\n  cure: this file may hold services of `fisheries` only",
        ],
    );
    check(
        "\"fish_farm_permit\"",
        "\"cross_inquiry\"",
        &["14: service `cross_inquiry` is shared by all agencies\n  cure: take it out, or choose another code"],
    );
}

#[test]
fn a_doubled_service_is_refused() {
    let start = NEW_AGENCY.find("[[service]]").expect("it has a service");
    let mut catalogue = whole();
    let text = format!("{NEW_AGENCY}\n{}", &NEW_AGENCY[start..]);
    let mistakes = catalogue.add("f", &text).expect_err("the file is wrong");
    assert_eq!(
        mistakes.to_string(),
        "f:23: service `fish_farm_permit` is there already\n  cure: take it out, or choose another code\n1 mistake"
    );
}

#[test]
fn an_agency_that_is_nearly_a_known_one_is_told_so() {
    check(
        "code = \"fisheries\"\nnumber = 15\nen = \"Fisheries\"\nfa = \"شیلات\"",
        "code = \"smat\"",
        &["2: unknown agency `smat`\n  cure: did you mean `samt`?"],
    );
    check(
        "number = 15\n",
        "",
        &["2: unknown agency `fisheries`\n  cure: a new agency needs `code`, `number`, `fa` and `en`"],
    );
}

#[test]
fn codes_that_cannot_be_topic_names_are_refused() {
    check(
        "\"fisheries\"",
        "\"Fish.eries\"",
        &["2: `Fish.eries` cannot be the code of an agency\n  \
           cure: use lower-case English letters, digits and `_`, with a letter first"],
    );
    check("\"fish_farm_permit\"", "\"restriction\"", &["14: `restriction` stands for every service in coarse views"]);
}

#[test]
fn a_known_status_cannot_get_another_meaning() {
    check(
        "code = \"pond_inspected\"",
        "code = \"issued\"",
        &[
            "8: status `issued` is there already, with another meaning\n  \
             cure: use the status as it is, without a `[[status]]` of its own, or choose another code",
            "18: unknown status `pond_inspected`\n  \
             cure: take a shared status, or describe a new one in a `[[status]]`",
            "19: unknown status `pond_inspected`\n  \
             cure: take a shared status, or describe a new one in a `[[status]]`",
        ],
    );
}

#[test]
fn other_slips_are_refused_with_their_line() {
    check("number = 15", "number = 5", &["3: agency number `5` has not two digits"]);
    check("en = \"pond inspected\"", "en = \" \"", &["8: the status has an empty name"]);
    check("actor = \"expert\"", "actor = \"\"", &["18: `actor` is empty"]);
    check(
        "Fisheries Act Art. 5",
        "S99",
        &["19: unknown source `S99`\n  cure: name the law or page in words, or write `gk` or `as`"],
    );
    check(
        "fa = \"مجوز پرورش ماهی\"",
        "fa = \"مجوز پرورش ماهی\"\nnational_service_id = \"1302\"",
        &["17: national service number `1302` has not 11 digits"],
    );
    check(
        "to = \"issued\"",
        "to = \"pond_inspected\"",
        &["19: the transition leads from `pond_inspected` to `pond_inspected`"],
    );
}
