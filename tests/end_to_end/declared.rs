//! Topics, schemas and policy are declared: applying them again changes nothing, and what differs is said, not changed.

use anyhow::Result;
use barid_harness::{Deployment, admin};

use crate::stage::Stage;

/// What the broker and the registry hold: topics with partitions and settings, versions, records of the policy.
fn state(deployment: &Deployment) -> Result<String> {
    let mut state = String::new();
    let topics = deployment.topics()?;
    let configs = admin::topic_configs(deployment.bootstrap_servers(), topics.keys().map(String::as_str))?;
    for (topic, partitions) in topics {
        state.push_str(&format!("{topic} {partitions} {:?}\n", configs[&topic]));
    }
    for subject in deployment.registry().subjects()? {
        let versions = deployment.registry().versions(&subject)?;
        let (_, level) = deployment.registry().get(&format!("/config/{subject}"))?;
        state.push_str(&format!("{subject} {versions:?} {}\n", level["compatibilityLevel"]));
    }
    for record in deployment.read("policy")? {
        state.push_str(&format!("policy record at {}\n", record.place()));
    }
    Ok(state)
}

#[test]
fn applying_topics_schemas_and_policy_twice_changes_nothing() -> Result<()> {
    let stage = Stage::new("declared")?;
    stage.apply()?;
    let before = state(&stage)?;
    assert!(before.contains("inbox.tourism_heritage 3"), "{before}");
    assert!(before.contains("events.tourism_heritage 6"), "{before}");
    assert!(before.contains("ir.barid.CaseEvent [1] \"FULL_TRANSITIVE\""), "{before}");
    stage.barid.try_run(&["topics", "apply"])?.succeeded()?.saying(&["0 created, 0 differ"])?;
    stage.barid.try_run(&["schemas", "register"])?.succeeded()?;
    stage.barid.try_run(&["policy", "apply"])?.succeeded()?.saying(&["version 1 is this policy already"])?;
    assert_eq!(state(&stage)?, before);
    stage.finish()?;
    Ok(())
}

#[test]
fn topics_with_other_settings_are_named_and_changed_only_when_told_to() -> Result<()> {
    let stage = Stage::new("differing")?;
    let broker = stage.bootstrap_servers();
    let topic = stage.topic("inbox.tourism_heritage");
    admin::create_topic(broker, &topic, 3, &[("retention.ms", "60000")])?;
    let words = [topic.as_str(), "retention.ms", "60000", "barid topics apply --yes"];
    let first = stage.barid.try_run(&["topics", "apply"])?.failed()?.saying(&words)?;
    assert_eq!(first.code, 5);
    assert_eq!(admin::topic_config(broker, &topic)?["retention.ms"], "60000");
    stage.barid.run(&["topics", "apply", "--yes"])?;
    assert_ne!(admin::topic_config(broker, &topic)?["retention.ms"], "60000");
    stage.barid.run(&["topics", "apply"])?;
    stage.finish()?;
    Ok(())
}

#[test]
fn a_topic_with_another_number_of_partitions_is_named_and_never_changed() -> Result<()> {
    let stage = Stage::new("partitions")?;
    let topic = stage.topic("inbox.tourism_heritage");
    admin::create_topic(stage.bootstrap_servers(), &topic, 1, &[])?;
    let said = stage.barid.try_run(&["topics", "apply", "--yes"])?.failed()?.saying(&[&topic, "1 partition"])?;
    assert_eq!(said.code, 5, "{}", said.words);
    assert_eq!(stage.topics()?[&topic], 1);
    stage.finish()?;
    Ok(())
}
