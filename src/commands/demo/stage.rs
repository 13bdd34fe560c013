//! The demo's process: broker, registry, router and connectors, from nothing to every event routed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use barid_codec::{Registry, RegistrySettings};
use barid_connector::{
    Connector, ConnectorConfig, ConnectorSettings, FileReport, Keys, Report, catalogue_beside, load_config,
};
use barid_event::Secret;
use barid_event::topics::Topics;
use barid_kafka::{Cluster, InProcessBroker, StopSignal};
use barid_ledger::{Reader, RulesRead, Timeline, read_rules};
use barid_policy::versions::PolicyVersion;
use barid_policy::{Policy, PolicyFile, load};
use barid_registry::{EmbeddedRegistry, Running};
use barid_router::{MAX_RECORD_BYTES, Progress, Router, RouterSettings};
use barid_schemas::Catalogue;
use barid_schemas::records::{PolicyRecord, Schema, WatchEntry};
use barid_telemetry::{LogSettings, Metrics, Readiness};

use crate::arguments::DemoArguments;
use crate::commands::{policy, watch};
use crate::deployment::read_text;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{builtin, show};

const DEPLOYMENT: &str = "demo";
/// How long the router may take for the last events after the connectors have ended.
const ROUTING_LIMIT: Duration = Duration::from_secs(30);

/// What came of it, with everything that is needed to ask further.
pub(crate) struct Performance {
    pub exports: Vec<FileReport>,
    pub faults: Vec<String>,
    /// Inbox → publisher → copies.
    pub inboxes: BTreeMap<String, BTreeMap<String, u64>>,
    pub events: u64,
    pub copies: u64,
    pub dead_letters: u64,
    pub policy: Policy,
    pub rules: RulesRead,
    reader: Reader,
    _bus: Bus,
}

impl Performance {
    /// One matter.
    pub(crate) fn matter(&self, key: &str) -> Result<Timeline, Failure> {
        Ok(self.reader.matter(key)?)
    }

    /// The matter with the most events, for exports that do not have the one that is usually told.
    pub(crate) fn largest_matter(&self) -> Result<Option<String>, Failure> {
        let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
        self.reader.each_event(&self.reader.topic_names_of("events")?, |_, event| {
            *sizes.entry(event.corr_id.to_string()).or_default() += 1;
        })?;
        Ok(sizes.into_iter().max_by_key(|(_, events)| *events).map(|(corr_id, _)| corr_id))
    }
}

/// Broker and registry; they live as long as this value.
struct Bus {
    _broker: InProcessBroker,
    _registry: Running,
    cluster: Cluster,
    registry: Arc<Registry>,
    topics: Topics,
    stop: StopSignal,
}

/// The configurations and exports of the agencies, as folders on the disk.
struct Folders {
    configs: Vec<PathBuf>,
    _temporary: Option<tempfile::TempDir>,
}

/// Runs the whole demo.
pub(crate) fn perform(arguments: &DemoArguments) -> Result<Performance, Failure> {
    let _guard = barid_telemetry::init(LogSettings { level: "error".to_owned(), ..LogSettings::default() })?;
    let folders = match &arguments.data {
        Some(dir) => given_folders(dir)?,
        None => built_in_folders()?,
    };
    let (configs, files) = configurations(&folders)?;
    let policy = load(&Catalogue::shared(), &files)?;
    let keys = keys()?;
    let bus = start_bus(&policy.catalogue)?;
    write_policy(&bus, files)?;
    write_watch_keys(&bus, &policy.catalogue, &keys)?;

    let router = router(&bus);
    let progress = router.progress();
    let (exports, faults, outcome) = thread::scope(|scope| {
        let routing = scope.spawn(|| router.run(&bus.stop));
        let read = read_exports(&bus, configs, &keys);
        let waited = read.and_then(|(exports, faults)| {
            wait_until_routed(&progress, exports.iter().map(|export| export.published + export.released).sum())?;
            Ok((exports, faults))
        });
        bus.stop.stop();
        let routed = routing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match waited {
            Ok((exports, faults)) => (exports, faults, routed.map_err(Failure::from)),
            Err(failure) => (Vec::new(), Vec::new(), Err(failure)),
        }
    });
    outcome?;

    let reader =
        Reader::new(bus.cluster.clone(), bus.topics.clone(), Arc::clone(&bus.registry) as _, StopSignal::new());
    let rules = read_rules(&reader)?;
    Ok(Performance {
        inboxes: inboxes(&reader, &bus.topics)?,
        events: progress.events(),
        copies: progress.copies(),
        dead_letters: progress.dead_letters(),
        exports,
        faults,
        policy,
        rules,
        reader,
        _bus: bus,
    })
}

