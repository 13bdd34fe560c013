//! One deployment of the bus on a broker: its folder with settings, secrets and agencies, its topics, its commands.
//!
//! Each has a prefix, a name and a folder of its own, so many of them share one broker. A test ends with
//! [`Deployment::finish`]: what stands in the topics is audited, and then the topics are deleted, for a broker holds a few
//! files open for each partition. Of a test that failed before they are deleted when the deployment is dropped.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::barid::{Barid, Finished, Running};
use crate::oracle::exports::{ExpectedRow, expected_rows};
use crate::oracle::{Inboxes, Oracle, PolicyFiles, Watch, Watched, compare};
use crate::records::{self, RawRecord};
use crate::schema_registry::SchemaRegistry;
use crate::wait::HANGS_AFTER;
use crate::{admin, cache, kafka, leak, wait};

/// The exit code of a command that Kafka or the registry has not answered.
const UNREACHABLE: i32 = 4;

/// What the bank has registered: a person and a company.
const SAMPLE_WATCHES: &str = "src/commands/demo/watch.json";

/// So many are shown: more hide what the processes have said.
const MOST_DIFFERENCES: usize = 12;

/// A deployment that is laid down, but not applied.
#[derive(Debug)]
pub struct Deployment {
    /// Runs the command line in [`Deployment::folder`].
    pub barid: Barid,
    /// The agencies whose folders stand in [`Deployment::folder`], in the order of their names.
    pub agencies: Vec<String>,
    bootstrap_servers: String,
    registry: SchemaRegistry,
    prefix: String,
    folder: TempDir,
    /// Its topics are deleted.
    finished: Cell<bool>,
}

impl Deployment {
    /// Lays down a deployment; `program` is `env!("CARGO_BIN_EXE_barid")` of the test.
    pub fn new(program: &str, name: &str, bootstrap_servers: &str, registry_url: &str) -> Result<Self> {
        let prefix = kafka::unique_prefix(name);
        let mut folder = tempfile::Builder::new().prefix("barid-deployment-").tempdir()?;
        // To look at what each process has said (`captured/`) after a test has failed.
        folder.disable_cleanup(env::var_os("BARID_TEST_KEEP").is_some());
        let deployment = Self {
            barid: Barid::new(program, folder.path()),
            agencies: lay_down_agencies(folder.path())?,
            bootstrap_servers: bootstrap_servers.to_owned(),
            registry: SchemaRegistry::new(registry_url)?,
            prefix,
            folder,
            finished: Cell::new(false),
        };
        deployment.write_settings(registry_url)?;
        Ok(deployment)
    }

    /// The folder: `barid.toml`, and for each agency its folder with `connector.toml`, `catalogue.toml` and `sample/`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves the folder where it is when this value goes, to look at what each process has said (`captured/`).
    pub fn keep_folder(&mut self) {
        self.folder.disable_cleanup(true);
    }

    /// Its name: the first part of every transactional id.
    #[must_use]
    pub fn name(&self) -> &str {
        self.prefix.trim_end_matches('.')
    }

    /// The group that all its routers share.
    #[must_use]
    pub fn router_group(&self) -> String {
        format!("{}.router", self.name())
    }

    /// The address of its broker.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Its registry, as a reader that knows nothing of the bus asks it.
    #[must_use]
    pub fn registry(&self) -> &SchemaRegistry {
        &self.registry
    }

    /// A topic by its name without the prefix.
    #[must_use]
    pub fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Its topics with the number of their partitions.
    pub fn topics(&self) -> Result<BTreeMap<String, i32>> {
        records::topics(&self.bootstrap_servers, &self.prefix)
    }

    /// Waits until no transaction is open and the markers of all that have ended are written. A lone broker that is killed before that may never write
    /// them (docs/guarantees.md).
    pub fn wait_for_markers(&self) -> Result<()> {
        wait::wait_until("the markers of all transactions", HANGS_AFTER, || {
            let standings = records::standings(&self.bootstrap_servers, &self.router_group(), &self.topics()?)?;
            Ok(standings.values().all(|standing| standing.stable == standing.written))
        })
    }

    /// Every committed record of a topic, by its name without the prefix.
    pub fn read(&self, name: &str) -> Result<Vec<RawRecord>> {
        records::read_topic(&self.bootstrap_servers, &self.topic(name))
    }

