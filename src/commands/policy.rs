//! `barid policy check`, `show`, `apply` and `try`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use barid_codec::RecordCodec;
use barid_event::watch;
use barid_kafka::{Cluster, Outgoing, StopSignal, TransactionalProducer};
use barid_ledger::{Facts, RulesRead, read_rules};
use barid_policy::versions::{PolicyVersion, version_records};
use barid_policy::{Difference, Index, Policy, PolicyFile, check, compare, difference, load, withdrawal};
use barid_schemas::Catalogue;
use barid_schemas::records::{PolicyRecord, Schema};

use super::Outcome;
use crate::arguments::{GlobalArguments, PolicyCommand, PolicyFilesArguments};
use crate::deployment::{Deployment, read_text};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{builtin, show};

/// Where the files of a policy stand.
const FOLDERS: [&str; 3] = ["catalogue", "permits", "subscriptions"];
const NONE_APPLIED: &str = "no version of the policy has been applied\n  to apply one: barid policy apply";

pub(crate) fn run(command: &PolicyCommand, global: &GlobalArguments) -> Outcome {
    let deployment = || Deployment::load(global, None);
    match command {
        PolicyCommand::Check { files } => check_files(files),
        PolicyCommand::Show { files, publisher, subscriber, in_force } => {
            let policy = if *in_force { policy_in_force(&deployment()?)? } else { read_policy(files)?.1 };
            print_permits(&policy, publisher.as_deref(), subscriber.as_deref())
        }
        PolicyCommand::Write { to, in_force } => {
            let files = if *in_force { files_in_force(&deployment()?)? } else { built_in_files() };
            write_files(to, &files)
        }
        PolicyCommand::Apply { files, by, dry_run, yes } => apply(&deployment()?, files, by, *dry_run, *yes),
        PolicyCommand::Try { files } => try_files(&deployment()?, files),
    }
}

