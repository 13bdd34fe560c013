//! Reading catalogue files: the written form, the checks, and the compiled-in files.
//!
//! The written form is TOML that a person edits; `schemas/catalogue/` and every `catalogue.toml` are examples. Everything
//! is checked before anything is added, so that a catalogue is never half of what somebody meant.

mod limit;
mod shared;

use std::collections::BTreeSet;

use barid_mistake::{Mistake, Mistakes, Place, parse_toml};
use serde::Deserialize;
use toml::Spanned;

use super::{Agency, Catalogue, Edge, Label, Owner, Phase, Service, Status};
use crate::case_event::RESTRICTION;

pub(super) use shared::shared;

/// An agency's `catalogue.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgencyFile {
    agency: WrittenAgency,
    #[serde(default)]
    status: Vec<WrittenStatus>,
    #[serde(default)]
    service: Vec<WrittenService>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAgency {
    code: Spanned<String>,
    number: Option<Spanned<u8>>,
    fa: Option<String>,
    en: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStatus {
    code: Spanned<String>,
    phase: Spanned<String>,
    fa: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenService {
    code: Spanned<String>,
    /// Only where it is not the agency of the file; `*` for any agency.
    agency: Option<Spanned<String>>,
    fa: String,
    en: String,
    national_service_id: Option<Spanned<String>>,
    note: Option<String>,
    #[serde(default)]
    ids: Vec<String>,
    #[serde(default)]
    documents: Vec<String>,
    transitions: Vec<WrittenEdge>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEdge {
    from: Spanned<String>,
    to: Spanned<String>,
    actor: Spanned<String>,
    limit: Option<Spanned<String>>,
    basis: Spanned<String>,
}

/// See [`Catalogue::add`].
pub(super) fn add(catalogue: &mut Catalogue, file: &str, text: &str) -> Result<(), Mistakes> {
    let written: AgencyFile = parse_toml(file, text)?;
    // Into a copy: a later file may not see half of a refused one. Catalogues are small and loaded once.
    let mut draft = catalogue.clone();
    let mut reader = Reader { catalogue: &mut draft, file, text, mistakes: Mistakes::new() };
    let agency = written.agency.code.get_ref().clone();
    reader.add_agency_of_file(written.agency);
    for status in written.status {
        reader.add_status(status);
    }
    for service in written.service {
        reader.add_service(service, Some(&agency));
    }
    let mistakes = reader.mistakes;
    mistakes.into_result(())?;
    *catalogue = draft;
    Ok(())
}

/// Checks written parts one by one and adds them to the catalogue, mistaken ones too: so that one slip is told once and
/// not again at every use. What has mistakes is thrown away as a whole by [`add`].
struct Reader<'a> {
    catalogue: &'a mut Catalogue,
    file: &'a str,
    text: &'a str,
    mistakes: Mistakes,
}

impl Reader<'_> {
    fn place<T>(&self, value: &Spanned<T>) -> Place {
        Place::at(self.file, self.text, value.span().start)
    }

    fn mistake<T>(&mut self, value: &Spanned<T>, message: String) {
        self.mistakes.push(Mistake::new(self.place(value), message));
    }

    fn cured<T>(&mut self, value: &Spanned<T>, message: String, cure: &str) {
        self.mistakes.push(Mistake::new(self.place(value), message).with_cure(cure));
    }

    /// Codes become parts of topic names, event types and file names.
    fn check_code(&mut self, code: &Spanned<String>, of: &str) {
        let text = code.get_ref();
        let sound = text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
        if !sound {
            let cure = "use lower-case English letters, digits and `_`, with a letter first";
            self.cured(code, format!("`{text}` cannot be the code of {of}"), cure);
        }
    }

    fn check_label<T>(&mut self, place: &Spanned<T>, label: &Label, of: &str) {
        if label.fa.trim().is_empty() || label.en.trim().is_empty() {
            self.mistake(place, format!("{of} has an empty name"));
        }
    }

    /// The agency of a file: one that all know, named by its code alone, or a new one with all that belongs to it.
    fn add_agency_of_file(&mut self, written: WrittenAgency) {
        let code = written.code.get_ref();
        if let Some(known) = self.catalogue.agencies.get(code) {
            let differs = written.fa.is_some_and(|fa| fa != known.label.fa)
                || written.en.is_some_and(|en| en != known.label.en)
                || written.number.is_some_and(|number| *number.get_ref() != known.number);
            if differs {
                let cure = "leave out `number`, `fa` and `en`";
                self.cured(
                    &written.code,
                    format!("agency `{code}` is in the shared catalogue, with other names"),
                    cure,
                );
            }
            return;
        }
        match (written.number, written.fa, written.en) {
            (Some(number), Some(fa), Some(en)) => self.add_agency(written.code, number, Label { fa, en }),
            _ => {
                let mistake = Mistake::new(self.place(&written.code), format!("unknown agency `{code}`"))
                    .with_cure("a new agency needs `code`, `number`, `fa` and `en`")
                    .with_nearest(code, self.catalogue.agencies.keys().map(String::as_str));
                self.mistakes.push(mistake);
            }
        }
    }

    fn add_agency(&mut self, code: Spanned<String>, number: Spanned<u8>, label: Label) {
        self.check_code(&code, "an agency");
        self.check_label(&code, &label, "the agency");
        if !(10..=99).contains(number.get_ref()) {
            self.mistake(&number, format!("agency number `{}` has not two digits", number.get_ref()));
        }
        let taken = self.catalogue.agencies.values().find(|agency| agency.number == *number.get_ref());
        if let Some(other) = taken.map(|agency| agency.code.clone()) {
            self.mistake(&number, format!("agency number `{}` is that of `{other}`", number.get_ref()));
        }
        let number = number.into_inner();
        let agency = Agency { code: code.get_ref().clone(), label, number };
        if self.catalogue.agencies.insert(code.get_ref().clone(), agency).is_some() {
            self.mistake(&code, format!("agency `{}` stands here twice", code.get_ref()));
        }
    }

    fn add_status(&mut self, written: WrittenStatus) {
        self.check_code(&written.code, "a status");
        let code = written.code.get_ref();
        let label = Label { fa: written.fa, en: written.en };
        self.check_label(&written.code, &label, "the status");
        let phase = Phase::from_code(written.phase.get_ref()).unwrap_or_else(|| {
            let word = written.phase.get_ref();
            let phases = Phase::ALL.map(Phase::code);
            let mistake = Mistake::new(self.place(&written.phase), format!("unknown phase `{word}`"))
                .with_cure(format!("known here: `{}`", phases.join("`, `")))
                .with_nearest(word, phases);
            self.mistakes.push(mistake);
            Phase::InProgress
        });
        if Phase::from_code(code).is_some_and(|other| other != phase) {
            // A coarse view writes phases where an exact one has statuses.
            self.mistake(&written.code, format!("status `{code}` has the name of another phase than its own"));
        }
        let status = Status { code: code.clone(), label, phase };
        match self.catalogue.statuses.get(code) {
            // Two new agencies may bring the same status if they mean the same by it.
            Some(known) if *known == status => {}
            Some(_) => {
                let cure = "use the status as it is, without a `[[status]]` of its own, or choose another code";
                self.cured(&written.code, format!("status `{code}` is there already, with another meaning"), cure);
            }
            None => {
                self.catalogue.statuses.insert(code.clone(), status);
            }
        }
    }

    /// `agency_of_file` is `None` for the shared file, whose services name their agencies.
    fn add_service(&mut self, written: WrittenService, agency_of_file: Option<&str>) {
        let code = written.code.get_ref().clone();
        self.check_code(&written.code, "a service");
        if code == RESTRICTION {
            self.mistake(&written.code, format!("`{code}` stands for every service in coarse views"));
        }
        let owner = self.owner(&written, agency_of_file);
        let label = Label { fa: written.fa, en: written.en };
        self.check_label(&written.code, &label, "the service");
        if let Some(number) = &written.national_service_id {
            let text = number.get_ref();
            if text.len() != 11 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
                self.mistake(number, format!("national service number `{text}` has not 11 digits"));
            }
        }
        if written.transitions.is_empty() {
            let cure = "write at least one, such as { from = \"submitted\", to = \"issued\", actor = \"expert\", basis = \"as\" }";
            self.cured(&written.code, format!("service `{code}` has no transitions"), cure);
        }
        let mut seen = BTreeSet::new();
        let mut edges = Vec::with_capacity(written.transitions.len());
        for edge in &written.transitions {
            if !seen.insert((edge.from.get_ref(), edge.to.get_ref(), edge.actor.get_ref())) {
                self.mistake(
                    &edge.from,
                    format!(
                        "the transition from `{}` to `{}` stands here twice",
                        edge.from.get_ref(),
                        edge.to.get_ref()
                    ),
                );
            }
            edges.push(self.edge(edge));
        }
        let service = Service {
            code: code.clone(),
            owner,
            label,
            national_service_id: written.national_service_id.map(Spanned::into_inner),
            ids: written.ids,
            documents: written.documents,
            note: written.note,
            edges,
        };
        if let Some(known) = self.catalogue.services.get(&code) {
            let message = match &known.owner {
                Owner::Agency(other) if known.owner != service.owner => {
                    format!("service `{code}` is one of agency `{other}`")
                }
                Owner::Any => format!("service `{code}` is shared by all agencies"),
                Owner::Agency(_) => format!("service `{code}` is there already"),
            };
            self.cured(&written.code, message, "take it out, or choose another code");
            return;
        }
        self.catalogue.services.insert(code, service);
    }

    fn owner(&mut self, written: &WrittenService, agency_of_file: Option<&str>) -> Owner {
        let Some(named) = &written.agency else {
            if agency_of_file.is_none() {
                self.mistake(&written.code, format!("service `{}` names no agency", written.code.get_ref()));
            }
            return Owner::Agency(agency_of_file.unwrap_or_default().to_owned());
        };
        match agency_of_file {
            Some(own) if named.get_ref() != own => {
                self.cured(
                    named,
                    format!("service `{}` is one of agency `{}`", written.code.get_ref(), named.get_ref()),
                    &format!("this file may hold services of `{own}` only"),
                );
            }
            None if named.get_ref() != "*" && !self.catalogue.agencies.contains_key(named.get_ref()) => {
                let mistake = Mistake::new(self.place(named), format!("unknown agency `{}`", named.get_ref()))
                    .with_nearest(named.get_ref(), self.catalogue.agencies.keys().map(String::as_str));
                self.mistakes.push(mistake);
            }
            _ => {}
        }
        match named.get_ref().as_str() {
            "*" => Owner::Any,
            agency => Owner::Agency(agency.to_owned()),
        }
    }

    fn edge(&mut self, written: &WrittenEdge) -> Edge {
        for status in [&written.from, &written.to] {
            self.check_status(status, status.get_ref());
        }
        if written.from.get_ref() == written.to.get_ref() {
            self.mistake(&written.to, format!("the transition leads from `{0}` to `{0}`", written.to.get_ref()));
        }
        for (word, what) in [(&written.actor, "actor"), (&written.basis, "basis")] {
            if word.get_ref().trim().is_empty() {
                self.mistake(word, format!("`{what}` is empty"));
            }
        }
        self.check_basis(&written.basis);
        let limit = written.limit.as_ref().and_then(|limit| match limit::parse(limit.get_ref()) {
            Ok(parsed) => {
                if let Some(state) = limit::counted_from(&parsed) {
                    self.check_status(limit, state);
                }
                Some(parsed)
            }
            Err(fault) => {
                let cure = "write `3wd` (working days), `60d` (calendar days), `60d from submitted`, or a sentence";
                self.cured(limit, format!("`{}` is not a time limit: {fault}", limit.get_ref()), cure);
                None
            }
        });
        Edge {
            from: written.from.get_ref().clone(),
            to: written.to.get_ref().clone(),
            actor: written.actor.get_ref().clone(),
            limit,
            basis: written.basis.get_ref().clone(),
        }
    }

    fn check_status<T>(&mut self, place: &Spanned<T>, code: &str) {
        if !self.catalogue.statuses.contains_key(code) {
            let mistake = Mistake::new(self.place(place), format!("unknown status `{code}`"))
                .with_cure("take a shared status, or describe a new one in a `[[status]]`")
                .with_nearest(code, self.catalogue.statuses.keys().map(String::as_str));
            self.mistakes.push(mistake);
        }
    }

    /// A mark such as `S2` has to be in the shared list of sources; any other text may name a law by itself.
    fn check_basis(&mut self, basis: &Spanned<String>) {
        let text = basis.get_ref();
        let is_mark = text.strip_prefix('S').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
        if is_mark && !text.contains(' ') && !self.catalogue.sources.contains_key(text) {
            self.cured(
                basis,
                format!("unknown source `{text}`"),
                "name the law or page in words, or write `gk` or `as`",
            );
        }
    }
}