    /// Topics, schemas, the built-in policy.
    pub fn apply(&self) -> Result<()> {
        self.barid.run(&["topics", "apply"])?;
        self.register_schemas()?;
        self.barid.run(&["policy", "apply"])?;
        Ok(())
    }

    /// Registers the schemas, again as long as the registry does not answer in the three seconds that the bus gives it: on a
    /// busy machine that is no fault.
    pub fn register_schemas(&self) -> Result<()> {
        wait::wait_until("the registry to take the schemas in time", HANGS_AFTER, || {
            let finished = self.barid.try_run(&["schemas", "register"])?;
            Ok(finished.code != UNREACHABLE && finished.succeeded().map(|_| true)?)
        })
    }

    /// The report of an audit, which must say that all is well with what stands in the topics now.
    pub fn audit(&self) -> Result<Json> {
        let report = self.barid.try_run(&["audit", "--json"])?.succeeded()?.output;
        serde_json::from_str(&report).context(report)
    }

    /// The end of every test: audits what its processes have left in the topics, and deletes them. The report of the audit.
    pub fn finish(&self) -> Result<Json> {
        let report = self.audit()?;
        self.delete_topics()?;
        Ok(report)
    }

    /// The end of a test whose topics no audit can be content with, for this reason. They are deleted when this value is
    /// dropped, if the broker is still there.
    pub fn finish_unaudited(&self, reason: &str) -> Result<()> {
        ensure!(!reason.is_empty(), "a test that ends without an audit must say why");
        Ok(())
    }

    /// Registers the watches of the sample.
    pub fn watch(&self) -> Result<()> {
        let file = cache::checkout().join(SAMPLE_WATCHES).display().to_string();
        self.barid.run(&["watch", "add", "--file", &file])?;
        Ok(())
    }

    /// Starts one agency's connector with `arguments` added.
    pub fn start_connector(&self, agency: &str, arguments: &[&str]) -> Result<Running> {
        let config = format!("{agency}/connector.toml");
        let secret = format!("{agency}/connector.secret");
        let all = [&["connect", "--config", &config, "--connector-secret-file", &secret][..], arguments].concat();
        self.barid.start(&all)
    }

    /// Runs one agency's connector to the end of its exports.
    pub fn connect_once(&self, agency: &str) -> Result<Finished> {
        self.start_connector(agency, &["--once"])?.wait(HANGS_AFTER)
    }

    /// Runs all connectors side by side to the end of their exports; each must succeed.
    pub fn connect_all_once(&self) -> Result<Vec<Finished>> {
        let running: Vec<Running> =
            self.agencies.iter().map(|agency| self.start_connector(agency, &["--once"])).collect::<Result<_>>()?;
        running.into_iter().map(|one| one.wait(HANGS_AFTER)?.succeeded()).collect()
    }

    /// Starts a router.
    pub fn start_router(&self, name: &str, arguments: &[&str]) -> Result<Running> {
        self.barid.start(&[&["router", "--name", name][..], arguments].concat())
    }

    /// All events and copies as they are now.
    pub fn inboxes(&self) -> Result<Inboxes> {
        Inboxes::read(&self.bootstrap_servers, &self.prefix, &self.registry)
    }

    /// What the oracle knows: the permit files of the checkout and the watches of the sample.
    pub fn oracle(&self, watches: bool) -> Result<Oracle> {
        let policy = PolicyFiles::read(&cache::checkout().join("policy"), cache::checkout())?;
        Ok(Oracle { policy, watches: if watches { sample_watches()? } else { Vec::new() } })
    }

    /// What the exports are known to say.
    pub fn expected_rows(&self) -> Result<Vec<ExpectedRow>> {
        expected_rows(cache::checkout())
    }

    /// Waits until the inboxes hold exactly what the oracle says, then gives them back.
    pub fn wait_for_inboxes(&self, oracle: &Oracle) -> Result<Inboxes> {
        let mut last = Vec::new();
        let waited = wait::wait_for("the inboxes to hold what they must", HANGS_AFTER, || {
            let inboxes = self.inboxes()?;
            last = compare(oracle, &inboxes)?;
            Ok(last.is_empty().then_some(inboxes))
        });
        waited.with_context(|| {
            let shown = &last[..last.len().min(MOST_DIFFERENCES)];
            format!("{} differences, such as:\n  {}", last.len(), shown.join("\n  "))
        })
    }