/// The policy's files and what they say. The catalogues of the built-in agencies belong to every policy.
pub(crate) fn read_policy(arguments: &PolicyFilesArguments) -> Result<(Vec<PolicyFile>, Policy), Failure> {
    let mut files = builtin::catalogue_files();
    match &arguments.dir {
        None => files.extend(builtin::permit_files()),
        Some(dir) => {
            for file in read_folder(dir)? {
                match files.iter_mut().find(|known| known.path == file.path) {
                    Some(known) => *known = file,
                    None => files.push(file),
                }
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let policy = load(&Catalogue::shared(), &files)?;
    Ok((files, policy))
}

fn read_folder(dir: &Path) -> Result<Vec<PolicyFile>, Failure> {
    let mut files = Vec::new();
    let unreadable =
        |path: &Path, error| Failure::new(Exit::Mistaken, format!("{}: cannot be read: {error}", path.display()));
    for folder in FOLDERS {
        let path = dir.join(folder);
        if !path.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&path).map_err(|error| unreadable(&path, error))? {
            let path = entry.map_err(|error| unreadable(&path, error))?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                files.push(PolicyFile { path: format!("{folder}/{name}"), text: read_text(&path)? });
            }
        }
    }
    if files.is_empty() {
        let message = format!("{}: no policy file in permits/, subscriptions/ or catalogue/", dir.display());
        return Err(Failure::new(Exit::Mistaken, message));
    }
    Ok(files)
}

fn check_files(arguments: &PolicyFilesArguments) -> Outcome {
    let (files, policy) = read_policy(arguments)?;
    let warnings = check(&policy);
    for warning in &warnings {
        show::line(format!("{}: {}: {}", show::styled(show::ACCENT, "warning"), warning.place, warning.message))?;
    }
    if policy.permits.is_empty() {
        let words = "no permit, nobody would receive anything";
        show::say(format!("{}: {words}", show::styled(show::ACCENT, "warning")));
    }
    show::say(format!(
        "{} and {} in {}: no mistake, {}",
        show::count(policy.permits.len(), "permit"),
        show::count(policy.subscriptions.len(), "subscription"),
        show::count(files.len(), "file"),
        show::count(warnings.len(), "warning")
    ));
    Ok(Exit::Done)
}

fn print_permits(policy: &Policy, publisher: Option<&str>, subscriber: Option<&str>) -> Outcome {
    for agency in publisher.iter().chain(&subscriber) {
        if !policy.catalogue.agencies.contains_key(*agency) {
            let known = policy.catalogue.agencies.keys().map(String::as_str);
            let meant = barid_mistake::nearest(agency, known).map(|word| format!("; is `{word}` meant?"));
            let message = format!("no agency `{agency}`{}", meant.unwrap_or_default());
            return Err(Failure::new(Exit::Mistaken, message));
        }
    }
    for permit in &policy.permits {
        let wanted = publisher.is_none_or(|wanted| permit.publisher == wanted)
            && subscriber.is_none_or(|wanted| permit.subscriber == wanted);
        if wanted {
            show::line(permit)?;
        }
    }
    Ok(Exit::Done)
}

fn built_in_files() -> Vec<PolicyFile> {
    builtin::catalogue_files().into_iter().chain(builtin::permit_files()).collect()
}

fn files_in_force(deployment: &Deployment) -> Result<Vec<PolicyFile>, Failure> {
    let rules = read_rules(&deployment.reader(&StopSignal::new())?)?;
    let newest = rules.newest().and_then(|version| rules.versions.get(&version));
    Ok(newest.ok_or_else(|| Failure::failed(NONE_APPLIED))?.files.clone())
}

/// Writes into a folder without policy files: what a person has edited is never written over.
fn write_files(to: &Path, files: &[PolicyFile]) -> Outcome {
    for file in files {
        let path = to.join(&file.path);
        if path.exists() {
            return Err(Failure::failed(format!("{} exists already, nothing was written", path.display())));
        }
    }
    for folder in FOLDERS {
        fs::create_dir_all(to.join(folder))?;
    }
    for file in files {
        fs::write(to.join(&file.path), &file.text)?;
        show::line(to.join(&file.path).display())?;
    }
    Ok(Exit::Done)
}

fn policy_in_force(deployment: &Deployment) -> Result<Policy, Failure> {
    let rules = read_rules(&deployment.reader(&StopSignal::new())?)?;
    newest(&rules)?.ok_or_else(|| Failure::failed(NONE_APPLIED))
}

fn newest(rules: &RulesRead) -> Result<Option<Policy>, Failure> {
    Ok(rules.newest().map(|version| rules.policy(&Catalogue::shared(), version)).transpose()?)
}

fn apply(deployment: &Deployment, arguments: &PolicyFilesArguments, by: &str, dry_run: bool, yes: bool) -> Outcome {
    let (files, policy) = read_policy(arguments)?;
    let reader = deployment.reader(&StopSignal::new())?;
    let rules = read_rules(&reader)?;
    let newest_version = rules.newest().unwrap_or(0);
    if rules.versions.get(&newest_version).is_some_and(|version| version.files == files) {
        show::say(format!("version {newest_version} is this policy already, nothing to do"));
        return Ok(Exit::Done);
    }
    let before = match newest(&rules)? {
        Some(before) => before,
        None => Policy { catalogue: policy.catalogue.clone(), permits: Vec::new(), subscriptions: Vec::new() },
    };
    print_difference(&difference(&before, &policy))?;
    let withdrawal = withdrawal(&before, &policy);
    if !withdrawal.is_empty() {
        show::say(&withdrawal);
    }
    if dry_run {
        show::say("nothing was changed");
        return Ok(Exit::Done);
    }
    if withdrawal.is_drastic() && !yes {
        show::say("nothing was changed: is the folder complete?\n  to apply it all the same: barid policy apply --yes");
        return Ok(Exit::Found);
    }
    let version =
        PolicyVersion { version: newest_version + 1, files, applied_by: by.to_owned(), applied_at: show::now() };
    write_version(deployment, &version)?;
    show::say(format!("version {} is applied; running routers take it up between two transactions", version.version));
    Ok(Exit::Done)
}

/// Writes a version to the deployment's bus.
fn write_version(deployment: &Deployment, version: &PolicyVersion) -> Result<(), Failure> {
    let registry = deployment.registry()?;
    registry.register_records()?;
    let schema_id = registry.register(PolicyRecord::FULL_NAME, PolicyRecord::AVSC)?;
    let cluster = deployment.cluster("barid-policy")?;
    write_records(&cluster, &deployment.name()?, &deployment.topics()?.policy(), schema_id, version)
}

/// Writes the records of a version, all in one transaction, so that nobody reads half of it.
pub(crate) fn write_records(
    cluster: &Cluster,
    deployment: &str,
    topic: &str,
    schema_id: u32,
    version: &PolicyVersion,
) -> Result<(), Failure> {
    let codec = RecordCodec::<PolicyRecord>::new(schema_id)?;
    let transactional_id = format!("{deployment}/operator/policy");
    let mut producer = TransactionalProducer::connect(cluster, &transactional_id, &StopSignal::new())?;
    producer.begin()?;
    let key = version.version.to_string();
    for record in version_records(version) {
        let value = codec.to_vec(&record)?;
        producer.send(&Outgoing { topic, key: Some(key.as_bytes()), value: Some(&value), ..Outgoing::default() })?;
    }
    Ok(producer.commit()?)
}

fn print_difference(difference: &Difference) -> Result<(), Failure> {
    for change in &difference.changes {
        show::line(change)?;
    }
    if difference.gives_more() {
        show::say("lines with `!`: somebody can see what was withheld before");
    }
    Ok(())
}

fn try_files(deployment: &Deployment, arguments: &PolicyFilesArguments) -> Outcome {
    let (_, policy) = read_policy(arguments)?;
    let reader = deployment.reader(&StopSignal::new())?;
    let rules = read_rules(&reader)?;
    let before = newest(&rules)?.unwrap_or_else(|| Policy {
        catalogue: policy.catalogue.clone(),
        permits: Vec::new(),
        subscriptions: Vec::new(),
    });
    let (old, new) = (Index::build(Arc::new(before)), Index::build(Arc::new(policy)));
    let mut tally: BTreeMap<String, u64> = BTreeMap::new();
    let mut events = 0_u64;
    reader.each_event(&reader.topic_names_of("events")?, |record, event| {
        events += 1;
        let keys = record.header(barid_event::header::WATCH).and_then(|list| watch::decode_list(list).ok());
        let facts = Facts::of(&event, keys.unwrap_or_default(), record.timestamp_ms);
        for consequence in compare(&old, &new, &rules.watch, &facts.borrowed()) {
            let what = format!("{} {}.{}: {consequence}", event.publisher, event.service_code, event.status_to);
            *tally.entry(what).or_default() += 1;
        }
    })?;
    if !tally.is_empty() {
        let rows = tally.iter().map(|(what, count)| [count.to_string(), what.clone()]);
        show::line(show::table(&["events", "change"], rows))?;
    }
    let none = if tally.is_empty() { "nobody would get more or less; " } else { "" };
    show::say(format!("{events} past events were tried; {none}nothing was changed"));
    Ok(Exit::Done)
}
