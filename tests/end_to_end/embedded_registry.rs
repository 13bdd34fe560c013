//! `barid registry` as separate processes: one, two, killed, frozen, and with the broker away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result, anyhow, bail, ensure};
use barid_harness::{Deployment, HANGS_AFTER, Kafka, Running, SchemaRegistry, ports, shared_kafka, wait_until};

use crate::inboxes::expect_everything;
use crate::stage::{deployment, end};

const LEADS: &str = "this instance leads";

/// A deployment whose registry is `barid registry` on a topic of its own.
struct Site {
    deployment: Deployment,
    ports: [u16; 2],
}

impl Site {
    fn new(name: &str, bootstrap_servers: &str) -> Result<Self> {
        let ports: [u16; 2] = ports::free()?;
        let deployment = deployment(name, bootstrap_servers, &url(ports[0]))?;
        Ok(Self { deployment, ports })
    }

    fn start(&self, instance: usize) -> Result<Running> {
        let listen = format!("127.0.0.1:{}", self.ports[instance]);
        self.deployment.barid.start(&["registry", "--listen", &listen, "--topic", &self.deployment.topic("_schemas")])
    }

    fn client(&self, instance: usize) -> Result<SchemaRegistry> {
        SchemaRegistry::new(&url(self.ports[instance]))
    }

