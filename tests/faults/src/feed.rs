//! Lays exports into the folders of the connectors, at a steady pace, until it is told to stop.
//!
//! A file that was read to its end is removed soon, as offices do: so the folders stay small however long a run is.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::generator::{Due, Export, Generator, connector_toml};
use crate::rules::Rules;
use crate::witness::Witness;

/// Where the exports of an agency lie, in its folder.
const EXPORTS: &str = "exports";

/// Between two files of one agency.
const FILE_EVERY: Duration = Duration::from_secs(1);

/// Rows of one file when everything that is left is laid down at once.
const LARGE_FILE: usize = 1_000;

/// What was laid down so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fed {
    /// By agency, the rows of which an event must come: all but those that are at fault, or behind one that is.
    pub(crate) rows: BTreeMap<String, u64>,
    /// Copies that must come of them.
    pub(crate) copies: u64,
    /// Rows that were at fault when they were laid down first.
    pub(crate) faulty: u64,
}

impl Fed {
    pub(crate) fn total(&self) -> u64 {
        self.rows.values().sum()
    }
}

/// The offices.
struct Offices {
    folder: PathBuf,
    generators: Vec<Generator>,
    rules: Rules,
    number: u64,
    fed: Fed,
    /// Files that are not removed yet: agency, path, the agency's events up to its end.
    lying: VecDeque<(String, PathBuf, u64)>,
}

/// A thread that lays down exports.
pub(crate) struct Feed {
    offices: Arc<Mutex<Offices>>,
    stop: Sender<()>,
    thread: JoinHandle<Result<()>>,
}

/// Writes the `connector.toml` of each agency; its folder must be there.
pub(crate) fn lay_down_connectors(folder: &Path, generators: &[Generator]) -> Result<()> {
    for generator in generators {
        let own = folder.join(generator.agency());
        fs::create_dir_all(own.join(EXPORTS))?;
        fs::write(own.join("connector.toml"), connector_toml(generator, EXPORTS))?;
    }
    Ok(())
}

impl Feed {
    /// Begins; `rows_per_second` for all agencies together.
    pub(crate) fn begin(
        folder: &Path,
        generators: Vec<Generator>,
        rules: Rules,
        witness: Arc<Witness>,
        rows_per_second: f64,
    ) -> Self {
        let fed = Fed {
            rows: generators.iter().map(|generator| (generator.agency().to_owned(), 0)).collect(),
            ..Fed::default()
        };
        let offices = Arc::new(Mutex::new(Offices {
            folder: folder.to_owned(),
            generators,
            rules,
            number: 0,
            fed,
            lying: VecDeque::new(),
        }));
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn({
            let offices = Arc::clone(&offices);
            move || {
                let started = Instant::now();
                let mut laid_down = 0;
                while stopped.recv_timeout(FILE_EVERY) == Err(RecvTimeoutError::Timeout) {
                    let mut offices = offices.lock().map_err(|_| anyhow!("the offices are gone"))?;
                    let due = (started.elapsed().as_secs_f64() * rows_per_second) as u64;
                    let rows = usize::try_from(due - laid_down)?.div_ceil(offices.generators.len());
                    for agency in 0..offices.generators.len() {
                        laid_down += offices.lay_down(agency, rows)?;
                    }
                    offices.remove_read(&witness)?;
                }
                Ok(())
            }
        });
        Self { offices, stop, thread }
    }

    /// What was laid down so far.
    pub(crate) fn fed(&self) -> Result<Fed> {
        Ok(self.offices.lock().map_err(|_| anyhow!("the feed has panicked"))?.fed.clone())
    }

    /// Stops, lays down what is left to `total` rows and every correction all at once, and gives back what every case is known to have gone
    /// through.
    pub(crate) fn finish(self, total: u64) -> Result<(Fed, Vec<Generator>)> {
        drop(self.stop);
        self.thread.join().map_err(|_| anyhow!("the feed has panicked"))??;
        let offices = Arc::into_inner(self.offices).context("the offices are in use")?;
        let mut offices = offices.into_inner().map_err(|_| anyhow!("the feed has panicked"))?;
        let mut agency = 0;
        while let left @ 1.. = total.saturating_sub(offices.fed.total()) {
            offices.lay_down(agency, usize::try_from(left)?.min(LARGE_FILE))?;
            agency = (agency + 1) % offices.generators.len();
        }
        for agency in 0..offices.generators.len() {
            if let Some(corrections) = offices.generators[agency].corrections() {
                offices.put(agency, &corrections)?;
            }
        }
        Ok((offices.fed, offices.generators))
    }
}

impl Offices {
    /// One export of one agency; how many rows are new.
    fn lay_down(&mut self, agency: usize, rows: usize) -> Result<u64> {
        if rows == 0 {
            return Ok(0);
        }
        let export = self.generators[agency].export(rows);
        self.put(agency, &export)?;
        Ok(u64::try_from(export.rows)?)
    }

    fn put(&mut self, agency: usize, export: &Export) -> Result<()> {
        self.number += 1;
        let agency = self.generators[agency].agency().to_owned();
        for Due { step, is_watched } in &export.due {
            let watching = if *is_watched { self.rules.watching(&agency, &step.service, &step.status) } else { 0 };
            let who = self.rules.who(&agency, &step.service, &step.status) | watching;
            self.fed.copies += u64::from(who.count_ones());
        }
        let folder = self.folder.join(&agency).join(EXPORTS);
        // Written whole, then moved: a reader never sees half of it.
        let (part, path) = (folder.join("next.part"), folder.join(format!("{}.csv", self.number)));
        fs::write(&part, &export.text)?;
        fs::rename(&part, &path)?;
        self.fed.faulty += u64::try_from(export.faulty)?;
        let all = self.fed.rows.entry(agency.clone()).or_default();
        *all += u64::try_from(export.due.len())?;
        self.lying.push_back((agency, path, *all));
        Ok(())
    }

    /// Removes what has been read. That the events of a file are there does not say that its rows at fault are in quarantine;
    /// but a connector takes one file after the other, so of all files before the last one whose events are there it does.
    fn remove_read(&mut self, witness: &Witness) -> Result<()> {
        let events = witness.events()?;
        let is_read = |agency: &str, rows: u64| events.get(agency).is_some_and(|events| *events >= rows);
        let mut last_read: BTreeMap<String, u64> = BTreeMap::new();
        for (agency, _, rows) in self.lying.iter().filter(|(agency, _, rows)| is_read(agency, *rows)) {
            last_read.insert(agency.clone(), *rows);
        }
        let mut lying = VecDeque::new();
        for (agency, path, rows) in self.lying.drain(..) {
            if last_read.get(&agency).is_some_and(|last| rows < *last) {
                fs::remove_file(&path)?;
            } else {
                lying.push_back((agency, path, rows));
            }
        }
        self.lying = lying;
        Ok(())
    }
}
