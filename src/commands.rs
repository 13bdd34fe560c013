//! One module for each command; here they are told apart.

mod audit;
mod config;
mod connect;
mod demo;
mod explain;
mod inbox;
mod policy;
mod quarantine;
mod registry;
mod router;
mod schemas;
mod topics;
mod trace;
mod watch;

use clap::CommandFactory;

use crate::arguments::{Arguments, Command};
use crate::deployment::Deployment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show;

/// How a command ends when nothing went wrong.
type Outcome = Result<Exit, Failure>;

/// Runs the command that was asked for; what went wrong goes to stderr.
pub(crate) fn run(arguments: Arguments) -> Exit {
    match dispatch(arguments) {
        Ok(exit) => exit,
        Err(failure) => {
            if failure.exit != Exit::Done {
                show::say(format!("{}: {failure}", show::styled(show::BAD, "error")));
            }
            failure.exit
        }
    }
}

fn dispatch(arguments: Arguments) -> Outcome {
    let global = &arguments.global;
    let deployment = || Deployment::load(global, None);
    match arguments.command {
        Command::Demo(demo) => demo::run(&demo),
        Command::Connect(connect) => connect::run(&connect, global),
        Command::Router(router) => router::run(&Deployment::load(global, Some(&router))?),
        Command::Registry(registry) => registry::run(&Deployment::load_with(global, |flags| registry.set(flags))?),
        Command::Topics(topics) => topics::run(&topics, &deployment()?),
        Command::Schemas(schemas) => schemas::run(&schemas, global),
        Command::Policy(policy) => policy::run(&policy, global),
        Command::Watch(watch) => watch::run(&watch, &deployment()?),
        Command::Quarantine(quarantine) => quarantine::run(&quarantine, &deployment()?),
        Command::Inbox(inbox) => inbox::run(&inbox, &deployment()?),
        Command::Trace(trace) => trace::run(&trace, &deployment()?),
        Command::Explain(explain) => explain::run(&explain, &deployment()?),
        Command::Audit(audit) => audit::run(&audit, &deployment()?),
        Command::Config(config) => config::run(&config, global),
        Command::Completions { shell } => {
            // Not straight to stdout: the generator panics when nobody reads on.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "barid", &mut script);
            show::line(String::from_utf8_lossy(&script).trim_end())?;
            Ok(Exit::Done)
        }
    }
}
