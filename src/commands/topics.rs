//! `barid topics plan` and `apply`.

use std::collections::BTreeMap;

use barid_event::topics::TopicPlan;
use barid_kafka::{Admin, KafkaError, NewTopic, StopSignal, TopicDescription};
use barid_schemas::Catalogue;
use serde_json::json;

use super::Outcome;
use crate::arguments::{AgencyArguments, TopicsCommand};
use crate::deployment::{Deployment, read_text};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{builtin, show};

pub(crate) fn run(command: &TopicsCommand, deployment: &Deployment) -> Outcome {
    match command {
        TopicsCommand::Plan { agencies, json } => print_plan(deployment, &catalogue(agencies)?, *json),
        TopicsCommand::Apply { agencies, yes } => apply(deployment, &catalogue(agencies)?, *yes),
    }
}

/// The built-in catalogue with the files that were named.
pub(crate) fn catalogue(agencies: &AgencyArguments) -> Result<Catalogue, Failure> {
    let mut catalogue = builtin::catalogue()?;
    for path in &agencies.catalogues {
        catalogue.add(&path.display().to_string(), &read_text(path)?)?;
    }
    Ok(catalogue)
}

fn print_plan(deployment: &Deployment, catalogue: &Catalogue, json: bool) -> Outcome {
    let topics = deployment.topics()?;
    let agencies = || catalogue.agencies.keys().map(String::as_str);
    let (plan, acls) = (topics.plan(agencies()), topics.acls(&deployment.name()?, agencies()));
    if json {
        let topics: Vec<_> = plan
            .iter()
            .map(|topic| json!({"name": topic.name, "partitions": topic.partitions, "config": topic.config}))
            .collect();
        let acls: Vec<_> = acls
            .iter()
            .map(|acl| {
                json!({
                    "principal": acl.principal,
                    "resource": acl.resource.option(),
                    "pattern": acl.pattern.word(),
                    "name": acl.name,
                    "operation": acl.operation.word(),
                })
            })
            .collect();
        show::line(serde_json::to_string_pretty(&json!({"topics": topics, "acls": acls}))?)?;
        return Ok(Exit::Done);
    }
    let rows = plan.iter().map(|topic| [topic.name.clone(), topic.partitions.to_string(), settings(topic)]);
    show::line(show::table(&["topic", "partitions", "settings"], rows))?;
    show::line("")?;
    let rows = acls.iter().map(|acl| {
        [
            acl.principal.clone(),
            acl.operation.word().to_owned(),
            format!("{} {}", acl.resource.option(), acl.pattern.word()),
            acl.name.clone(),
        ]
    });
    show::line(show::table(&["principal", "may", "what", "name"], rows))?;
    Ok(Exit::Done)
}

fn settings(topic: &TopicPlan) -> String {
    topic.config.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

fn apply(deployment: &Deployment, catalogue: &Catalogue, yes: bool) -> Outcome {
    let plan = deployment.topics()?.plan(catalogue.agencies.keys().map(String::as_str));
    let admin = Admin::new(&deployment.reachable_cluster(&StopSignal::new())?)?;
    let mut missing = Vec::new();
    let (mut differing, mut left_alone, mut as_planned) = (Vec::new(), 0, 0);
    for topic in &plan {
        match admin.describe(&topic.name)? {
            None => missing.push(topic),
            Some(found) => {
                if found.partitions != as_i32(topic.partitions) {
                    left_alone += 1;
                    show::line(format!(
                        "{}: {} partitions where the plan has {}; left as it is, for another count would break the order of its cases",
                        topic.name, found.partitions, topic.partitions
                    ))?;
                }
                let changes = changes(topic, &found);
                for (name, (is, planned)) in &changes {
                    show::line(format!("{}: {name} is `{is}`, planned is `{planned}`", topic.name))?;
                }
                if !changes.is_empty() {
                    differing.push((topic, changes));
                } else if found.partitions == as_i32(topic.partitions) {
                    as_planned += 1;
                }
            }
        }
    }
    create(&admin, &missing)?;
    if yes {
        for (topic, changes) in &differing {
            let config = changes.iter().map(|(name, (_, planned))| (name.clone(), planned.clone())).collect();
            admin.set_config(&topic.name, &config)?;
            show::line(format!("{}: changed", topic.name))?;
        }
    }
    let differ = plan.len() - missing.len() - as_planned;
    show::say(format!("{} created, {differ} differ, {as_planned} as planned", missing.len()));
    if !differing.is_empty() && !yes {
        show::say("nothing that exists was changed; to change these settings: barid topics apply --yes");
    }
    let settled = (differing.is_empty() || yes) && left_alone == 0;
    Ok(if settled { Exit::Done } else { Exit::Found })
}

/// Settings that differ: name → (as it is, as planned).
fn changes(topic: &TopicPlan, found: &TopicDescription) -> BTreeMap<String, (String, String)> {
    let differs = |(name, planned): (&&str, &String)| {
        let is = found.config.get(*name).cloned().unwrap_or_default();
        (is != *planned).then(|| ((*name).to_owned(), (is, planned.clone())))
    };
    topic.config.iter().filter_map(differs).collect()
}

fn create(admin: &Admin, missing: &[&TopicPlan]) -> Result<(), Failure> {
    let new = |topic: &&TopicPlan| NewTopic {
        name: topic.name.clone(),
        partitions: as_i32(topic.partitions),
        replication: topic.replication.map(i32::from),
        config: topic.config.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
    };
    let results = admin.create(&missing.iter().map(new).collect::<Vec<_>>())?;
    for (topic, result) in missing.iter().zip(results) {
        match result {
            // Somebody else applied the same plan at the same time.
            Ok(()) | Err(KafkaError::TopicExists { .. }) => show::line(format!("{}: created", topic.name))?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn as_i32(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
