//! The command line: every command, flag and help text.
//!
//! Data goes to stdout, words go to stderr. The exit codes are in [`crate::exit`].

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

mod global;
mod quarantine;

pub(crate) use global::GlobalArguments;
pub(crate) use quarantine::{DropArguments, FixArguments, QuarantineCommand, ResumeArguments, RowsArguments};

/// An event-driven integration bus between government agencies.
#[derive(Debug, Parser)]
#[command(
    name = "barid",
    version,
    propagate_version = true,
    after_help = "\
Start here:
  barid demo                                  see everything at work, with nothing installed
  barid connect --suggest export.csv          a first connector.toml for an unknown export
  barid connect --config connector.toml --dry-run

Exit codes:
  0  done
  1  it did not work; stderr says why
  2  wrong usage
  3  mistakes in a configuration, each with its place
  4  Kafka or the registry does not answer
  5  a check found something: rows in quarantine, topics that differ, no such matter
  6  another process has this name"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub global: GlobalArguments,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Everything in one process, nothing installed: exports in, views out
    #[command(after_help = "\
Examples:
  barid demo
  barid demo --json
  barid demo --data my-agencies/        one folder for each agency: connector.toml, catalogue.toml, permits.toml")]
    Demo(DemoArguments),
    /// Read an agency's exports and publish what changed
    #[command(after_help = "\
Examples:
  barid connect --suggest export.csv > connector.toml
  barid connect --config connector.toml --dry-run
  barid connect --config connector.toml --once
  barid connect --config connector.toml")]
    Connect(ConnectArguments),
    /// Give every agency its view of every event
    #[command(after_help = "\
Examples:
  barid router --name router-1
  barid router --name router-2 --slots 2")]
    Router(RouterArguments),
    /// Keep the schemas in Kafka itself: a schema registry for small sites, so that no other server is needed
    #[command(after_help = "\
Examples:
  barid registry --listen 10.1.0.7:8081
  barid registry --listen 0.0.0.0:8081 --advertised-url http://registry-a:8081

It speaks the part of Confluent's API that Avro clients use and keeps everything in one compacted topic, in the format of Confluent's
registry, which can take the topic over. Start it once, or twice on two machines: one leads, both answer, and when one ends the other
goes on. It has no authentication: let nobody reach it who may not register schemas.
What it does not know, and where it differs from others: docs/registry.md")]
    Registry(RegistryArguments),
    /// Plan and create the topics
    #[command(subcommand)]
    Topics(TopicsCommand),
    /// Check and register the schemas
    #[command(subcommand)]
    Schemas(SchemasCommand),
    /// Check, show, write, apply and try the policy
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// The parcels and persons that a subscriber wants to hear about
    #[command(subcommand)]
    Watch(WatchCommand),
    /// Rows that could not become events
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Look into an agency's inbox
    #[command(subcommand)]
    Inbox(InboxCommand),
    /// The timeline of a matter across agencies
    #[command(after_help = "\
Examples:
  barid trace 60014317002915                  a tracking code
  barid trace 99-1401-0101                    an agency's case number
  barid trace 0b7c9f0e-…                      a corr_id or an event id")]
    Trace(TraceArguments),
    /// Which rule let an event through to a subscriber, or stopped it
    #[command(after_help = "\
Examples:
  barid explain 0b7c9f0e-… --subscriber tourism_heritage")]
    Explain(ExplainArguments),
    /// Prove from the topics that nothing is lost, doubled, out of order or given without a permit
    #[command(after_help = "\
Examples:
  barid audit
  barid audit --from 2026-11-01 --to 2026-12-01
  barid audit --json | jq .defects

Reads every topic of the deployment once and changes nothing. Roles may run on: what they have not
routed yet is counted and not judged. Exit code 0 if all is well, 5 if a defect was found.

Memory: at most 180 MB for each million events with five copies each, and at most 250 MB for each
million watch keys. A range of time bounds it, at up to twice as much for each event in it: the
topics are read whole, the rest is not kept.

What is proved, and what cannot be: docs/guarantees.md")]
    Audit(AuditArguments),
    /// What settings are in force, and where each comes from
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script for a shell
    #[command(after_help = "\