/// Each folder below `dir` that has a `connector.toml`, or `dir` itself.
fn given_folders(dir: &Path) -> Result<Folders, Failure> {
    let unreadable = |error| Failure::new(Exit::Mistaken, format!("{}: cannot be read: {error}", dir.display()));
    let mut configs = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let config = entry.map_err(unreadable)?.path().join("connector.toml");
        if config.is_file() {
            configs.push(config);
        }
    }
    configs.sort();
    if dir.join("connector.toml").is_file() {
        configs.push(dir.join("connector.toml"));
    }
    if configs.is_empty() {
        let message = format!("{}: no folder in it has a connector.toml", dir.display());
        return Err(Failure::new(Exit::Mistaken, message));
    }
    Ok(Folders { configs, _temporary: None })
}

/// The folders that the binary carries, written where the connectors can read them.
fn built_in_folders() -> Result<Folders, Failure> {
    let temporary = tempfile::tempdir()?;
    let mut configs = Vec::new();
    for agency in &builtin::AGENCIES {
        let folder = temporary.path().join(agency.code);
        fs::create_dir_all(folder.join("sample"))?;
        fs::write(folder.join("catalogue.toml"), agency.catalogue)?;
        fs::write(folder.join("connector.toml"), agency.connector)?;
        fs::write(folder.join("sample").join(agency.export_name), agency.export)?;
        configs.push(folder.join("connector.toml"));
    }
    Ok(Folders { configs, _temporary: Some(temporary) })
}