    /// Fails if any copy tells what its grant does not give.
    pub fn expect_no_leaks(&self, oracle: &Oracle, inboxes: &Inboxes) -> Result<usize> {
        let mut searched = 0;
        for event in &inboxes.events {
            for copy in oracle.copies(event)? {
                let inbox = inboxes.copies.get(&copy.subscriber).context("no inbox")?;
                for found in inbox.iter().filter(|found| found.fields["event_id"] == event.fields["event_id"]) {
                    let leaks = leak::leaks(event, &found.record, &copy.grant, &self.registry)?;
                    ensure!(leaks.is_empty(), "leaks:\n  {}", leaks.join("\n  "));
                    searched += 1;
                }
            }
        }
        Ok(searched)
    }

    /// Every record of all topics of this kind, such as `deadletter`.
    pub fn read_all(&self, kind: &str) -> Result<Vec<RawRecord>> {
        let topics = records::read_topics(&self.bootstrap_servers, &format!("{}{kind}.", self.prefix))?;
        Ok(topics.into_values().flatten().collect())
    }

    fn write_settings(&self, registry_url: &str) -> Result<()> {
        let Self { prefix, bootstrap_servers, .. } = self;
        let name = self.name();
        for (file, digits) in [("correlation.secret", "c0"), ("watch.secret", "3a")] {
            fs::write(self.folder().join(file), digits.repeat(32))?;
        }
        let folder = self.folder().display();
        let text = format!(
            "version = 1\n[deployment]\nname = \"{name}\"\ntopics_prefix = \"{prefix}\"\n\
             [kafka]\nbootstrap_servers = \"{bootstrap_servers}\"\n\
             [registry]\nurl = \"{registry_url}\"\n\
             [secrets]\ncorrelation_key_file = \"{folder}/correlation.secret\"\n\
             watch_key_file = \"{folder}/watch.secret\"\n\
             [connector]\nscan_interval_ms = 100\nsettle_ms = 0\n"
        );
        fs::write(self.folder().join("barid.toml"), text)?;
        Ok(())
    }

    fn delete_topics(&self) -> Result<()> {
        let names = self.topics()?.into_keys().collect::<Vec<_>>();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        admin::delete_topics(&self.bootstrap_servers, &names)?;
        self.finished.set(true);
        Ok(())
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        // The broker may be gone with the test; then its topics are, too.
        if !self.finished.get() && records::answers(&self.bootstrap_servers) {
            let _ = self.delete_topics();
        }
    }
}

/// What the bank of the sample watches, by number.
pub fn sample_watches() -> Result<Vec<Watch>> {
    let list: Json = serde_json::from_str(&fs::read_to_string(cache::checkout().join(SAMPLE_WATCHES))?)?;
    let mut watches = Vec::new();
    for (subscriber, wishes) in list.as_object().context("no object")? {
        for wish in wishes.as_array().into_iter().flatten() {
            let text = |name: &str| wish[name].as_str().map(str::to_owned).with_context(|| format!("no `{name}`"));
            let what = Watched::Person(text("person")?);
            watches.push(Watch { subscriber: subscriber.clone(), handle: text("handle")?, what });
        }
    }
    Ok(watches)
}

/// Copies the folder of each agency, without its code, and gives each a secret.
fn lay_down_agencies(folder: &Path) -> Result<Vec<String>> {
    let mut agencies = Vec::new();
    for entry in fs::read_dir(cache::checkout().join("connectors"))? {
        let source = entry?.path();
        if !source.join("connector.toml").exists() {
            continue;
        }
        let agency = source.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let target = folder.join(&agency);
        fs::create_dir_all(target.join("sample"))?;
        for file in ["connector.toml", "catalogue.toml"] {
            fs::copy(source.join(file), target.join(file))?;
        }
        for entry in fs::read_dir(source.join("sample"))? {
            let path = entry?.path();
            fs::copy(&path, target.join("sample").join(path.file_name().unwrap_or_default()))?;
        }
        // Each connector has a secret of its own: here the agency's name in hexadecimal digits, long enough.
        let digits: String = agency.bytes().map(|byte| format!("{byte:02x}")).collect();
        fs::write(target.join("connector.secret"), digits.repeat(4))?;
        agencies.push(agency);
    }
    agencies.sort();
    Ok(agencies)
}
