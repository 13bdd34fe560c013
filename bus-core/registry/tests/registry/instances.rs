//! Several instances on one topic: one leads, all answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use anyhow::{Result, anyhow, ensure};
use barid_harness::{HANGS_AFTER, SchemaRegistry, wait_until};
use serde_json::{Value, json};

use crate::support::{Instance, V1, V2, numbered, topic};

fn wait_for_one_leader(instances: &[&Instance]) -> Result<usize> {
    let mut leader = 0;
    wait_until("exactly one instance to lead", HANGS_AFTER, || {
        let leading: Vec<usize> = (0..instances.len()).filter(|index| instances[*index].leads()).collect();
        leader = leading.first().copied().unwrap_or_default();
        Ok(leading.len() == 1)
    })?;
    Ok(leader)
}

#[test]
fn a_change_at_either_instance_is_seen_at_both_at_once_where_it_was_made() -> Result<()> {
    let topic = topic("two");
    let first = Instance::start(&topic)?;
    let second = Instance::start(&topic)?;
    let leader = wait_for_one_leader(&[&first, &second])?;
    let (leader, follower) = if leader == 0 { (&first, &second) } else { (&second, &first) };
    assert_eq!(leader.id("a", V1)?, 1);
    assert_eq!(follower.id("a", V2)?, 2);
    assert_eq!(follower.get("/schemas/ids/2")?["schema"], V2, "whoever registered may read it at the same instance");
    follower.done("PUT", "/config/a", Some(json!({ "compatibility": "NONE" })))?;
    assert_eq!(follower.get("/config/a")?["compatibilityLevel"], "NONE");
    assert_eq!(follower.done("DELETE", "/subjects/a/versions/1", None)?, json!(1));
    assert_eq!(follower.get("/subjects/a/versions")?, json!([2]));
    // Refusals come through as the leader gives them.
    let (status, body) = follower.client.request("DELETE", "/subjects/none", None)?;
    assert_eq!((status, &body["error_code"]), (404, &json!(40401)), "{body}");
    wait_until("both to show the same", HANGS_AFTER, || Ok(leader.picture()? == follower.picture()?))?;
    assert_eq!(leader.get("/subjects?deleted=true")?, json!(["a"]));
    Ok(())
}

#[test]
fn registrations_at_two_instances_at_once_give_no_id_and_no_version_twice() -> Result<()> {
    let topic = topic("at-once");
    let instances = [Instance::start(&topic)?, Instance::start(&topic)?];
    wait_for_one_leader(&[&instances[0], &instances[1]])?;
    instances[0].done("PUT", "/config", Some(json!({ "compatibility": "NONE" })))?;
    const EACH: usize = 25;
    // Two writers at each instance; every schema is registered by two writers, one at each instance, all under one subject.
    let registered: Vec<(usize, u32)> = thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let client = SchemaRegistry::new(instances[writer % 2].client.url());
                scope.spawn(move || -> Result<Vec<(usize, u32)>> {
                    let client = client?;
                    let numbers = (writer / 2 * EACH)..(writer / 2 + 1) * EACH;
                    numbers.map(|number| Ok((number, client.register("busy", &numbered(number))?))).collect()
                })
            })
            .collect();
        let done: Result<Vec<Vec<(usize, u32)>>> =
            writers.into_iter().map(|writer| writer.join().map_err(|_| anyhow!("it panicked"))?).collect();
        done.map(|done| done.into_iter().flatten().collect())
    })?;
    let mut ids: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
    for (number, id) in registered {
        ids.entry(number).or_default().insert(id);
    }
    assert!(ids.values().all(|ids| ids.len() == 1), "a schema with two ids: {ids:?}");
    let all: BTreeSet<u32> = ids.values().flatten().copied().collect();
    assert_eq!(all, (1..=u32::try_from(2 * EACH)?).collect(), "each id once, none left out");
    for instance in &instances {
        let expected: Vec<u64> = (1..=2 * EACH as u64).collect();
        wait_until("all versions to be seen", HANGS_AFTER, || Ok(instance.client.versions("busy")? == expected))?;
    }
    Ok(())
}

#[test]
fn no_change_fails_while_the_leader_ends() -> Result<()> {
    let topic = topic("ending");
    let first = Instance::start(&topic)?;
    wait_for_one_leader(&[&first])?;
    let second = Instance::start(&topic)?;
    let client = SchemaRegistry::new(second.client.url())?;
    let (count, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| -> Result<()> {
        let (count, done) = (&count, &done);
        let writer = scope.spawn(move || -> Result<()> {
            while !done.load(Ordering::SeqCst) {
                let number = count.load(Ordering::SeqCst);
                let id = client.register(&format!("s{number}"), &numbered(number))?;
                ensure!(id == u32::try_from(number)? + 1, "id {id} after {number}");
                count.store(number + 1, Ordering::SeqCst);
            }
            Ok(())
        });
        let more = |more: usize| {
            let enough = count.load(Ordering::SeqCst) + more;
            wait_until("more registrations", HANGS_AFTER, || {
                Ok(writer.is_finished() || count.load(Ordering::SeqCst) >= enough)
            })
        };
        let ended = more(10).and_then(|()| first.stop()).and_then(|()| more(10));
        done.store(true, Ordering::SeqCst);
        writer.join().map_err(|_| anyhow!("it panicked"))??;
        ended
    })
}

#[test]
fn when_the_leader_ends_another_leads_and_goes_on_with_the_next_id() -> Result<()> {
    let topic = topic("handed-over");
    let first = Instance::start(&topic)?;
    wait_for_one_leader(&[&first])?;
    let second = Instance::start(&topic)?;
    assert_eq!(second.id("a", &numbered(1))?, 1);
    assert!(first.leads() && !second.leads(), "whoever leads goes on leading when another comes");
    first.stop()?;
    assert_eq!(second.id("a2", &numbered(2))?, 2, "the change waits for the new leader");
    assert!(second.leads());
    let third = Instance::start(&topic)?;
    assert_eq!(third.id("a3", &numbered(3))?, 3);
    let picture: Value = second.picture()?;
    wait_until("the third to show the same", HANGS_AFTER, || Ok(third.picture()? == picture))?;
    Ok(())
}