    /// Waits until the instance can make changes.
    fn wait_until_it_writes(&self, instance: usize) -> Result<()> {
        let client = self.client(instance)?;
        wait_until("the registry to make changes", HANGS_AFTER, || Ok(client.register("first", r#""string""#).is_ok()))
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn numbered(number: usize) -> String {
    format!(r#"{{"type":"record","name":"N{number}","fields":[]}}"#)
}

#[test]
fn roles_work_with_the_registry_on_a_topic_also_while_it_is_restarted() -> Result<()> {
    let site = Site::new("registry-role", shared_kafka()?)?;
    let stage = &site.deployment;
    let registry = site.start(0)?;
    site.wait_until_it_writes(0)?;
    stage.apply()?;
    stage.watch()?;
    let before: Vec<_> = ids(&site.client(0)?)?;
    let router = stage.start_router("router-1", &[])?;
    end(registry)?;
    let registry = site.start(0)?;
    site.wait_until_it_writes(0)?;
    stage.connect_all_once()?;
    expect_everything(stage)?;
    let after = ids(&site.client(0)?)?;
    assert!(before.iter().all(|known| after.contains(known)), "{before:?} and after the restart {after:?}");
    end(router)?;
    stage.finish()?;
    end(registry)?.saying(&["schemas have been read", LEADS])?;
    Ok(())
}

/// Subject, version and id of everything.
fn ids(client: &SchemaRegistry) -> Result<Vec<(String, u64, u64)>> {
    let mut found = Vec::new();
    for subject in client.subjects()? {
        for version in client.versions(&subject)? {
            let (_, body) = client.get(&format!("/subjects/{subject}/versions/{version}"))?;
            found.push((subject.clone(), version, body["id"].as_u64().context("no id")?));
        }
    }
    Ok(found)
}

/// What the registry has acknowledged: number of the schema and its id.
type Acknowledged = Mutex<BTreeMap<usize, u32>>;

/// Registers one schema after the other, each until it is acknowledged, at one instance and when that fails at the other.
fn write(ports: [u16; 2], writer: usize, acknowledged: &Acknowledged, done: &AtomicBool) -> Result<()> {
    let client = |instance: usize| SchemaRegistry::new(&url(ports[instance % 2]));
    let clients = [client(writer)?, client(writer + 1)?];
    for number in (writer..).step_by(2) {
        if done.load(Ordering::SeqCst) {
            return Ok(());
        }
        let mut turn = 0;
        wait_until("a registration to be acknowledged", HANGS_AFTER, || {
            let client = &clients[turn % 2];
            turn += 1;
            let Ok(id) = client.register(&format!("busy-{}", number % 5), &numbered(number)) else { return Ok(false) };
            acknowledged.lock().map_err(|_| anyhow!("poisoned"))?.insert(number, id);
            Ok(true)
        })?;
    }
    Ok(())
}

#[test]
fn a_leader_that_is_killed_while_it_writes_loses_nothing_and_gives_no_id_twice() -> Result<()> {
    let site = Site::new("registry-killed", shared_kafka()?)?;
    let mut instances = [Some(site.start(0)?), None];
    site.wait_until_it_writes(0)?;
    let (status, _) =
        site.client(0)?.request("PUT", "/config", Some(&serde_json::json!({ "compatibility": "NONE" })))?;
    ensure!(status == 200, "{status}");
    instances[1] = Some(site.start(1)?);
    site.wait_until_it_writes(1)?;
    let (acknowledged, done) = (Acknowledged::default(), AtomicBool::new(false));
    let count = || acknowledged.lock().map(|acknowledged| acknowledged.len()).map_err(|_| anyhow!("poisoned"));
    thread::scope(|scope| -> Result<()> {
        let writers = [0, 1].map(|writer| {
            let (ports, acknowledged, done) = (site.ports, &acknowledged, &done);
            scope.spawn(move || write(ports, writer, acknowledged, done))
        });
        let killed = (|| -> Result<()> {
            // The leader each time: at first instance 0, then whoever took over.
            for round in 0..3 {
                let leader = round % 2;
                let more = count()? + 20;
                wait_until("twenty more registrations", HANGS_AFTER, || Ok(count()? >= more))?;
                let Some(running) = instances[leader].take() else { bail!("instance {leader} does not run") };
                ensure!(running.said()?.contains(LEADS), "instance {leader} does not lead:\n{}", running.said()?);
                running.kill()?;
                let other = instances[1 - leader].as_mut().context("the other does not run")?;
                other.wait_for_text(LEADS, HANGS_AFTER)?;
                instances[leader] = Some(site.start(leader)?);
            }
            Ok(())
        })();
        done.store(true, Ordering::SeqCst);
        for writer in writers {
            writer.join().map_err(|_| anyhow!("a writer panicked"))??;
        }
        killed
    })?;
    site.wait_until_it_writes(0)?;
    site.wait_until_it_writes(1)?;
    let acknowledged = acknowledged.into_inner().map_err(|_| anyhow!("poisoned"))?;
    assert!(acknowledged.len() > 60, "{}", acknowledged.len());
    assert_eq!(acknowledged.values().collect::<BTreeSet<_>>().len(), acknowledged.len(), "an id twice");
    let [first, second] = [site.client(0)?, site.client(1)?];
    wait_until("both instances to show the same", HANGS_AFTER, || Ok(ids(&first)? == ids(&second)?))?;
    for (number, id) in &acknowledged {
        let (status, body) = first.get(&format!("/schemas/ids/{id}"))?;
        assert_eq!((status, body["schema"].as_str()), (200, Some(numbered(*number).as_str())), "id {id}");
    }
    // Whatever was not acknowledged but done all the same has an id of its own, too; and versions have no gaps.
    let all = ids(&first)?;
    assert_eq!(all.iter().map(|(_, _, id)| id).collect::<BTreeSet<_>>().len(), all.len(), "an id twice");
    for subject in (0..5).map(|number| format!("busy-{number}")) {
        let versions = first.versions(&subject)?;
        assert_eq!(versions, (1..=versions.len() as u64).collect::<Vec<_>>(), "{subject}");
    }
    for instance in instances.into_iter().flatten() {
        end(instance)?;
    }
    site.deployment.finish_unaudited("only the registry was at work")?;
    Ok(())
}

#[test]
fn a_leader_that_slept_and_wakes_up_writes_nothing_of_its_own() -> Result<()> {
    let site = Site::new("registry-asleep", shared_kafka()?)?;
    let mut first = site.start(0)?;
    site.wait_until_it_writes(0)?;
    let mut second = site.start(1)?;
    site.wait_until_it_writes(1)?;
    let [one, other] = [site.client(0)?, site.client(1)?];
    let id = one.register("before", &numbered(1))?;
    first.freeze()?;
    second.wait_for_text(LEADS, HANGS_AFTER)?;
    assert_eq!(other.register("meanwhile", &numbered(2))?, id + 1);
    first.thaw()?;
    // It takes itself for the leader until it hears otherwise; whatever it does, the id is the next one.
    let mut given = None;
    wait_until("the one that slept to make a change", HANGS_AFTER, || {
        given = one.register("after", &numbered(3)).ok();
        Ok(given.is_some())
    })?;
    assert_eq!(given, Some(id + 2));
    assert_eq!(other.register("at last", &numbered(4))?, id + 3);
    wait_until("both instances to show the same", HANGS_AFTER, || Ok(ids(&one)? == ids(&other)?))?;
    end(first)?;
    end(second)?;
    site.deployment.finish_unaudited("only the registry was at work")?;
    Ok(())
}

#[test]
fn a_registry_waits_for_a_broker_and_answers_without_one() -> Result<()> {
    let mut kafka = Kafka::start()?;
    let site = Site::new("registry-away", &kafka.bootstrap_servers())?;
    kafka.kill()?;
    // Away at the start: it says so once, and ends when it is told to.
    let mut registry = site.start(0)?;
    registry.wait_for_text("kafka is away", HANGS_AFTER)?;
    let (status, body) = site.client(0)?.get("/subjects")?;
    assert_eq!((status, body["error_code"].as_u64()), (500, Some(50001)), "{body}");
    end(registry)?;
    let mut registry = site.start(0)?;
    registry.wait_for_text("kafka is away", HANGS_AFTER)?;
    kafka.restart()?;
    site.wait_until_it_writes(0)?;
    assert_eq!(registry.said()?.matches("kafka is away").count(), 1, "{}", registry.said()?);
    let client = site.client(0)?;
    let id = client.register("kept", &numbered(1))?;
    // Away in the middle: what is known is answered.
    kafka.stop()?;
    assert_eq!(client.get(&format!("/schemas/ids/{id}"))?.0, 200);
    assert_eq!(client.register("kept", &numbered(1))?, id, "what is there needs no broker");
    let (status, body) =
        client.request("POST", "/subjects/new/versions", Some(&serde_json::json!({ "schema": numbered(2) })))?;
    assert_eq!(status, 500, "{body}");
    kafka.restart()?;
    wait_until("the registry to make changes again", HANGS_AFTER, || Ok(client.register("new", &numbered(2)).is_ok()))?;
    // Told to end while the broker is away.
    kafka.kill()?;
    end(registry)?;
    site.deployment.finish_unaudited("only the registry was at work")?;
    Ok(())
}
