//! The events that are measured with: those of the eight sample exports, with the copies that the first policy gives them.
//!
//! They are what `barid connect --dry-run` makes of the files of the checkout.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use barid_event::{Secret, WatchKey, watch};
use barid_harness::cache::checkout;
use barid_policy::{EventFacts, Index, Policy, PolicyFile, WatchTable, load};
use barid_schemas::case_event::{CaseEvent, View};
use barid_schemas::{Catalogue, GroupSet, Millis};

use crate::process::beside_this;

/// The key that [`Sample`] hashes with; the deployments of the benches have the same.
pub(crate) const WATCH_KEY: [u8; 32] = [0x3a; 32];

/// One event with what becomes of it.
#[derive(Debug, Clone)]
pub(crate) struct SampleEvent {
    pub(crate) event: CaseEvent,
    pub(crate) watch_keys: Vec<WatchKey>,
    pub(crate) copies: Vec<SampleCopy>,
}

/// A copy that the policy gives.
#[derive(Debug, Clone)]
pub(crate) struct SampleCopy {
    pub(crate) subscriber: String,
    pub(crate) groups: GroupSet,
    pub(crate) view: View,
}

/// All events of the exports.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) events: Vec<SampleEvent>,
    pub(crate) permits: usize,
}

impl Sample {
    /// Reads the checkout.
    pub(crate) fn read() -> Result<Self> {
        let agencies = agencies()?;
        let policy = first_policy(&agencies)?;
        let permits = policy.permits.len();
        let index = Index::build(Arc::new(policy));
        let secret = Secret::from_bytes(WATCH_KEY)?;
        let mut events = Vec::new();
        for folder in &agencies {
            for line in dry_run(folder)?.lines() {
                let event: CaseEvent = serde_json::from_str(line).with_context(|| folder.display().to_string())?;
                let watch_keys = watch_keys(&event, &secret);
                let copies = copies(&index, &event, &watch_keys);
                events.push(SampleEvent { event, watch_keys, copies });
            }
        }
        ensure!(!events.is_empty(), "the exports of the checkout give no event");
        Ok(Self { events, permits })
    }

    /// Copies for each event, on average.
    pub(crate) fn fan_out(&self) -> f64 {
        let copies: usize = self.events.iter().map(|event| event.copies.len()).sum();
        copies as f64 / self.events.len() as f64
    }
}

pub(crate) fn now() -> Millis {
    Millis(jiff::Timestamp::now().as_millisecond())
}

/// The folders of the eight agencies, by name.
pub(crate) fn agencies() -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(checkout().join("connectors"))? {
        let path = entry?.path();
        if path.join("connector.toml").is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// The policy that `barid policy apply` applies.
fn first_policy(agencies: &[PathBuf]) -> Result<Policy> {
    let mut files = Vec::new();
    for folder in agencies {
        files.push(policy_file("catalogue", &folder.join("catalogue.toml"), &name(folder)?)?);
    }
    for entry in fs::read_dir(checkout().join("policy/permits"))? {
        let path = entry?.path();
        files.push(policy_file("permits", &path, &name(&path)?)?);
    }
    Ok(load(&Catalogue::shared(), &files)?)
}

fn policy_file(folder: &str, file: &Path, name: &str) -> Result<PolicyFile> {
    Ok(PolicyFile { path: format!("{folder}/{name}.toml"), text: fs::read_to_string(file)? })
}

fn name(path: &Path) -> Result<String> {
    Ok(path.file_stem().with_context(|| path.display().to_string())?.to_string_lossy().into_owned())
}

/// The events of an agency's export, a JSON line for each.
fn dry_run(folder: &Path) -> Result<String> {
    let config = folder.join("connector.toml");
    let mut command = Command::new(beside_this("barid")?);
    let output = command.args(["connect", "--dry-run", "--config"]).arg(&config).current_dir(folder).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "a dry run of `{}` fails:\n{said}", config.display());
    Ok(String::from_utf8(output.stdout)?)
}

fn watch_keys(event: &CaseEvent, secret: &Secret) -> Vec<WatchKey> {
    let mut keys = Vec::new();
    if let Some(parcel) = &event.parcel
        && let Some(main) = &parcel.plate_main
    {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let (sub, section) = (part(&parcel.plate_sub), part(&parcel.plate_section));
        keys.push(watch::parcel_key(secret, main, &sub, &section, &part(&parcel.plate_district)));
    }
    if let Some(number) = &event.number {
        let numbers = number.national_id.iter().chain(&number.legal_id);
        keys.extend(numbers.map(|number| watch::person_key(secret, number)));
    }
    keys
}

fn copies(index: &Index, event: &CaseEvent, watch_keys: &[WatchKey]) -> Vec<SampleCopy> {
    let (event_id, corr_id) = (event.event_id.to_string(), event.corr_id.to_string());
    let facts = EventFacts {
        publisher: &event.publisher,
        service: &event.service_code,
        status_from: event.status_from.as_deref(),
        status: &event.status_to,
        county: event.county.as_deref(),
        event_id: &event_id,
        corr_id: &corr_id,
        occurred_at: event.occurred_at,
        relying_agency: event.identity.as_ref().and_then(|identity| identity.relying_agency.as_deref()),
        watch_keys,
        at: now(),
    };
    let (nobody_watches, mut decisions) = (WatchTable::new(), Vec::new());
    index.decide(&nobody_watches, &facts, &mut decisions);
    let copy = |decision: &barid_policy::Decision<'_>| SampleCopy {
        subscriber: decision.permit.subscriber.clone(),
        groups: decision.permit.groups,
        view: decision.permit.view,
    };
    decisions.iter().map(copy).collect()
}
