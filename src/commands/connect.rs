//! `barid connect`.

use std::path::{Path, PathBuf};

use barid_connector::{
    Connector, ConnectorConfig, ConnectorSettings, DryRunLine, FileFault, FileReport, Keys, SharedCases,
    catalogue_beside, dry_run, load_config, suggest,
};
use barid_event::Secret;
use barid_schemas::Catalogue;
use serde_json::Value;

use super::Outcome;
use crate::arguments::{ConnectArguments, GlobalArguments};
use crate::deployment::{Deployment, read_text, stop_on_signals};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{builtin, show};

/// A broken mapping has the same problem on every row; so many are enough to see it.
const PROBLEMS_TOLD: usize = 20;

pub(crate) fn run(arguments: &ConnectArguments, global: &GlobalArguments) -> Outcome {
    if let Some(export) = &arguments.suggest {
        show::line(suggest(export)?.trim_end())?;
        return Ok(Exit::Done);
    }
    let path = arguments.config.as_ref().ok_or_else(|| Failure::failed("no configuration was named"))?;
    let mut config = read_config(path, arguments.catalogue.as_ref())?;
    config.lenient |= arguments.lenient;
    if arguments.dry_run { print_dry_run(&config, global) } else { connect(config, arguments.once, global) }
}

/// Reads a connector's configuration with the catalogue that belongs to it.
pub(crate) fn read_config(path: &Path, catalogue: Option<&PathBuf>) -> Result<ConnectorConfig, Failure> {
    let beside = catalogue_beside(path);
    let file = catalogue.or_else(|| Some(&beside).filter(|file| file.is_file()));
    let catalogue = catalogue_with(file.map(PathBuf::as_path))?;
    Ok(load_config(&read_text(path)?, path, &catalogue)?)
}

/// The built-in catalogue; an agency that comes with its own file replaces the built-in one of the same agency.
fn catalogue_with(file: Option<&Path>) -> Result<Catalogue, Failure> {
    let Some(file) = file else { return Ok(builtin::catalogue()?) };
    let text = read_text(file)?;
    let mut catalogue = Catalogue::shared();
    for agency in builtin::AGENCIES.iter().filter(|agency| agency.catalogue != text) {
        catalogue.add(&format!("{}/catalogue.toml", agency.code), agency.catalogue)?;
    }
    catalogue.add(&file.display().to_string(), &text)?;
    Ok(catalogue)
}

fn print_dry_run(config: &ConnectorConfig, global: &GlobalArguments) -> Outcome {
    let keys = dry_run_keys(global)?;
    let mut problems = Problems::default();
    let run = dry_run(config, &keys, show::now(), |line| {
        problems.note(&line);
        show::line(line.json())
    })?;
    say_faults(&run.faults);
    for file in &run.files {
        show::say(format!(
            "{}: {}, {} to publish, {} to quarantine, {} to wait",
            file.file,
            show::count(as_usize(file.rows), "row"),
            file.published,
            file.quarantined,
            file.waiting
        ));
    }
    problems.say();
    for SharedCases { sources: [one, other], cases } in &run.shared {
        let cases = show::count(as_usize(*cases), "case");
        show::say(format!(
            "`{one}` and `{other}` both tell of {cases}; if these are other cases with the same numbers, add `prefix` to \
             the [source.case] of one of them"
        ));
    }
    show::say("nothing was published; to publish: the same without --dry-run");
    let clean = run.faults.is_empty() && run.files.iter().all(|file| file.quarantined == 0);
    Ok(if clean { Exit::Done } else { Exit::Found })
}

/// The deployment's keys or, where it has none yet, keys that are good for nothing else.
fn dry_run_keys(global: &GlobalArguments) -> Result<Keys, Failure> {
    let deployment = Deployment::load(global, None)?;
    if deployment.resolved.connector_secret().is_ok() {
        return deployment.keys();
    }
    show::say("no secret is set, so the ids below are not those that will be published");
    let stand_in =
        || Secret::from_bytes(b"dry run, no secret".to_vec()).map_err(|error| Failure::failed(error.to_string()));
    Ok(Keys { connector: stand_in()?, correlation: stand_in()?, watch: stand_in()? })
}

fn connect(config: ConnectorConfig, once: bool, global: &GlobalArguments) -> Outcome {
    let deployment = Deployment::load(global, None)?;
    let stop = stop_on_signals()?;
    let pace = deployment.resolved.connector()?;
    let settings = ConnectorSettings {
        cluster: deployment.cluster(&format!("barid-connector-{}", config.agency))?,
        registry: deployment.registry_until(&stop)?,
        topics: deployment.topics()?,
        deployment: deployment.name()?,
        keys: deployment.keys()?,
        once,
        poll_interval: pace.scan_interval,
        process: format!("connector/{}", config.agency),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let telemetry = deployment.telemetry("connector")?;
    let connector = Connector::new(config, settings, telemetry.metrics.clone(), telemetry.readiness.clone())
        .with_settle_time(pace.settle)
        .with_commit_records(pace.commit_records)
        .with_once_patience(pace.once_patience);
    let report = connector.run(&stop)?;
    if once && stop.is_stopped() {
        say_files(&report.files);
        return Err(Failure::failed("stopped before everything was read; what was published stays published"));
    }
    say_faults(&report.faults);
    say_files(&report.files);
    // Who watches has told of each row when it came, and it may have left quarantine since; to a service manager a stop that was asked for is no failure.
    let clean = !once || report.faults.is_empty() && report.files.iter().all(|file| file.quarantined == 0);
    Ok(if clean { Exit::Done } else { Exit::Found })
}

/// What is wrong with the rows of a dry run, for a person; programs find the same on stdout.
#[derive(Default)]
struct Problems {
    told: Vec<String>,
    untold: usize,
}

impl Problems {
    fn note(&mut self, line: &DryRunLine) {
        let DryRunLine::Quarantined(json) = line else { return };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let place = format!("{} row {}", text(&json["source"]["file"]), json["source"]["row"]);
        for problem in json["quarantined"]["problems"].as_array().into_iter().flatten() {
            if self.told.len() == PROBLEMS_TOLD {
                self.untold += 1;
                continue;
            }
            let column = problem["column"].as_str().map(|column| format!(", {column}")).unwrap_or_default();
            let (en, fa) = (text(&problem["message_en"]), text(&problem["message_fa"]));
            let word = show::styled(show::BAD, "quarantine");
            self.told.push(format!("{word} {place}{column}: {en}\n    {fa}"));
        }
    }

    fn say(&self) {
        self.told.iter().for_each(show::say);
        if self.untold > 0 {
            show::say(format!("and {} more; all of them are on stdout", self.untold));
        }
    }
}

fn as_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn say_files(files: &[FileReport]) {
    for file in files {
        show::say(format!(
            "{}: {}, {} published, {} unchanged, {} quarantined, {} waiting",
            file.file,
            show::count(as_usize(file.rows), "row"),
            file.published,
            file.unchanged,
            file.quarantined,
            file.waiting
        ));
    }
    if let Some(file) = files.iter().find(|file| file.quarantined > 0) {
        show::say(format!("to see what is in quarantine: barid quarantine list {}", file.agency));
    }
}

fn say_faults(faults: &[FileFault]) {
    for fault in faults.iter().flat_map(|fault| &fault.faults) {
        show::say(format!("{}: {fault}", show::styled(show::BAD, "file not read")));
    }
}
