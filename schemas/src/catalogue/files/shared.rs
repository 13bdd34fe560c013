//! The compiled-in files of `schemas/catalogue/`.

use std::collections::{BTreeMap, BTreeSet};

use barid_mistake::{Mistakes, parse_toml};
use serde::Deserialize;
use toml::Spanned;

use super::{Reader, WrittenService, WrittenStatus};
use crate::catalogue::{Catalogue, County, Label};
use crate::groups::Group;

macro_rules! shared_file {
    ($name:literal) => {
        (concat!("schemas/catalogue/", $name), include_str!(concat!("../../../catalogue/", $name)))
    };
}

const AGENCIES: (&str, &str) = shared_file!("agencies.toml");
const STATUSES: (&str, &str) = shared_file!("statuses.toml");
const COUNTIES: (&str, &str) = shared_file!("counties.toml");
const FIELD_GROUPS: (&str, &str) = shared_file!("field_groups.toml");
const SOURCES: (&str, &str) = shared_file!("sources.toml");
const SERVICES: (&str, &str) = shared_file!("services.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgenciesFile {
    agency: Vec<SharedAgency>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedAgency {
    code: Spanned<String>,
    number: Spanned<u8>,
    fa: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusesFile {
    status: Vec<WrittenStatus>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CountiesFile {
    county: Vec<WrittenCounty>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCounty {
    code: Spanned<String>,
    fa: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldGroupsFile {
    group: Vec<WrittenGroup>,
    sensitive: WrittenSensitive,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGroup {
    name: Spanned<String>,
    letter: char,
    fa: String,
    en: String,
    may_receive: Option<BTreeSet<Spanned<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSensitive {
    services: BTreeSet<String>,
    exact_status_agencies: BTreeSet<Spanned<String>>,
    exact_status_pairs: Vec<WrittenPair>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPair {
    service: String,
    agency: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourcesFile {
    sources: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServicesFile {
    service: Vec<WrittenService>,
}

/// See [`Catalogue::shared`].
pub(in crate::catalogue) fn shared() -> Catalogue {
    // The files are part of the program: a mistake in them is a bug that the first test finds.
    read().unwrap_or_else(|mistakes| panic!("the compiled-in catalogue is wrong:\n{mistakes}"))
}

fn read() -> Result<Catalogue, Mistakes> {
    let mut catalogue = Catalogue::default();
    let mut mistakes = Mistakes::new();
    let mut part = |(file, text): (&str, &str), read: fn(&mut Reader<'_>) -> Result<(), Mistakes>| {
        let mut reader = Reader { catalogue: &mut catalogue, file, text, mistakes: Mistakes::new() };
        let outcome = read(&mut reader);
        let found = reader.mistakes;
        mistakes.absorb(outcome);
        mistakes.extend(found);
    };
    part(AGENCIES, agencies);
    part(STATUSES, statuses);
    part(COUNTIES, counties);
    part(FIELD_GROUPS, field_groups);
    part(SOURCES, sources);
    part(SERVICES, services);
    mistakes.into_result(catalogue)
}

fn agencies(reader: &mut Reader<'_>) -> Result<(), Mistakes> {
    let written: AgenciesFile = parse_toml(reader.file, reader.text)?;
    for agency in written.agency {
        reader.add_agency(agency.code, agency.number, Label { fa: agency.fa, en: agency.en });
    }
    Ok(())
}

fn statuses(reader: &mut Reader<'_>) -> Result<(), Mistakes> {
    let written: StatusesFile = parse_toml(reader.file, reader.text)?;
    for status in written.status {
        if reader.catalogue.statuses.contains_key(status.code.get_ref()) {
            reader.mistake(&status.code, format!("status `{}` stands here twice", status.code.get_ref()));
        }
        reader.add_status(status);
    }
    Ok(())
}

fn counties(reader: &mut Reader<'_>) -> Result<(), Mistakes> {
    let written: CountiesFile = parse_toml(reader.file, reader.text)?;
    for WrittenCounty { code, fa, en } in written.county {
        let county = County { code: code.get_ref().clone(), label: Label { fa, en } };
        reader.check_code(&code, "a county");
        reader.check_label(&code, &county.label, "the county");
        if reader.catalogue.counties.insert(county.code.clone(), county).is_some() {
            reader.mistake(&code, format!("county `{}` stands here twice", code.get_ref()));
        }
    }
    Ok(())
}

fn field_groups(reader: &mut Reader<'_>) -> Result<(), Mistakes> {
    let written: FieldGroupsFile = parse_toml(reader.file, reader.text)?;
    for WrittenGroup { name, letter, fa, en, may_receive } in written.group {
        let Some(group) = Group::from_field_name(name.get_ref()).filter(|group| group.letter() == letter) else {
            reader.mistake(&name, format!("there is no group `{}` with letter `{letter}`", name.get_ref()));
            continue;
        };
        reader.catalogue.group_labels.insert(group, Label { fa, en });
        if let Some(agencies) = may_receive {
            let allowed = agencies.into_iter().map(|agency| known_agency(reader, agency)).collect();
            reader.catalogue.whitelist.insert(group, allowed);
        }
    }
    // Services are not looked up: most of them come later, with the catalogues of their agencies.
    let WrittenSensitive { services, exact_status_agencies, exact_status_pairs } = written.sensitive;
    reader.catalogue.sensitive_services = services;
    for agency in exact_status_agencies {
        let agency = known_agency(reader, agency);
        reader.catalogue.exact_status_agencies.insert(agency);
    }
    for WrittenPair { service, agency } in exact_status_pairs {
        let agency = known_agency(reader, agency);
        reader.catalogue.exact_status_pairs.insert((service, agency));
    }
    Ok(())
}

fn known_agency(reader: &mut Reader<'_>, agency: Spanned<String>) -> String {
    if !reader.catalogue.agencies.contains_key(agency.get_ref()) {
        reader.mistake(&agency, format!("unknown agency `{}`", agency.get_ref()));
    }
    agency.into_inner()
}

fn sources(reader: &mut Reader<'_>) -> Result<(), Mistakes> {
    let written: SourcesFile = parse_toml(reader.file, reader.text)?;
    reader.catalogue.sources = written.sources;
    Ok(())
}

fn services(reader: &mut Reader<'_>) -> Result<(), Mistakes> {
    let written: ServicesFile = parse_toml(reader.file, reader.text)?;
    for service in written.service {
        reader.add_service(service, None);
    }
    Ok(())
}