/// The connectors' configurations, and the files of the policy with the catalogues of all these agencies.
fn configurations(folders: &Folders) -> Result<(Vec<ConnectorConfig>, Vec<PolicyFile>), Failure> {
    let mut files = builtin::catalogue_files();
    let mut texts = Vec::new();
    for path in &folders.configs {
        let beside = catalogue_beside(path);
        if beside.is_file() {
            // `.` has no name of its own.
            let folder = fs::canonicalize(path)?;
            let folder = folder.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
            let file = PolicyFile { path: format!("catalogue/{folder}.toml"), text: read_text(&beside)? };
            files.retain(|known| known.path != file.path && known.text != file.text);
            files.push(file);
        }
        texts.push((path, read_text(path)?));
    }
    let mut catalogue = Catalogue::shared();
    for file in &files {
        catalogue.add(&file.path, &file.text)?;
    }
    let configs: Vec<ConnectorConfig> =
        texts.iter().map(|(path, text)| load_config(text, path, &catalogue)).collect::<Result<_, _>>()?;
    files.extend(builtin::permit_files());
    for (config, path) in configs.iter().zip(&folders.configs) {
        // What a new agency's folder says of who may hear of it; without it nobody would.
        let beside = path.with_file_name("permits.toml");
        if beside.is_file() {
            let file = PolicyFile { path: format!("permits/{}.toml", config.agency), text: read_text(&beside)? };
            files.retain(|known| known.path != file.path);
            files.push(file);
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok((configs, files))
}

/// Keys that are made for this run and forgotten with it.
fn keys() -> Result<Keys, Failure> {
    let random = || {
        let bytes = [uuid::Uuid::new_v4().into_bytes(), uuid::Uuid::new_v4().into_bytes()].concat();
        Secret::from_bytes(bytes).map_err(|error| Failure::failed(error.to_string()))
    };
    Ok(Keys { connector: random()?, correlation: random()?, watch: random()? })
}

fn start_bus(catalogue: &Catalogue) -> Result<Bus, Failure> {
    let broker = InProcessBroker::start()?;
    let topics = Topics::default();
    for topic in topics.plan(catalogue.agencies.keys().map(String::as_str)) {
        broker.create_topic(&topic.name, i32::try_from(topic.partitions).unwrap_or(1))?;
    }
    let running = EmbeddedRegistry::start("127.0.0.1:0").map_err(|error| Failure::failed(error.to_string()))?;
    let registry = Arc::new(Registry::new(RegistrySettings { url: running.url(), basic_auth: None })?);
    registry.register_records()?;
    let cluster = Cluster::at(&broker.bootstrap_servers(), "barid-demo")?;
    Ok(Bus { _broker: broker, _registry: running, cluster, registry, topics, stop: StopSignal::new() })
}

fn write_policy(bus: &Bus, files: Vec<PolicyFile>) -> Result<(), Failure> {
    let id = bus.registry.register(PolicyRecord::FULL_NAME, PolicyRecord::AVSC)?;
    let version = PolicyVersion { version: 1, files, applied_by: DEPLOYMENT.to_owned(), applied_at: show::now() };
    policy::write_records(&bus.cluster, DEPLOYMENT, &bus.topics.policy(), id, &version)
}

fn write_watch_keys(bus: &Bus, catalogue: &Catalogue, keys: &Keys) -> Result<(), Failure> {
    let wishes = watch::parse_wishes("watch.json", builtin::DEMO_WATCH)?;
    let entries = watch::entries(&wishes, catalogue, &keys.watch)?;
    let records: Vec<_> = entries.iter().map(|(key, entry)| (key.clone(), Some(entry))).collect();
    let id = bus.registry.register(WatchEntry::FULL_NAME, WatchEntry::AVSC)?;
    watch::write_records(&bus.cluster, DEPLOYMENT, &bus.topics.watch(), id, &records)
}

fn router(bus: &Bus) -> Router {
    Router::new(RouterSettings {
        deployment: DEPLOYMENT.to_owned(),
        name: "demo-router".to_owned(),
        slots: 1,
        producers: 2,
        commit_interval: Duration::from_millis(20),
        commit_records: 5_000,
        max_record_bytes: MAX_RECORD_BYTES,
        cluster: bus.cluster.clone(),
        registry: Arc::clone(&bus.registry),
        topics: bus.topics.clone(),
        shared_catalogue: Catalogue::shared(),
        metrics: Metrics::new("router"),
        readiness: Readiness::default(),
    })
}

/// All connectors at once, as in the offices; shown in the order of their folders.
fn read_exports(
    bus: &Bus,
    configs: Vec<ConnectorConfig>,
    keys: &Keys,
) -> Result<(Vec<FileReport>, Vec<String>), Failure> {
    let reports = thread::scope(|scope| {
        let running: Vec<_> = configs.into_iter().map(|config| scope.spawn(|| connect(bus, config, keys))).collect();
        running
            .into_iter()
            .map(|connector| connector.join().unwrap_or_else(|_| Err(Failure::failed("a connector panicked"))))
            .collect::<Result<Vec<_>, _>>()
    })?;
    let faults = reports.iter().flat_map(|report| &report.faults).flat_map(|fault| &fault.faults);
    let faults = faults.map(ToString::to_string).collect();
    Ok((reports.into_iter().flat_map(|report| report.files).collect(), faults))
}

fn connect(bus: &Bus, config: ConnectorConfig, keys: &Keys) -> Result<Report, Failure> {
    let settings = ConnectorSettings {
        cluster: bus.cluster.clone(),
        registry: Arc::clone(&bus.registry),
        topics: bus.topics.clone(),
        deployment: DEPLOYMENT.to_owned(),
        keys: keys.clone(),
        once: true,
        poll_interval: Duration::from_millis(50),
        process: format!("connector/{}", config.agency),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    Ok(Connector::new(config, settings, Metrics::new("connector"), Readiness::default()).run(&bus.stop)?)
}

fn wait_until_routed(progress: &Progress, events: u64) -> Result<(), Failure> {
    const STEP: Duration = Duration::from_millis(10);
    let begin = Instant::now();
    while progress.events() < events {
        if begin.elapsed() > ROUTING_LIMIT {
            let message = format!("the router has routed {} of {events} events in time", progress.events());
            return Err(Failure::failed(message));
        }
        thread::sleep(STEP);
    }
    Ok(())
}

fn inboxes(reader: &Reader, topics: &Topics) -> Result<BTreeMap<String, BTreeMap<String, u64>>, Failure> {
    let mut inboxes: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    reader.each_event(&reader.topic_names_of("inbox")?, |record, view| {
        let subscriber = topics.agency_of(record.topic).unwrap_or_default().to_owned();
        *inboxes.entry(subscriber).or_default().entry(view.publisher).or_default() += 1;
    })?;
    Ok(inboxes)
}