Example:
  barid completions bash > /etc/bash_completion.d/barid")]
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Read the exports and configurations of this folder instead of the built-in ones
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConnectArguments {
    /// The connector's configuration
    #[arg(long, value_name = "FILE", required_unless_present = "suggest")]
    pub config: Option<PathBuf>,
    /// The agency's catalogue [default: `catalogue.toml` beside the configuration, if it is there]
    #[arg(long, value_name = "FILE")]
    pub catalogue: Option<PathBuf>,
    /// Read what is there, then stop
    #[arg(long)]
    pub once: bool,
    /// Touch no Kafka: print each event as one JSON line, and each quarantined row with its reason
    #[arg(long, conflicts_with = "once")]
    pub dry_run: bool,
    /// Publish transitions that the state machine does not allow, flagged `illegal`
    #[arg(long)]
    pub lenient: bool,
    /// Print a first configuration for an unknown export
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "once", "dry_run", "lenient"])]
    pub suggest: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RouterArguments {
    /// The router's name: each running router has one of its own
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// How many slots, each a thread with a consumer and its producers
    #[arg(long, value_name = "N")]
    pub slots: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct RegistryArguments {
    /// Where to answer
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Where other instances reach this one [default: where it listens]
    #[arg(long, value_name = "URL")]
    pub advertised_url: Option<String>,
    /// The topic that holds the schemas
    #[arg(long, value_name = "NAME")]
    pub topic: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TopicsCommand {
    /// Print every topic with its settings and its access rules
    Plan {
        #[command(flatten)]
        agencies: AgencyArguments,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Create what is missing; say what differs
    #[command(after_help = "\
Access rules are printed by `topics plan` and set with the tools of your Kafka.
Partition counts of a live topic never change: a topic with another count is named and left alone.")]
    Apply {
        #[command(flatten)]
        agencies: AgencyArguments,
        /// Also change settings that differ
        #[arg(long)]
        yes: bool,
    },
}

/// Catalogues of agencies beyond the built-in ones.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct AgencyArguments {
    /// A further agency's catalogue file; may be given several times
    #[arg(long = "catalogue", value_name = "FILE")]
    pub catalogues: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchemasCommand {
    /// Compare the schemas with every released version and with the stricter rules of the bus
    Check,
    /// Register every schema
    Register,
}

/// Which policy files.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PolicyFilesArguments {
    /// The folder with permits/*.toml, subscriptions/*.toml and catalogue/*.toml [default: the built-in policy]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Read the policy files and say everything that is wrong with them; needs no Kafka
    Check {
        #[command(flatten)]
        files: PolicyFilesArguments,
    },
    /// Print the permits, one a line
    Show {
        #[command(flatten)]
        files: PolicyFilesArguments,
        /// Only permits of this publisher
        #[arg(long, value_name = "AGENCY")]
        publisher: Option<String>,
        /// Only permits for this subscriber
        #[arg(long, value_name = "AGENCY")]
        subscriber: Option<String>,
        /// Show the version that is in force on the bus, not files
        #[arg(long, conflicts_with = "dir")]
        in_force: bool,
    },
    /// Make the files the next version of the policy
    Apply {
        #[command(flatten)]
        files: PolicyFilesArguments,
        /// Who applies it, for the record
        #[arg(long, value_name = "NAME", default_value = "operator")]
        by: String,
        /// Print the difference and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Also if it withdraws most of the permits, or the last one of a subscriber
        #[arg(long)]
        yes: bool,
    },
    /// Write the policy as files that a person can edit, with the catalogues of the built-in agencies
    #[command(after_help = "\
Example:
  barid policy write --to policy && barid policy check --dir policy")]
    Write {
        /// The folder to write into; it must not hold policy files yet
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        /// Write the version that is in force on the bus, not the built-in one
        #[arg(long)]
        in_force: bool,
    },
    /// Run the files over past events: who would get more, who would get less
    Try {
        #[command(flatten)]
        files: PolicyFilesArguments,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum WatchCommand {
    /// Register a parcel or a person under a handle of the subscriber's own
    #[command(after_help = "\
Examples:
  barid watch add --subscriber bank_facilities --handle loan-17 --person 9901001171
  barid watch add --subscriber bank_facilities --handle loan-18 --plate '12/345 بخش 4 کجور'
  barid watch add --file watch.json")]
    Add(WatchAddArguments),
    /// List registered keys: hashes and handles, never what they were made from
    List {
        /// Only keys of this agency
        #[arg(long, value_name = "AGENCY")]
        subscriber: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove every key under a handle, or every key of a subscriber
    #[command(after_help = "\
Examples:
  barid watch remove --subscriber bank_facilities --handle loan-17
  barid watch remove --subscriber bank_facilities --all")]
    Remove {
        /// The code of the agency
        #[arg(long, value_name = "AGENCY")]
        subscriber: String,
        /// The handle under which the keys were registered
        #[arg(long, required_unless_present = "all")]
        handle: Option<String>,
        /// Every key of the agency
        #[arg(long, conflicts_with = "handle")]
        all: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct WatchAddArguments {
    /// The code of the agency that wants to hear
    #[arg(long, value_name = "AGENCY", required_unless_present = "file")]
    pub subscriber: Option<String>,
    /// The subscriber's own name for the matter; a person or parcel may have several
    #[arg(long, required_unless_present = "file")]
    pub handle: Option<String>,
    /// A national id or a legal id
    #[arg(long, value_name = "NUMBER")]
    pub person: Option<String>,
    /// A registry plate with section and district
    #[arg(long, value_name = "PLATE", conflicts_with = "person")]
    pub plate: Option<String>,
    /// Many at once: `{"subscriber": [{"handle": "…", "person": "…"}, {"handle": "…", "plate": "…"}]}`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["subscriber", "handle", "person", "plate"])]
    pub file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum InboxCommand {
    /// Print the records of an agency's inbox
    #[command(after_help = "\
Examples:
  barid inbox tail tourism_heritage
  barid inbox tail bank_facilities --from-beginning --no-follow --json")]
    Tail {
        /// The code of the agency
        agency: String,
        /// Print JSON lines with the Avro field names
        #[arg(long)]
        json: bool,
        /// Begin with the oldest record
        #[arg(long)]
        from_beginning: bool,
        /// Stop at the newest record
        #[arg(long)]
        no_follow: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TraceArguments {
    /// A corr_id, a tracking code, a case number or an event id
    pub key: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// The event's id
    pub event: uuid::Uuid,
    /// The code of the agency that got the event, or did not
    #[arg(long, value_name = "AGENCY")]
    pub subscriber: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArguments {
    /// Judge only events from this day of Iran or instant on, by the time of the broker
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Judge only events before this day of Iran or instant
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// How many offenders of each kind are named
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub first: usize,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting with its value and where it comes from; secrets are never printed
    Show,
    /// Print the reference page of all settings, in Markdown
    Reference,
}
