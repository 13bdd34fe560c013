//! A real schema registry that nobody here wrote: Apicurio Registry, in memory, with its Confluent-compatible API.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::schema_registry::SchemaRegistry;
use crate::supervised::{Start, Supervised};
use crate::wait::HANGS_AFTER;
use crate::{cache, ports, wait};

/// Apicurio 3.3 is compiled for it.
const JAVA: u32 = 21;

/// While it collects garbage, it answers nobody, and on a machine with many others at work a collection of a fifth of a second
/// was seen to take seven. With room for classes, code and new objects from the start on there is one in a test, not four.
const JAVA_OPTIONS: [&str; 7] = [
    "-Xms384m",
    "-Xmx384m",
    "-Xmn256m",
    "-XX:MetaspaceSize=256m",
    "-XX:ReservedCodeCacheSize=128m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
];

/// The last of these lines ends a list of all threads that a Java process writes when it gets SIGQUIT.
const THREADS_END: &str = "JNI global refs";

/// A registry that forgets everything when it stops.
#[derive(Debug)]
pub struct Apicurio {
    folder: PathBuf,
    port: u16,
    management_port: u16,
    process: Option<Supervised>,
}

impl Apicurio {
    /// Starts a registry; returns when it answers.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("barid-apicurio-").tempdir()?.keep();
        let [port, management_port] = ports::free()?;
        let mut apicurio = Self { folder, port, management_port, process: None };
        apicurio.run()?;
        Ok(apicurio)
    }

    /// The address of the Confluent-compatible API.
    #[must_use]
    pub fn url(&self) -> String {
        Self::url_through(self.port)
    }

    /// The same for whoever reaches it through a proxy at `port`.
    #[must_use]
    pub fn url_through(port: u16) -> String {
        format!("http://127.0.0.1:{port}/apis/ccompat/v7")
    }

    /// Where it listens, on the loopback address.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops the registry; it loses its schemas.
    pub fn stop(&mut self) -> Result<()> {
        let mut process = self.process.take().context("the registry does not run")?;
        process.signal(Signal::KILL)?;
        process.wait(HANGS_AFTER)?;
        Ok(())
    }

    /// Starts it again on the same port, empty.
    pub fn restart(&mut self) -> Result<()> {
        if self.process.is_some() {
            bail!("the registry runs");
        }
        self.run()
    }

    /// What it has said and what each of its threads does, for whoever has waited for an answer in vain.
    #[must_use]
    pub fn diagnosis(&mut self) -> String {
        let Some(process) = &mut self.process else { return "Apicurio does not run".to_owned() };
        let before = process.tail();
        let asked = process.signal(Signal::QUIT).and_then(|()| {
            wait::wait_until("the threads of Apicurio", HANGS_AFTER, || Ok(process.output()?.contains(THREADS_END)))
        });
        let threads = process.output().unwrap_or_default();
        let threads = threads.split_once("Full thread dump").map_or("", |(_, threads)| threads);
        let failed = asked.err().map_or_else(String::new, |error| format!("{error:#}\n"));
        format!("Apicurio has said:\n{before}\nIts threads:\n{failed}{threads}")
    }

    fn run(&mut self) -> Result<()> {
        let java = cache::java(JAVA)?;
        let distribution = cache::fetched("apicurio")?;
        let variable = |name: &str, value: String| (name.to_owned(), value);
        let mut process = Supervised::start(&Start {
            program: &java,
            arguments: JAVA_OPTIONS.into_iter().chain(["-jar", "quarkus-run.jar"]).map(str::to_owned).collect(),
            environment: vec![
                variable("QUARKUS_HTTP_HOST", "127.0.0.1".into()),
                variable("QUARKUS_HTTP_PORT", self.port.to_string()),
                variable("QUARKUS_MANAGEMENT_HOST", "127.0.0.1".into()),
                variable("QUARKUS_MANAGEMENT_PORT", self.management_port.to_string()),
            ],
            without: Vec::new(),
            working_folder: &distribution,
            capture: self.folder.join("registry"),
            remove: Some(self.folder.clone()),
        })?;
        let client = SchemaRegistry::new(&self.url())?;
        let ready = wait::wait_until("Apicurio to answer", HANGS_AFTER, || {
            if !process.is_running()? {
                bail!("Apicurio has ended");
            }
            Ok(client.subjects().is_ok())
        });
        ready.with_context(|| format!("Apicurio has said:\n{}", process.tail()))?;
        self.process = Some(process);
        Ok(())
    }
}

impl Drop for Apicurio {
    fn drop(&mut self) {
        drop(self.process.take());
        // The supervisor has removed it if the registry ran; if it was stopped before, nobody has.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
