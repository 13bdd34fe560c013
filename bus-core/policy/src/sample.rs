//! A small invented world for tests: a court with sensitive rulings, a land office, a bank, a water company, a portal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use barid_schemas::catalogue::{Agency, County, Edge, Label, Owner, Phase, Service, Status};
use barid_schemas::{Catalogue, Group, Millis};

use crate::event::EventFacts;
use crate::index::Index;
use crate::load::{Policy, PolicyFile, load};

pub(crate) const EVENT_ID: &str = "0d4c6f0e-5b1a-8c3d-9e2f-00112233aabb";
pub(crate) const CORR_ID: &str = "7e57c0de-0000-8000-8000-000000000001";

/// 2022-10-04T08:00:00Z.
pub(crate) const AUTUMN: Millis = Millis(1_664_870_400_000);

fn label(en: &str) -> Label {
    Label { fa: en.to_owned(), en: en.to_owned() }
}

fn named<T>(codes: &[&str], make: impl Fn(&str) -> T) -> BTreeMap<String, T> {
    codes.iter().map(|code| ((*code).to_owned(), make(code))).collect()
}

fn service(code: &str, owner: Owner, edges: &[(&str, &str)]) -> (String, Service) {
    let edge = |(from, to): &(&str, &str)| Edge {
        from: (*from).to_owned(),
        to: (*to).to_owned(),
        actor: "expert".to_owned(),
        limit: None,
        basis: "as".to_owned(),
    };
    let service = Service {
        code: code.to_owned(),
        owner,
        label: label(code),
        national_service_id: None,
        ids: Vec::new(),
        documents: Vec::new(),
        note: None,
        edges: edges.iter().map(edge).collect(),
    };
    (code.to_owned(), service)
}

pub(crate) fn catalogue() -> Catalogue {
    let statuses = [
        ("filed", Phase::Opened),
        ("heard", Phase::InProgress),
        ("fined", Phase::Blocked),
        ("sealed", Phase::Blocked),
        ("paid", Phase::Cleared),
        ("issued", Phase::Cleared),
    ];
    let status =
        |(code, phase): (&str, Phase)| (code.to_owned(), Status { code: code.to_owned(), label: label(code), phase });
    let owned = |agency: &str| Owner::Agency(agency.to_owned());
    Catalogue {
        agencies: named(&["bank", "court", "land", "portal", "water"], |code| Agency {
            code: code.to_owned(),
            label: label(code),
            number: 10,
        }),
        statuses: statuses.into_iter().map(status).collect(),
        counties: named(&["amol", "babol", "sari"], |code| County { code: code.to_owned(), label: label(code) }),
        services: BTreeMap::from([
            service("ruling", owned("court"), &[("filed", "heard"), ("heard", "fined"), ("fined", "paid")]),
            service("sealing", owned("court"), &[("filed", "sealed"), ("filed", "fined"), ("sealed", "paid")]),
            service("deed", owned("land"), &[("filed", "heard"), ("heard", "issued")]),
            service("inquiry", Owner::Any, &[("filed", "issued")]),
        ]),
        whitelist: BTreeMap::from([(Group::Number, BTreeSet::from(["portal".to_owned()]))]),
        sensitive_services: BTreeSet::from(["ruling".to_owned(), "sealing".to_owned()]),
        exact_status_agencies: BTreeSet::from(["land".to_owned()]),
        ..Catalogue::default()
    }
}

pub(crate) fn file(path: &str, text: &str) -> PolicyFile {
    PolicyFile { path: path.to_owned(), text: text.to_owned() }
}

/// A permit with one grant; `grant` holds all its keys.
pub(crate) fn permit(number: &str, subscriber: &str, grant: &str) -> String {
    format!(
        "[[permit]]\nnumber = \"{number}\"\nsubscriber = \"{subscriber}\"\n\
         valid_from = 2022-03-21\nvalid_until = 2032-03-19\n\n[[permit.grant]]\n{grant}\n"
    )
}

/// What everybody may hear in the sample world.
pub(crate) fn files() -> Vec<PolicyFile> {
    let court = [
        permit(
            "C-1",
            "bank",
            "service = \"ruling\"\nstatuses = [\"fined\"]\nview = \"coarse\"\nrequires = \"watch:parcel\"",
        ),
        permit(
            "C-2",
            "land",
            "service = \"ruling\"\nstatuses = [\"heard\", \"fined\"]\ngroups = [\"parcel\"]\nview = \"exact\"",
        ),
        permit(
            "C-3",
            "water",
            "service = \"sealing\"\nstatuses = [\"sealed\"]\ngroups = [\"parcel\"]\nview = \"coarse\"",
        ),
    ];
    let land = [
        permit("L-1", "bank", "service = \"deed\"\nstatuses = [\"issued\"]\ngroups = [\"L\", \"D\"]\nview = \"exact\""),
        permit(
            "L-2",
            "portal",
            "service = \"inquiry\"\nstatuses = [\"issued\"]\nview = \"exact\"\nrequires = \"addressee\"",
        ),
    ];
    vec![file("permits/court.toml", &court.join("\n")), file("permits/land.toml", &land.join("\n"))]
}

/// The sample world's policy with further files.
pub(crate) fn policy(further: &[PolicyFile]) -> Policy {
    let files: Vec<PolicyFile> = files().into_iter().chain(further.iter().cloned()).collect();
    match load(&catalogue(), &files) {
        Ok(policy) => policy,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

pub(crate) fn index(further: &[PolicyFile]) -> Index {
    Index::build(Arc::new(policy(further)))
}

/// An event of the land office, in Sari.
pub(crate) fn facts<'a>(publisher: &'a str, service: &'a str, status: &'a str) -> EventFacts<'a> {
    EventFacts {
        publisher,
        service,
        status_from: None,
        status,
        county: Some("sari"),
        event_id: EVENT_ID,
        corr_id: CORR_ID,
        occurred_at: AUTUMN,
        relying_agency: None,
        watch_keys: &[],
        at: AUTUMN,
    }
}
